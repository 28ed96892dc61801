"""Rankings while several transactions change them at once: the ends of shares are those of a new ranking."""

from __future__ import annotations

import random
import threading
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from audience_worlds import BLANK, Person, content_of, store_people
from rankings import hold_against_counted
from sqlalchemy import Connection, insert, select, update

from lifecycle.audience import ranking
from lifecycle.audience.ranking import keep_ranking
from lifecycle.base.units import Share
from lifecycle.journey.advance import lock_contacts
from lifecycle.spec import conditions as c
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts, facts

PEOPLE, THREADS, TURNS = 60, 4, 25
CONTENT = content_of(
    [], {f"top{share}": c.FactLeaf("orders.total", (c.Test("top", Share.parse(share)),)) for share in ("10%", "50%")}
)


def _shop(store: Store) -> list[int]:
    """Store people of whom each has ordered for ten more than the one before, ranked; return them."""
    if store.is_sqlite:
        pytest.skip("SQLite has one writer: nobody else is there")
    with store.write() as connection:
        ids = store_people(connection, [Person(BLANK) for _ in range(PEOPLE)])
        rows = [{"contact_id": one, "orders_count": 1, "orders_total": Decimal(one * 10)} for one in ids]
        connection.execute(insert(facts), rows)
        keep_ranking(connection, CONTENT, None)
    return ids


def _order(connection: Connection, one: int, total: int) -> None:
    values = {"orders_total": Decimal(total)}
    connection.execute(update(facts).where(facts.c.contact_id == one).values(**values))


def _check(store: Store) -> None:
    with store.write() as connection:
        everybody = list(connection.execute(select(contacts.c.id)).scalars())
        hold_against_counted(connection, CONTENT, keep_ranking(connection, CONTENT, everybody))


def test_whoever_ranks_anew_waits_for_who_has_looked_at_the_places_of_before(store: Store) -> None:
    """Else the one who has risen would be counted twice: in the new ranking, and by the one who had seen him below."""
    ids = _shop(store)
    with store.write() as connection:
        _order(connection, ids[0], 10_000)
    looked, told = threading.Event(), threading.Event()
    changes = ranking._changes

    def look(*arguments: Any) -> Any:
        found = changes(*arguments)
        looked.set()
        assert told.wait(30)
        return found

    def follow() -> None:
        with store.write() as connection:
            keep_ranking(connection, CONTENT, lock_contacts(connection, ids[:1], skip=False))

    def anew() -> None:
        with store.write() as connection:
            keep_ranking(connection, CONTENT, None)

    with patch.object(ranking, "_changes", look):
        follower, other = threading.Thread(target=follow), threading.Thread(target=anew)
        follower.start()
        assert looked.wait(30)
        other.start()
        other.join(0.5)
        assert other.is_alive()
        told.set()
        follower.join()
        other.join()
    _check(store)


@pytest.mark.parametrize("window", [1, 8])
def test_the_ends_are_right_whoever_moves_them_meanwhile(store: Store, window: int) -> None:
    """Orders are stored, then taken account of, by four at a time; with one place near an end all are often anew."""
    ids = _shop(store)
    failed: list[BaseException] = []

    def orders(seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311 - a test
        try:
            for _ in range(TURNS):
                some = sorted(dice.sample(ids, 3))
                with store.write() as connection:
                    held = lock_contacts(connection, some, skip=False)
                    for one in held:
                        _order(connection, one, dice.randrange(1, PEOPLE * 10))
                with store.write() as connection:
                    lock_contacts(connection, some, skip=False)
                    keep_ranking(connection, CONTENT, some)
        except BaseException as error:  # noqa: BLE001 - told of below
            failed.append(error)

    with patch.object(ranking, "WINDOW", window), patch.object(ranking, "WINDOW_PART", 10**6):
        threads = [threading.Thread(target=orders, args=(seed,)) for seed in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []
    _check(store)
