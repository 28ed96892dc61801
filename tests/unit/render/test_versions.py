"""The versions of one mail beside each other: what the words may change, and what they must not."""

from __future__ import annotations

import pytest
from rendering import FRONT, checked, mjml

WORDS = "<mj-text>Good morning to all of you</mj-text>"


def button(target: str) -> str:
    """Return a button that leads there."""
    return f'<mj-button height="44px" href="{target}">Go</mj-button>'


def found(english: str, arabic: str, front: str = FRONT) -> list[str]:
    """Return the codes of what is wrong with two versions, but for what a campaign may not fill in either."""
    files = {"templates/mail.mjml": mjml(WORDS + english), "templates/mail.ar.mjml": mjml(WORDS + arabic, front)}
    return [problem.code for problem in checked(files) if problem.code not in {"LC518", "LC519", "LC520", "LC522"}]


@pytest.mark.parametrize(
    ("english", "arabic"),
    [
        ("https://rihla.example/shoes", "https://rihla.example/ar/shoes"),
        ("https://rihla.example/en/shoes", "https://rihla.example/ar/shoes/"),
        ("https://rihla.example/shoes?lang=en", "https://rihla.example/shoes?lang=ar"),
        ("https://en.rihla.example/shoes", "https://ar.rihla.example/shoes"),
        ("https://rihla.example/{{ locale }}/shoes", "https://rihla.example/{{ locale }}/shoes"),
        ("https://rihla.example/shoes?utm_source=a&amp;p=1", "https://rihla.example/shoes?p=1&amp;utm_campaign=b"),
        ("/shoes", "https://rihla.example/shoes"),
        ("{{ view_url }}", "{{ view_url }}"),
        ("mailto:care@rihla.example", "mailto:care@rihla.example"),
    ],
)
def test_links_may_differ_by_tracking_and_by_locale(english: str, arabic: str) -> None:
    """They lead to the same page."""
    assert found(button(english), button(arabic)) == []


@pytest.mark.parametrize(
    ("english", "arabic", "codes"),
    [
        (button("/shoes"), button("/shoe"), ["LC614"]),
        (button("/shoes"), "", ["LC614"]),
        ("", button("/shoes"), ["LC614"]),
        (button("/a") * 2, button("/a"), ["LC614"]),
        (button("/a") + button("/b"), button("/b") + button("/a"), []),
        (button("/p?x=1"), button("/p?x=2"), ["LC614"]),
        (button("{{ contact.site }}"), button("{{ contact.page }}"), ["LC614"]),
        (button("mailto:a@rihla.example"), button("mailto:b@rihla.example"), ["LC614"]),
    ],
)
def test_each_link_of_one_version_is_in_the_other_as_often(english: str, arabic: str, codes: list[str]) -> None:
    """One link that differs is one diagnostic, also where it is a variable."""
    assert found(english, arabic) == codes


def test_a_link_given_to_a_partial_is_said_in_the_version() -> None:
    """The partial is the same for both, and not at fault."""
    call = '{{% set url = "https://rihla.example/{}" %}}{{% include "partials/button.mjml" %}}'
    files = {
        "templates/mail.mjml": mjml(WORDS + call.format("sale")),
        "templates/mail.ar.mjml": mjml(WORDS + call.format("sael")),
        "templates/partials/button.mjml": button("{{ url }}"),
    }
    problems = checked(files)
    assert [(problem.code, problem.place.path) for problem in problems] == [("LC614", "templates/mail.ar.mjml")]


@pytest.mark.parametrize(
    ("english", "arabic", "codes"),
    [
        ("{{ contact.first_name }}", "", ["LC615"]),
        ("", "{{ contact.first_name }}", ["LC615"]),
        ("{{ contact.first_name }}", "{{ contact.last_name }}", ["LC615", "LC615"]),
        ("{{ cart.total | money }}", "{% if cart.total %}{{ cart.total }}{% endif %}", []),
        (
            "{% for line in cart.lines %}{{ line.name }}{% endfor %}",
            "{% for x in cart.lines %}{{ x.name }}{% endfor %}",
            [],
        ),
        ("{{ brand.name }}", "", []),
        ("{% set who = contact.first_name %}{{ who }}", "{{ contact.first_name }}", []),
    ],
)
def test_both_versions_show_the_same_of_the_contact(english: str, arabic: str, codes: list[str]) -> None:
    """However each of them says it."""
    assert found(f"<mj-text>x {english}</mj-text>", f"<mj-text>x {arabic}</mj-text>") == codes


def test_a_version_without_a_subject_or_preheader_is_said_once() -> None:
    """By the rules for every mail; not a second time for the difference."""
    assert found("", "", front="---\npreheader: Something of forty characters and more, for the inbox\n---\n") == [
        "LC502"
    ]
    assert found("", "", front="---\nsubject: مرحباً\n---\n") == ["LC703"]


def test_a_version_that_is_broken_is_not_compared() -> None:
    """What is missing behind the mistake would be guesses."""
    assert found(button("/a"), "<mj-buton>x</mj-buton>") == ["LC512"]
