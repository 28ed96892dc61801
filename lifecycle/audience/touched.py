"""Memberships and stages of those whom history has touched: brought up to it by whoever stored it, or by the next.

An import may be killed, or find the disk full, between what it stores and this. Its notes (intake.touched) are then
still there: the next import takes them with its own, and so does the scheduler, once nobody has left one for a while.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from lifecycle.audience.membership import Refreshed, refresh
from lifecycle.intake.touched import forget_touched, take_touched
from lifecycle.spec.model import Content
from lifecycle.store.tables import touched

#: Contacts that are asked about by name; past that, asking everybody is no slower.
MOST_NAMED = 10_000
#: How long nobody has left a note when whoever left the last is taken for dead: a batch takes a second or two.
SILENT = timedelta(minutes=2)


def refresh_touched(connection: Connection, content: Content, now: datetime, only: int | None = None) -> Refreshed:
    """Bring up whom the notes name, all of them or `only` one, and forget them; return what was written."""
    left = take_touched(connection, only, most=MOST_NAMED)
    if not left.notes:
        return Refreshed()
    done = refresh(connection, content, now, "import", left.contact_ids, left.told)
    forget_touched(connection, left.notes)
    return done


def is_left_alone(connection: Connection, now: datetime) -> bool:
    """Say whether there are notes that nobody will come back to."""
    newest = connection.execute(select(func.max(touched.c.at))).scalar()
    return newest is not None and newest <= now - SILENT
