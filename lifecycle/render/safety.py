"""What makes a value safe for the place it comes to stand in, beside HTML's own escaping."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Undefined
from jinja2.exceptions import SecurityError
from markupsafe import Markup

from lifecycle.render.links import UNTRACKED_SCHEMES, scheme_of

#: what a value in CSS may be made of: no quote, bracket, semicolon or backslash can leave the value it stands in
_CSS = re.compile(r"[\w #%.,:/?&=+~@-]*")
_SCHEMES = UNTRACKED_SCHEMES | {"", "http", "https"}
_TAGS = re.compile(r"<[^<>]*>")


def safety_filters() -> Mapping[str, Callable[..., Any]]:
    """Return the filters that the compiler puts around expressions, by the context they stand in."""
    return {"_css": css_value, "_url": url_value, "_attribute": attribute_value}


def css_value(value: Any) -> Any:
    """Return a value for CSS. Raises SecurityError when it could be more than one."""
    text = str(value)
    if not _CSS.fullmatch(text) or "url" in text.lower() or "expression" in text.lower():
        raise SecurityError(f'"{text[:40]}" is no value for CSS')
    return text


def url_value(value: Any) -> Any:
    """Return a value for an attribute that holds an address. Raises SecurityError for schemes that could run."""
    text = str(value)
    if scheme_of(text) not in _SCHEMES:
        raise SecurityError(f'"{text[:40]}" is no address for a mail')
    return text


def attribute_value(value: Any) -> Any:
    """Return a value for an attribute: text from a catalog without its markup."""
    if isinstance(value, Undefined):
        return str(value)
    return Markup(_TAGS.sub("", value).replace('"', "&quot;")) if isinstance(value, Markup) else value  # noqa: S704 - stays escaped
