"""The stored facts always are the fold over the stored events, in whatever order those came."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from arrivals import rows, take, track
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlmodel import SQLModel

from lifecycle.base.clock import ManualClock
from lifecycle.intake import rebuild
from lifecycle.intake.facts import EventFact, FactSheet, fold
from lifecycle.intake.properties import amount
from lifecycle.spec.conditions import FACTS
from lifecycle.store import tables
from lifecycle.store.engine import Store

START = datetime(2026, 10, 1, tzinfo=UTC)

_products = st.fixed_dictionaries(
    {"product_id": st.sampled_from(["a", "b"]), "price": st.sampled_from([1, 2.5, "3"]), "quantity": st.integers(0, 3)}
)
_events: st.SearchStrategy[Any] = st.one_of(
    st.tuples(st.sampled_from(["Product Added", "Product Removed", "Product Updated"]), _products),
    st.tuples(st.just("Cart Cleared"), st.just({})),
    st.tuples(st.just("Checkout Started"), st.fixed_dictionaries({"products": st.lists(_products, max_size=2)})),
    st.tuples(
        st.sampled_from(["Order Completed", "Order Completed", "Order Updated", "Order Refunded", "Order Cancelled"]),
        st.fixed_dictionaries(
            {
                "order_id": st.sampled_from([1, 2, "3", None]),
                "total": st.sampled_from([10, 2.25, None, "x", "7", 0.00006]),
            }
        ),
    ),
    st.tuples(st.just("Seen"), st.just({})),
    st.tuples(
        st.just("Product Viewed"),
        st.fixed_dictionaries(
            {}, optional={"product_id": st.sampled_from(["a", 7, None]), "sku": st.just("s"), "category": st.just("c")}
        ),
    ),
)


def stored(store: Store) -> Any:
    """Return facts and orders as they are stored."""
    return rows(store, tables.facts), rows(store, tables.orders)


@settings(max_examples=60)
@given(
    history=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40), _events), min_size=1, max_size=25),
    order=st.randoms(use_true_random=False),
    size=st.integers(1, 10),
)
def test_facts_are_the_fold_over_the_events_whatever_the_order_of_arrival(
    tmp_path_factory: pytest.TempPathFactory, history: Any, order: Any, size: int
) -> None:
    """Late, duplicate and out-of-order events in batches of any size: incremental equals rebuilt."""
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('fold') / 'x.db'}")
    SQLModel.metadata.create_all(store.engine)
    payloads = [
        track(f"u{who}", name, f"m{n}", timestamp=(START + timedelta(hours=hour)).isoformat(), properties=properties)
        for n, (who, hour, (name, properties)) in enumerate(history)
    ]
    payloads += order.sample(payloads, len(payloads) // 3)
    order.shuffle(payloads)
    clock = ManualClock(START + timedelta(days=3))
    for begin in range(0, len(payloads), size):
        take(store, clock, *payloads[begin : begin + size], live=False)
    kept = stored(store)
    with store.read() as connection:
        found = connection.execute(select(tables.events).order_by(tables.events.c.at, tables.events.c.id)).all()
    sheets: dict[int, FactSheet] = {}
    for row in found:
        event = EventFact(row.id, row.name, row.at, row.properties, message_id=row.message_id)
        fold(sheets.setdefault(row.contact_id, FactSheet()), event)
    of_events = {fact for fact in FACTS if fact.startswith(("orders.", "cart.", "views."))}
    assert {facts["contact_id"] for facts in kept[0]} >= {contact for contact, sheet in sheets.items() if sheet.views}
    for facts in kept[0]:
        sheet = sheets[facts["contact_id"]]
        for fact in of_events:
            assert facts[fact.replace(".", "_")] == sheet.value(fact), fact
        assert json.dumps(facts["cart"], sort_keys=True) == json.dumps(sheet.cart, sort_keys=True)
    assert rebuild.rebuild(store).differed == 0
    assert stored(store) == kept
    store.close()


def test_a_late_event_takes_its_place_in_time(store: Store, clock: ManualClock) -> None:
    """A shoe that was put into the cart before the order, and is told of after it, is not in the cart."""
    shoe = {"product_id": "a", "price": 3, "quantity": 1}
    take(store, clock, track("u", "Order Completed", "o", timestamp="2026-11-01T08:00:00Z", properties={"total": 3}))
    take(store, clock, track("u", "Product Added", "late", timestamp="2026-11-01T07:00:00Z", properties=shoe))
    assert rows(store, tables.facts)[0]["cart_items"] == 0
    take(store, clock, track("u", "Product Added", "next", timestamp="2026-11-01T08:30:00Z", properties=shoe))
    assert rows(store, tables.facts)[0]["cart_items"] == 1


def test_a_rebuild_changes_nothing(store: Store, clock: ManualClock) -> None:
    """On both databases."""
    dice = random.Random(5)  # noqa: S311 - no secret
    payloads = [
        track(f"u{dice.randrange(5)}", "Order Completed", f"m{n}", properties={"order_id": n % 20, "total": n / 8})
        for n in range(60)
    ]
    take(store, clock, *payloads)
    before = stored(store)
    assert rebuild.rebuild(store) == rebuild.Rebuilt(contacts=5, differed=0)
    assert stored(store) == before


def test_absurd_amounts_are_no_amounts() -> None:
    """They would not fit the columns, or take minutes to become whole numbers."""
    for absurd in ("1e999999", 10**5000, float("inf"), "nan", True, [1], {"a": 1}, "1e12", None):
        assert amount(absurd) is None
    assert amount("12.50") == amount(12.5)


def test_an_unhashable_order_or_cart_id_is_no_id(store: Store, clock: ManualClock) -> None:
    """A hostile payload does not stop the batch."""
    take(
        store, clock,
        track("u", "Order Completed", "a", properties={"order_id": ["x"], "total": 3}),
        track("u", "Product Added", "b", properties={"cart_id": {"y": 1}, "product_id": 1, "quantity": "9e99"}),
    )  # fmt: skip
    assert rows(store, tables.orders)[0]["order_id"] == "event:a"
