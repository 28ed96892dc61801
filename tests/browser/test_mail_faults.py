"""The checks of mails find what they are for: each page here has one fault, and one without any."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chromium import Chromium, find_chromium
from views import look

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="NO BROWSER: apt-get install chromium to test mails"),
]

BUTTON = '<a href="https://x.example" style="display:inline-block;padding:12px 20px;line-height:20px">Go on</a>'
STYLE = (
    "body{margin:0;font-size:16px;background:#fff;color:#111}a{color:#a30}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#eee}a{color:#fb8}}"
)
#: what is wrong, and the page's body
FAULTS = {
    "overflow": '<div style="width:800px">A line</div>',
    "clipped": '<a href="#" style="display:inline-block;width:60px;height:44px;white-space:nowrap">Far too long</a>',
    "alignment": '<table><tr><td><div style="text-align:right">English</div></td></tr></table>',
    "contrast": '<p style="color:#999">Grey on white</p>',
    "dark": '<div style="background:#fff;color:#111;height:90px">' + "Always as white as paper. " * 9 + "</div>",
    "inversion": "<style>@media(prefers-color-scheme:light){p{color:#00f}}</style><p>Blue stays, its ground turns</p>",
    "target": '<p><a href="https://x.example" style="display:inline-block;line-height:30px">Thirty high</a></p>',
    "size": '<p style="font-size:11px">As small as the law allows</p>',
    "label": '<p>Shoes <a href="https://x.example" style="display:inline-block;padding:30px"><img alt=""></a></p>',
    "alt": '<p>Shoes <img src="https://x.example/a.png"></p>',
    "order": "<p>اتصل بنا على +966 50 123 4567 في أي وقت</p>",
    "isolation": "<p>رمزك RUN-7F3K2، صالح حتى الغد</p>",
}  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    """Yield a browser."""
    with Chromium() as started:
        yield started


def page(body: str, head: str = "<title>A mail</title>", html: str = 'lang="en" dir="ltr"') -> str:
    """Return a mail's HTML."""
    return f"<!doctype html><html {html}><head>{head}<style>{STYLE}</style></head><body>{body}</body></html>"


def checks(browser: Chromium, text: str) -> set[str]:
    """Return the names of the checks that find fault with a page."""
    return {fault.split(" ")[1].rstrip(":") for fault in look(browser, text)}


def test_a_mail_without_a_fault_passes(browser: Chromium) -> None:
    """Also one whose links stand in running text, and whose names, codes and prices are isolated in Arabic."""
    running = '<p>Read <a href="https://x.example">our guide</a> first.</p>'
    assert list(look(browser, page(f"<p>Hello</p>{BUTTON}{running}"))) == []
    arabic = "<p>رمزك <bdi>RUN-7F3K2</bdi>، والمجموع \u2068429.00 ر.س.\u2069 فقط</p>"
    assert list(look(browser, page(arabic, html='lang="ar" dir="rtl"'))) == []


def test_a_percent_sign_on_the_wrong_side_of_its_number_is_found(browser: Chromium) -> None:
    """Behind Arabic letters a number is an Arabic one to the algorithm, and % goes to its left."""
    assert checks(browser, page("<p>خصم 15%، اليوم</p>", html='lang="ar" dir="rtl"')) == {"order"}


@pytest.mark.parametrize("check", FAULTS)
def test_the_fault_is_found_by_its_check_alone(browser: Chromium, check: str) -> None:
    """A check that finds nothing here would find nothing in a mail."""
    arabic = check in {"order", "isolation"}
    html = 'lang="ar" dir="rtl"' if arabic else 'lang="en" dir="ltr"'
    assert checks(browser, page(FAULTS[check], html=html)) == {check}


@pytest.mark.parametrize(
    ("check", "head", "html"),
    [
        ("title", "", 'lang="en" dir="ltr"'),
        ("lang", "<title>A</title>", 'dir="ltr"'),
        ("dir", "<title>A</title>", 'lang="en"'),
    ],
)
def test_a_page_that_does_not_say_what_it_is_is_found(browser: Chromium, check: str, head: str, html: str) -> None:
    """Title, language and direction are read aloud and shown in tabs."""
    assert checks(browser, page("<p>Hello</p>", head, html)) == {check}


def test_the_dark_appearance_is_asked_for_on_its_own(browser: Chromium) -> None:
    """What only the dark rules make unreadable is found in dark, and said of dark."""
    faint = "<style>@media(prefers-color-scheme:dark){p{color:#444}}</style><p>Gone in the dark</p>"
    assert {fault[:9] for fault in look(browser, page(faint))} == {"375.dark ", "700.dark "}
