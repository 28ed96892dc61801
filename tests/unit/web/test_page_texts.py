"""The words and the look of contacts' pages."""

from __future__ import annotations

import re
import string

import pytest

from lifecycle.web.pages import accepted_languages, look, masked, notice
from lifecycle.web.pages.texts import TEXTS
from website import web_content


@pytest.mark.parametrize("language", sorted(set(TEXTS) - {"en"}))
def test_every_language_says_everything_with_the_same_places(language: str) -> None:
    """No key is missing, and each text fills the same names in."""

    def places(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}

    assert set(TEXTS[language]) == set(TEXTS["en"])
    for key, text in TEXTS[language].items():
        assert places(text) == places(TEXTS["en"][key]), key


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("ar", ["ar"]), ("ar-SA,ar;q=0.9,en;q=0.8", ["ar", "ar", "en"]), ("en;q=0.1, ar;q=0.5", ["ar", "en"]),
        ("", []), ("*", []), (";;;q=x,,", []), ("en;q=1.2.3", []),
    ],
)  # fmt: skip
def test_accepted_languages_are_read_best_first(header: str, found: list[str]) -> None:
    """What makes no sense is left out."""
    assert accepted_languages(header) == found


def test_the_first_language_that_the_pages_speak_is_taken() -> None:
    """The contact's, then the browser's, then the project's, then English."""
    content = web_content()
    assert look(content, ["ar-EG", "en"]).language == "ar"
    assert look(content, [None, "fr", "ar"]).language == "ar"
    assert look(content, ["fr"]).language == "en"
    assert look(None, []).direction == "ltr"


def test_what_is_filled_in_is_escaped_and_isolated() -> None:
    """An address cannot be markup, and keeps its direction."""
    shown = look(web_content(), ["ar"]).text("unsubscribed.text", topic="<b>{email}</b>", email="a&b@example.com")
    assert "<bdi>&lt;b&gt;{email}&lt;/b&gt;</bdi>" in shown
    assert "<bdi>a&amp;b@example.com</bdi>" in shown


def test_a_colour_that_is_none_never_reaches_the_style() -> None:
    """Brand colours are text by marketers."""
    style = look(web_content(), []).style
    assert "--accent:#BF3F14;" in style
    assert "red;}" not in style


def test_the_same_page_is_the_same_bytes() -> None:
    """So that bad tokens cannot be told apart; and its style is the one that the policy allows."""
    first, second = (notice("gone", look(web_content(), ["en"]), status=404) for _ in range(2))
    assert (first.body, first.raw_headers) == (second.body, second.raw_headers)
    assert re.search(rb"<style>:root", bytes(first.body))


@pytest.mark.parametrize(("email", "shown"), [("sara@example.com", "s•••@example.com"), (None, "•••"), ("odd", "•••")])
def test_addresses_are_masked(email: str | None, shown: str) -> None:
    """Known again by their owner alone."""
    assert masked(email) == shown
