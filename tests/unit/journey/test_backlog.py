"""Twelve hours of downtime: what was due leaves in due order over half an hour, or not at all where it is too late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from lifecycle.journey.backlog import AHEAD_OF_DEADLINE, AWAY_AFTER, SPREAD_OVER, Backlog
from shop import Shop, sample_files

if TYPE_CHECKING:
    from lifecycle.base.clock import ManualClock
    from lifecycle.store.engine import Store

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FOLLOW_UP = """
campaign: follow-up
stage: consideration
topic: offers
trigger: {event: Asked}
send_window: {quiet_hours: ignore}
steps:
  - wait: 8h
  - send: newsletter/issue
    deadline: DEADLINE
"""
RECEIPT = """
campaign: receipt
stage: decision
kind: transactional
trigger: {event: Asked}
steps: [{wait: 8h}, {send: newsletter/issue}]
"""


def _shop(store: Store, clock: ManualClock, deadline: str) -> Shop:
    """Return a shop whose twelve contacts have asked in the last six hours, and wait."""
    added = {"campaigns/follow-up.yaml": FOLLOW_UP.replace("DEADLINE", deadline), "campaigns/receipt.yaml": RECEIPT}
    shop = Shop(store, clock, {**sample_files(), **added})
    for number in range(12):
        shop.contact(f"c{number:02}")
        shop.track(f"c{number:02}", "Asked")
        shop.run_until(clock.now() + 30 * MINUTE)
    return shop


def _sent(shop: Shop, campaign: str) -> list[Any]:
    """Return the ledger rows of what was sent, in that order."""
    return sorted(shop.ledger(campaign=campaign, state="sent"), key=lambda row: row.sent_at)


def test_what_was_due_while_the_engine_was_away_leaves_in_order_over_half_an_hour(
    store: Store, clock: ManualClock
) -> None:
    """A dozen mails that were due over six hours: the first at once, the others one after the other."""
    shop = _shop(store, clock, "3d")
    clock.advance(12 * HOUR)
    back_at = clock.now()
    shop.backlog = Backlog(back_at)
    shop.run_until(back_at + HOUR)
    sent = _sent(shop, "follow-up")
    assert [row.reached_at for row in sent] == sorted(row.reached_at for row in sent)
    assert len(sent) == 12
    assert back_at <= sent[0].sent_at < back_at + MINUTE
    assert min(later.sent_at - earlier.sent_at for earlier, later in pairwise(sent)) > MINUTE
    assert sent[-1].sent_at < back_at + SPREAD_OVER


def test_events_that_the_web_server_took_in_meanwhile_are_spread_too(store: Store, clock: ManualClock) -> None:
    """Workers alone were down: sign-ups of five hours are not welcomed in one minute."""
    shop = Shop(store, clock)
    shop.work()
    for number in range(10):
        clock.advance(30 * MINUTE)
        shop.contact(f"c{number}")
        shop.track(f"c{number}", "Signed Up")
    clock.advance(5 * MINUTE)
    shop.backlog = Backlog(clock.now())
    shop.run_until(clock.now() + HOUR)
    sent = _sent(shop, "welcome")
    assert len(sent) == 10
    assert [row.reached_at for row in sent] == sorted(row.reached_at for row in sent)
    assert min(later.sent_at - earlier.sent_at for earlier, later in pairwise(sent)) > MINUTE


def test_receipts_do_not_wait_and_what_is_too_late_is_not_sent(store: Store, clock: ManualClock) -> None:
    """Transactional mails leave at once; a deadline that has passed is a deadline that has passed."""
    shop = _shop(store, clock, "10h")
    clock.advance(12 * HOUR)
    back_at = clock.now()
    shop.backlog = Backlog(back_at)
    shop.run_until(back_at + HOUR)
    receipts = _sent(shop, "receipt")
    assert len(receipts) == 12
    assert all(row.sent_at < back_at + MINUTE for row in receipts)
    assert [row.reason for row in shop.ledger(campaign="follow-up")] == ["past_deadline"] * 12


def test_whoever_was_never_away_spreads_nothing(store: Store, clock: ManualClock) -> None:
    """A restart, or some minutes' pause: mails leave when they are due."""
    shop = _shop(store, clock, "3d")
    shop.run_until(clock.now() + 2 * HOUR - MINUTE)
    clock.advance(AWAY_AFTER - MINUTE)
    shop.backlog = Backlog(clock.now())
    shop.run_until(clock.now() + 8 * HOUR)
    sent = _sent(shop, "follow-up")
    assert len(sent) == 12
    assert all(row.sent_at - row.reached_at < AWAY_AFTER for row in sent)


@given(
    away=st.integers(10, 3000), dues=st.lists(st.integers(0, 2999), min_size=2, max_size=20),
    deadline=st.none() | st.integers(-30, 90),
)  # fmt: skip
def test_due_order_is_kept_and_no_deadline_is_passed_by_waiting(
    away: int, dues: list[int], deadline: int | None
) -> None:
    """Whatever was due when: never before now, never after the half hour, never later than a deadline allows."""
    backlog, since = Backlog(NOW), NOW - away * MINUTE
    backlog.look(since)
    deadline_at = None if deadline is None else NOW + deadline * MINUTE
    ats = sorted(since + (due % away) * MINUTE for due in dues)
    found = [backlog.due_at(at, NOW, deadline_at=deadline_at, kind="marketing") for at in ats]
    assert found == sorted(found)
    assert all(NOW <= at <= NOW + min(SPREAD_OVER, away * MINUTE) for at in found)
    if deadline_at is not None:
        assert all(at <= max(NOW, deadline_at - AHEAD_OF_DEADLINE) for at in found)
    assert backlog.due_at(NOW, NOW, deadline_at=None, kind="marketing") == NOW


def test_a_busy_engine_spreads_nothing_and_an_old_backlog_ends(store: Store, clock: ManualClock) -> None:
    """Late because there was much to do is not away, and one who cannot be worked off holds up nobody."""
    busy = Backlog(NOW)
    busy.look(None)
    assert busy.due_at(NOW + HOUR, NOW + 2 * HOUR, deadline_at=None, kind="marketing") == NOW + 2 * HOUR
    back = Backlog(NOW)
    back.look(NOW - HOUR)
    assert back.due_at(NOW - MINUTE, NOW, deadline_at=None, kind="marketing") > NOW
    # what is due from the return on leaves at once, though the oldest be as old as ever; so does what is old, later
    for later in (MINUTE, 12 * HOUR):
        assert back.due_at(NOW + later, NOW + later, deadline_at=None, kind="marketing") == NOW + later
    assert back.due_at(NOW - MINUTE, NOW + HOUR, deadline_at=None, kind="marketing") == NOW + HOUR
    # somebody whose history breaks the engine waits for ever; a day later an on-time mail of another is on time
    shop = _shop(store, clock, "3d")
    shop.backlog = Backlog(clock.now() - 24 * HOUR)
    shop.backlog.look(clock.now() - 48 * HOUR)
    shop.run_until(clock.now() + 9 * HOUR)
    assert {row.sent_at - row.reached_at < MINUTE for row in _sent(shop, "follow-up")} == {True}
