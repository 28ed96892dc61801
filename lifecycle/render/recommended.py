"""The products that one mail recommends: beside which of the contact's own, and which those are not to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from lifecycle.audience.state import ContactState
from lifecycle.intake.facts import ORDER_EVENTS, EventFact
from lifecycle.intake.properties import product_id
from lifecycle.intake.recommend import cross_sell, popular, upsell
from lifecycle.intake.shelf import Product, Shelf
from lifecycle.intake.viewed import last_viewed

KINDS = ("cross_sell", "upsell", "popular")
#: what each product has; `because` is the name of the contact's own that it goes with, or is a step up from
SHOWN = frozenset({"product_id", "name", "price", "category", "url", "image_url", "sold", "because"})


def recommended(shelf: Shelf, state: ContactState, event: EventFact | None, now: datetime) -> dict[str, Any]:
    """Return up to four products of each kind. What the contact has bought before is in none."""
    if not shelf.products:
        return {kind: [] for kind in KINDS}
    orders = [past for past in state.events if past.name == "Order Completed" and past.at <= now]
    owned = {name for order in orders for name in _of_order(order)}
    beside = _beside(state, event, orders, now)
    return {
        "cross_sell": [_shown(product, shelf, name) for product, name in cross_sell(shelf, beside, owned)],
        "upsell": [_shown(product, shelf, name) for product, name in upsell(shelf, beside, owned)],
        "popular": [_shown(product, shelf) for product in popular(shelf, beside, owned)],
    }


def _beside(state: ContactState, event: EventFact | None, orders: Sequence[EventFact], now: datetime) -> list[str]:
    """Return the products that the mail is about: of the trigger's order, the cart, the last order, the last views."""
    if event is not None and event.name in ORDER_EVENTS and (found := _of_order(event)):
        return found
    cart = state.sheet(now).cart
    if cart is not None and (found := _ids(cart["lines"])):
        return found
    if orders and (found := _of_order(orders[-1])):
        return found
    return _ids(view.properties for view in last_viewed(past for past in reversed(state.events) if past.at <= now))


def _of_order(order: EventFact) -> list[str]:
    return _ids(order.properties.get("products") or ())


def _ids(lines: Iterable[Any]) -> list[str]:
    return [name for line in lines if isinstance(line, Mapping) and (name := product_id(line)) is not None]


def _shown(product: Product, shelf: Shelf, because: str | None = None) -> dict[str, Any]:
    told = {name: getattr(product, name) for name in Product.__slots__}
    if because is not None and because in shelf.products:
        told["because"] = shelf.products[because].name
    return {name: value for name, value in told.items() if value is not None}
