"""Everybody's facts again from the events: compared with what is stored, and put right where they differ.

Each batch of contacts is a transaction of its own that writes only what differs, so a rebuild can be stopped at any
moment and begun again, while events come in. Where all is well nothing is written.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, select

from lifecycle.intake import rollup, views
from lifecycle.intake.bulk import look_up
from lifecycle.intake.facts import FactSheet
from lifecycle.intake.views import Views
from lifecycle.store import tables
from lifecycle.store.engine import Store

#: Contacts that are folded in one transaction.
BATCH = 2_000
_CONTACTS = tables.contacts
#: the events of the erased are empty: their sums stay as they were
_FOLDABLE = _CONTACTS.c.erased_at.is_(None)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many contacts were folded again, and the facts of how many of them differed from what was stored."""

    contacts: int
    differed: int


def count_contacts(store: Store) -> int:
    """Return how many contacts a rebuild folds."""
    with store.read() as connection:
        return connection.execute(select(func.count()).select_from(_CONTACTS).where(_FOLDABLE)).scalar_one()


def rebuild(store: Store, *, on_progress: Callable[[int], Any] = lambda _contacts: None) -> Rebuilt:
    """Fold everybody's facts again and store those that differ. `on_progress` takes the contacts since last time."""
    return _go_through(store, on_progress, write=True)


def compare(store: Store, *, on_progress: Callable[[int], Any] = lambda _contacts: None) -> Rebuilt:
    """Fold everybody's facts again and only count those that differ from what is stored; nothing is written."""
    return _go_through(store, on_progress, write=False)


def _go_through(store: Store, on_progress: Callable[[int], Any], *, write: bool) -> Rebuilt:
    last, contacts, differed = 0, 0, 0
    while True:
        with store.write() if write else store.read() as connection:
            ids = _batch(connection, last, lock=write)
            if not ids:
                return Rebuilt(contacts, differed)
            sheets = dict(_differing_sheets(connection, ids))
            seen = _differing_views(connection, ids)
            if write:
                rollup.replace(connection, sheets)
                views.put(connection, seen)
        last, contacts, differed = ids[-1], contacts + len(ids), differed + len(sheets.keys() | seen.keys())
        on_progress(len(ids))


def _batch(connection: Connection, last: int, *, lock: bool) -> Sequence[int]:
    query = select(_CONTACTS.c.id).where(_CONTACTS.c.id > last, _FOLDABLE).order_by(_CONTACTS.c.id).limit(BATCH)
    return connection.execute(query.with_for_update() if lock else query).scalars().all()


def _differing_sheets(connection: Connection, ids: Sequence[int]) -> Iterator[tuple[int, FactSheet]]:
    """Yield the facts about orders and carts that are not as they are stored."""
    keys = [(contact,) for contact in ids]
    columns = ("contact_id", *rollup.SHEET_COLUMNS)
    facts = {row[0]: row[1:] for row in look_up(connection, tables.facts, columns, ("contact_id",), keys)}
    orders: defaultdict[int, set[Any]] = defaultdict(set)
    of_order = ("contact_id", "order_id", *rollup.ORDER_COLUMNS)
    for row in look_up(connection, tables.orders, of_order, ("contact_id",), keys):
        orders[row[0]].add(tuple(row[1:]))
    nothing = _plain(rollup.sheet_row(FactSheet()))
    for contact, sheet in rollup.folded(connection, ids).items():
        same = _plain(facts.get(contact, nothing)) == _plain(rollup.sheet_row(sheet))
        if not same or orders[contact] != set(rollup.order_rows(sheet)):
            yield contact, sheet


def _plain(row: Sequence[Any]) -> list[Any]:
    """Return a row's values as they can be compared: money as it is stored, the cart as data, not as text."""
    return [
        value.quantize(Decimal("0.0001")) if isinstance(value, Decimal)
        else json.loads(value) if isinstance(value, str)
        else value
        for value in row
    ]  # fmt: skip


def _differing_views(connection: Connection, ids: Sequence[int]) -> dict[int, Views]:
    """Return the facts about views that are not as they are stored."""
    found = views.counted(connection, ids)
    keys = [(contact,) for contact in ids]
    rows = look_up(connection, tables.facts, ("contact_id", *views.COLUMNS), ("contact_id",), keys)
    stored = {row[0]: Views(*row[1:]) for row in rows}
    none = Views()
    return {
        contact: found.get(contact, none)
        for contact in ids
        if found.get(contact, none) != stored.get(contact, none)
    }  # fmt: skip
