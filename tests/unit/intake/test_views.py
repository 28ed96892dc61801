"""What was viewed: counted and remembered without an order of arrival, and without folding anybody again."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from arrivals import identify, rows, take, track
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from sqlmodel import SQLModel

from lifecycle.base.clock import ManualClock
from lifecycle.intake import rebuild, rollup, views
from lifecycle.intake.facts import EventFact, FactSheet, fold
from lifecycle.intake.views import COLUMNS
from lifecycle.store import tables
from lifecycle.store.engine import Store

START = datetime(2026, 10, 1, tzinfo=UTC)


def view(user: str, message: str, hour: int = 0, **properties: Any) -> dict[str, Any]:
    """Return a view of a product, so many hours after START."""
    at = (START + timedelta(hours=hour)).isoformat()
    return track(user, "Product Viewed", message, timestamp=at, properties=properties)


def seen(store: Store) -> dict[int, tuple[Any, ...]]:
    """Return the stored facts about views, by contact."""
    return {row["contact_id"]: tuple(row[column] for column in COLUMNS) for row in rows(store, tables.facts)}


def from_scratch(store: Store) -> dict[int, tuple[Any, ...]]:
    """Return what the fold over the stored events says of views, by contact."""
    sheets: dict[int, FactSheet] = {}
    for row in sorted(rows(store, tables.events), key=lambda row: (row["at"], row["id"])):
        event = EventFact(row["id"], row["name"], row["at"], row["properties"])
        fold(sheets.setdefault(row["contact_id"], FactSheet()), event)
    return {
        contact: (
            sheet.views, sheet.value("views.last_at"), sheet.viewed and sheet.viewed.id,
            sheet.value("views.last_product"), sheet.value("views.last_category"),
        )
        for contact, sheet in sheets.items()
    }  # fmt: skip


@settings(max_examples=40)
@given(
    visits=st.lists(
        st.tuples(
            st.integers(0, 1), st.integers(0, 3), st.sampled_from(["a", 7, None]), st.sampled_from(["road", None])
        ),
        min_size=2,
        max_size=12,
    ),
    orders=st.lists(st.integers(0, 3), max_size=2),
    dice=st.randoms(use_true_random=False),
    size=st.integers(1, 4),
)
def test_the_last_view_is_the_newest_in_whatever_order_they_come(
    tmp_path_factory: pytest.TempPathFactory, visits: Any, orders: list[int], dice: Any, size: int
) -> None:
    """At one instant the later arrival; duplicates count once; late orders and carts between them change nothing."""
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('views') / 'x.db'}")
    SQLModel.metadata.create_all(store.engine)
    payloads = [
        view(f"u{who}", f"v{n}", hour, product_id=product, category=category)
        for n, (who, hour, product, category) in enumerate(visits)
    ]
    for number, hour in enumerate(orders):
        at = (START + timedelta(hours=hour)).isoformat()
        payloads.append(track("u0", "Cart Cleared", f"c{number}", timestamp=at, properties={}))
    payloads += dice.sample(payloads, len(payloads) // 3)
    dice.shuffle(payloads)
    for begin in range(0, len(payloads), size):
        take(store, ManualClock(START + timedelta(days=3)), *payloads[begin : begin + size], live=False)
    assert seen(store) == from_scratch(store)
    assert rebuild.compare(store).differed == 0
    store.close()


def test_views_are_added_alike_on_both_databases(store: Store, clock: ManualClock) -> None:
    """Many contacts, several batches, some views at one instant."""
    dice = random.Random(3)  # noqa: S311 - no secret
    payloads = [view(f"u{dice.randrange(9)}", f"v{n}", dice.randrange(5), sku=f"s{n}") for n in range(120)]
    for begin in range(0, 120, 17):
        take(store, clock, *payloads[begin : begin + 17])
    assert seen(store) == from_scratch(store)
    assert sum(row[0] for row in seen(store).values()) == 120


def test_a_late_view_folds_nobody_again(store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Views are most of all events: only a late event of the cart may cost a look into the past, and not at views."""
    asked: list[int] = []
    history = rollup._history

    def noted(connection: Connection, ids: Collection[int]) -> Iterator[tuple[int, EventFact]]:
        asked.extend(ids)
        return history(connection, ids)

    monkeypatch.setattr(rollup, "_history", noted)
    monkeypatch.delattr(views, "counted")
    shoe = {"product_id": "a", "price": 3, "quantity": 1}
    take(store, clock, track("u", "Product Added", "a", timestamp="2026-10-02T00:00:00Z", properties=shoe))
    take(store, clock, view("u", "late", 1, product_id="a"), view("u", "later", 0, product_id="b"))
    assert asked == []
    take(store, clock, track("u", "Product Added", "b", timestamp="2026-10-01T00:00:00Z", properties=shoe))
    assert asked == [1]
    assert seen(store)[1][:1] + seen(store)[1][3:4] == (2, "a")


def test_the_views_of_a_merged_contact_are_those_of_both(store: Store, clock: ManualClock) -> None:
    """Also of the batch that merges them, and the one who goes keeps none."""
    take(store, clock, identify("old", email="a@shop.example"), view("old", "v1", 1, product_id="a"))
    take(store, clock, identify("new"), view("new", "v2", 5, product_id="b"))
    merging = {**identify("new", email="a@shop.example"), "messageId": "merge"}
    take(store, clock, merging, view("old", "v3", 2, product_id="c"), view("new", "v4", 3, product_id="d"))
    assert seen(store) == from_scratch(store)
    assert {contact: (row[0], row[3]) for contact, row in seen(store).items()} == {1: (4, "b")}


def test_a_product_is_named_by_its_id_else_its_sku(store: Store, clock: ManualClock) -> None:
    """A number is a text like any other id; what is neither is none."""
    take(
        store, clock,
        view("u1", "a", product_id=507, sku="S"), view("u2", "b", sku="S", category="أحذية"),
        view("u3", "c", product_id=["x"], name="Shoe"),
    )  # fmt: skip
    assert [row[3:] for row in seen(store).values()] == [("507", None), ("S", "أحذية"), (None, None)]
