"""What is known when a template is compiled: brand, locale, texts without arguments, and variables made of those."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jinja2.exceptions import TemplateError
from markupsafe import Markup, escape

from lifecycle.base.errors import RenderError
from lifecycle.render.localise import isolated
from lifecycle.render.mask import Context
from lifecycle.render.sandbox import MAX_TEXT, Sandbox

_SET = re.compile(r"set\s+([A-Za-z]\w*)\s*=\s*(.+)", re.DOTALL)
_NAMES = re.compile(r"[A-Za-z]\w*")
_TAGS = re.compile(r"<[^<>]*>")


class Constants:
    """Folds expressions as the template is read, from top to bottom. One for each template and locale."""

    def __init__(self, sandbox: Sandbox, values: Mapping[str, Any], *, isolate: bool) -> None:
        self._sandbox = sandbox
        self._values = dict(values)
        self._isolate = isolate
        self._depth = 0

    def fold(self, expression: str, context: Context) -> str | None:
        """Return the HTML of an expression that is the same for everybody, None for one that is not."""
        value = self._value(expression)
        if (
            value is None
            or (not isinstance(value, str | int | float))
            or isinstance(value, bool)
            or len(str(value)) > MAX_TEXT
        ):
            return None
        if context == "css":
            return str(value)
        if context == "attribute":
            plain = _TAGS.sub("", str(value)) if isinstance(value, Markup) else str(escape(value))
            return _quiet(plain.replace('"', "&quot;"))
        shown = isolated(value) if self._isolate and isinstance(value, str) else value
        return _quiet(str(escape(shown)))

    def statement(self, keyword: str, body: str) -> bool:
        """Learn from a statement; say whether it set a variable to what is known.

        What is set inside a block is known to nobody outside of it.
        """
        self._depth += {"if": 1, "for": 1, "with": 1, "endif": -1, "endfor": -1, "endwith": -1}.get(keyword, 0)
        if keyword == "set":
            found = _SET.fullmatch(body)
            value = self._value(found[2]) if found and not self._depth else None
            target = body.removeprefix("set").partition("=")[0]
            for name in _NAMES.findall(target):
                self._values.pop(name, None)
            if found and value is not None:
                self._values[found[1]] = value
                return True
        elif keyword in {"for", "with"}:
            target = body.removeprefix(keyword).partition(" in ")[0] if keyword == "for" else body
            for name in _NAMES.findall(target):
                if name not in {"brand", "t"}:
                    self._values.pop(name, None)
        return False

    def _value(self, expression: str) -> Any:
        names, compute = self._sandbox.expression(expression)
        if compute is None or not names <= self._values.keys():
            return None
        try:
            value = compute(**self._values)
        except (TemplateError, RenderError, ArithmeticError, TypeError, ValueError):
            return None  # said again, with its place, by `check` and by the render
        return value


def _quiet(text: str) -> str:
    """Return text that is not taken for Jinja or for a token of ours."""
    return text.replace("{{", "&#123;{").replace("{%", "&#123;%").replace("{#", "&#123;#")
