"""Arabic and English: texts, plurals, numbers, direction."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from lxml import html as lxml_html  # type: ignore[import-untyped] # lxml has no stubs of its own
from rendering import BASE, content, mail, mjml

from lifecycle.render.compile import Templates
from lifecycle.render.formats import Formats
from lifecycle.render.rtl import mirror_css

FSI, PDI = "\u2068", "\u2069"


@pytest.mark.parametrize(
    ("count", "text"),
    [(1, "قطعة"), (2, "قطعتان"), (3, f"{FSI}3{PDI} قطع"), (11, f"{FSI}11{PDI} قطعة"), (100, f"{FSI}100{PDI} قطعة")],
)
def test_arabic_plurals_are_those_of_cldr(count: int, text: str) -> None:
    """Six categories; what a catalog lacks is `other`."""
    found = mail(
        "<mj-text>{{ t('pieces', count=cart.count) }}</mj-text>", "ar", scope={"cart": {"count": count}}, files=BASE
    )
    assert text in found.text.splitlines()[0]


def test_a_locale_falls_back_to_its_language_and_then_to_the_default() -> None:
    """ar-SA reads ar; fr, which the shop does not write, reads the default's language, direction and all."""
    made = content({"templates/mail.mjml": mjml("<mj-text>{{ t('hello', name='x') }}</mj-text>"), **BASE})
    templates = Templates(made)
    assert [templates.compile("mail", locale).locale for locale in ("ar-SA", "en-GB", "fr", "ar")] == [
        "ar",
        "en",
        "en",
        "ar",
    ]
    assert templates.compile("mail", "ar-SA") is templates.compile("mail", "ar")


def test_a_template_of_a_locales_own_is_taken_for_it() -> None:
    """templates/mail.ar.mjml beside templates/mail.mjml."""
    files = {"templates/mail.ar.mjml": mjml("<mj-text>خاص</mj-text>")}
    assert mail("<mj-text>General</mj-text>", "ar", files=files).text.startswith("خاص")
    assert mail("<mj-text>General</mj-text>", "en", files=files).text.startswith("General")


def test_arguments_are_escaped_and_catalog_markup_is_kept() -> None:
    """Catalogs are trusted, people are not; plain text has neither."""
    files = {**BASE, "locales/en.yaml": "hello: Hello <b>{name}</b> &amp; co\n"}
    found = mail(
        "<mj-text>{{ t('hello', name=contact.first_name) }}</mj-text>",
        scope={"contact": {"first_name": "<i>"}},
        files=files,
    )
    assert "Hello <b>&lt;i&gt;</b> &amp; co" in found.html
    assert found.text.startswith("Hello <i> & co")


def test_everything_comes_out_right_to_left_without_the_author_doing_anything() -> None:
    """Columns, texts, paddings, Outlook's tables, arrows, fonts."""
    body = (
        '<mj-text letter-spacing="1px" padding="1px 2px 3px 4px" font-style="italic"><i>x</i> →</mj-text>'
        '<mj-text align="left">y</mj-text>'
    )
    page = mail(body, "ar").html
    tree = lxml_html.document_fromstring(page)
    assert tree.get("dir") == "rtl"
    columns = tree.xpath("//div[contains(@class, 'mj-outlook-group-fix')]/@style")
    assert columns
    assert all("direction:rtl" in style and "text-align:right" in style for style in columns)
    cells = tree.xpath("//td[contains(@style, 'word-break')]")
    assert {cell.get("align") for cell in cells} == {"right"}
    assert "padding:1px 4px 3px 2px" in cells[0].get("style")
    assert "letter-spacing" not in page
    assert "font-style" not in page
    assert "Noto Naskh Arabic" in page
    assert "←" in page
    assert page.count('<table dir="rtl"') == page.count("<!--[if mso | IE]><table")


def test_what_the_author_turned_by_dir_is_not_turned_again() -> None:
    """`{{ 'left' if dir == 'rtl' else 'right' }}` means what it says."""
    body = """<mj-text align="{{ 'left' if dir == 'rtl' else 'right' }}">x</mj-text>"""
    assert 'align="left"' in mail(body, "ar").html
    assert 'align="right"' in mail(body, "en").html


def test_a_file_of_the_locales_own_is_left_as_it_was_written() -> None:
    """Its author knew."""
    files = {"templates/mail.ar.mjml": mjml('<mj-text align="left">x</mj-text>')}
    assert 'align="left"' in mail("", "ar", files=files).html


def test_names_codes_and_prices_are_isolated_in_arabic_and_only_there() -> None:
    """A Latin code may not pull the full stop to its side."""
    body = "<mj-text>{{ contact.first_name }}</mj-text>"
    scope = {"contact": {"first_name": "RUN-7"}}
    assert mail(body, "ar", scope=scope).text.startswith(f"{FSI}RUN-7{PDI}")
    assert FSI not in mail(body, "en", scope=scope).html


def test_a_percentage_in_an_arabic_text_keeps_its_sign_and_markup_its_measures() -> None:
    """Without an isolate `خصم 15%` is drawn with the sign on the left."""
    text = 'offer: <b style="width:50%">خصم 10-15%</b> حتى 3 أيام'
    files = {"locales/ar.yaml": text, "locales/en.yaml": text}
    arabic, english = (mail("<mj-text>{{ t('offer') }}</mj-text>", locale, files=files) for locale in ("ar", "en"))
    assert f'width:50%">خصم {FSI}10-15%{PDI}</b> حتى 3' in arabic.html
    assert f"خصم {FSI}10-15%{PDI} حتى 3" in arabic.text
    assert FSI not in english.html


@pytest.mark.parametrize(
    ("css", "mirrored"),
    [
        ("margin-left: 4px; text-align: right", "margin-right: 4px; text-align: left"),
        ("padding: 1px 2px 3px 4px", "padding: 1px 4px 3px 2px"),
        ("border-left: 1px solid red; float:left", "border-right: 1px solid red; float:right"),
        ("background: #fff; color: red", "background: #fff; color: red"),
    ],
)
def test_css_is_mirrored_and_back(css: str, mirrored: str) -> None:
    """Mirroring twice is where it began."""
    assert mirror_css(css) == mirrored
    assert mirror_css(mirrored) == css


def test_money_numbers_dates_and_lists_are_the_locales() -> None:
    """Digits are Latin unless asked for; dates are those of the zone."""
    arabic, english = (Formats(locale, "SAR", ZoneInfo("Asia/Riyadh")) for locale in ("ar", "en"))
    late = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)
    assert english.money(Decimal("1234.5")) == "SAR\u00a01,234.50"
    assert "1,234.50" in arabic.money(Decimal("1234.5"))
    assert "١٬٢٣٤٫٥٠" in arabic.money(Decimal("1234.5"), digits="arab")
    assert english.date(late) == "November 21, 2026"
    assert english.date("2026-11-20") == "November 20, 2026"
    assert english.time(late) == "1:30\u202fAM"
    assert english.list(["a", "b", "c"]) == "a, b, and c"
    assert arabic.list(["ا", "ب"]) == "ا وب"
    assert english.number(1234.5, places=0) == "1,234"
