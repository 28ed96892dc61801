"""The shelf in the database: counted anew when there are new orders, the same on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from arrivals import rows, take, track

from lifecycle.base.clock import ManualClock
from lifecycle.intake.restock import ShelfReader, load_shelf, restock, take_stock
from lifecycle.store.engine import Store
from lifecycle.store.tables import bought_together, products, stocktakings

SHOP = "https://rihla.example"


def order(user: str, number: int, *names: str, price: int = 100) -> dict[str, Any]:
    """Return an order of these products."""
    lines = [
        {"product_id": name, "name": f"{name} حذاء", "price": price, "category": "road", "url": f"{SHOP}/{name}"}
        for name in names
    ]
    return track(
        user, "Order Completed", f"m-{user}-{number}", properties={"order_id": f"R-{number}", "products": lines}
    )


def test_the_shelf_is_written_down_and_read_back(store: Store, clock: ManualClock) -> None:
    """As it was counted, closeness and all; a second time there is nothing to do until an order comes."""
    take(store, clock, order("u1", 1, "a", "b"), order("u2", 2, "a", "b"), order("u3", 3, "b"))
    assert restock(store, SHOP, clock.now())
    with store.read() as connection:
        counted, stored = take_stock(connection, SHOP), load_shelf(connection)
    assert stored == counted
    assert stored.products["a"].name == "a حذاء"
    assert stored.together["a"][0][0] == "b"
    assert not restock(store, SHOP, clock.now())
    take(store, clock, track("u1", "Product Viewed", "m9", properties={"product_id": "a"}))
    assert not restock(store, SHOP, clock.now())


def test_what_changed_is_replaced_and_what_is_gone_goes(store: Store, clock: ManualClock) -> None:
    """New orders change counts, closeness and prices; nothing of what was counted before is left behind."""
    take(store, clock, order("u1", 1, "a", "b"), order("u2", 2, "a", "b"))
    restock(store, SHOP, clock.now())
    for user in range(3, 9):
        take(store, clock, order(f"u{user}", user, "a", "c", price=120))
    assert restock(store, SHOP, clock.now())
    with store.read() as connection:
        assert load_shelf(connection) == take_stock(connection, SHOP)
    assert [row["price"] for row in rows(store, products) if row["product_id"] == "a"] == [120]
    restock_for = "https://elsewhere.example"  # the same orders of another shop: no page is its own
    take(store, clock, order("u9", 9, "d"))
    restock(store, restock_for, clock.now())
    assert {row["url"] for row in rows(store, products)} == {None}
    assert len(rows(store, stocktakings)) == 1
    assert {row["product_id"] for row in rows(store, bought_together)} == {"a", "b", "c"}


def test_a_reader_reads_again_after_a_stocktaking_and_not_before(store: Store, clock: ManualClock) -> None:
    """Mails of one hour share one shelf."""
    reader = ShelfReader()
    with store.read() as connection:
        assert reader.shelf(connection).products == {}
    take(store, clock, order("u1", 1, "a"), order("u2", 2, "a"))
    restock(store, SHOP, clock.now())
    with store.read() as connection:
        first = reader.shelf(connection)
        assert list(first.products) == ["a"]
        assert reader.shelf(connection) is first
    take(store, clock, order("u1", 3, "b"), order("u2", 4, "b"))
    restock(store, SHOP, clock.now() + timedelta(hours=1))
    with store.read() as connection:
        assert sorted(reader.shelf(connection).products) == ["a", "b"]
