"""Words left for the journey: something about a contact has changed, decide again."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

from lifecycle.intake import bulk
from lifecycle.intake.news import Kind
from lifecycle.store.columns import dumps
from lifecycle.store.tables import inbox

_SQLITE = text("INSERT INTO inbox (contact_id, what) SELECT value, :what FROM json_each(:rows)")


def leave_word(connection: Connection, contact_ids: Iterable[int], what: Kind | None) -> None:
    """Leave an inbox row for each contact; `what` has changed (intake.news), None for anything.

    On SQLite in one step of the database: each gives the interpreter's lock away, and waits to get it back.
    """
    wanted = sorted(set(contact_ids))
    if not wanted:
        return
    if bulk.is_sqlite(connection):
        connection.execute(_SQLITE, {"rows": dumps(wanted), "what": what})
    else:
        bulk.insert(connection, inbox, ("contact_id", "what"), [(contact_id, what) for contact_id in wanted])
