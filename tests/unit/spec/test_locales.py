"""Texts by locale: each reader finds the language that the project promises."""

from __future__ import annotations

import pytest

from lifecycle.spec.project import load

PROJECT = """project: p
brand: {{name: {name}, url: https://a.example, postal_address: Riyadh}}
senders: {{m: {{from: a@b.example, name: A}}}}
locales: {{default: en, available: [{available}]}}
topics: {{news: {{label: {label}}}}}
"""


@pytest.mark.parametrize(
    ("name", "label", "available", "lines"),
    [
        ("Rihla", "News", "en, ar", []),
        ("{en: Rihla, ar: رحلة}", "{en: News, ar: أخبار}", "en, ar", []),
        ("{en: Rihla, ar: رحلة}", "{en: News, ar: أخبار}", "en, ar, ar-SA", []),
        ("{en: Rihla}", "{en: News}", "en", []),
        ("{en: Rihla}", "{en: News, ar: أخبار}", "en, ar", [2]),
        ("{ar: رحلة}", "{en: News, ar: أخبار}", "en, ar", [2]),
        ("Rihla", "{en: News, ar: أخبار}", "en, ar, fr", [5]),
        ("Rihla", "{en: News, ar-SA: أخبار}", "en, ar-SA, ar", [5]),
    ],
)
def test_a_text_by_locale_has_each_locale_or_its_language(
    name: str, label: str, available: str, lines: list[int]
) -> None:
    """A text for all needs none; a language serves its regions, a region not its language."""
    files = {"lifecycle.yaml": PROJECT.format(name=name, label=label, available=available)}
    found = [problem for problem in load(files).diagnostics if problem.code == "LC620"]
    assert [problem.place.line for problem in found] == lines
