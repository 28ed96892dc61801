"""Contacts that history has touched, kept until their memberships and stages have been brought up to it.

History leaves no work for the journey, since it triggers nothing. So whoever stores it leaves a note of whom it
touched, in the transaction that stores it: an import that is killed before its refresh is then known to lack one, and
somebody else makes up for it (audience.touched).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from lifecycle.intake.news import NOTHING, News
from lifecycle.store.tables import touched


@dataclass(frozen=True, slots=True)
class Touched:
    """Who was touched, and what is new about any of them; `notes` are the rows that say so."""

    notes: tuple[int, ...] = ()
    contact_ids: frozenset[int] = frozenset()
    told: News = NOTHING


def leave_touched(connection: Connection, contact_ids: Collection[int], told: News, now: datetime) -> int | None:
    """Leave a note of these contacts; return its row, None when there is nobody to note."""
    if not contact_ids:
        return None
    news = {"events": sorted(told.events), "kinds": sorted(told.kinds), "anything": told.anything}
    row = {"at": now, "contacts": sorted(contact_ids), "told": news}
    note: int = connection.execute(insert(touched).values(row).returning(touched.c.id)).scalar_one()
    return note


def load_touched(connection: Connection, only: Collection[int] | None = None) -> Touched:
    """Return what the notes say together: all of them, or `only` these rows."""
    query = select(touched.c.id, touched.c.contacts, touched.c.told).order_by(touched.c.id)
    if only is not None:
        query = query.where(touched.c.id.in_(sorted(only)))
    notes: list[int] = []
    contact_ids: set[int] = set()
    told = NOTHING
    for number, noted, news in connection.execute(query):
        notes.append(number)
        contact_ids.update(noted)
        told |= News(frozenset(news["events"]), frozenset(news["kinds"]), news["anything"])
    return Touched(tuple(notes), frozenset(contact_ids), told)


def forget_touched(connection: Connection, notes: Collection[int] | None = None) -> None:
    """Delete these notes, all when None: their contacts have been looked at."""
    query = delete(touched)
    connection.execute(query if notes is None else query.where(touched.c.id.in_(sorted(notes))))
