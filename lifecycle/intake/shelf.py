"""The shop's products as its own orders tell of them: what they are, how often they sell, what sells with them. Pure.

Nobody keeps a catalogue for us. Orders come from whoever holds the write key, though, and what is told here is shown to
everybody: so a product is what most of its last buyers' orders say that it is, it has at least two buyers, and its
pages are pages of the shop.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations
from math import sqrt
from typing import Any
from urllib.parse import urlsplit

from lifecycle.intake.properties import amount, category, identifier, product_id

#: Contacts who must have bought a product before it is shown to others.
LEAST_BUYERS = 2
#: Orders that must have had two products together before one is shown to who bought the other.
LEAST_TOGETHER = 2
#: Products that are remembered as bought together with one.
MOST_TOGETHER = 20
#: Different products of one order that are counted: a wholesaler's list says nothing of what goes together.
MOST_OF_AN_ORDER = 20
#: Pairs of products that are counted, of the newest orders: a grocer's orders have many, and they are held in memory.
MOST_PAIRS = 1_500_000
#: The last buyers who are asked what a product is: few, so that a new price is shown after some orders, and more than a
#: single one, so that nobody alone says it.
LAST_BUYERS = 9
_LEAST_PRICE = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Product:
    """One product. `sold` is the number of different contacts who bought it."""

    product_id: str
    name: str
    price: Decimal | None
    category: str | None
    url: str | None
    image_url: str | None
    sold: int


@dataclass(frozen=True, slots=True)
class Shelf:
    """All products by id, and for each those bought together with it, the closest first, each with its closeness."""

    products: Mapping[str, Product] = field(default_factory=dict)
    together: Mapping[str, Sequence[tuple[str, float]]] = field(default_factory=dict)
    #: what sells best first, of all (None) and by category: a mail looks at a few of a large shop's products
    best_sellers: Mapping[str | None, Sequence[Product]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Put the products in order, once for all mails."""
        found: defaultdict[str | None, list[Product]] = defaultdict(list)
        for product in sorted(self.products.values(), key=lambda each: (-each.sold, each.price or 0, each.product_id)):
            found[None].append(product)
            if product.category is not None:
                found[product.category].append(product)
        object.__setattr__(self, "best_sellers", dict(found))


#: What an order says of a product: name, price, category, url, image_url.
_Description = tuple[str, "Decimal | None", "str | None", "str | None", "str | None"]


class Stocktaking:
    """Goes through orders, the newest first, and knows in the end what is on the shelf."""

    def __init__(self, shop_url: str) -> None:
        self._host = (urlsplit(shop_url).hostname or "").removeprefix("www.")
        self._seen: set[tuple[int, str]] = set()
        self._buyers: defaultdict[str, set[int]] = defaultdict(set)
        #: by product and buyer, the newest first
        self._descriptions: defaultdict[str, dict[int, _Description]] = defaultdict(dict)
        self._sold: Counter[str] = Counter()
        self._together: Counter[tuple[str, str]] = Counter()
        self._pairs = 0
        #: each id once in memory, however often it is ordered
        self._ids: dict[str, str] = {}

    def add(self, contact_id: int, properties: Mapping[str, Any]) -> None:
        """Take account of an order. One that was seen before (newer) is passed over."""
        order_id = identifier(properties.get("order_id"))
        if order_id is not None:
            if (contact_id, order_id) in self._seen:
                return
            self._seen.add((contact_id, order_id))
        listed = properties.get("products")
        lines = listed if isinstance(listed, list) else []
        found: dict[str, Mapping[str, Any]] = {}
        for line in lines:
            name = product_id(line) if isinstance(line, Mapping) else None
            if name is not None and len(found) < MOST_OF_AN_ORDER:
                found.setdefault(self._ids.setdefault(name, name), line)
        for name, line in found.items():
            self._buyers[name].add(contact_id)
            self._describe(name, contact_id, line)
        if self._pairs < MOST_PAIRS:  # closeness is of the same orders, above the line and below
            self._pairs += len(found) * (len(found) - 1) // 2
            self._sold.update(found.keys())
            self._together.update(combinations(sorted(found), 2))

    def _describe(self, product: str, contact_id: int, line: Mapping[str, Any]) -> None:
        told = self._descriptions[product]
        name = line.get("name")
        if contact_id in told or len(told) == LAST_BUYERS or not isinstance(name, str) or not name.strip():
            return
        price = amount(line.get("price"))
        told[contact_id] = (
            " ".join(name.split())[:200], None if price is None or price < _LEAST_PRICE else round(price, 4),
            category(line), self._own_page(line.get("url")), _https(line.get("image_url")),
        )  # fmt: skip

    def _own_page(self, url: object) -> str | None:
        """Return the page if it is one of the shop's own: a mail to everybody leads nowhere else."""
        found = _https(url)
        host = (urlsplit(found).hostname or "") if found else ""
        return found if self._host and (host == self._host or host.endswith(f".{self._host}")) else None

    def shelf(self) -> Shelf:
        """Return what the orders came to."""
        products = {}
        for name, buyers in self._buyers.items():
            told = self._descriptions.get(name)
            if told and len(buyers) >= LEAST_BUYERS:
                # of those that equally many agree on, the newest: a counter keeps their order
                best = Counter(told.values()).most_common(1)[0][0]
                products[name] = Product(name, *best, sold=len(buyers))
        return Shelf(products, self._closest(products))

    def _closest(self, products: Mapping[str, Product]) -> Mapping[str, Sequence[tuple[str, float]]]:
        """Return the products bought together with each, by the cosine of their orders.

        So what everybody buys is near to nothing in particular. Source: Linden, Smith, York: Amazon.com
        Recommendations, 2003.
        """
        near: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
        for (one, other), orders in self._together.items():
            if orders >= LEAST_TOGETHER and one in products and other in products:
                closeness = orders / sqrt(self._sold[one] * self._sold[other])
                near[one].append((other, closeness))
                near[other].append((one, closeness))
        return {name: in_order(found)[:MOST_TOGETHER] for name, found in near.items()}


def in_order(scores: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """Return products by falling score, and by their ids where it is the same."""
    return sorted(scores, key=lambda each: (-each[1], each[0]))


def _https(url: object) -> str | None:
    """Return an address that a mail may hold, else None."""
    if not isinstance(url, str) or len(url) > 2000 or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme == "https" and parts.hostname and parts.username is None else None
