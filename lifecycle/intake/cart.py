"""What each event does to the lines of a cart. Pure; `intake.facts` says when.

A line is what was said of the product, with its quantity as a whole number above zero. Source of names and properties:
Segment's e-commerce spec, version 2. `Product Updated`, `Cart Updated` and `Cart Cleared` are sent beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from lifecycle.intake.properties import amount

#: what Segment's events say of a product that is about the event, not about the product
_NOT_OF_THE_PRODUCT = frozenset({"cart_id", "wishlist_id", "wishlist_name", "coupon", "position"})
#: by what a product is known again: the first of these that both sides name
_NAMES = ("product_id", "sku", "name")

Line: TypeAlias = dict[str, Any]


def change(cart: dict[str, Any], event: str, properties: Mapping[str, Any]) -> None:
    """Change the cart's lines by an event that is about one product, or that says what the whole cart is."""
    match event:
        case "Product Added" | "Wishlist Product Added to Cart":
            _add(cart["lines"], properties)
        case "Product Updated":
            _update(cart["lines"], properties)
        case "Product Removed":
            _remove(cart["lines"], properties)
        case "Cart Cleared":
            cart["lines"] = []
        case _:  # Cart Updated, Cart Viewed, Checkout Started
            if isinstance(properties.get("products"), list):
                cart["lines"] = _whole(cart["lines"], properties["products"])
    cart["lines"] = [line for line in cart["lines"] if line["quantity"] > 0]


def total(lines: list[Line]) -> Decimal:
    """Return what the lines come to; one without a price is worth nothing."""
    return sum(((amount(line.get("price")) or Decimal(0)) * int(line["quantity"]) for line in lines), Decimal(0))


def _add(lines: list[Line], product: Mapping[str, Any]) -> None:
    line = _find(lines, product)
    if line is None:
        lines.append(_line(product))
    else:
        line.update({**_line(product), "quantity": line["quantity"] + _quantity(product)})


def _update(lines: list[Line], product: Mapping[str, Any]) -> None:
    """Set what is said of a line: its quantity, its price. A quantity of what was never added is that many added."""
    line = _find(lines, product, of_any_variant=True)
    says_how_many = product.get("quantity") is not None
    if line is not None:
        line.update({**_line(product), "quantity": _quantity(product) if says_how_many else line["quantity"]})
    elif says_how_many:
        lines.append(_line(product))


def _remove(lines: list[Line], product: Mapping[str, Any]) -> None:
    line = _find(lines, product, of_any_variant=True)
    if line is not None:
        # without a quantity the whole line goes
        line["quantity"] -= _quantity(product) if product.get("quantity") is not None else line["quantity"]


def _whole(lines: list[Line], products: list[Any]) -> list[Line]:
    """Return the lines of a cart that is told whole. What is not said again of a product is still known."""
    return [{**(_find(lines, product) or {}), **_line(product)} for product in products if isinstance(product, Mapping)]


def _line(product: Mapping[str, Any]) -> Line:
    line = {key: value for key, value in product.items() if key not in _NOT_OF_THE_PRODUCT and value is not None}
    line["quantity"] = _quantity(product)
    return line


def _quantity(product: Mapping[str, Any]) -> int:
    found = amount(product.get("quantity", 1))
    return max(int(found), 0) if found is not None else 1


def _find(lines: list[Line], product: Mapping[str, Any], *, of_any_variant: bool = False) -> Line | None:
    """Return the product's line. `of_any_variant`: where the event names no variant, the product's latest line."""
    same = [line for line in lines if _same(line, product)]
    exact = next((line for line in same if _variant(line) == _variant(product)), None)
    if exact is None and same and of_any_variant and not _variant(product):
        return same[-1]
    return exact


def _same(line: Line, product: Mapping[str, Any]) -> bool:
    for name in _NAMES:
        if line.get(name) is not None and product.get(name) is not None:
            return str(line[name]) == str(product[name])
    return False


def _variant(product: Mapping[str, Any]) -> str:
    return str(product.get("variant") or "")
