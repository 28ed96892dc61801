"""Several processes take the same and different messages at once: everything once, no deadlock, facts exact."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from arrivals import rows, take, track

from lifecycle.base.clock import ManualClock
from lifecycle.intake import rebuild
from lifecycle.store import tables
from lifecycle.store.engine import Store


def batches(seed: int) -> list[list[dict[str, Any]]]:
    """Return the same messages in another order and in other batches."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    payloads: list[dict[str, Any]] = []
    for number in range(120):
        user = f"u{number % 12}"
        payloads.append(track(user, "Order Completed", f"m{number}", properties={"order_id": number, "total": number}))
        traits = {"email": f"p{number % 6}@shop.example", "consent": {"offers": True}}
        payloads.append(
            {"type": "identify", "anonymousId": f"v{number % 12}", "messageId": f"i{number}", "traits": traits}
        )
        payloads.append(
            {"type": "identify", "userId": user, "anonymousId": f"v{number % 12}", "messageId": f"j{number}"}
        )
    dice.shuffle(payloads)
    return [payloads[begin : begin + 24] for begin in range(0, len(payloads), 24)]


def test_four_writers_of_the_same_messages_store_each_once(store: Store, clock: ManualClock) -> None:
    """Whoever is first stores it; contacts made at once with one address are one contact in the end."""

    def write(seed: int) -> int:
        return sum(len(take(store, clock, *batch).rejected) for batch in batches(seed))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(write, range(4))) == 0
    assert len(rows(store, tables.events)) == 120
    alive = [row for row in rows(store, tables.contacts) if row["merged_into"] is None]
    addresses = Counter(row["address_key"] for row in alive if row["address_key"])
    assert set(addresses.values()) == {1}
    assert len(addresses) == 6
    assert {row["contact_id"] for row in rows(store, tables.events)} <= {row["id"] for row in alive}
    kept = rows(store, tables.facts), rows(store, tables.orders)
    assert sum(row["orders_count"] for row in kept[0]) == 120
    assert rebuild.rebuild(store).differed == 0
    assert (rows(store, tables.facts), rows(store, tables.orders)) == kept
