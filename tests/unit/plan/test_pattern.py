"""The past as the pattern of the future: what happened in the last days happens again, and nothing is written."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from lifecycle.intake.erase import erase
from lifecycle.plan.pattern import Pattern
from lifecycle.plan.simulate import Simulated, simulate
from lifecycle.store.tables import contacts, enrolments, events, messages
from shop import Shop

if TYPE_CHECKING:
    from lifecycle.base.clock import ManualClock
    from lifecycle.store.engine import Store

DAY = timedelta(days=1)
THANKS = ("order-confirmation", "order/confirmation")


@pytest.fixture
def shop(store: Store, clock: ManualClock) -> Shop:
    """Return a shop of a year's standing: Sara orders two days ago, and Omar comes and orders a day later."""
    made = Shop(store, clock)
    made.contact("sara")
    made.contact("lina")
    clock.advance(300 * DAY)
    made.track("sara", "Order Completed", order_id="o1", total=100)
    made.run_until(clock.now() + DAY)
    made.contact("omar")
    made.track("omar", "Order Completed", order_id="o2", total=50)
    made.run_until(clock.now() + DAY)
    return made


def _foreseen(shop: Shop, days: int, pattern_days: int | None, seed: int = 0) -> Simulated:
    start = shop.clock.now()
    end = start + days * DAY
    pattern = Pattern(start, end, pattern_days * DAY, seed) if pattern_days else None
    return simulate(
        shop.store, shop.content, start, end, replay=False, versions=shop.versions.get, pattern=pattern
    )  # fmt: skip


def _confirmed(done: Simulated) -> list[tuple[str, timedelta]]:
    return [(row.contact, row.at - done.start) for row in done.rows if (row.campaign, row.step) == THANKS]


def test_what_happened_happens_again_and_newcomers_come(shop: Shop) -> None:
    """Ten days like the last five: each order twice more, as other orders, and a new Omar each time."""
    found = _confirmed(_foreseen(shop, 10, 5))
    again = [("sara", 3 * DAY), ("omar", 4 * DAY), ("sara", 8 * DAY), ("omar", 9 * DAY)]
    new = [("new:omar", 4 * DAY), ("new:omar:2", 9 * DAY)]
    assert sorted((who, at.days) for who, at in found) == sorted((who, at.days) for who, at in again + new)
    assert all(at - timedelta(days=at.days) < timedelta(seconds=1) for _, at in found)


def test_without_a_pattern_nobody_orders(shop: Shop) -> None:
    """Only what has begun goes on."""
    done = _foreseen(shop, 10, None)
    assert _confirmed(done) == []
    assert {row.campaign for row in done.rows} >= {"thank-you"}


def test_the_seed_draws_whose_days_are_lived_and_the_same_seed_the_same(shop: Shop) -> None:
    """Among those in one stage; another seed may draw others."""
    for number in range(12):
        shop.contact(f"c{number}")
        if number % 3 == 0:
            shop.track(f"c{number}", "Order Completed", order_id=f"p{number}", total=10)
    shop.work()
    drawn = {seed: _confirmed(_foreseen(shop, 5, 5, seed)) for seed in range(4)}
    assert drawn[1] == _confirmed(_foreseen(shop, 5, 5, 1))
    assert len({tuple(sorted(found)) for found in drawn.values()}) > 1
    buyers = {"sara", "omar", *(f"c{number}" for number in range(0, 12, 3))}
    # whoever never ordered is in another stage than those whose orders are drawn
    assert all({who for who, _ in found if not who.startswith("new:")} <= buyers for found in drawn.values())


def test_an_order_that_happens_again_is_another_order(shop: Shop) -> None:
    """Facts count it: one who ordered once a week is a repeat customer a week later."""
    done = _foreseen(shop, 20, 5)
    assert any(row.campaign == "loyalty" and row.contact == "sara" for row in done.rows)


def test_whoever_is_gone_does_nothing_more(shop: Shop) -> None:
    """Erased in between: no mail, and nobody comes in their place."""
    with shop.store.write() as connection:
        omar = select(contacts.c.id).where(contacts.c.external_id == "omar")
        erase(connection, connection.execute(omar).scalar_one(), shop.clock.now())
    found = _foreseen(shop, 10, 5)
    assert not [row for row in found.rows if "omar" in row.contact]


def test_nothing_is_written(shop: Shop) -> None:
    """A simulation leaves the database as it was."""
    counts = [select(func.count()).select_from(table) for table in (events, messages, enrolments)]
    with shop.store.read() as connection:
        before = [connection.execute(count).scalar() for count in counts]
    _foreseen(shop, 30, 5, 2)
    with shop.store.read() as connection:
        assert [connection.execute(count).scalar() for count in counts] == before
