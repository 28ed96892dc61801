"""Finds the line of a template that failed for a recipient. Slow, and only used once something has failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lifecycle.render.sandbox import Budget

if TYPE_CHECKING:
    from lifecycle.render.compile import Compiled

_NAME = "blame"


def blame(compiled: Compiled, variables: Mapping[str, Any]) -> str:
    """Return file:line of the first expression that fails, else the template's file.

    The template is rendered once more as it was written, so that Jinja's line numbers are those of its text.
    """
    source = compiled.source
    for name, field in source.front.fields.items():
        text = field.text(compiled.locale, compiled.locale)
        if name != "plain" and _failing_line(compiled, text, variables) is not None:
            return f"{field.place.path}:{field.place.line}"
    preamble = "".join(source.preamble)
    line = _failing_line(compiled, preamble + source.body.text, variables)
    if line is None:
        return source.path
    lines = source.body.text.splitlines(keepends=True)
    above = max(line - preamble.count("\n") - 1, 0)
    place = source.body.place(sum(len(text) for text in lines[:above]))
    return f"{place.path}:{place.line}"


def _failing_line(compiled: Compiled, text: str, variables: Mapping[str, Any]) -> int | None:
    built = compiled.sandboxes[0].build(text, _NAME, {**compiled.constants, "t": compiled.texts[0].t})
    try:
        for _ in built.root_render_func(built.new_context({**variables, "_budget": Budget()})):
            pass
    except Exception as error:  # noqa: BLE001 - whatever it was, its line is wanted
        trace, found = error.__traceback__, None
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == _NAME:
                found = built.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return found
    return None
