"""Whether one event passes a `where`, and what stands at a path of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lifecycle.audience.values import at_path, passes
from lifecycle.intake.facts import EventFact
from lifecycle.spec.conditions import PropertyTest


def property_at(event: EventFact, path: Sequence[str]) -> Any:
    """Return what stands at `path` in the event's properties, else None; a leading `properties` is ours."""
    return at_path(event.properties, path[1:] if path and path[0] == "properties" else path)


def matches(where: Sequence[PropertyTest], event: EventFact) -> bool:
    """Say whether every test of `where` holds of the event."""
    return all(passes(test, property_at(event, entry.path), event.at) for entry in where for test in entry.tests)
