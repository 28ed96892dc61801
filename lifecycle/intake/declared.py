"""What an event has that lifecycle.yaml does not declare: a typing mistake in a shop, or a property to come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lifecycle.spec.model import Content, EventSchema

#: Levels of properties that are looked at.
_DEPTH = 4


class Declared:
    """The events of some content, to hold what comes against."""

    def __init__(self, content: Content | None) -> None:
        """Without content nothing is undeclared."""
        self._content = content
        self._events = content.project.events if content is not None else {}
        self._flat = {
            name: frozenset(path for path in schema.properties if "." not in path)
            for name, schema in self._events.items()
        }

    def lacks(self, event: str, properties: Mapping[str, Any]) -> tuple[str, ...]:
        """Return what of the event is undeclared: its name, or else properties, as event.path."""
        if self._content is None or not event:
            return ()
        schema = self._events.get(event)
        if schema is None:
            return (event,)
        flat = not any(isinstance(value, list | dict) for value in properties.values())
        if flat and properties.keys() <= self._flat[event]:
            return ()
        paths = sorted(set(_paths(properties, "", _DEPTH)))
        return tuple(f"{event}.{path}" for path in paths if not _is_declared(path, schema))


def _paths(value: Any, path: str, depth: int) -> Iterable[str]:
    """Yield the dotted path of each leaf; `[]` marks a list."""
    if isinstance(value, Mapping) and value and depth:
        for key, inner in value.items():
            yield from _paths(inner, f"{path}.{key}" if path else str(key), depth - 1)
    elif isinstance(value, list) and value and depth and isinstance(value[0], Mapping):
        for inner in value[:50]:
            yield from _paths(inner, f"{path}[]", depth - 1)
    else:
        yield path


def _is_declared(path: str, schema: EventSchema) -> bool:
    """Say whether the path is declared, or lies below one declared as an object or a list of anything."""
    if path in schema.properties or f"{path}[]" in schema.properties:
        return True
    if any(known.startswith((f"{path}.", f"{path}[].")) for known in schema.properties):
        return True  # an empty list or object where more is declared
    parts = path.replace("[]", ".[]").split(".")
    for end in range(1, len(parts)):
        above = ".".join(parts[:end]).replace(".[]", "[]")
        if schema.properties.get(above) in {"object", "list"} and not any(
            known.startswith((f"{above}.", f"{above}[].")) for known in schema.properties
        ):
            return True
    return False
