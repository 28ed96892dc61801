"""A rate is kept over any stretch of time, and nothing ever waits inside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.base.clock import ManualClock
from lifecycle.deliver.throttle import Throttle

START = datetime(2026, 11, 1, tzinfo=UTC)


@given(st.floats(0.1, 500), st.lists(st.tuples(st.integers(0, 400), st.floats(0, 30)), max_size=30))
def test_no_window_exceeds_rate_and_burst(rate: float, steps: list[tuple[int, float]]) -> None:
    """However it is asked, at most rate × time + one second's burst gets through."""
    clock = ManualClock(START)
    throttle = Throttle(rate, clock)
    taken = 0
    for wanted, pause in steps:
        got = throttle.take(wanted)
        assert 0 <= got <= wanted
        taken += got
        clock.advance(timedelta(seconds=pause))
        assert taken <= rate * clock.monotonic() + max(rate, 1.0) + 1e-6


def test_wait_tells_when_one_may_go() -> None:
    """After the wait that it names, one goes; before it, none."""
    clock = ManualClock(START)
    throttle = Throttle(2, clock)
    assert throttle.take(10) == 2
    wait = throttle.wait_s()
    assert wait == pytest.approx(0.5)
    clock.advance(timedelta(seconds=wait - 0.01))
    assert throttle.take(1) == 0
    clock.advance(timedelta(seconds=0.02))
    assert throttle.take(1) == 1


def test_no_rate_is_no_limit() -> None:
    """None lets everything through; zero is a mistake."""
    throttle = Throttle(None, ManualClock(START))
    assert throttle.take(10**6) == 10**6
    assert throttle.wait_s() == 0
    with pytest.raises(ValueError, match="more than zero"):
        Throttle(0, ManualClock(START))
