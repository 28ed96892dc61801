"""How often one may ask."""

from __future__ import annotations

from datetime import timedelta

from lifecycle.base.clock import ManualClock
from lifecycle.web.rates import Rate


def test_a_burst_is_allowed_and_then_one_for_each_interval(clock: ManualClock) -> None:
    """Three at once, then six a minute; another key has a bucket of its own."""
    rate = Rate(clock, burst=3, per_minute=6)
    assert [rate.allows("a") for _ in range(4)] == [True, True, True, False]
    assert rate.allows("b")
    clock.advance(timedelta(seconds=10))
    assert [rate.allows("a") for _ in range(2)] == [True, False]


def test_old_keys_are_forgotten(clock: ManualClock) -> None:
    """Memory is bounded, whoever asks."""
    rate = Rate(clock, burst=1, per_minute=1, keys=2)
    assert [rate.allows(key) for key in "abc"] == [True] * 3
    assert len(rate._left) == 2
