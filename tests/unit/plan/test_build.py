"""The plan: what apply then does, and nothing else; a stale one is refused."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lifecycle.base.errors import StalePlanError, UsageError
from lifecycle.journey.broadcasts import open_due
from lifecycle.plan.apply import apply
from lifecycle.plan.build import build_plan, refuse_stale, save_plan
from shop import KEY, Shop, content_of, sample_files

if TYPE_CHECKING:
    from lifecycle.base.clock import ManualClock
    from lifecycle.store.engine import Store

HOUR = timedelta(hours=1)
CART = "campaigns/cart-abandonment.yaml"
INSIDE = """
campaign: come-along
stage: retention
topic: offers
trigger: {segment_entered: buyers}
enroll: current_and_future
steps: [{send: newsletter/issue}]
"""


@pytest.fixture
def shop(store: Store, clock: ManualClock) -> Shop:
    """Return a shop with people in all kinds of places: waiting, active, held overnight, done."""
    made = Shop(store, clock)
    for number in range(9):
        made.contact(f"c{number}", timezone=("Asia/Riyadh", "Europe/London", "America/New_York")[number % 3])
    made.work()
    for hour in range(14):
        clock.advance(HOUR)
        who = f"c{hour % 9}"
        made.track(who, "Product Added", cart_id=f"b{hour}", product_id="p", name="P", price=100 * hour, quantity=1)
        if hour % 4 == 0:
            made.track(f"c{(hour + 5) % 9}", "Signed Up")
        if hour % 7 == 0:
            made.track(who, "Order Completed", order_id=f"o{hour}", total=10)
        made.run_until(clock.now())
    return made


def _edited(how: str) -> dict[str, str]:
    files = dict(sample_files())
    files[CART] = files[CART].replace("wait: 23h", "wait: 2h").replace("reentry:", f"on_change: {how}\nreentry:")
    files["campaigns/come-along.yaml"] = INSIDE
    files["segments/buyers.yaml"] = "segment: buyers\nlabel: Buyers\nwhere: {orders.count: {at_least: 1}}\n"
    del files["campaigns/thank-you.yaml"]
    return files


@pytest.mark.parametrize("how", ["keep", "migrate", "restart", "exit"])
def test_what_apply_does_is_what_the_plan_says(shop: Shop, how: str) -> None:
    """People by what becomes of them, who comes along, mails of the first day by hour: the same, to the last one."""
    start = shop.clock.now()
    content = content_of(_edited(how))
    plan = build_plan(shop.store, content, shop.content, shop.versions, start)
    changes = {found.campaign: found for found in plan.campaigns}
    assert {name: found.change for name, found in changes.items()} == {
        "cart-abandonment": "changed", "come-along": "added", "thank-you": "removed",
    }  # fmt: skip
    before = {row.id for row in shop.ledger()} - {row.id for row in shop.ledger(state="queued")}
    done = apply(shop.store, content, shop.content, start)
    told: Counter[str] = Counter()
    for found in changes.values():
        told.update(found.fates)
    assert told == done.inside
    assert changes["cart-abandonment"].inside > 0
    shop.content = content
    assert open_due(shop.store, shop.versions, KEY, start) == changes["come-along"].enters > 0
    shop.run_until(start + timedelta(hours=24) - timedelta(milliseconds=1))
    rows = [row for row in shop.ledger() if row.id not in before and row.campaign != "thank-you"]
    assert plan.first_day == _by_hour([(row.sent_at, row.campaign) for row in rows if row.state == "sent"])


def _by_hour(sent: list[tuple[datetime, str]]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for at, campaign in sent:
        found.setdefault(f"{at:%Y-%m-%dT%H}:00Z", Counter())[campaign] += 1
    return {hour: dict(counts) for hour, counts in sorted(found.items())}


def test_a_plan_writes_nothing(shop: Shop) -> None:
    """Made twice, it is the same; the database too."""
    content = content_of(_edited("restart"))
    first, second = (build_plan(shop.store, content, shop.content, shop.versions, shop.clock.now()) for _ in range(2))
    assert first == second
    assert shop.versions.in_force_hash() == shop.content.hash


def test_a_stale_plan_is_refused(shop: Shop, tmp_path: Path) -> None:
    """Whatever changed since: an event, an enrolment, the files, the version in force."""
    content = content_of(_edited("keep"))
    path = tmp_path / "plan.json"
    save_plan(build_plan(shop.store, content, shop.content, shop.versions, shop.clock.now()), path)
    refuse_stale(shop.store, content, shop.content, str(path), shop.clock.now())
    with pytest.raises(StalePlanError, match="the content"):
        refuse_stale(shop.store, content_of(_edited("exit")), shop.content, str(path), shop.clock.now())
    with pytest.raises(StalePlanError, match="the version in force"):
        refuse_stale(shop.store, content, content, str(path), shop.clock.now())
    shop.contact("c0", consent={"offers": False})
    with pytest.raises(StalePlanError, match="the database"):
        refuse_stale(shop.store, content, shop.content, str(path), shop.clock.now())


@pytest.mark.parametrize("text", ["", "{}", "[1]", "no json", "\x00"])
def test_what_is_no_plan_is_refused_in_words(store: Store, clock: ManualClock, tmp_path: Path, text: str) -> None:
    """Never a traceback."""
    shop = Shop(store, clock)
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="is no plan"):
        refuse_stale(shop.store, shop.content, None, str(path), shop.clock.now())


def test_the_first_plan_is_of_everything(store: Store, clock: ManualClock) -> None:
    """Nothing is in force, nobody is there: all is added."""
    shop = Shop(store, clock)
    plan = build_plan(store, shop.content, None, shop.versions, clock.now())
    assert {found.change for found in plan.campaigns} == {"added"}
    assert set(plan.files.values()) == {"added"}
    assert (plan.first_day, plan.is_empty) == ({}, False)
