"""A rebuild beside everything else that goes on: merged and erased contacts, both databases, a process that dies."""

from __future__ import annotations

from decimal import Decimal

import pytest
from arrivals import identify, rows, take, track
from sqlalchemy import update

from lifecycle.base.clock import ManualClock
from lifecycle.intake import rebuild
from lifecycle.intake.erase import erase
from lifecycle.store import tables
from lifecycle.store.engine import Store


def _people(store: Store, clock: ManualClock) -> None:
    """Four contacts: one with all facts, one who was merged into it, one erased, one with points and no events."""
    shoe = {"product_id": "a", "price": "1.00005", "quantity": 3, "category": "أحذية"}
    take(
        store, clock, identify("kept", email="a@shop.example"), identify("gone"), identify("erased"), identify("idle"),
        track("kept", "Order Completed", "o", properties={"order_id": 1, "total": 10}),
        track("gone", "Product Added", "c", properties=shoe), track("gone", "Product Viewed", "v", properties=shoe),
        track("erased", "Order Completed", "x", properties={"order_id": 2, "total": 7}),
    )  # fmt: skip
    take(store, clock, {**identify("gone", email="a@shop.example"), "messageId": "merge"})
    with store.write() as connection:
        erase(connection, 3, clock.now())
        connection.execute(tables.facts.insert().values(contact_id=4, orders_count=0, points_balance=5))


def test_the_merged_have_no_facts_and_the_erased_keep_their_sums(store: Store, clock: ManualClock) -> None:
    """Nothing differs after a merge and an erasure, and points are nobody's fold."""
    _people(store, clock)
    before = rows(store, tables.facts)
    assert [row["contact_id"] for row in before] == [1, 3, 4]
    assert rebuild.compare(store) == rebuild.rebuild(store) == rebuild.Rebuilt(contacts=3, differed=0)
    assert rows(store, tables.facts) == before
    assert (before[0]["cart_items"], before[0]["cart_total"], before[0]["views_count"]) == (3, Decimal("3.0002"), 1)


def test_facts_that_a_merged_contact_should_not_have_are_taken_away(store: Store, clock: ManualClock) -> None:
    """And what is no fold of events is left alone where facts are put right."""
    _people(store, clock)
    with store.write() as connection:
        connection.execute(tables.facts.insert().values(contact_id=2, orders_count=1, orders_total=9))
        wrong = update(tables.facts).where(tables.facts.c.contact_id == 4)
        connection.execute(wrong.values(views_count=7, views_last_category="x", cart_items=1))
    assert rebuild.rebuild(store).differed == 2
    merged, idle = rows(store, tables.facts)[1], rows(store, tables.facts)[3]
    assert (merged["contact_id"], merged["orders_count"], merged["orders_total"]) == (2, 0, None)
    assert (idle["points_balance"], idle["views_count"], idle["views_last_category"], idle["cart_items"]) == (
        5, 0, None, None,
    )  # fmt: skip


def test_events_that_came_before_this_version_are_counted(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the migration leaves to be filled, in batches of any size."""
    take(
        store, clock,
        *(track(f"u{n % 5}", "Product Viewed", f"v{n}", properties={"product_id": n}) for n in range(30)),
    )  # fmt: skip
    filled = rows(store, tables.facts)
    with store.write() as connection:
        empty = {"views_count": 0, "views_last_at": None, "views_last_event": None, "views_last_product": None}
        connection.execute(update(tables.facts).values(**empty))
    monkeypatch.setattr(rebuild, "BATCH", 2)
    told: list[int] = []
    assert rebuild.rebuild(store, on_progress=told.append).differed == 5
    assert told == [2, 2, 1]
    assert rows(store, tables.facts) == filled
