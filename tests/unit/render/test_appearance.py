"""A mail in a dark client, in a light one, and without images."""

from __future__ import annotations

import re

import pytest
from rendering import ADDRESSES, FRONT, content

from lifecycle.render.appearance import in_appearance, without_images
from lifecycle.render.compile import Templates
from lifecycle.render.render import render
from lifecycle.render.sample import sample_scope

PAGE = """<!doctype html><html><head><meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<style>:root { color-scheme: light dark; } @media screen and (prefers-color-scheme: dark) { p { color: white } }
@media (Prefers-Color-Scheme:light) { p { color: black } }</style></head>
<body><p>prefers-color-scheme (prefers-color-scheme: dark)</p></body></html>"""


def test_dark_answers_the_media_queries_and_declares_one_scheme() -> None:
    """What asks for dark is true, what asks for light is false, and form controls and the canvas follow."""
    dark = in_appearance(PAGE, dark=True)
    assert "@media screen and (min-width:0) { p { color: white } }" in dark
    assert "@media (max-width:0) { p { color: black } }" in dark
    assert dark.count('content="dark"') == 2
    assert ":root { color-scheme: dark; }" in dark


def test_light_is_the_other_way_round() -> None:
    """Also in a browser whose machine is set to dark."""
    light = in_appearance(PAGE, dark=False)
    assert "@media screen and (max-width:0) { p { color: white } }" in light
    assert "@media (min-width:0) { p { color: black } }" in light
    assert light.count('content="light"') == 2


def test_words_of_the_mail_stay_as_they_are() -> None:
    """A text that speaks of media queries is a text."""
    assert "<p>prefers-color-scheme (prefers-color-scheme: dark)</p>" in in_appearance(PAGE, dark=True)


def test_a_page_that_knows_light_alone_stays_light() -> None:
    """Nothing is invented: what a client would make of it is not known."""
    page = '<meta name="color-scheme" content="light only"><style>p{color:red}</style><p style="color-scheme:light">x'
    assert in_appearance(page, dark=True) == page


@pytest.mark.parametrize(("before", "after"), [
    ('<img src="a.png" srcset="b.png 2x" alt="a > b">', '<img alt="a > b">'),
    ("<td background='x.png' class=\"t\">", '<td class="t">'),
    ('<div style="background:#fff url(\'x.png\') center / cover">',
     '<div style="background:#fff none center / cover">'),
    ("<style>.h{background-image:url(data:image/png;base64,AA==);color:red}</style>",
     "<style>.h{background-image:none;color:red}</style>"),
    ("<style>@font-face{src:url(f.woff2)}</style>", "<style>@font-face{src:url(f.woff2)}</style>"),
    ('<p title="src=x">background: url(x.png) src="y"</p>', '<p title="src=x">background: url(x.png) src="y"</p>'),
])  # fmt: skip
def test_without_images_their_sources_go_and_everything_else_stays(before: str, after: str) -> None:
    """Alternative texts, colours, fonts and words are kept."""
    assert without_images(before) == after


def test_a_compiled_mail_has_no_question_left_and_no_picture() -> None:
    """The whole way: MJML with a dark block and a hero picture, compiled, then shown."""
    source = (
        f"{FRONT}<mjml><mj-head><mj-style>@media (prefers-color-scheme: dark) {{ .x div {{ color: #fff !important }} }}"
        '</mj-style></mj-head><mj-body><mj-section background-url="https://x.example/bg.png"><mj-column>'
        '<mj-image src="https://x.example/a.png" alt="A shoe"/><mj-text css-class="x">Hi</mj-text>'
        "</mj-column></mj-section></mj-body></mjml>"
    )
    made = content({"templates/mail.mjml": source})
    page = render(Templates(made).compile("mail", "en"), sample_scope(made, "mail", "en"), ADDRESSES).html
    assert "prefers-color-scheme" in page
    assert "prefers-color-scheme" not in in_appearance(page, dark=True)
    bare = re.sub(r"<!--.*?-->", "", without_images(page), flags=re.DOTALL)
    assert ".png" not in bare
    assert 'alt="A shoe"' in bare
