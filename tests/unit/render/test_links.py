"""Where a mail leads: numbers, targets, parameters; and where it never leads."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as lxml_html  # type: ignore[import-untyped] # lxml has no stubs of its own
from rendering import ADDRESSES, campaign, compiled, content, mail, mjml

from lifecycle.base.errors import ContentError, RenderError
from lifecycle.render.compile import Templates
from lifecycle.render.links import tag
from lifecycle.render.render import render
from lifecycle.render.sample import sample_scope


def hrefs(page: str) -> list[str]:
    """Return where the page's links lead, in order."""
    return [str(found) for found in lxml_html.document_fromstring(page).xpath("//a/@href")]


def test_each_place_has_a_number_and_fixed_targets_are_in_the_table() -> None:
    """Only numbers go over the wire."""
    body = '<mj-button href="https://rihla.example/a?x=1&amp;y=2">A</mj-button><mj-text><a href="https://rihla.example/b">B</a></mj-text>'
    template = compiled(body)
    assert template.links == {"1": "https://rihla.example/a?x=1&y=2", "2": "https://rihla.example/b"}
    assert hrefs(mail(body).html) == ["https://m.example/c/T/1", "https://m.example/c/T/2", ADDRESSES.unsubscribe_url]


def test_a_recipients_own_targets_are_kept_with_the_message() -> None:
    """A loop has one place and as many numbers as targets; the same target has one number."""
    body = '{% for line in cart.lines %}<mj-text><a href="{{ line.url }}">{{ line.name }}</a></mj-text>{% endfor %}'
    lines = [{"name": name, "url": f"https://rihla.example/{name}"} for name in ("a", "b", "a")]
    found = mail(body, scope={"cart": {"lines": lines}})
    assert found.links == {"1": "https://rihla.example/a", "1001": "https://rihla.example/b"}
    assert hrefs(found.html)[:3] == [f"https://m.example/c/T/{number}" for number in (1, 1001, 1)]
    assert [found.text.count(f"/c/T/{number}\n") for number in (1, 1001)] == [2, 1]


def test_every_link_of_the_html_is_in_the_text() -> None:
    """Readers of plain text are counted too."""
    body = (
        '<mj-image src="https://x.example/a.png" alt="Shoes" href="https://rihla.example/shoes" />'
        '<mj-button href="{{ cart.url }}">Bag</mj-button>'
        '<mj-text>Or <a href="mailto:hello@rihla.example">write</a></mj-text>'
    )
    found = mail(body)
    assert all(target in found.text for target in hrefs(found.html))


def test_campaign_and_content_are_added_to_links_and_never_replace() -> None:
    """The shop's own analytics read them."""
    body = '<mj-button href="https://rihla.example/?utm_source=own#top">A</mj-button>'
    assert compiled(body, utm={"source": "rihla", "medium": "email"}).links == {
        "1": "https://rihla.example/?utm_source=own&utm_medium=email&utm_campaign=promo&utm_content=mail#top"
    }


def test_a_template_of_two_campaigns_names_the_campaign_of_each_mail() -> None:
    """The target is rendered then, since it differs."""
    files = {"templates/mail.mjml": mjml('<mj-button href="https://rihla.example/a">A</mj-button>')}
    made = content(files, campaign("mail"), campaign("mail", name="other"), utm={"source": "s"})
    template = Templates(made).compile("mail", "en")
    scope = {**sample_scope(made, "mail", "en"), "campaign": {"id": "other"}}
    assert template.links == {}
    assert "utm_campaign=other" in render(template, scope, ADDRESSES).links["1"]


@pytest.mark.parametrize("target", ["mailto:a@b.example", "tel:+966", "#top"])
def test_addresses_that_are_no_pages_are_left_alone(target: str) -> None:
    """There is nothing to redirect to."""
    body = f'<mj-text><a href="{target}">x</a></mj-text>'
    assert hrefs(mail(body).html)[0] == target
    assert compiled(body).links == {}


def test_the_recipients_own_pages_are_not_tracked_even_through_a_variable() -> None:
    """One click has to do, and a scanner's click is no unsubscribe."""
    body = (
        '{% set href = unsubscribe_url %}<mj-button href="{{ href }}">Leave</mj-button>'
        '<mj-text><a href="{{ survey_url(9) }}">9</a></mj-text>'
    )
    found = mail(body)
    assert hrefs(found.html)[:2] == [ADDRESSES.unsubscribe_url, "https://m.example/s/T?score=9"]
    assert found.links == {}


@pytest.mark.parametrize(
    "target",
    ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", " javascript:x", "data:text/html,x",
     "vbscript:x", "//evil.example", "https://user@evil.example", "https://", "ftp://x.example", "rihla",
     "https://x.example:99999/", "https://[::1", "https://evil.example\\@rihla.example"],
)  # fmt: skip
def test_no_link_leads_to_a_script_or_nowhere(target: str) -> None:
    """In a template it is an error at its line, in data an error for that recipient."""
    with pytest.raises(ContentError):
        compiled(f'<mj-text><a href="{target}">x</a></mj-text>')
    with pytest.raises(RenderError):
        mail('<mj-text><a href="{{ contact.url }}">x</a></mj-text>', scope={"contact": {"url": target}})


def test_a_path_is_a_page_of_the_shop() -> None:
    """Events often carry paths."""
    found = mail('<mj-text><a href="{{ contact.url }}">x</a></mj-text>', scope={"contact": {"url": "/cart?id=1 2"}})
    assert found.links == {"1": "https://rihla.example/cart?id=1%202"}


@given(st.dictionaries(st.sampled_from(["utm_a", "utm_b"]), st.text("ab&=# é", max_size=5)))
def test_parameters_are_added_once(parameters: dict[str, str]) -> None:
    """Tagging twice changes nothing."""
    url = "https://rihla.example/path?a=1#part"
    once = tag(url, parameters)
    assert tag(once, parameters) == once
    assert once.endswith("#part")
    assert re.match(r"https://rihla\.example/path\?a=1(&[^#]*)?#part$", once)
