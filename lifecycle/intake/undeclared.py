"""What came without being declared: stored all the same, and counted, so that a typing mistake in a shop is seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from lifecycle.intake.bulk import is_sqlite
from lifecycle.intake.payload import Incoming
from lifecycle.spec.model import Content, EventSchema
from lifecycle.store import tables

_UNDECLARED = tables.undeclared
#: Names that one batch may add, at most: a client that makes names up must not fill the table.
_MOST_NAMES = 200
#: Levels of properties that are looked at.
_DEPTH = 4


def count(events: Iterable[Incoming], content: Content) -> Counter[str]:
    """Return how often each undeclared event (by name) and property (event.path) came."""
    found: Counter[str] = Counter()
    declared = content.project.events
    flat = {name: frozenset(path for path in schema.properties if "." not in path) for name, schema in declared.items()}
    for event in events:
        schema = declared.get(event.name)
        if schema is None:
            found[event.name] += 1
            continue
        known = flat[event.name]
        if event.properties.keys() <= known and not any(isinstance(v, list | dict) for v in event.properties.values()):
            continue
        for path in set(_paths(event.properties, "", _DEPTH)):
            if not _is_declared(path, schema):
                found[f"{event.name}.{path}"] += 1
    return found


def record(connection: Connection, found: Mapping[str, int], now: datetime) -> None:
    """Add the counts to the table, in one order for everybody (no deadlock)."""
    if not found:
        return
    most = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:_MOST_NAMES]
    rows = [{"what": what[:500], "seen": seen, "first_at": now} for what, seen in sorted(most)]
    insert = sqlite.insert if is_sqlite(connection) else postgresql.insert
    statement: Any = insert(_UNDECLARED)
    added = _UNDECLARED.c.seen + statement.excluded.seen
    connection.execute(statement.on_conflict_do_update(index_elements=["what"], set_={"seen": added}), rows)


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
