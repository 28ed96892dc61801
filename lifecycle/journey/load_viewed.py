"""The last products that contacts viewed, for those mails that show them: a few rows of each history, by its index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import Connection, func, select

from lifecycle.audience.state import ContactState
from lifecycle.intake.facts import VIEW_EVENT, EventFact
from lifecycle.intake.viewed import MOST, last_viewed
from lifecycle.store.among import IsOneOf
from lifecycle.store.tables import events

#: Views of a contact that are read at first: most shoppers have seen ten products in these.
FIRST = 40


def load_viewed(connection: Connection, states: dict[int, ContactState], contact_ids: Collection[int]) -> None:
    """Let the states of these contacts know the views that `last_viewed` finds in their whole histories."""
    found: defaultdict[int, list[EventFact]] = defaultdict(list)
    looking, after, until = sorted(contact_ids & states.keys()), 0, FIRST
    while looking:
        _read(connection, found, looking, after, until)
        # who looked at one product over and over is read on, further each time
        looking = [row for row in looking if len(found[row]) == until and len(last_viewed(found[row])) < MOST]
        after, until = until, until * 4
    for contact_id, seen in found.items():
        states[contact_id].recall(last_viewed(seen))


def _read(
    connection: Connection, found: dict[int, list[EventFact]], contact_ids: list[int], after: int, until: int
) -> None:
    """Add the views from number `after` to number `until` of each contact, counted from the newest."""
    newest_first = (events.c.at.desc(), events.c.id.desc())
    number = func.row_number().over(partition_by=events.c.contact_id, order_by=newest_first).label("number")
    ranked = (
        select(events.c.id, number)
        .where(IsOneOf(events.c.contact_id, contact_ids), events.c.name == VIEW_EVENT)
        .subquery("ranked")
    )
    query = (
        select(events)
        .join(ranked, ranked.c.id == events.c.id)
        .where(ranked.c.number > after, ranked.c.number <= until)
        .order_by(events.c.contact_id, *newest_first)
    )
    for row in connection.execute(query):
        event = EventFact(row.id, row.name, row.at, row.properties or {}, row.live, row.message_id)
        found[row.contact_id].append(event)
