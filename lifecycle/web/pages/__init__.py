"""The pages that contacts see: one look, in the brand's name and colours, in the contact's language and direction.

No script, no cookie, nothing from elsewhere; styles are allowed by their hash, so a page is always the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from lifecycle.engagement.targets import safe_target
from lifecycle.spec.model import Content
from lifecycle.web.pages.texts import LANGUAGE_NAMES, TEXTS

#: Languages written from right to left. Source: CLDR, characterOrder.
RIGHT_TO_LEFT = frozenset({"ar", "he", "fa", "ur"})
#: Colours by the names that the sample shop gives them; a brand's own of the same name takes their place.
COLOURS = {
    "ink": "#17181C", "muted": "#5C6068", "paper": "#FFFFFF", "sand": "#F3EFE8", "line": "#DDD6CA",
    "accent": "#1F5FBF", "on_accent": "#FFFFFF",
}  # fmt: skip
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_LANGUAGE = re.compile(r"\s*([a-zA-Z]{2,3})(?:-[\w-]+)?\s*(?:;\s*q=([0-9.]{1,5}))?\s*")


@dataclass(frozen=True, slots=True)
class Look:
    """Who the page is from and how it speaks."""

    language: str
    brand: str
    url: str | None
    postal_address: str
    style: str

    @property
    def direction(self) -> str:
        """Return `rtl` or `ltr`."""
        return "rtl" if self.language in RIGHT_TO_LEFT else "ltr"

    def text(self, key: str, **values: str) -> Markup:
        """Return the words of `key`, the values isolated from the direction around them and escaped."""
        words = TEXTS[self.language][key]
        shown = {name: Markup("<bdi>{}</bdi>").format(value) for name, value in values.items()}
        return Markup(str(escape(words)).format(brand=Markup("<bdi>{}</bdi>").format(self.brand), **shown))  # noqa: S704 - both sides are escaped


def look(content: Content | None, locales: Iterable[str | None]) -> Look:
    """Return the look in the first of `locales` that the pages speak, else in the project's default, else English."""
    project = None if content is None else content.project
    default = "en" if project is None else project.default_locale
    languages = [*(locale.split("-")[0].lower() for locale in locales if locale), default.split("-")[0], "en"]
    language = next(language for language in languages if language in TEXTS)
    if project is None:
        return Look(language, "", None, "", _style(()))
    colours = {
        name: colour for name, colour in project.brand.colours.items() if name in COLOURS and _COLOUR.fullmatch(colour)
    }
    return Look(
        language,
        project.brand.name.text(language, default),
        safe_target(project.brand.url),
        project.brand.postal_address.text(language, default),
        _style(tuple(sorted(colours.items()))),
    )


def accepted_languages(header: str) -> list[str]:
    """Return the languages of an Accept-Language header, best first. Source: RFC 9110 12.5.4."""
    found: list[tuple[float, str]] = []
    for part in header.split(",")[:10]:
        matched = _LANGUAGE.fullmatch(part)
        if matched is None:
            continue
        try:
            weight = float(matched[2] or 1)
        except ValueError:
            continue
        found.append((-weight, matched[1].lower()))
    return [language for _, language in sorted(found, key=lambda pair: pair[0])]


def language_names(locales: Iterable[str]) -> dict[str, str]:
    """Return each locale with the name that its speakers give it, else its code."""
    return {locale: LANGUAGE_NAMES.get(locale.split("-")[0], locale) for locale in locales}


def masked(email: str | None) -> str:
    """Return an address that its owner knows again and nobody else learns: `s•••@example.com`."""
    name, at, domain = (email or "").rpartition("@")
    return f"{name[:1]}•••{at}{domain}" if at else "•••"


def page(
    name: str, look: Look, *, status: int = 200, headers: dict[str, str] | None = None, **scope: Any
) -> HTMLResponse:
    """Render `NAME.html` of this folder. Every page forbids storing, referrers, framing and scripts."""
    body = _environment().get_template(f"{name}.html").render(look=look, t=look.text, **scope)
    digest = base64.b64encode(hashlib.sha256(look.style.encode()).digest()).decode()
    return HTMLResponse(
        body,
        status,
        {
            "Content-Security-Policy": (
                f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
                "base-uri 'none'; frame-ancestors 'none'"
            ),
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Robots-Tag": "noindex, nofollow",
            "Content-Language": look.language,
            **(headers or {}),
        },
    )


def fragment(name: str, **scope: Any) -> Markup:
    """Render `NAME.html` as a piece of another page."""
    return Markup(_environment().get_template(f"{name}.html").render(**scope))  # noqa: S704 - the template escapes


def notice(
    what: str, look: Look, *, status: int = 200, key: str = "text", headers: dict[str, str] | None = None, **values: str
) -> HTMLResponse:
    """Render a page that says one thing: the texts `WHAT.title` and `WHAT.KEY`."""
    return page(
        "notice", look, status=status, headers=headers,
        title=look.text(f"{what}.title", **values), text=look.text(f"{what}.{key}", **values),
    )  # fmt: skip


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("lifecycle.web", "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


@lru_cache(maxsize=64)
def _style(colours: tuple[tuple[str, str], ...]) -> str:
    merged = COLOURS | dict(colours)
    variables = "".join(f"--{name.replace('_', '-')}:{colour};" for name, colour in merged.items())
    sheet = _environment().get_template("style.css").render()
    return f":root{{{variables}}}\n{sheet}"
