"""What to show somebody of the shelf: what goes with what they have, what is a step up from it, what sells. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from itertools import islice

from lifecycle.intake.shelf import Product, Shelf, in_order

#: Products of each kind that a mail gets.
MOST = 4
#: A step up costs no more than this many times as much: beyond it is another kind of purchase.
STEP_UP = 2


def cross_sell(shelf: Shelf, beside: Sequence[str], owned: AbstractSet[str] = frozenset()) -> list[tuple[Product, str]]:
    """Return what is bought together with the products in `beside`, each with the id of the one it goes with best.

    What they own or have beside them is left out.
    """
    scores: defaultdict[str, float] = defaultdict(float)
    best: dict[str, tuple[float, str]] = {}
    for name in dict.fromkeys(beside):
        for other, closeness in shelf.together.get(name, ()):
            if other in shelf.products and other not in owned and other not in beside:
                scores[other] += closeness
                best[other] = max(best.get(other, (0.0, "")), (closeness, name))
    return [(shelf.products[name], best[name][1]) for name, _ in in_order(scores.items())[:MOST]]


def upsell(shelf: Shelf, beside: Sequence[str], owned: AbstractSet[str] = frozenset()) -> list[tuple[Product, str]]:
    """Return what is dearer in the same category, at most STEP_UP times as much; what sells best first.

    Each stands with the id of the one it is a step up from: of several in a category, the dearest.
    """
    dearest: dict[str, Product] = {}
    for name in beside:
        found = shelf.products.get(name)
        if found is not None and found.category is not None and found.price is not None:
            held = dearest.get(found.category)
            if held is None or (held.price or Decimal(0)) < found.price:
                dearest[found.category] = found
    steps = (
        (product, below)
        for category, below in dearest.items()
        for product in _few(
            product
            for product in shelf.best_sellers.get(category, ())
            if _is_step(product.price, below.price)
            and product.product_id not in owned
            and product.product_id not in beside
        )
    )
    ranked = sorted(steps, key=lambda each: (-each[0].sold, each[0].price, each[0].product_id))
    return [(product, below.product_id) for product, below in ranked[:MOST]]


def popular(shelf: Shelf, beside: Sequence[str], owned: AbstractSet[str] = frozenset()) -> list[Product]:
    """Return what most contacts bought, for those of whom nothing better is known."""
    sold = shelf.best_sellers.get(None, ())
    return list(_few(each for each in sold if each.product_id not in owned and each.product_id not in beside))


def _few(products: Iterator[Product]) -> Iterator[Product]:
    return islice(products, MOST)


def _is_step(price: Decimal | None, below: Decimal | None) -> bool:
    return price is not None and below is not None and below < price <= below * STEP_UP
