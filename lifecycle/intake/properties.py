"""Values read from the properties of events: whatever was sent there, it is an amount, an id, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

#: Amounts and quantities beyond this are typing mistakes or attacks, and would not fit the columns.
MOST = Decimal(10) ** 11


def amount(value: Any) -> Decimal | None:
    """Read money from a property: a number or a numeric text, within ±MOST; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        found = Decimal(str(value))
    except (InvalidOperation, ValueError):  # ValueError: an int of more than 4,300 digits
        return None
    return found if found.is_finite() and abs(found) <= MOST else None


def identifier(value: Any) -> str | None:
    """Read an id from a property: a non-empty text (its first 500 characters) or a number, as text; else None."""
    if isinstance(value, str):
        return value[:500] or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


#: What `category` and `product_id` read.
VIEW_KEYS = ("category", "product_id", "sku")


def category(product: Mapping[str, Any]) -> str | None:
    """Return the product's category as text; None when it has none."""
    return identifier(product.get("category"))


def product_id(product: Mapping[str, Any]) -> str | None:
    """Return the product's id, else its SKU, as text; None when it has neither."""
    return identifier(product.get("product_id")) or identifier(product.get("sku"))
