"""Checks the segments that a template asks for: `{% if 'vip' in segments %}` is never true when none is called so."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes

from lifecycle.render import rules
from lifecycle.render.jinja_check import Reading
from lifecycle.spec.diagnostics import Diagnostic, did_you_mean
from lifecycle.spec.model import Content


def check_segment_names(content: Content, readings: list[Reading]) -> Iterator[Diagnostic]:
    """Yield the names that are looked for among the contact's segments and that no segment has."""
    for reading in readings:
        for asked in reading.each(nodes.Compare):
            if not any(map(_asks_for_segments, asked.ops)) or not isinstance(asked.expr, nodes.Const):
                continue
            name = str(asked.expr.value)
            # of a segment that does not read its own file speaks
            if name not in content.segments and f"segments/{name}.yaml" not in content.files:
                place = reading.at(asked.lineno, name)
                hint = did_you_mean(name, list(content.segments))
                yield rules.UndefinedVariable.at(place, f'there is no segment "{name}"', hint=hint)


def _asks_for_segments(operand: nodes.Operand) -> bool:
    named = isinstance(operand.expr, nodes.Name) and operand.expr.name == "segments"
    return named and operand.op in {"in", "notin"}
