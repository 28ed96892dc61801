"""Holds what a template reads of the items of a list against what the events that bring them declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jinja2 import nodes

from lifecycle.intake.facts import ORDER_EVENTS
from lifecycle.render import rules
from lifecycle.render.jinja_check import Known, Reading, heads
from lifecycle.render.needs import path_of
from lifecycle.render.recommended import SHOWN
from lifecycle.render.scope import CART_EVENTS, VIEWED
from lifecycle.spec.diagnostics import Diagnostic, did_you_mean
from lifecycle.spec.model import Content, EventTrigger

#: what every line of a cart or an order has, whatever was declared
_LINE = frozenset({"price", "quantity"})


def check_loops(content: Content, readings: list[Reading], known: Known) -> Iterator[Diagnostic]:
    """Yield names below a loop's variable that no item of the list has. What nothing declares is not checked."""
    for reading in readings:
        for loop in reading.each(nodes.For):
            path = path_of(loop.iter)
            if path is None or not isinstance(loop.target, nodes.Name):
                continue
            names = _items(path, content, known)
            if not names:
                continue
            for read in (read for part in loop.body for read in part.find_all(nodes.Getattr)):
                if isinstance(read.node, nodes.Name) and read.node.name == loop.target.name and read.attr not in names:
                    message = f'no item of {".".join(path)} has "{read.attr}"'
                    place = reading.at(read.lineno, read.attr, loop.target.name)
                    yield rules.UndefinedVariable.at(place, message, hint=did_you_mean(read.attr, sorted(names)))


def _items(path: tuple[str, ...], content: Content, known: Known) -> frozenset[str]:
    """Return what the items of a list have; nothing when that is not declared."""
    match path:
        case ("event", "properties", name):
            triggers = [campaign.trigger for campaign in known.campaigns]
            events = [event for trigger in triggers if isinstance(trigger, EventTrigger) for event in trigger.events]
            return _declared(content, dict.fromkeys(events), name, everywhere=True)
        case ("views",):
            return VIEWED
        case ("recommendations", _):
            return SHOWN
        case ("order", "lines"):
            lines = _declared(content, dict.fromkeys(sorted(ORDER_EVENTS)), "products", everywhere=False)
            return lines | _LINE if lines else lines
        case ("cart", "lines"):
            lines = _declared(content, dict.fromkeys(sorted(CART_EVENTS)), "products", everywhere=False)
            added = content.project.events.get("Product Added")
            single = frozenset(added.properties) if added is not None else frozenset()
            return lines | single | _LINE if lines or single else lines
        case _:
            return frozenset()


def _declared(content: Content, events: Mapping[str, None], name: str, *, everywhere: bool) -> frozenset[str]:
    """Return what the events declare of the items of the list `name`; nothing if one of them may bring others.

    `everywhere`: each of the events must declare it; else those that are declared speak for all.
    """
    found: set[str] = set()
    for event in events:
        schema = content.project.events.get(event)
        paths = schema.properties if schema is not None else {}
        below = [path.removeprefix(f"{name}[].") for path in paths if path.startswith(f"{name}[].")]
        if everywhere and not below:
            return frozenset()
        found |= heads(below)
    return frozenset(found)
