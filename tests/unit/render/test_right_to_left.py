"""Every language that is written from right to left comes out so, whole: the same template, mirrored."""

from __future__ import annotations

import re

import pytest
from lxml import html as lxml_html  # type: ignore[import-untyped] # lxml has no stubs of its own
from rendering import compiled

BODY = """<mj-text>Next →</mj-text><mj-button href="https://rihla.example" align="left">Go</mj-button>
<mj-text padding="1px 2px 3px 4px" font-style="italic">{{ contact.first_name }}</mj-text></mj-column>
<mj-column padding-left="9px"><mj-table><tr><td>One</td></tr></mj-table>"""
#: who reads in which script
LOCALES = {"ar": True, "ar-SA": True, "fa": True, "ur": True, "he": False, "ckb": True}


@pytest.mark.parametrize("locale", LOCALES)
def test_each_section_column_text_and_table_of_outlook_is_turned(locale: str) -> None:
    """Nothing is left that runs from left to right, or stands at the left, but the code inside an isolate."""
    made = compiled(BODY, locale, locales=("en", locale))
    assert (made.locale, made.dir) == (locale, "rtl")
    page = made.html.render(**made.constants, contact={"first_name": "RUN-7"}, _subject="s", _preheader="p", _open="",
                            _click="", unsubscribe_url="")  # fmt: skip
    assert re.search(rf'<html[^>]* lang="{locale}"[^>]* dir="rtl"', page)
    assert "direction:ltr" not in page.replace(" ", "")
    assert "text-align:left" not in page.replace(" ", "")
    tree = lxml_html.document_fromstring(page)
    columns = [each.get("style") for each in tree.xpath("//div[contains(@class, 'mj-column')]")]
    assert len(columns) == 2
    assert all("direction:rtl" in style and "text-align:right" in style for style in columns)
    ghosts = re.findall(r"<!--\[if mso[^>]*>.*?<!\[endif\]-->", page, re.DOTALL)
    tables = [table for ghost in ghosts for table in re.findall(r"<table [^>]*>", ghost)]
    assert tables
    assert all('dir="rtl"' in table for table in tables)
    assert "Next ←" in page
    assert "\u2068RUN-7\u2069" in page
    assert "padding:1px 4px 3px 2px" in page
    assert "padding-right:9px" in page


@pytest.mark.parametrize(("locale", "is_arabic"), LOCALES.items())
def test_arabic_script_gets_its_fonts_and_hebrew_keeps_its_own(locale: str, is_arabic: bool) -> None:  # noqa: FBT001 - a parameter
    """Fonts that have the script, at least 16 px, no italics; Hebrew is at home in what Latin text takes."""
    page = compiled(BODY, locale, locales=("en", locale)).mjml
    assert ("Noto Naskh Arabic" in page) == is_arabic
    assert ("italic" in page) != is_arabic


def test_english_is_left_alone() -> None:
    """The same template, as it was written."""
    page = compiled(BODY, "en").mjml
    assert "rtl" not in page
    assert "→" in page
    assert 'padding-left="9px"' in page
