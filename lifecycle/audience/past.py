"""Facts as they were at a moment in the past, in a temporary table with the columns of `facts`.

Orders and the cart are folded again from the events up to that moment, and views counted again, for the contacts that
have newer ones; the rest is copied. Facts that are not folded from events (points, NPS, referrals) are as they are now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Column, Connection, FromClause, MetaData, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.schema import CreateTable

from lifecycle.intake import views
from lifecycle.intake.facts import FACT_EVENTS, FOLDED, EventFact, FactSheet, fold
from lifecycle.store.engine import Store
from lifecycle.store.tables import events, facts

_past = Table(
    "audience_facts",
    MetaData(),
    *(Column(column.name, column.type, primary_key=column.primary_key) for column in facts.columns),
    prefixes=["TEMPORARY"],
)
_BATCH = 5_000


@contextmanager
def moment(store: Store) -> Iterator[Connection]:
    """Yield a connection that sees one snapshot and may have temporary tables; nothing else is to be written."""
    if store.is_sqlite:
        with store.read() as connection:
            yield connection
        return
    # a read-only transaction of PostgreSQL creates no table, not even a temporary one
    with store.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        yield connection
        connection.rollback()


def facts_at(connection: Connection, at: datetime) -> FromClause:
    """Return a table of the facts as they were at `at`: `facts` itself when nothing newer was folded in.

    The temporary table is gone with the transaction (PostgreSQL) or filled anew by the next call (SQLite).
    """
    newest = connection.execute(select(func.max(facts.c.folded_at), func.max(facts.c.views_last_at))).one()
    if all(moment is None or moment <= at for moment in newest):
        return facts
    connection.execute(CreateTable(_past, if_not_exists=True))
    connection.execute(delete(_past))
    names = [column.name for column in facts.columns]
    connection.execute(insert(_past).from_select(names, select(facts)))
    unknown: dict[str, Any] = dict.fromkeys(FOLDED) | {"orders_count": 0, "cart": None, "folded_at": None}
    connection.execute(update(_past).where(_past.c.folded_at > at).values(unknown))
    _fold_again(connection, at)
    unseen = dict(zip(views.COLUMNS, views.Views(), strict=True))
    connection.execute(update(_past).where(_past.c.views_last_at > at).values(unseen))
    _count_again(connection, at)
    return _past


def _fold_again(connection: Connection, at: datetime) -> None:
    newer = select(facts.c.contact_id).where(facts.c.folded_at > at)
    history = (
        select(events.c.contact_id, events.c.id, events.c.name, events.c.at, events.c.properties, events.c.message_id)
        .where(events.c.name.in_(sorted(FACT_EVENTS)), events.c.at <= at, events.c.contact_id.in_(newer))
        .order_by(events.c.contact_id, events.c.at, events.c.id)
    )
    rows: list[dict[str, Any]] = []
    found = connection.execute(history, execution_options={"yield_per": _BATCH})
    for contact_id, theirs in groupby(found, key=attrgetter("contact_id")):
        sheet = FactSheet()
        for row in theirs:
            fold(sheet, EventFact(row.id, row.name, row.at, row.properties or {}, message_id=row.message_id))
        rows.append({"contact": contact_id, **{column: sheet.value(name) for column, name in FOLDED.items()}})
        if len(rows) >= _BATCH:
            _write(connection, FOLDED, rows)
    _write(connection, FOLDED, rows)


def _count_again(connection: Connection, at: datetime) -> None:
    newer = events.c.contact_id.in_(select(facts.c.contact_id).where(facts.c.views_last_at > at))
    rows: list[dict[str, Any]] = []
    for contact_id, seen in views.each_counted(connection, newer, events.c.at <= at):
        rows.append({"contact": contact_id, **dict(zip(views.COLUMNS, seen, strict=True))})
        if len(rows) >= _BATCH:
            _write(connection, views.COLUMNS, rows)
    _write(connection, views.COLUMNS, rows)


def _write(connection: Connection, columns: Iterable[str], rows: list[dict[str, Any]]) -> None:
    """Write the rows into the table and empty the list."""
    if rows:
        values: dict[str, Any] = {column: bindparam(column) for column in columns}
        connection.execute(update(_past).where(_past.c.contact_id == bindparam("contact")).values(values), rows)
        rows.clear()
