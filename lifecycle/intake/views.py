"""The facts about views, kept beside the fold of orders and carts.

Views are most of all events, and their facts ask for no order of arrival: the count adds up, and of two views the one
later in time is the last. So a batch is added to what is stored without reading it, and late events fold nothing again.
The list of products that mails show is read from the events when a mail asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, select

from lifecycle.intake.bulk import upserting
from lifecycle.intake.facts import VIEW_EVENT
from lifecycle.intake.properties import category, product_id
from lifecycle.store import tables

_EVENTS, _FACTS = tables.events, tables.facts
#: The columns of `facts` that are kept here.
COLUMNS = ("views_count", "views_last_at", "views_last_event", "views_last_product", "views_last_category")
_NEWER = (
    "facts.views_last_at IS NULL"
    " OR (excluded.views_last_at, excluded.views_last_event) > (facts.views_last_at, facts.views_last_event)"
)
_REPLACED = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS)
_ADDED = "views_count = facts.views_count + excluded.views_count, " + ", ".join(
    f"{name} = CASE WHEN {_NEWER} THEN excluded.{name} ELSE facts.{name} END" for name in COLUMNS[1:]
)


class Views(NamedTuple):
    """How often a contact looked, and the newest view, as the columns of `facts` have them."""

    number: int = 0
    last_at: datetime | None = None
    last_event: int | None = None
    last_product: str | None = None
    last_category: str | None = None


class Viewed(NamedTuple):
    """A view that was stored: whose, when, and the row of its event."""

    contact: int
    at: datetime
    event: int
    properties: Mapping[str, Any]


def adding(connection: Connection, new: Iterable[Viewed]) -> Callable[[], Any]:
    """Make new views ready to be added to the facts of their contacts (by row id, locked by the caller).

    Returns what adds them, once their events are stored; until then `connection` is not used.
    """
    numbers: dict[int, int] = {}
    newest: dict[int, Viewed] = {}
    for view in new:
        contact = view.contact
        numbers[contact] = numbers.get(contact, 0) + 1
        last = newest.get(contact)
        if last is None or view[1:3] > last[1:3]:
            newest[contact] = view
    # plain tuples: this is on the way of every view that is imported
    rows = [
        (contact, 0, numbers[contact], at, event, product_id(properties), category(properties))
        for contact, at, event, properties in (newest[contact] for contact in sorted(newest))
    ]
    return _storing(connection, rows, _ADDED)


def count_again(connection: Connection, contact_ids: Collection[int]) -> None:
    """Count the views of these contacts from their events, replacing what is stored."""
    if contact_ids:
        put(connection, dict.fromkeys(contact_ids, Views()) | counted(connection, contact_ids))


def put(connection: Connection, found: Mapping[int, Views]) -> None:
    """Store these in place of what is stored."""
    _storing(connection, [(contact, 0, *found[contact]) for contact in sorted(found)], _REPLACED)()


def _storing(connection: Connection, rows: Sequence[tuple[Any, ...]], action: str) -> Callable[[], Any]:
    return upserting(connection, _FACTS, ("contact_id",), ("orders_count", *COLUMNS), rows, action=action)


def counted(connection: Connection, contact_ids: Collection[int]) -> dict[int, Views]:
    """Return the views of those of these contacts that have any, from their events."""
    return dict(each_counted(connection, _EVENTS.c.contact_id.in_(sorted(contact_ids))))


def each_counted(connection: Connection, *which: ColumnElement[bool]) -> Iterator[tuple[int, Views]]:
    """Yield the views that these conditions on `events` leave, by contact."""
    table = _EVENTS
    seen = (
        select(table.c.contact_id, func.count().label("number"), func.max(table.c.at).label("at"))
        .where(table.c.name == VIEW_EVENT, *which)
        .group_by(table.c.contact_id)
        .subquery("seen")
    )
    newest = and_(table.c.contact_id == seen.c.contact_id, table.c.name == VIEW_EVENT, table.c.at == seen.c.at)
    query = select(table.c.contact_id, table.c.id, table.c.at, table.c.properties, seen.c.number).join(seen, newest)
    rows = connection.execute(
        query.order_by(table.c.contact_id, table.c.id.desc()), execution_options={"yield_per": 5_000}
    )
    before = None
    for row in rows:
        if row.contact_id != before:  # of several at one instant, the one that came last
            before = row.contact_id
            said = row.properties or {}
            yield row.contact_id, Views(row.number, row.at, row.id, product_id(said), category(said))
