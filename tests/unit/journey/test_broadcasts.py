"""Schedules, broadcasts, anniversaries and those who are there already, on real databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from lifecycle.journey import broadcasts
from lifecycle.journey.broadcasts import Budget, open_due
from lifecycle.journey.by_hand import enrol_batch
from lifecycle.store.tables import campaign_states
from shop import KEY, Shop, with_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lifecycle.base.clock import ManualClock
    from lifecycle.store.engine import Store

DAY = timedelta(days=1)
HEAD = """
campaign: timed
stage: retention
topic: newsletter
priority: 10
reentry: always
send_window: {quiet_hours: ignore}
trigger: TRIGGER
EXTRA
steps:
  - {send: newsletter/issue, id: mail}
"""


def _files(trigger: str, extra: str = "") -> Mapping[str, str]:
    return with_file("campaigns/timed.yaml", HEAD.replace("TRIGGER", trigger).replace("EXTRA", extra))


def _tick(shop: Shop) -> int:
    """Do what the scheduler does: what is due by time, then turns and mails."""
    done = open_due(shop.store, shop.versions, KEY, shop.clock.now())
    shop.work()
    return done


def _mails(shop: Shop) -> list[tuple[datetime, str]]:
    return [(row.reached_at, row.occurrence) for row in shop.ledger(campaign="timed")]


def test_a_schedule_comes_once_an_instant_also_after_downtime(store: Store, clock: ManualClock) -> None:
    """Three mornings were missed: each comes once, late, in order; a second look finds nothing."""
    shop = Shop(store, clock, _files('{schedule: "0 9 * * *"}'))
    shop.contact("sara")
    shop.work()
    start = clock.now()
    assert _tick(shop) == 0, "what was due before the campaign came into force is not made up"
    clock.move_to(datetime(2026, 11, 4, 20, 0, tzinfo=UTC))
    assert _tick(shop) == 3
    assert _tick(shop) == 0
    assert [at for at, _ in _mails(shop)] == [datetime(2026, 11, day, 6, 0, tzinfo=UTC) for day in (2, 3, 4)]
    assert start < min(row.sent_at or start for row in shop.ledger(campaign="timed") if row.sent_at)


def test_a_late_broadcast_obeys_its_deadline(store: Store, clock: ManualClock) -> None:
    """What was due while the engine was down is skipped where it is too late, with its reason."""
    files = dict(_files('{schedule: "0 9 * * *"}'))
    files["campaigns/timed.yaml"] = files["campaigns/timed.yaml"].replace("id: mail", "id: mail, deadline: 2h")
    shop = Shop(store, clock, files)
    shop.contact("sara")
    clock.move_to(datetime(2026, 11, 2, 12, 0, tzinfo=UTC))
    _tick(shop)
    assert [(row.state, row.reason) for row in shop.ledger(campaign="timed")] == [("skipped", "past_deadline")]


def test_a_broadcast_goes_to_its_audience_by_each_contacts_clock(store: Store, clock: ManualClock) -> None:
    """Nine in the morning where they are; whoever has no zone lives by the project's."""
    extra = "audience: {contact.city: {is_not: Oslo}}"
    shop = Shop(store, clock, _files("{at: 2026-12-01T09:00, timezone: contact}", extra))
    zones = {"cairo": "Africa/Cairo", "york": "America/New_York", "home": None, "riyadh": "Asia/Riyadh"}
    for name, zone in zones.items():
        shop.contact(name, **({"timezone": zone} if zone else {}))
    shop.contact("oslo", timezone="Europe/Oslo", city="Oslo")
    for hour in range(48):
        clock.move_to(datetime(2026, 11, 30, 12, 0, tzinfo=UTC) + timedelta(hours=hour))
        _tick(shop)
    names = {row.contact_id: row.reached_at for row in shop.ledger(campaign="timed")}
    instants = sorted(names.values())
    assert instants == [
        datetime(2026, 12, 1, 6, 0, tzinfo=UTC), datetime(2026, 12, 1, 6, 0, tzinfo=UTC),
        datetime(2026, 12, 1, 7, 0, tzinfo=UTC), datetime(2026, 12, 1, 14, 0, tzinfo=UTC),
    ]  # fmt: skip


def test_birthdays_come_once_a_year_and_a_leap_day_on_the_28th(store: Store, clock: ManualClock) -> None:
    """At nine of the contact's clock; the occurrence is the year, so a changed zone brings no second mail."""
    trigger = "{date: {of: contact.birthday, every: year}}"
    shop = Shop(store, clock, _files(trigger))
    shop.contact("leap", birthday="2000-02-29", timezone="Africa/Cairo")
    shop.contact("wrong", birthday="soon")
    shop.contact("none")
    for hours in range(0, 24 * 6, 3):
        clock.move_to(datetime(2027, 2, 26, 0, 30, tzinfo=UTC) + timedelta(hours=hours))
        _tick(shop)
        if hours == 60:  # after it came: the contact moves west, where it is still to come
            shop.contact("leap", timezone="America/New_York")
    assert _mails(shop) == [(datetime(2027, 2, 28, 7, 0, tzinfo=UTC), "2027")]


def test_a_crash_in_mid_broadcast_goes_on_where_it_stopped(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second batch fails; the next look enrols the rest and nobody twice, and leaves no refused row."""
    monkeypatch.setattr(broadcasts, "BATCH", 4)
    shop = Shop(store, clock, _files('{schedule: "0 9 * * *"}'))
    for number in range(10):
        shop.contact(f"contact-{number}")
    shop.work()
    clock.advance(DAY)
    calls = 0

    def fail_second(*args: object, **more: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("killed")
        return enrol_batch(*args, **more)  # type: ignore[arg-type]  # passed through

    with monkeypatch.context() as patch:
        patch.setattr(broadcasts, "enrol_batch", fail_second)
        with pytest.raises(RuntimeError):
            open_due(store, shop.versions, KEY, clock.now())
    assert len(shop.entries("timed")) == 4
    assert open_due(store, shop.versions, KEY, clock.now()) == 6
    assert {row.state for row in shop.entries("timed")} == {"completed"}
    assert len(shop.entries("timed")) == 10


def test_a_large_broadcast_lets_the_clock_tick_between_its_parts(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a budget a call does its share; the next goes on; the mark moves when all are in."""
    monkeypatch.setattr(broadcasts, "BATCH", 3)
    shop = Shop(store, clock, _files('{schedule: "0 9 * * *"}'))
    for number in range(7):
        shop.contact(f"contact-{number}")
    shop.work()
    clock.advance(DAY)
    budget = Budget(3)
    done = [open_due(store, shop.versions, KEY, clock.now(), budget) for _ in range(5)]
    assert done == [3, 3, 1, 0, 0]
    assert len(shop.entries("timed")) == 7


def test_whoever_is_inside_comes_along_once(store: Store, clock: ManualClock) -> None:
    """`enroll: current_and_future`: those in the segment when it comes into force, then whoever enters."""
    shop = Shop(store, clock)
    for name in ("old", "new"):
        shop.contact(name)
    shop.track("old", "Order Completed", order_id="o1", total=10)
    shop.work()
    clock.advance(timedelta(minutes=1))
    segment = {"segments/buyers.yaml": "segment: buyers\nlabel: Buyers\nwhere: {orders.count: {at_least: 1}}\n"}
    shop.apply({**_files("{segment_entered: buyers}", "enroll: current_and_future"), **segment})
    assert _tick(shop) == 1
    assert _tick(shop) == 0
    clock.advance(timedelta(minutes=1))
    shop.track("new", "Order Completed", order_id="o2", total=10)
    _tick(shop)
    assert [row.occurrence.split(":")[0] for row in shop.entries("timed")] == ["there already", "buyers"]


def test_a_campaign_whose_time_is_up_ends_for_everybody(store: Store, clock: ManualClock) -> None:
    """Enrolments and mails that still wait, although nothing happens to the contacts."""
    extra = f"ends: {(clock.now() + DAY).isoformat()}"
    files = dict(_files("{event: Signed Up}", extra))
    files["campaigns/timed.yaml"] = files["campaigns/timed.yaml"].replace("steps:", "steps:\n  - wait: 9d")
    shop = Shop(store, clock, files)
    shop.contact("sara")
    shop.track("sara", "Signed Up")
    shop.work()
    clock.advance(2 * DAY)
    _tick(shop)
    assert [(row.state, row.reason) for row in shop.entries("timed")] == [("exited", "campaign_ended")]


def test_a_schedule_that_was_a_draft_for_a_year_makes_nothing_up(store: Store, clock: ManualClock) -> None:
    """Its clock begins when it goes live again."""
    files = _files('{schedule: "0 9 * * *"}')
    shop = Shop(store, clock, files)
    shop.contact("sara")
    clock.advance(DAY)
    assert _tick(shop) == 1
    shop.apply(_files('{schedule: "0 9 * * *"}', "status: draft"))
    clock.advance(300 * DAY)
    assert _tick(shop) == 0
    shop.apply(files)
    assert _tick(shop) == 0
    clock.advance(DAY)
    assert _tick(shop) == 1
    with store.read() as connection:
        query = select(campaign_states.c.scheduled_to).where(campaign_states.c.campaign == "timed")
        assert connection.execute(query).scalar_one() <= clock.now()
