"""Renders a compiled template for one recipient: four Jinja templates, the mail's HTML being one call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Template
from jinja2.exceptions import SecurityError, TemplateError

from lifecycle.base.errors import RenderError
from lifecycle.render.blame import blame
from lifecycle.render.compile import PART, Compiled
from lifecycle.render.links import Register
from lifecycle.render.sandbox import MAX_OUTPUT, Budget

#: what a header or a preheader may not hold. Source: RFC 5322 2.2, and the separators that Python's email splits at
_BREAKS = re.compile(r"[\r\n\v\f\x00\x1c-\x1e\x85\u2028\u2029]")
_UNTIDY = (("  ", " "), (" \n", "\n"), ("\n ", "\n"), ("\n\n\n", "\n\n"))
_FAILURES = (
    TemplateError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError, RecursionError, MemoryError,
)  # fmt: skip
MAX_SUBJECT = 500


@dataclass(frozen=True, slots=True)
class Addresses:
    """The recipient's own URLs. `click_url` and `survey_url` are prefixes: /NUMBER and ?score=N are added."""

    open_url: str = ""
    click_url: str = ""
    unsubscribe_url: str = ""
    preferences_url: str = ""
    view_url: str = ""
    survey_url: str = ""
    confirm_url: str = ""


@dataclass(frozen=True, slots=True)
class Rendered:
    """One mail. `links` are the targets of the recipient's own tracked links, by number."""

    subject: str
    preheader: str
    html: str
    text: str
    links: Mapping[str, str]


def render(compiled: Compiled, scope: Mapping[str, Any], addresses: Addresses) -> Rendered:
    """Return the mail for one recipient. Raises RenderError, with the template's line where it can be told."""
    register = Register(addresses.click_url, compiled.base, _utm(compiled, scope), own_urls(addresses))
    variables = {
        **compiled.constants, **scope, "_budget": Budget(), "_link": register.link, "_click": addresses.click_url,
        "_open": addresses.open_url,
    }  # fmt: skip
    try:
        lines = _run(compiled.lines, {**variables, "t": compiled.texts[1].t})
        subject, preheader, text = _parted(lines)
        html = _run(
            compiled.html, {**variables, "t": compiled.texts[0].t, "_subject": subject, "_preheader": preheader}
        )
    except RenderError as error:
        raise RenderError(error.message, where=error.where or blame(compiled, variables)) from None
    except _FAILURES as error:
        raise RenderError(_said(error), where=blame(compiled, variables)) from error
    return Rendered(subject, preheader, html, text, register.targets)


def _run(template: Template, variables: dict[str, Any]) -> str:
    parts = list(template.root_render_func(template.new_context(variables, shared=True)))
    # parts are shared until they are joined, so that a huge mail is known before it takes its room
    if sum(map(len, parts)) > MAX_OUTPUT:
        raise SecurityError(f"the mail is longer than {MAX_OUTPUT} characters")
    return "".join(parts)


def _parted(lines: str) -> tuple[str, str, str]:
    """Return subject, preheader and text, which one call renders."""
    parts = lines.split(PART)
    if len(parts) != 3:
        raise RenderError("a value holds a character that no text has")
    subject = _line(parts[0], "subject")
    if not subject:
        raise RenderError("the subject is empty")
    return subject, _line(parts[1], "preheader"), _tidy(parts[2])


def _line(text: str, name: str) -> str:
    stripped = text.strip()
    if _BREAKS.search(stripped):
        raise RenderError(f"the {name} holds a line break")
    if len(stripped) > MAX_SUBJECT:
        raise RenderError(f"the {name} is longer than {MAX_SUBJECT} characters")
    return stripped


def _tidy(text: str) -> str:
    """Return text without blanks at the ends of lines and without two empty lines in a row.

    The literal text is tidy from compiling; what conditions leave behind is little, and `replace` beats `re` on that.
    """
    for untidy, tidy in _UNTIDY:
        while untidy in text:
            text = text.replace(untidy, tidy)
    return text.strip() + "\n"


def _utm(compiled: Compiled, scope: Mapping[str, Any]) -> Mapping[str, str]:
    if not compiled.utm or "utm_campaign" in compiled.utm:
        return compiled.utm
    campaign = scope.get("campaign")
    name = campaign.get("id") if isinstance(campaign, Mapping) else None
    return {**compiled.utm, "utm_campaign": str(name)} if name else compiled.utm


def own_urls(addresses: Addresses) -> tuple[str, ...]:
    """Return the recipient's own pages, which are never tracked."""
    urls = (
        addresses.unsubscribe_url,
        addresses.preferences_url,
        addresses.view_url,
        addresses.survey_url,
        addresses.confirm_url,
    )
    return tuple(url for url in urls if url)


def _said(error: BaseException) -> str:
    if isinstance(error, RecursionError | MemoryError):
        return "the template needs more room than a mail has"
    return str(getattr(error, "message", None) or error) or type(error).__name__
