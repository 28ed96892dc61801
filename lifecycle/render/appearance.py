"""A finished mail as other eyes see it: in a dark or a light client, or where images are off.

A browser answers `prefers-color-scheme` for the window that it runs in. Here it is answered in the page itself, so that
dark and light can stand side by side in one window and no machine's setting matters.
"""

from __future__ import annotations

import re

#: a tag whose quoted values may hold `>`
_TAG = re.compile(r"""<[a-zA-Z](?:[^>"']|"[^"]*"|'[^']*')*>""")
_SHEET = re.compile(r"(<style\b[^>]*>)(.*?)(</style\s*>)", re.IGNORECASE | re.DOTALL)
_STYLE, _MEDIA, _CONTENT = (
    re.compile(rf"""(\s{name}\s*=\s*)("[^"]*"|'[^']*')""", re.IGNORECASE) for name in ("style", "media", "content")
)
_SCHEME_META = re.compile(r"""<meta\b[^>]*\bname\s*=\s*["']?(?:supported-)?color-schemes?\b""", re.IGNORECASE)
_ASKED = re.compile(r"\(\s*prefers-color-scheme\s*(?::\s*([\w-]+)\s*)?\)", re.IGNORECASE)
_BOTH = re.compile(r"\b(?:light\s+dark|dark\s+light)\b", re.IGNORECASE)
_DECLARED = re.compile(
    r"(?<![\w-])((?:supported-)?color-schemes?\s*:\s*)(?:light\s+dark|dark\s+light)\b", re.IGNORECASE
)

#: what is true, and what is false, of every page that has a width; both may stand behind `and` and `not`
_TRUE, _FALSE = "(min-width:0)", "(max-width:0)"

_PICTURES = re.compile(
    r"(?<![\w-])((?:background|list-style|border-image|mask)(?:-image|-source)?|content)(\s*:)((?:url\([^)]*\)|[^;{}])*)",
    re.IGNORECASE,
)
_URL = re.compile(r"""url\(\s*(?:"[^"]*"|'[^']*'|[^)]*)\s*\)""", re.IGNORECASE)
_SHOWN = re.compile(r"""\s(?:src|srcset|background|poster)\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>]+)""", re.IGNORECASE)


def in_appearance(page: str, *, dark: bool) -> str:
    """Return the page as a client shows it that prefers dark, or light.

    Media queries on `prefers-color-scheme` are answered, and a page that declares both schemes declares the one. A page
    that knows no dark stays as it is. Source: Media Queries Level 5, 11.5; CSS Color Adjustment Level 1, 2.
    """
    wanted = "dark" if dark else "light"

    def answered(css: str) -> str:
        css = _ASKED.sub(lambda found: _TRUE if (found[1] or wanted).lower() == wanted else _FALSE, css)
        return _DECLARED.sub(rf"\g<1>{wanted}", css)

    def tag(found: re.Match[str]) -> str:
        text = found[0]
        if _SCHEME_META.match(text):
            return _CONTENT.sub(lambda value: value[1] + _BOTH.sub(wanted, value[2]), text)
        for attribute in (_STYLE, _MEDIA):
            text = attribute.sub(lambda value: value[1] + answered(value[2]), text)
        return text

    page = _SHEET.sub(lambda found: found[1] + answered(found[2]) + found[3], page)
    return _TAG.sub(tag, page)


def without_images(page: str) -> str:
    """Return the page as a client shows it that loads no images: alternative texts, and no pictures behind anything."""

    def hidden(css: str) -> str:
        return _PICTURES.sub(lambda found: found[1] + found[2] + _URL.sub("none", found[3]), css)

    def tag(found: re.Match[str]) -> str:
        text = _SHOWN.sub("", found[0])
        return _STYLE.sub(lambda value: value[1] + hidden(value[2]), text)

    page = _SHEET.sub(lambda found: found[1] + hidden(found[2]) + found[3], page)
    return _TAG.sub(tag, page)
