"""What a recipient gets, and what no recipient can do to a template."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as lxml_html  # type: ignore[import-untyped] # lxml has no stubs of its own
from rendering import ADDRESSES, content, mail, mjml

from lifecycle.base.errors import RenderError
from lifecycle.render.compile import Templates
from lifecycle.render.render import render
from lifecycle.render.sample import sample_scope


def person(**changes: Any) -> dict[str, Any]:
    """Return a scope's contact."""
    return {"contact": {"first_name": "Sara", "email": "sara@example.com", **changes}}


def test_a_mail_has_its_language_direction_title_and_colour_schemes() -> None:
    """Assistive technology and dark mode need them, and the doctype keeps quirks mode away."""
    page = mail("<mj-text>Hi</mj-text>").html
    tree = lxml_html.document_fromstring(page)
    assert page.startswith("<!doctype html>")
    assert (tree.get("lang"), tree.get("dir")) == ("en", "ltr")
    assert tree.findtext(".//title") == "Hello there"
    assert tree.xpath("//meta[@name='color-scheme']/@content") == ["light"]
    assert all(table.get("role") == "presentation" for table in tree.iter("table"))


def test_a_mail_says_that_it_knows_the_dark_only_if_it_has_rules_for_it() -> None:
    """Apple Mail draws such a mail on a dark page, where MJML's black text would vanish."""
    style = (
        "<mj-head><mj-style>@media (prefers-color-scheme: dark) { div { color: #fff !important } }</mj-style></mj-head>"
    )
    source = mjml("<mj-text>Hi</mj-text>").replace("<mjml>", f"<mjml>{style}")
    page = lxml_html.document_fromstring(mail("", files={"templates/mail.mjml": source}).html)
    assert page.xpath("//meta[@name='color-scheme']/@content") == ["light dark"]


def test_the_preheader_is_hidden_without_a_colour() -> None:
    """White on white is what spam filters look for; what the author colours stays as it is."""
    page = mail('<mj-text color="#ffffff">Hi</mj-text>').html
    hidden = page[page.index("<body") : page.index("Something of forty")]
    assert "display:none" in hidden
    assert "#ffffff" not in hidden
    assert "color:#ffffff" in page


def test_the_open_pixel_is_the_last_thing_in_the_body() -> None:
    """So that nothing waits for it."""
    tree = lxml_html.document_fromstring(mail("<mj-text>Hi</mj-text>").html)
    assert tree.xpath("//body/*[last()]/@src") == [ADDRESSES.open_url]


def test_css_is_inlined_and_important_is_kept() -> None:
    """Gmail drops style blocks in some clients; dark mode rules stay in one."""
    style = "<mj-head><mj-style>.note { color: #123456 !important }</mj-style></mj-head>"
    source = mjml('<mj-text><p class="note">Hi</p></mj-text>').replace("<mjml>", f"<mjml>{style}")
    page = mail("", files={"templates/mail.mjml": source}).html
    assert "color:#123456 !important" in lxml_html.document_fromstring(page).xpath("//p/@style")[0]


def test_loops_and_conditions_take_whole_elements() -> None:
    """A row for each line of the cart; a section only for those it is for."""
    body = (
        "{% for line in cart.lines %}<mj-text>{{ line.name }}</mj-text>{% else %}<mj-text>Empty</mj-text>{% endfor %}"
    )
    lines = [{"name": "Madar"}, {"name": "Sahra"}]
    assert mail(body, scope={"cart": {"lines": lines}}).text.split("\n\n")[:2] == ["Madar", "Sahra"]
    assert mail(body, scope={"cart": {}}).text.startswith("Empty")


@pytest.mark.parametrize(
    "name", ["{{7*7}}", "{% for %}", "{#", "<script>alert(1)</script>", '"><img src=x>', "&amp;", "😀🏃‍♀️", "'"]
)
def test_contact_data_is_never_a_template_and_never_markup(name: str) -> None:
    """What people write about themselves is shown, and nothing else."""
    body = (
        "<mj-text>Hi {{ contact.first_name }}</mj-text>"
        '<mj-image src="https://x.example/a.png" alt="{{ contact.first_name }}" />'
    )
    found = mail(body, scope=person(first_name=name))
    tree = lxml_html.document_fromstring(found.html)
    assert f"Hi {name}" in tree.text_content()
    assert tree.xpath("//img/@alt")[0] == name
    assert f"Hi {name}" in found.text
    assert not tree.xpath("//script")


@given(
    st.text(
        st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\ufdd0"), min_size=1, max_size=40
    )
)
def test_any_name_comes_through_as_it_is(name: str) -> None:
    """Text in, the same text out."""
    tree = lxml_html.document_fromstring(_render_name(name))
    assert tree.xpath("//b")[0].text_content() == name


_made = content({"templates/mail.mjml": mjml("<mj-text><b>{{ contact.first_name }}</b></mj-text>")})
_compiled = Templates(_made).compile("mail", "en")


def _render_name(name: str) -> str:
    scope = {**sample_scope(_made, "mail", "en"), **person(first_name=name)}
    return render(_compiled, scope, ADDRESSES).html


@pytest.mark.parametrize("breaker", ["\n", "\r\n", "\u2028", "\x0b", "\x00"])
def test_a_line_break_in_the_subject_is_refused_for_that_recipient(breaker: str) -> None:
    """A header has one line."""
    source = mjml("<mj-text>Hi</mj-text>").replace("Hello there", "Hi {{ contact.first_name }}")
    with pytest.raises(RenderError, match="line break"):
        mail("", files={"templates/mail.mjml": source}, scope=person(first_name=f"Sara{breaker}Bcc: x@example.com"))
    assert mail("", files={"templates/mail.mjml": source}, scope=person()).subject == "Hi Sara"


def test_a_subject_is_plain_text() -> None:
    """An ampersand in a subject is an ampersand; the title of the page escapes it."""
    source = mjml("<mj-text>Hi</mj-text>").replace("Hello there", "Hi {{ contact.first_name }}")
    found = mail("", files={"templates/mail.mjml": source}, scope=person(first_name="A & B <C>"))
    assert found.subject == "Hi A & B <C>"
    assert "<title>Hi A &amp; B &lt;C&gt;</title>" in found.html


@pytest.mark.parametrize("value", [None, "absent"])
def test_a_missing_value_is_false_takes_a_default_and_cannot_be_printed(value: str | None) -> None:
    """Null is missing too."""
    attributes = {"first_name": None} if value is None else {}
    scope = {"contact": attributes}
    asked = "{% if contact.first_name %}A{% else %}B{% endif %} {{ contact.first_name | default('friend') }}"
    assert "B friend" in mail(f"<mj-text>{asked}</mj-text>", scope=scope).text
    with pytest.raises(RenderError, match="first_name") as caught:
        mail("<mj-text>Well</mj-text>\n<mj-text>{{ contact.first_name }}</mj-text>", scope=scope)
    assert caught.value.where == "templates/mail.mjml:6"


def test_what_is_below_a_missing_value_is_missing_too() -> None:
    """A campaign without a coupon, an event without properties: a test is false, a default is taken, no mail fails."""
    asked = "{{ 'A' if event.properties.size else 'B' }} {{ gift.code | default('C') }} {{ gift['code'] or 'D' }}"
    assert "B C D" in mail(f"<mj-text>{asked}</mj-text>", scope={"event": {}}).text
    with pytest.raises(RenderError, match="'gift' is undefined"):
        mail("<mj-text>{{ gift.code }}</mj-text>")


@pytest.mark.parametrize(
    "attack",
    [
        "{% for i in range(10**9) %}x{% endfor %}",
        "{% for i in range(90000) %}x{% endfor %}",
        "{% for i in range(3000) %}{% for j in range(3000) %}x{% endfor %}{% endfor %}",
        "{{ 'x' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ 10 ** 1000000 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '{:>1000000000}'.format(1) }}",
        "{{ 'x'.ljust(1000000000) }}",
        "{{ contact.first_name.__class__.__mro__ }}",
        "{{ contact['__class__'] }}",
        "{{ ''.__class__.__subclasses__() }}",
        "{{ t.__globals__ }}",
        "{{ survey_url.__globals__ }}",
        "{{ cart.lines.append(1) }}",
        "{% set ns = namespace(x='xxxxxxxxxx') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% set ns = namespace(x='xxxxxxxxxx') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set n = namespace(x='xxxxx') %}{% for i in range(60) %}{% set n.x = n.x.replace('x', 'xx') %}{% endfor %}",
        "{% set n = namespace(x='xxxxx') %}{% for i in range(60) %}{% set n.x = n.x|replace('x', 'xx') %}{% endfor %}",
        "{{ 1 / 0 }}",
        "{{ 'x' | truncate(1, true, 'y' * 9999999) }}",
        "{{ [1, 2] | batch(1000000000, 0) | list }}",
    ],
)
def test_a_hostile_template_ends_in_a_clear_error_at_once(attack: str) -> None:
    """Loops, memory and the sandbox all have ends."""
    start = time.process_time()
    with pytest.raises(RenderError) as caught:
        mail(f"<mj-text>{attack}</mj-text>")
    assert time.process_time() - start < 3
    assert caught.value.message
    assert caught.value.where.startswith("templates/mail.mjml")


def test_ten_thousand_lines_in_a_cart_render_or_refuse_but_never_hang() -> None:
    """A cart that large is somebody's script; its mail is a mail all the same."""
    lines = [{"name": f"Shoe {number}", "price": 1, "quantity": 1} for number in range(10_000)]
    body = "{% for line in cart.lines %}<mj-text>{{ line.name }}: {{ line.price | money }}</mj-text>{% endfor %}"
    start = time.process_time()
    assert "Shoe 9999" in mail(body, scope={"cart": {"lines": lines}}).text
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "value", ["red;background:url(https://evil.example)", "red}*{display:none", "expression(1)", "'\"", "\\65"]
)
def test_a_value_in_css_cannot_leave_its_declaration(value: str) -> None:
    """Escaping for HTML does not protect CSS."""
    with pytest.raises(RenderError, match="CSS"):
        mail('<mj-text><p style="color: {{ contact.colour }}">Hi</p></mj-text>', scope=person(colour=value))


def test_a_value_in_css_may_be_a_colour() -> None:
    """The honest case."""
    body = '<mj-text><p style="color: {{ contact.colour }}">Hi</p></mj-text>'
    assert "color: #ff0000" in mail(body, scope=person(colour="#ff0000")).html.replace("color:#", "color: #")


def test_neighbours_of_a_recipient_that_fails_are_rendered() -> None:
    """Nothing of one render stays for the next."""
    made = content({"templates/mail.mjml": mjml('<mj-text><a href="{{ contact.url }}">x</a></mj-text>')})
    compiled = Templates(made).compile("mail", "en")
    base = sample_scope(made, "mail", "en")
    with pytest.raises(RenderError):
        render(compiled, {**base, **person(url="javascript:alert(1)")}, ADDRESSES)
    found = render(compiled, {**base, **person(url="https://a.example/1")}, ADDRESSES)
    assert found.links == {"1": "https://a.example/1"}


def test_the_hash_names_what_is_sent() -> None:
    """The same files give the same hash; another text, brand or link another."""

    def hashed(body: str, **changes: Any) -> str:
        return Templates(content({"templates/mail.mjml": mjml(body)}, **changes)).compile("mail", "en").hash

    assert hashed("<mj-text>A</mj-text>") == hashed("<mj-text>A</mj-text>")
    found = {
        hashed("<mj-text>A</mj-text>"),
        hashed("<mj-text>B</mj-text>"),
        hashed("<mj-text>A</mj-text>", utm={"source": "x"}),
    }
    assert len(found) >= 2


def test_what_is_hidden_from_those_who_listen_is_not_in_the_plain_text() -> None:
    """A tile with a product's initial is decoration: its name stands beside it."""
    body = '<mj-text><div aria-hidden="true">S</div><a href="https://rihla.example/s">Sahra</a></mj-text>'
    made = mail(body)
    assert made.text.startswith("Sahra: https://")
    assert '<div aria-hidden="true">S</div>' in made.html
