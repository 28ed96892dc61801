"""Renders a compiled template for one recipient: four Jinja templates, the mail's HTML being one call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Template
from jinja2.exceptions import SecurityError, TemplateError

from lifecycle.base.errors import RenderError
from lifecycle.render.compile import Compiled
from lifecycle.render.links import Register
from lifecycle.render.sandbox import MAX_OUTPUT, Budget

#: what a header or a preheader may not hold. Source: RFC 5322 2.2, and the separators that Python's email splits at
_BREAKS = re.compile(r"[\r\n\v\f\x00\x1c-\x1e\x85\u2028\u2029]")
_BLANKS = re.compile(r"[ \t\u00a0]+")
_LINES = re.compile(r"\n{3,}")
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
    register = Register(addresses.click_url, compiled.base, _utm(compiled, scope), _own(addresses))
    variables = {
        **scope, "_budget": Budget(), "_link": register.link, "_click": addresses.click_url, "_open": addresses.open_url,
    }  # fmt: skip
    try:
        subject = _line(_run(compiled.subject, variables), "subject")
        preheader = _line(_run(compiled.preheader, variables), "preheader")
        variables["_subject"], variables["_preheader"] = subject, preheader
        html = _run(compiled.html, variables)
        text = _tidy(_run(compiled.text, variables))
    except RenderError as error:
        raise RenderError(error.message, where=error.where or _where(compiled, variables)) from None
    except (
        TemplateError,
        ArithmeticError,
        TypeError,
        ValueError,
        LookupError,
        AttributeError,
        RecursionError,
        MemoryError,
    ) as error:
        raise RenderError(_said(error), where=_where(compiled, variables)) from error
    if not subject:
        raise RenderError("the subject is empty", where=compiled.source.path)
    return Rendered(subject, preheader, html, text, register.targets)


def _run(template: Template, variables: Mapping[str, Any]) -> str:
    parts: list[str] = []
    length = 0
    for part in template.root_render_func(template.new_context(dict(variables))):
        parts.append(part)
        length += len(part)
        if length > MAX_OUTPUT:
            raise SecurityError(f"the mail is longer than {MAX_OUTPUT} characters")
    return "".join(parts)


def _line(text: str, name: str) -> str:
    stripped = text.strip()
    if _BREAKS.search(stripped):
        raise RenderError(f"the {name} holds a line break")
    if len(stripped) > MAX_SUBJECT:
        raise RenderError(f"the {name} is longer than {MAX_SUBJECT} characters")
    return stripped


def _tidy(text: str) -> str:
    lines = [_BLANKS.sub(" ", line).strip() for line in text.replace("\r\n", "\n").split("\n")]
    return _LINES.sub("\n\n", "\n".join(lines)).strip() + "\n"


def _utm(compiled: Compiled, scope: Mapping[str, Any]) -> Mapping[str, str]:
    if not compiled.utm or "utm_campaign" in compiled.utm:
        return compiled.utm
    campaign = scope.get("campaign")
    name = campaign.get("id") if isinstance(campaign, Mapping) else None
    return {**compiled.utm, "utm_campaign": str(name)} if name else compiled.utm


def _own(addresses: Addresses) -> tuple[str, ...]:
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


def _where(compiled: Compiled, variables: Mapping[str, Any]) -> str:
    """Return file:line of what went wrong, by rendering the template as it was written; "" when that works."""
    from lifecycle.render.blame import blame

    return blame(compiled, variables)
