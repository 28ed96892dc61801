"""The stored facts, kept by the one fold of `intake.facts`: incrementally as events come, or again from the events.

Those about views are kept beside it (intake.views): views are many, and need no fold.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import Connection

from lifecycle.intake import views
from lifecycle.intake.bulk import ask, delete, look_up, upserting
from lifecycle.intake.facts import FACT_EVENTS, ORDER_EVENTS, EventFact, FactSheet, OrderFact, commutes, fold, order_id
from lifecycle.store import tables
from lifecycle.store.columns import dumps

_EVENTS, _ORDERS, _FACTS = tables.events, tables.orders, tables.facts
_FACT_NAMES = ", ".join(f"'{name}'" for name in sorted(FACT_EVENTS))
#: The columns of `facts` that the fold keeps, and those of `orders`.
SHEET_COLUMNS = (
    "orders_count", "orders_total", "orders_average", "orders_net", "orders_refunded", "orders_first_at",
    "orders_last_at", "cart_total", "cart_items", "cart", "folded_at",
)  # fmt: skip
#: Those that the fold goes on from; the others follow from them.
_LOADED = (
    "orders_count", "orders_total", "orders_refunded", "orders_first_at", "orders_last_at", "cart", "folded_at",
)  # fmt: skip
ORDER_COLUMNS = ("total", "refunded", "at")
#: The largest amount that the columns hold: sums beyond it stay there.
_LIMIT = Decimal("99999999999999.9999")
#: The exponent of amounts that have to be held against the limit.
_WIDE = 13
_encode = msgspec.json.Encoder(order="sorted").encode


class Folding:
    """New events on their way into the facts of their contacts (by row id, locked by the caller).

    Made, it has asked for what is stored; `fold` needs no connection, so that the events can be stored meanwhile;
    `save` comes when they are. A contact whose event is older than what was folded is folded again from all its
    events, and so is each in `again`.
    """

    def __init__(
        self, connection: Connection, new: Mapping[int, Sequence[EventFact]], *, again: Collection[int] = ()
    ) -> None:
        self._connection, self._new, self._late = connection, new, set(again)
        self._load = _load(connection, new)
        self._save: Callable[[], None] = lambda: None

    def fold(self) -> None:
        """Fold the events, and make what came of them ready."""
        sheets = self._load()
        for contact, sheet in sheets.items():
            events = self._new[contact]
            for event in sorted(events, key=attrgetter("order")) if len(events) > 1 else events:
                if sheet.folded_at is not None and event.at < sheet.folded_at and not commutes(sheet, event):
                    self._late.add(contact)
                    break
                fold(sheet, event)
        for contact in self._late:
            sheets.pop(contact, None)
        self._save = _save(self._connection, sheets)

    def save(self) -> None:
        """Store what was folded."""
        self._save()
        replace(self._connection, folded(self._connection, self._late))


def fold_again(connection: Connection, contact_ids: Collection[int]) -> None:
    """Fold these contacts' facts from all their events, views too, replacing what is stored."""
    replace(connection, folded(connection, contact_ids))
    views.count_again(connection, contact_ids)


def folded(connection: Connection, contact_ids: Collection[int]) -> dict[int, FactSheet]:
    """Return the facts about orders and carts of these contacts, folded from their events."""
    sheets = {contact: FactSheet() for contact in contact_ids}
    for contact, event in _history(connection, contact_ids):
        fold(sheets[contact], event)
    return sheets


def replace(connection: Connection, sheets: Mapping[int, FactSheet]) -> None:
    """Store these facts about orders and carts in place of what is stored."""
    delete(connection, _ORDERS, "contact_id", sheets)
    _save(connection, sheets)()


def _history(connection: Connection, contact_ids: Collection[int]) -> Iterator[tuple[int, EventFact]]:
    columns = ("contact_id", "id", "name", "at", "properties", "message_id")
    rows = look_up(
        connection, _EVENTS, columns, ("contact_id",), [(contact,) for contact in contact_ids],
        only=f"t.name IN ({_FACT_NAMES})",
    )  # fmt: skip
    ordered = sorted(rows, key=attrgetter("contact_id", "at", "id"))
    for contact, events in groupby(ordered, key=attrgetter("contact_id")):
        for row in events:
            yield contact, EventFact(row.id, row.name, row.at, row.properties or {}, message_id=row.message_id)


def _load(connection: Connection, new: Mapping[int, Sequence[EventFact]]) -> Callable[[], dict[int, FactSheet]]:
    """Ask for the stored sheets of these contacts, each with the orders that its new events name; see `ask`."""
    keys = [(contact,) for contact in new]
    facts = ask(connection, _FACTS, ("contact_id", *_LOADED), ("contact_id",), keys)
    orders = ask(
        connection, _ORDERS, ("contact_id", "order_id", *ORDER_COLUMNS), ("contact_id", "order_id"), _named(new)
    )

    def load() -> dict[int, FactSheet]:
        sheets = {contact: FactSheet() for contact in new}
        for row in facts():
            sheets[row.contact_id] = FactSheet(
                cart=row.cart, folded_at=row.folded_at, count=row.orders_count, total=row.orders_total,
                refunded=row.orders_refunded, first_at=row.orders_first_at, last_at=row.orders_last_at,
            )  # fmt: skip
        for row in orders():
            sheets[row.contact_id].orders[row.order_id] = OrderFact(row.total, row.refunded, row.at)
        return sheets

    return load


def _named(new: Mapping[int, Sequence[EventFact]]) -> Iterable[tuple[int, str]]:
    return (
        (contact, order_id(event)) for contact, events in new.items() for event in events if event.name in ORDER_EVENTS
    )


def _save(connection: Connection, sheets: Mapping[int, FactSheet]) -> Callable[[], None]:
    """Make the sheets ready to be stored, and return what does it; see `upserting`."""
    orders = [(contact, *row) for contact, sheet in sorted(sheets.items()) for row in order_rows(sheet)]
    put_orders = upserting(connection, _ORDERS, ("contact_id", "order_id"), ORDER_COLUMNS, orders)
    facts = [(contact, *sheet_row(sheet)) for contact, sheet in sorted(sheets.items())]
    put_facts = upserting(connection, _FACTS, ("contact_id",), SHEET_COLUMNS, facts)

    def save() -> None:
        put_orders()
        put_facts()

    return save


def order_rows(sheet: FactSheet) -> list[tuple[Any, ...]]:
    """Return the sheet's orders as they are stored: the id, then ORDER_COLUMNS."""
    return [(name, _fit(order.total), _fit(order.refunded), order.at) for name, order in sheet.orders.items()]


def sheet_row(sheet: FactSheet) -> tuple[Any, ...]:
    """Return the sheet as it is stored: SHEET_COLUMNS, the cart as JSON."""
    return (
        sheet.count, _fit(sheet.total), _fit(sheet.average), _fit(sheet.net), _fit(sheet.refunded),
        sheet.first_at, sheet.last_at, _fit(sheet.cart_total),
        None if sheet.cart is None else min(sheet.cart_items or 0, 2**31 - 1),
        None if sheet.cart is None else _cart_text(sheet.cart), sheet.folded_at,
    )  # fmt: skip


def _cart_text(cart: dict[str, Any]) -> str:
    try:
        return _encode(cart).decode()
    except OverflowError:  # whole numbers of more than 64 bits
        return dumps(cart)


def _fit(value: Decimal | None) -> Decimal | None:
    if value is None or value.adjusted() < _WIDE:
        return value
    return max(-_LIMIT, min(_LIMIT, value))
