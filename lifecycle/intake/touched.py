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
    """Who was touched, None where they are too many to name, and what is new about any of them.

    `notes` are the rows that say so.
    """

    notes: tuple[int, ...]
    contact_ids: frozenset[int] | None
    told: News


def leave_touched(connection: Connection, contact_ids: Collection[int], told: News, now: datetime) -> int | None:
    """Leave a note of these contacts; return its row, None when there is nobody to note."""
    if not contact_ids:
        return None
    news = {"events": sorted(told.events), "kinds": sorted(told.kinds), "anything": told.anything}
    row = {"at": now, "contacts": sorted(contact_ids), "told": news}
    note: int = connection.execute(insert(touched).values(row).returning(touched.c.id)).scalar_one()
    return note


def take_touched(connection: Connection, only: int | None = None, *, most: int) -> Touched:
    """Return what the notes say together: all of them, or `only` one. Names at most so many contacts.

    What somebody else has taken and is about to forget is left to them.
    """
    query = select(touched.c.id, touched.c.contacts, touched.c.told).order_by(touched.c.id)
    if only is not None:
        query = query.where(touched.c.id == only)
    notes: list[int] = []
    named: set[int] = set()
    told = NOTHING
    for number, contact_ids, news in connection.execute(query.with_for_update(skip_locked=True)):
        notes.append(number)
        if len(named) <= most:
            named.update(contact_ids)
        told |= News(frozenset(news["events"]), frozenset(news["kinds"]), news["anything"])
    return Touched(tuple(notes), frozenset(named) if len(named) <= most else None, told)


def forget_touched(connection: Connection, notes: Collection[int] | None = None) -> None:
    """Delete these notes, all when None: their contacts have been looked at.

    Of all, those that somebody else has taken stay: who holds them waits for the contacts that are held here.
    """
    gone = select(touched.c.id).with_for_update(skip_locked=True) if notes is None else sorted(notes)
    connection.execute(delete(touched).where(touched.c.id.in_(gone)))
