"""What came without being declared: stored all the same, and counted, so that a typing mistake in a shop is seen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from lifecycle.intake.bulk import is_sqlite
from lifecycle.store import tables

_UNDECLARED = tables.undeclared
#: Names that one batch may add, at most: a client that makes names up must not fill the table.
_MOST_NAMES = 200


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
