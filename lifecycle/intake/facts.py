"""Facts about orders and the cart, folded from events one at a time, in order of time. Pure.

The stored rollups and every rehearsal come from this one fold, so that facts at a past moment are the fold up to it.
Source of names and properties: Segment's e-commerce spec, version 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

#: Events that change facts. Others are only stored.
FACT_EVENTS = frozenset(
    {
        "Product Added", "Product Removed", "Cart Updated", "Cart Viewed", "Cart Cleared", "Checkout Started",
        "Order Completed", "Order Updated", "Order Refunded", "Order Cancelled",
    }
)  # fmt: skip


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
    """A contact's facts after some events. Money is Decimal in the project's currency."""

    orders: dict[str, OrderFact] = field(default_factory=dict)
    #: None until the contact first has a cart
    cart: dict[str, Any] | None = None
    folded_at: datetime | None = None

    @property
    def counted(self) -> list[OrderFact]:
        """Return the orders that were completed."""
        return [order for order in self.orders.values() if order.total is not None]

    @property
    def cart_items(self) -> int | None:
        """Return the number of pieces in the cart; None when there never was a cart."""
        return None if self.cart is None else sum(int(line["quantity"]) for line in self.cart["lines"])

    @property
    def cart_total(self) -> Decimal | None:
        """Return the value of the cart; None when there never was a cart."""
        if self.cart is None:
            return None
        return sum((amount(line.get("price")) or Decimal(0)) * int(line["quantity"]) for line in self.cart["lines"]) or Decimal(0)

    def value(self, fact: str) -> Any:
        """Return the fact of that name (`orders.total`, `cart.items`, …), None when the contact does not have it."""
        counted = self.counted
        match fact:
            case "orders.count":
                return len(counted)
            case "orders.total":
                return sum((order.total or Decimal(0) for order in counted), Decimal(0)) if counted else None
            case "orders.refunded":
                return sum((order.refunded for order in self.orders.values()), Decimal(0)) if self.orders else None
            case "orders.net":
                if not counted:
                    return None
                return sum(((order.total or Decimal(0)) - order.refunded for order in counted), Decimal(0))
            case "orders.first_at":
                return min((order.at for order in counted if order.at), default=None)
            case "orders.last_at":
                return max((order.at for order in counted if order.at), default=None)
            case "cart.items":
                return self.cart_items
            case "cart.total":
                return self.cart_total
            case _:
                raise KeyError(fact)


def amount(value: Any) -> Decimal | None:
    """Read money from a property: a number or a numeric text; None for anything else."""
    if value is None or isinstance(value, bool):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def fold(sheet: FactSheet, event: EventFact) -> None:
    """Change `sheet` by one event. Events come in order of time; a repeated order id replaces, it never adds."""
    sheet.folded_at = event.at if sheet.folded_at is None else max(sheet.folded_at, event.at)
    if event.name not in FACT_EVENTS:
        return
    properties = event.properties
    match event.name:
        case "Order Completed" | "Order Updated":
            _complete(sheet, event)
        case "Order Refunded" | "Order Cancelled":
            _refund(sheet, event)
        case "Product Added":
            _add(_open_cart(sheet, event), properties)
        case "Product Removed":
            _remove(_open_cart(sheet, event), properties)
        case "Cart Cleared":
            _open_cart(sheet, event)["lines"] = []
        case _:  # Cart Updated, Cart Viewed, Checkout Started say what the whole cart is
            cart = _open_cart(sheet, event)
            if isinstance(properties.get("products"), list):
                cart["lines"] = [_line(product) for product in properties["products"] if isinstance(product, Mapping)]


def _complete(sheet: FactSheet, event: EventFact) -> None:
    order = sheet.orders.setdefault(_order_id(event), OrderFact())
    properties = event.properties
    total = next((found for key in ("total", "revenue", "value") if (found := amount(properties.get(key))) is not None), None)
    order.total = total if total is not None else (order.total or Decimal(0))
    order.at = order.at or event.at
    if event.name == "Order Completed" and sheet.cart is not None:
        sheet.cart = {"cart_id": None, "lines": [], "updated_at": event.at.isoformat()}


def _refund(sheet: FactSheet, event: EventFact) -> None:
    order = sheet.orders.setdefault(_order_id(event), OrderFact())
    value = next((found for key in ("total", "value", "revenue") if (found := amount(event.properties.get(key))) is not None), None)
    if event.name == "Order Cancelled" or value is None:
        order.refunded = order.total or Decimal(0)
    else:
        order.refunded += abs(value)


def _order_id(event: EventFact) -> str:
    found = event.properties.get("order_id")
    return str(found) if found not in {None, ""} else f"event:{event.message_id or event.id}"


def _open_cart(sheet: FactSheet, event: EventFact) -> dict[str, Any]:
    cart_id = event.properties.get("cart_id")
    if sheet.cart is None or (cart_id is not None and sheet.cart["cart_id"] not in {None, cart_id}):
        sheet.cart = {"cart_id": cart_id, "lines": [], "updated_at": None}
    sheet.cart["cart_id"] = cart_id if cart_id is not None else sheet.cart["cart_id"]
    sheet.cart["updated_at"] = event.at.isoformat()
    return sheet.cart


def _product_key(product: Mapping[str, Any]) -> tuple[str, str]:
    return (str(product.get("product_id") or product.get("sku") or product.get("name")), str(product.get("variant") or ""))


def _line(product: Mapping[str, Any]) -> dict[str, Any]:
    line = {key: value for key, value in product.items() if key not in {"cart_id", "coupon", "position"}}
    line["quantity"] = _quantity(product)
    return line


def _quantity(product: Mapping[str, Any]) -> int:
    found = amount(product.get("quantity", 1))
    return max(int(found), 0) if found is not None else 1


def _add(cart: dict[str, Any], product: Mapping[str, Any]) -> None:
    for line in cart["lines"]:
        if _product_key(line) == _product_key(product):
            line.update({**_line(product), "quantity": line["quantity"] + _quantity(product)})
            return
    cart["lines"].append(_line(product))


def _remove(cart: dict[str, Any], product: Mapping[str, Any]) -> None:
    for line in cart["lines"]:
        if _product_key(line) == _product_key(product):
            # without a quantity the whole line goes
            line["quantity"] -= _quantity(product) if "quantity" in product else line["quantity"]
    cart["lines"] = [line for line in cart["lines"] if line["quantity"] > 0]
