"""Tests of single values and windows of time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.audience.values import flips_at, passes
from lifecycle.audience.windows import (
    anniversary_marks,
    date_range,
    local_date,
    midnight,
    next_date_change,
    window_leave,
    window_start,
    zone_name,
)
from lifecycle.base.instants import read_date, read_instant
from lifecycle.base.units import Duration
from lifecycle.spec import conditions as content

NOW = datetime(2026, 3, 30, 12, tzinfo=UTC)
instants = st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
# midnights too: that is where months meet
instants = instants | instants.map(lambda at: at.replace(hour=0, minute=0, second=0, microsecond=0))
lengths = st.builds(Duration, st.integers(0, 40).map(lambda days: days * 86400), st.sampled_from([0, 0, 1, 11, 12, 13]))
durations = st.one_of(
    st.integers(1, 10**8).map(Duration),
    st.builds(lambda months: Duration(months=months), st.integers(1, 30)),
)


@pytest.mark.parametrize(
    ("value", "operator", "wanted", "expected"),
    [
        (True, "is", 1, False),
        (1, "is", True, False),
        (1, "is", 1.0, True),
        ("1", "is", 1, False),
        (0.1, "is", Decimal("0.1"), True),
        (199.99, "at_least", Decimal("199.99"), True),
        ("a", "is", "A", False),
        ("a", "at_least", 1, False),
        ("b", "at_least", "a", False),
        (None, "is_not", "x", True),
        (None, "not_in", ("x",), False),
        (None, "exists", False, True),
        (None, "at_most", 0, False),
        (False, "exists", True, True),
        ([1, "a"], "contains", "a", True),
        ([True], "contains", 1, False),
        ("cart", "contains", "art", True),
        (5, "contains", "5", False),
        ("2026-03-30T15:00:00+03:00", "within", Duration(1), True),
        ("2026-02-30", "before", NOW, False),
        ("2026-03-29", "older_than", Duration(36 * 3600), True),
        ({"x": 1}, "is_not", "x", True),
        (float("nan"), "is", 1, False),
        (3, "between", (1, 3), True),
    ],
)
def test_a_test_compares_like_with_like_and_never_raises(
    value: Any,
    operator: Any,
    wanted: Any,
    expected: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Numbers, texts and truth are apart; a missing value fails all but exists: false and is_not."""
    assert passes(content.Test(operator, wanted), value, NOW) is expected


@given(now=instants, within=durations)
def test_a_window_is_left_exactly_when_its_start_reaches_the_instant(now: datetime, within: Duration) -> None:
    """`window_leave(x)` is the first t with `window_start(t) >= x`, in exact and in calendar units."""
    leave = window_leave(now, within)
    assert window_start(leave, within) >= now
    assert window_start(leave - timedelta(microseconds=1), within) < now


@given(one=instants, other=instants, within=durations)
def test_a_window_never_moves_back(one: datetime, other: datetime, within: Duration) -> None:
    """What has left a window stays out of it."""
    first, second = sorted((one, other))
    assert window_start(first, within) <= window_start(second, within)


def test_a_month_that_lacks_the_day_ends_on_the_first_of_the_next() -> None:
    """31 January plus a month is 1 March, in a year without 29 February."""
    assert window_leave(datetime(2026, 1, 31, 10, tzinfo=UTC), Duration(months=1)) == datetime(2026, 3, 1, tzinfo=UTC)


@given(value=instants, within=durations, now=instants, steps=st.lists(st.floats(0, 1), max_size=5))
def test_a_clocked_test_keeps_its_answer_until_it_flips(
    value: datetime, within: Duration, now: datetime, steps: list[float]
) -> None:
    """Between now and `flips_at`, exclusive, nothing changes by time alone."""
    for operator in ("within", "older_than"):
        test = content.Test(operator, within)
        flips = flips_at((test,), value, now)
        end = flips or now + timedelta(days=4000)
        for step in steps:
            moment = min(now + (end - now) * step, end - timedelta(microseconds=1))
            assert passes(test, value, moment) == passes(test, value, now)


@pytest.mark.parametrize(
    ("text", "instant", "day"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01"),
        ("2026-03-01T02:00:00+03:00", datetime(2026, 2, 28, 23, tzinfo=UTC), "2026-03-01"),
        ("2026-03-01 02:00", datetime(2026, 3, 1, 2, tzinfo=UTC), "2026-03-01"),
        ("2026-03-01T00:00:00.123456789Z", datetime(2026, 3, 1, 0, 0, 0, 123456, UTC), "2026-03-01"),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC), "2024-02-29"),
        ("2023-02-29", None, None),
        ("2026-13-01", None, None),
        ("2026-03-01T25:00", None, None),
        ("2026-03-01+03:00", None, None),
        ("١٢٣٤-٠٣-٠١", None, None),
        ("2026-03-01\n", None, None),
        ("20260301", None, None),
        ("soon", None, None),
    ],
)
def test_an_instant_or_a_date_is_read_from_iso_text_alone(text: str, instant: datetime | None, day: str | None) -> None:
    """Without an offset it is UTC; what is no real date is none."""
    assert read_instant(text) == instant
    assert read_date(text) == day


def test_the_date_is_that_of_the_contacts_zone_and_changes_at_its_midnight() -> None:
    """An unknown zone is the project's."""
    late = datetime(2026, 3, 30, 22, tzinfo=UTC)
    assert local_date(late, "Asia/Riyadh") == date(2026, 3, 31)
    assert midnight(date(2026, 4, 1), "Asia/Riyadh") == datetime(2026, 3, 31, 21, tzinfo=UTC)
    assert zone_name("no/such", "Asia/Riyadh") == "Asia/Riyadh"
    # Cairo's clocks go forward at midnight of 24 April 2026: the date changes as 00:00 becomes 01:00
    assert midnight(date(2026, 4, 24), "Africa/Cairo") == datetime(2026, 4, 23, 22, tzinfo=UTC)


@given(
    own=st.dates(date(2023, 1, 1), date(2029, 12, 31)),
    today=st.dates(date(2024, 1, 1), date(2028, 12, 31)),
    every=st.sampled_from([None, "year", "month"]),
    in_next=st.none() | lengths,
    in_last=st.none() | lengths,
)
def test_a_date_changes_its_answer_on_the_very_day_that_is_foretold(
    own: date, today: date, every: Any, in_next: Duration | None, in_last: Duration | None
) -> None:
    """No sooner than that day, and, where the ranges of two comings do not touch, on it; leap days and short months."""

    def holds(day: date) -> bool:
        first, last = date_range(day, in_next=in_next, in_last=in_last)
        if every is None:
            return first <= own <= last
        mark = f"{own:%d}" if every == "month" else f"{own:%m-%d}"
        return own <= last and mark in anniversary_marks(first, last, every)

    change = next_date_change(own, today, every=every, in_next=in_next, in_last=in_last)
    assert change > today
    end = min(change, today + timedelta(days=800))
    days = [today + timedelta(days=offset) for offset in range((end - today).days)]
    assert {holds(day) for day in days} == {holds(today)}
    if change != date.max and (in_next, in_last) == (None, None):
        assert holds(change) != holds(today)


def test_29_february_is_kept_on_28_february_in_years_without_it() -> None:
    """In a leap year it is kept on its own day."""
    assert "02-29" in anniversary_marks(date(2026, 2, 28), date(2026, 2, 28), "year")
    assert "02-29" not in anniversary_marks(date(2028, 2, 28), date(2028, 2, 28), "year")
    assert anniversary_marks(date(2026, 4, 30), date(2026, 4, 30), "month") == {"30", "31"}


def test_a_range_of_dates_counts_days_and_includes_today() -> None:
    """`in_next: 7d` is today and the seven days after it."""
    today = date(2026, 3, 30)
    assert date_range(today, in_next=Duration(7 * 86400), in_last=None) == (today, date(2026, 4, 6))
    assert date_range(today, in_next=None, in_last=Duration(months=1)) == (date(2026, 2, 28), today)
    assert date_range(today, in_next=None, in_last=None) == (today, today)
