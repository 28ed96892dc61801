"""Keeps the shelf in the database: counted anew from the newest orders when there are new ones, read when it changed.

Anew, because an order that is counted as it comes is counted twice when it comes twice, and not at all when its number
was given before one that was counted already and committed after it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from datetime import datetime
from threading import Lock
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text

from lifecycle.intake.shelf import Product, Shelf, Stocktaking
from lifecycle.store.engine import Store
from lifecycle.store.tables import bought_together, events, products, stocktakings

#: Orders that are counted, the newest: enough to tell what goes together, and a few seconds' work.
MOST_ORDERS = 200_000
ORDER = "Order Completed"
#: Advisory lock of whoever is writing the shelf down.
_SHELF_LOCK = 5_001_003
_CHUNK = 5_000


def restock(store: Store, shop_url: str, now: datetime) -> bool:
    """Count the orders anew and write down what became of the shelf; False when there was no new order."""
    with store.read() as connection:
        newest = _newest(connection)
        if newest == connection.execute(select(func.max(stocktakings.c.newest_event))).scalar():
            return False
        shelf = take_stock(connection, shop_url)
    with store.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_SHELF_LOCK})"))
        _write(connection, load_shelf(connection), shelf)  # another process may just have written
        connection.execute(delete(stocktakings))
        connection.execute(insert(stocktakings).values(id=1, at=now, newest_event=newest))
    return True


def take_stock(connection: Connection, shop_url: str) -> Shelf:
    """Return the shelf as the newest orders have it. Reads them one chunk after the other."""
    taking = Stocktaking(shop_url)
    ordered = (
        select(events.c.contact_id, events.c.properties)
        .where(events.c.name == ORDER, events.c.id > 0)  # `id > 0`: see the index events_by_name
        .order_by(events.c.at.desc(), events.c.id.desc())
        .limit(MOST_ORDERS)
    )
    with connection.execution_options(yield_per=_CHUNK).execute(ordered) as rows:
        for row in rows:
            taking.add(row.contact_id, row.properties or {})
    return taking.shelf()


def load_shelf(connection: Connection) -> Shelf:
    """Return the shelf as it was last written down."""
    found = {row.product_id: Product(**row._mapping) for row in connection.execute(select(products))}  # noqa: SLF001 - a row's documented name for its mapping
    rows = connection.execute(select(bought_together).order_by(bought_together.c.product_id, bought_together.c.place))
    together = {
        name: [(row.other_id, row.closeness) for row in group]
        for name, group in itertools.groupby(rows, key=lambda row: row.product_id)
    }
    return Shelf(found, together)


class ShelfReader:
    """The shelf, read from the database again only when it was written anew. Thread-safe."""

    def __init__(self) -> None:
        self._read: tuple[datetime | None, Shelf] = (None, Shelf())
        self._lock = Lock()

    def shelf(self, connection: Connection) -> Shelf:
        """Return the shelf; an empty one before the first stocktaking."""
        at = connection.execute(select(func.max(stocktakings.c.at))).scalar()
        with self._lock:
            if at != self._read[0]:
                self._read = (at, load_shelf(connection))
            return self._read[1]


def _newest(connection: Connection) -> int | None:
    query = select(func.max(events.c.id)).where(events.c.name == ORDER, events.c.id > 0)
    return connection.execute(query).scalar()


def _write(connection: Connection, before: Shelf, after: Shelf) -> None:
    """Write what differs: of a shop's products most are the same from one hour to the next."""
    changed = [name for name, each in after.products.items() if before.products.get(name) != each]
    gone = [name for name in before.products if name not in after.products]
    for chunk in _chunks(sorted({*changed, *gone})):
        connection.execute(delete(products).where(products.c.product_id.in_(chunk)))
    rows = [_row(after.products[name]) for name in sorted(changed)]
    moved = [name for name, near in after.together.items() if list(before.together.get(name, ())) != list(near)]
    lonely = [name for name in before.together if name not in after.together]
    for chunk in _chunks(sorted({*moved, *lonely})):
        connection.execute(delete(bought_together).where(bought_together.c.product_id.in_(chunk)))
    pairs = [
        {"product_id": name, "place": place, "other_id": other, "closeness": closeness}
        for name in sorted(moved)
        for place, (other, closeness) in enumerate(after.together[name])
    ]
    if rows:
        connection.execute(insert(products), rows)
    if pairs:
        connection.execute(insert(bought_together), pairs)


def _row(product: Product) -> Mapping[str, Any]:
    return {name: getattr(product, name) for name in Product.__slots__}


def _chunks(names: list[str]) -> Iterator[list[str]]:
    return (names[start : start + 500] for start in range(0, len(names), 500))
