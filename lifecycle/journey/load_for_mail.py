"""Contacts as a mail needs them: who they are, what they consent to, the cart and the order as stored; not a history.

A history may hold thousands of events; a mail speaks of one order and one cart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, and_, func, select

from lifecycle.audience.state import ContactState
from lifecycle.intake.facts import EventFact, FactSheet, OrderFact
from lifecycle.journey.load import load_people
from lifecycle.store.among import IsOneOf
from lifecycle.store.tables import events, facts, orders

#: Of each of these the newest event is loaded: the last order, and what may say where the cart is.
NEWEST = (
    "Order Completed", "Cart Updated", "Cart Viewed", "Checkout Started", "Product Added", "Product Updated",
    "Wishlist Product Added to Cart",
)  # fmt: skip


def load_for_mail(
    connection: Connection, contact_ids: Iterable[int], trigger_ids: Collection[int]
) -> dict[int, ContactState]:
    """Return the states of the contacts, with the trigger events, their newest events and their stored facts.

    Whether a mail may leave is not theirs to say: consents and earlier mails are not loaded.
    """
    states = load_people(connection, contact_ids)
    known: dict[int, dict[int, EventFact]] = defaultdict(dict)
    newest = (
        select(events.c.contact_id, events.c.name, func.max(events.c.at).label("at"))
        .where(IsOneOf(events.c.contact_id, states), events.c.name.in_(NEWEST))
        .group_by(events.c.contact_id, events.c.name)
        .subquery()
    )
    same = and_(events.c.contact_id == newest.c.contact_id, events.c.name == newest.c.name, events.c.at == newest.c.at)
    _take(connection, known, select(events).join(newest, same))
    if trigger_ids:
        _take(connection, known, select(events).where(IsOneOf(events.c.id, trigger_ids)))
    sheets = _sheets(connection, known, states)
    for contact_id, state in states.items():
        state.know(sheets.get(contact_id, FactSheet()), list(known[contact_id].values()))
    return states


def load_orders(connection: Connection, states: dict[int, ContactState], contact_ids: Collection[int]) -> None:
    """Let the states of these contacts know all their orders: what they bought before is not recommended again."""
    known: dict[int, dict[int, EventFact]] = defaultdict(dict)
    theirs = IsOneOf(events.c.contact_id, contact_ids & states.keys())
    _take(connection, known, select(events).where(theirs, events.c.name == NEWEST[0]))
    for contact_id, found in known.items():
        states[contact_id].recall(list(found.values()))


def _take(connection: Connection, known: dict[int, dict[int, EventFact]], query: Any) -> None:
    for row in connection.execute(query):
        event = EventFact(row.id, row.name, row.at, row.properties or {}, row.live, row.message_id)
        known[row.contact_id][row.id] = event


def _sheets(
    connection: Connection, known: dict[int, dict[int, EventFact]], states: dict[int, ContactState]
) -> dict[int, FactSheet]:
    sheets: dict[int, FactSheet] = {}
    query = select(facts.c.contact_id, facts.c.cart, facts.c.folded_at).where(IsOneOf(facts.c.contact_id, states))
    for row in connection.execute(query):
        sheets[row.contact_id] = FactSheet(cart=row.cart, folded_at=row.folded_at)
    named = {str(event.properties.get("order_id")) for found in known.values() for event in found.values()}
    about = and_(IsOneOf(orders.c.contact_id, states), IsOneOf(orders.c.order_id, sorted(named)))
    for row in connection.execute(select(orders).where(about)):
        sheet = sheets.setdefault(row.contact_id, FactSheet())
        sheet.orders[row.order_id] = OrderFact(row.total, row.refunded, row.at)
    return sheets
