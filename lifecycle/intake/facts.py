"""Facts about orders, the cart and views, folded from events one at a time, in order of time. Pure.

The stored rollups and every rehearsal come from this one fold, so that facts at a past moment are the fold up to it.
Source of names and properties: Segment's e-commerce spec, version 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from lifecycle.intake import cart
from lifecycle.intake.properties import amount, category, identifier, product_id

#: Events that change the facts about orders and the cart, and are folded in order of time.
FACT_EVENTS = frozenset(
    {
        "Product Added", "Wishlist Product Added to Cart", "Product Updated", "Product Removed", "Cart Updated",
        "Cart Viewed", "Cart Cleared", "Checkout Started", "Order Completed", "Order Updated", "Order Refunded",
        "Order Cancelled",
    }
)  # fmt: skip
#: The event that changes the facts about views: most of all events, and folded in any order (intake.views).
VIEW_EVENT = "Product Viewed"
#: The smallest part of an amount that is kept.
_LEAST = Decimal("0.0001")

#: Events that change facts about orders, and about the cart. An order may also empty the cart.
ORDER_EVENTS = frozenset({"Order Completed", "Order Updated", "Order Refunded", "Order Cancelled"})
CART_EVENTS = FACT_EVENTS - ORDER_EVENTS | {"Order Completed"}
#: The event that an answer to a survey is: the score is a fact too, kept where answers are taken.
SURVEY_ANSWERED = "Survey Answered"


@dataclass(frozen=True, slots=True)
class EventFact:
    """An event as the journey sees it. `id` is the order of arrival; (at, id) is the order of time."""

    id: int
    name: str
    at: datetime
    properties: Mapping[str, Any]
    live: bool = True
    message_id: str = ""

    @property
    def order(self) -> tuple[datetime, int]:
        """Return the key by which events are ordered."""
        return (self.at, self.id)


@dataclass(slots=True)
class OrderFact:
    """One order. `total` is None while only its refund is known: such an order does not count."""

    total: Decimal | None = None
    refunded: Decimal = Decimal(0)
    at: datetime | None = None


@dataclass(slots=True)
class FactSheet:
    """A contact's facts after some events. Money is Decimal in the project's currency.

    The sums run along with the fold, so that intake can go on from a stored sheet with only those `orders` loaded that
    the next events name. None means that the contact does not have the fact.
    """

    orders: dict[str, OrderFact] = field(default_factory=dict)
    #: None until the contact first has a cart
    cart: dict[str, Any] | None = None
    #: the instant of the newest event that changed a fact
    folded_at: datetime | None = None
    count: int = 0
    total: Decimal | None = None
    refunded: Decimal | None = None
    first_at: datetime | None = None
    last_at: datetime | None = None
    views: int = 0
    #: the newest view
    viewed: EventFact | None = None

    @property
    def counted(self) -> list[OrderFact]:
        """Return the orders that were completed."""
        return [order for order in self.orders.values() if order.total is not None]

    @property
    def net(self) -> Decimal | None:
        """Return what the orders came to less every refund, also of orders that nobody told us about."""
        return None if self.total is None else self.total - (self.refunded or Decimal(0))

    @property
    def average(self) -> Decimal | None:
        """Return what an order comes to on average, half to even at four decimals; None without one."""
        return None if self.total is None or not self.count else (self.total / self.count).quantize(_LEAST)

    @property
    def cart_items(self) -> int | None:
        """Return the number of pieces in the cart; None when there never was a cart."""
        return None if self.cart is None else sum(int(line["quantity"]) for line in self.cart["lines"])

    @property
    def cart_total(self) -> Decimal | None:
        """Return the value of the cart; None when there never was a cart."""
        return None if self.cart is None else cart.total(self.cart["lines"])

    def value(self, fact: str) -> Any:
        """Return the fact of that name (`orders.total`, `cart.items`, …), None when the contact does not have it."""
        match fact:
            case "orders.count":
                return self.count
            case "orders.total":
                return self.total
            case "orders.average":
                return self.average
            case "orders.refunded":
                return self.refunded
            case "orders.net":
                return self.net
            case "orders.first_at":
                return self.first_at
            case "orders.last_at":
                return self.last_at
            case "cart.items":
                return self.cart_items
            case "cart.total":
                return self.cart_total
            case "views.count":
                return self.views
            case "views.last_at":
                return self.viewed and self.viewed.at
            case "views.last_product":
                return self.viewed and product_id(self.viewed.properties)
            case "views.last_category":
                return self.viewed and category(self.viewed.properties)
            case _:
                raise KeyError(fact)


#: The facts that a sheet has, by the columns of `facts` that keep them.
FOLDED: Mapping[str, str] = {
    fact.replace(".", "_"): fact
    for fact in (
        "orders.count", "orders.total", "orders.average", "orders.net", "orders.refunded", "orders.first_at",
        "orders.last_at", "cart.total", "cart.items",
    )
}  # fmt: skip


def order_id(event: EventFact) -> str:
    """Return the id of the order that the event is about; one of the event's own when it names none."""
    return identifier(event.properties.get("order_id")) or f"event:{event.message_id or event.id}"


def fold(sheet: FactSheet, event: EventFact) -> None:
    """Change `sheet` by one event. Events come in order of time; a repeated order id replaces, it never adds."""
    if event.name == VIEW_EVENT:
        sheet.views += 1
        sheet.viewed = event
        return
    if event.name not in FACT_EVENTS:
        return
    sheet.folded_at = event.at if sheet.folded_at is None else max(sheet.folded_at, event.at)
    match event.name:
        case "Order Completed" | "Order Updated":
            _complete(sheet, event)
        case "Order Refunded" | "Order Cancelled":
            _refund(sheet, event)
        case _:
            cart.change(_open_cart(sheet, event), event.name, event.properties)


def commutes(sheet: FactSheet, event: EventFact) -> bool:
    """Say whether folding `event` now, though it is older than `folded_at`, gives what folding it in its place gives.

    `sheet.orders` holds the order that the event names, if it is known. True for orders that nothing was heard of
    yet, of contacts without a cart: the usual history that is imported last.
    """
    return event.name == "Order Completed" and sheet.cart is None and order_id(event) not in sheet.orders


def _complete(sheet: FactSheet, event: EventFact) -> None:
    order = sheet.orders.setdefault(order_id(event), OrderFact())
    known = order.total
    order.total = _first_amount(event, "total", "revenue", "value", otherwise=known or Decimal(0))
    order.at = order.at or event.at
    sheet.count += known is None
    sheet.total = (sheet.total or Decimal(0)) + order.total - (known or Decimal(0))
    sheet.refunded = sheet.refunded or Decimal(0)
    sheet.first_at = order.at if sheet.first_at is None else min(sheet.first_at, order.at)
    sheet.last_at = order.at if sheet.last_at is None else max(sheet.last_at, order.at)
    if event.name == "Order Completed" and sheet.cart is not None:
        sheet.cart = {"cart_id": None, "lines": [], "updated_at": event.at.isoformat()}


def _refund(sheet: FactSheet, event: EventFact) -> None:
    order = sheet.orders.setdefault(order_id(event), OrderFact())
    whole = order.total or Decimal(0)
    before = order.refunded
    if event.name == "Order Cancelled":
        order.refunded = whole
    else:
        value = _first_amount(event, "total", "value", "revenue", otherwise=None)
        order.refunded = whole if value is None else before + abs(value)
    sheet.refunded = (sheet.refunded or Decimal(0)) + order.refunded - before


_Default = TypeVar("_Default", Decimal, None)


def _first_amount(event: EventFact, *names: str, otherwise: _Default) -> Decimal | _Default:
    for name in names:
        found = amount(event.properties.get(name))
        if found is not None:
            return found.quantize(_LEAST)
    return otherwise


def _open_cart(sheet: FactSheet, event: EventFact) -> dict[str, Any]:
    cart_id = identifier(event.properties.get("cart_id"))
    if sheet.cart is None or (cart_id is not None and sheet.cart["cart_id"] not in {None, cart_id}):
        sheet.cart = {"cart_id": cart_id, "lines": [], "updated_at": None}
    sheet.cart["cart_id"] = cart_id if cart_id is not None else sheet.cart["cart_id"]
    sheet.cart["updated_at"] = event.at.isoformat()
    return sheet.cart
