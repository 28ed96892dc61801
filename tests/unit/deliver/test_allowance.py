"""The arithmetic of limits: never more in any window, nor on any day, whatever the clocks of machines say."""

from __future__ import annotations

from collections import deque
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger import START
from lifecycle.base.clock import ManualClock
from lifecycle.base.units import Duration
from lifecycle.deliver import send
from lifecycle.deliver.allowance import ENDLESS, LEAVES_WITHIN_S, Moment, Ramp, Rate, Used
from lifecycle.deliver.taking import LimitTime
from lifecycle.spec.model import WarmUp

RIYADH = ZoneInfo("Asia/Riyadh")
PLAN = WarmUp("ses", date(2026, 11, 1), 200, 50_000, Duration.parse("30d"))


def at(seconds: float) -> Moment:
    """Return that many seconds after START, on a machine whose clock is right."""
    instant = START + timedelta(seconds=seconds)
    return Moment(instant, instant)


@given(
    st.integers(1, 60), st.sampled_from([1, 60, 3600]),
    st.lists(st.tuples(st.floats(0, 0.4), st.integers(0, 30)), max_size=60),
)  # fmt: skip
@example(20, 1, [(0.0, 30), *[(0.05, 30)] * 40])
def test_no_window_holds_more_than_the_limit(at_most: int, per_s: int, tries: list[tuple[float, int]]) -> None:
    """Whoever asks, as often and for as much as they like: any window that is shorter than `per` holds `at_most`."""
    rate, used, second = Rate.of(at_most, per_s), Used(), 0.0
    window: deque[float] = deque()
    for pause, wanted in tries:
        second += round(pause * per_s, 6)
        taken = min(wanted, rate.room(used, at(second)))
        used = rate.take(used, taken, at(second))
        window.extend([second] * taken)
        while window and second - window[0] >= per_s - 1e-6:
            window.popleft()
        assert len(window) <= at_most


def test_limit_is_used_to_the_full_but_for_the_burst() -> None:
    """A tenth at once, and the rest evenly: of 1,000 an hour 100 now and 900 in the hour."""
    rate, used, taken = Rate.of(1000, 3600), Used(), 0
    for second in range(3600):
        room = rate.room(used, at(second))
        used, taken = rate.take(used, room, at(second)), taken + room
        if second == 0:
            assert taken == 100
    assert 990 <= taken <= 1000
    assert LEAVES_WITHIN_S == send.RELEASE_HOLDS_S


def test_what_goes_all_the_same_is_owed() -> None:
    """Transactional mail is not held, and counts: the next one waits for all of it."""
    rate = Rate.of(10, 60)
    used = rate.take(Used(), 21, at(0))
    assert [rate.room(used, at(6.0 * mails)) for mails in (1, 20, 21)] == [0, 0, 1]
    assert rate.last_at(used, 1, at(0)) == START + timedelta(seconds=21 * 6)


def test_warm_up_grows_by_the_same_multiple_each_day() -> None:
    """From its first day to its last, and it says nothing of the days before and after."""
    ramp = Ramp(PLAN, RIYADH)
    days = [ramp.of_day(PLAN.starts + timedelta(days=number)) for number in range(-1, 31)]
    assert days[0] is None
    assert days[-1] is None
    numbers = [found for found in days if found is not None]
    assert (len(numbers), numbers[0], numbers[1], numbers[14], numbers[29]) == (30, 200, 241, 2875, 50_000)
    assert all(1.19 < later / sooner < 1.22 for sooner, later in pairwise(numbers))


def test_days_of_a_warm_up_are_those_of_the_project() -> None:
    """In Riyadh the day ends at 21:00 UTC."""
    ramp = Ramp(PLAN, RIYADH)
    used = ramp.take(Used(), 200, at(0))
    assert ramp.room(used, at(12 * 3600 - 1)) == 0
    assert ramp.room(used, at(12 * 3600)) == 241
    assert ramp.last_at(used, 241 + 289, at(0)) == START + timedelta(hours=36)
    assert ramp.room(used, at(40 * 86400)) == ENDLESS


def test_day_that_another_machine_has_begun_gives_no_more_than_its_own() -> None:
    """A clock a month ahead uses up its own day; nobody else skips the days between, and nobody stops."""
    ramp, month = Ramp(PLAN, RIYADH), timedelta(days=29)
    used = ramp.take(Used(), 50_000, Moment(START + month, START + month))
    right = Moment(START + month, START)
    assert ramp.room(used, right) == 0
    next_day = timedelta(hours=12)
    assert ramp.room(used, Moment(START + month + next_day, START + next_day)) == 241


class Off:
    """A machine whose wall clock is off, and may be set."""

    def __init__(self, clock: ManualClock, off: timedelta) -> None:
        self._clock, self.off = clock, off

    def now(self) -> datetime:
        """Return what this machine takes for the instant."""
        return self._clock.now() + self.off

    def monotonic(self) -> float:
        """Return the seconds since the beginning."""
        return self._clock.monotonic()


@pytest.mark.parametrize("off", [timedelta(hours=-5), timedelta(hours=5), timedelta(days=400)])
def test_clock_that_is_off_gains_one_burst_and_stops_nobody(clock: ManualClock, off: timedelta) -> None:
    """Two machines in turn, one of them hours or a year off, then the slower one alone: the rate holds, and is used."""
    rate, used, taken = Rate.of(600, 60), Used(), 0
    times = [LimitTime(clock), LimitTime(Off(clock, off))]
    slower = int(off < timedelta())
    for turn in range(6000):
        instant = times[turn % 2 if turn < 3000 else slower].now([used.at])
        when = Moment(instant, instant)
        room = rate.room(used, when)
        used, taken = rate.take(used, room, when), taken + room
        clock.advance(timedelta(seconds=0.05))
    assert 5 * 541 - 60 <= taken <= 5 * 541 + 2 * 60


def test_clock_that_jumps_to_and_fro_gains_one_burst(clock: ManualClock) -> None:
    """What it has once gone ahead by it does not gain again."""
    machine = Off(clock, timedelta())
    rate, used, taken = Rate.of(600, 60), Used(), 0
    time = LimitTime(machine)
    for turn in range(600):
        machine.off = timedelta(hours=turn % 2)
        instant = time.now([used.at])
        room = rate.room(used, Moment(instant, instant))
        used, taken = rate.take(used, room, Moment(instant, instant)), taken + room
        clock.advance(timedelta(seconds=0.1))
    assert taken <= 541 + 2 * 60
