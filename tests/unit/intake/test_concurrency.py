"""Several processes take the same and different messages at once: everything once, no deadlock, facts exact."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from arrivals import refreshed, rows, take, track
from sqlalchemy import insert, select

from journey_worlds import content_of
from lifecycle.base.clock import ManualClock
from lifecycle.intake import rebuild
from lifecycle.intake.merge import merge_contacts
from lifecycle.journey.advance import advance
from lifecycle.journey.versions import Versions
from lifecycle.plan.apply import apply
from lifecycle.store import tables
from lifecycle.store.contacts import find_contact
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


def crossing(seed: int) -> list[list[dict[str, Any]]]:
    """Return batches that make one of each two neighbours, in either direction, and of each user and his visitor."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    told: list[dict[str, Any]] = []
    for number in range(24):
        me, neighbour = f"u{number}", f"u{number ^ 1}"
        told += [
            {"type": "alias", "userId": me, "previousId": neighbour, "messageId": f"a{seed}-{number}"},
            {**track(me, "Seen", f"t{seed}-{number}"), "anonymousId": f"v{number}"},
            {
                "type": "identify",
                "userId": me,
                "messageId": f"e{seed}",
                "traits": {"email": f"p{number // 2}@x.example"},
            },
        ]
    dice.shuffle(told)
    return [told[begin : begin + 9] for begin in range(0, len(told), 9)]


def test_merges_in_opposite_directions_lose_no_name_and_wait_in_no_circle(store: Store, clock: ManualClock) -> None:
    """While the journey gives those contacts their turns: every writer gets through, and each name leads to one."""
    content = content_of(segments={"seen": "{event: Seen}"})
    apply(store, content, None, clock.now())
    for number in range(24):
        take(store, clock, track(f"u{number}", "Seen", f"u{number}"), {
            "type": "track", "anonymousId": f"v{number}", "event": "Seen", "messageId": f"v{number}",
        })  # fmt: skip

    def write(seed: int) -> int:
        return sum(len(take(store, clock, *batch).rejected) for batch in crossing(seed))

    def turn() -> int:
        versions = Versions(store)
        return sum(advance(store, versions, b"a key of tests, long enough", clock.now()).contacts for _ in range(20))

    with ThreadPoolExecutor(4) as pool:
        turning = pool.submit(turn)
        assert sum(pool.map(write, range(3))) == 0
        turning.result()
    turn()
    alive = {row["id"]: row["external_id"] for row in rows(store, tables.contacts) if row["merged_into"] is None}
    assert len(alive) == 12
    with store.read() as connection:
        for number in range(0, 24, 2):
            names = (f"u{number}", f"u{number + 1}", f"v{number}", f"v{number + 1}", f"p{number // 2}@x.example")
            found = {find_contact(connection, name) for name in names}
            assert len(found) == 1
            assert found < alive.keys()
    assert Counter(row["contact_id"] for row in rows(store, tables.events)) == dict.fromkeys(alive, 2 * 2 + 3 * 2)
    assert refreshed(store, clock, content) == set()
    assert {row["goes"] for row in rows(store, tables.merges)} | alive.keys() == set(range(1, 49))


def test_who_waited_while_a_contact_was_merged_finds_the_one_it_became(store: Store, clock: ManualClock) -> None:
    """The name was looked up before the merge and the row is held after it: nothing is stored of who is gone."""
    if store.is_sqlite:
        return  # it has one writer: nobody waits between looking up and holding
    take(store, clock, track("stays", "Seen", "a"), track("goes", "Seen", "b"))
    with ThreadPoolExecutor(1) as pool:
        with store.engine.begin() as connection:
            connection.execute(select(tables.contacts.c.id).where(tables.contacts.c.id == 2).with_for_update())
            late = pool.submit(take, store, clock, track("goes", "Seen", "late"))
            while not connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar():
                assert not late.done()
            merge_contacts(connection, 2, 1, clock.now())
            connection.execute(insert(tables.identities).values(kind="alias", value="goes", contact_id=1))
        late.result()
    assert [row["contact_id"] for row in rows(store, tables.events)] == [1, 1, 1]
