"""Durations, windows and instants mean what the content language says, across calendars and changes of clocks."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.base.units import Duration, LocalWindow, Share, at_local, parse_instant, parse_time, parse_zone

ZONES = ("Asia/Riyadh", "Africa/Cairo", "Europe/London", "America/New_York")


@given(st.integers(-(10**6) + 1, 10**6 - 1), st.sampled_from(["s", "m", "h", "d", "w", "mo", "y"]))
def test_a_duration_reads_back_as_it_was_written(number: int, unit: str) -> None:
    """The shortest spelling of a duration is the same duration."""
    found = Duration.parse(f"{number}{unit}")
    assert Duration.parse(str(found)) == found


@pytest.mark.parametrize("text", ["", "3", "h", "3 h", "1.5h", "3H", "PT3H", "3mo2d", "٣h", "9999999d", "3h\n4"])
def test_what_is_no_duration_is_refused_with_what_is_expected(text: str) -> None:
    """The message says how durations are written."""
    with pytest.raises(ValueError, match="90s, 15m, 3h"):
        Duration.parse(text)


def test_a_month_is_counted_on_the_local_calendar_and_ends_with_the_month() -> None:
    """31 January and a month is 28 February, at the same time of day."""
    zone = ZoneInfo("Europe/London")
    start = datetime(2026, 1, 31, 12, tzinfo=zone)
    assert Duration.parse("1mo").after(start, zone) == datetime(2026, 2, 28, 12, tzinfo=zone)
    assert Duration.parse("1y").after(datetime(2028, 2, 29, 9, tzinfo=UTC)) == datetime(2029, 2, 28, 9, tzinfo=UTC)


def test_a_day_is_exact_and_a_month_keeps_the_time_of_day_over_a_change_of_clocks() -> None:
    """24 hours are 24 hours; a calendar month is the same hour on the wall."""
    zone = ZoneInfo("America/New_York")
    before = datetime(2026, 3, 7, 12, tzinfo=zone)  # clocks go forward on 8 March
    assert Duration.parse("1d").after(before, zone).astimezone(zone).hour == 13
    assert Duration.parse("1mo").after(before, zone).astimezone(zone).hour == 12


@given(
    st.timedeltas(timedelta(), timedelta(days=2000)).map(lambda found: datetime(2024, 1, 1, tzinfo=UTC) + found),
    st.times().map(lambda found: found.replace(second=0, microsecond=0)),
    st.times().map(lambda found: found.replace(second=0, microsecond=0)),
    st.sampled_from(ZONES),
)
def test_a_window_that_was_waited_for_is_over(now: datetime, start: time, end: time, name: str) -> None:
    """The next end lies ahead within two days, and no sooner than the window itself ends."""
    window, zone = LocalWindow(start, end), ZoneInfo(name)
    over = window.next_end(now, zone)
    assert now < over <= now + timedelta(days=2)
    if start != end:
        assert not window.contains(over, zone) or window.contains(over - timedelta(hours=1), zone)


def test_a_window_may_cross_midnight_and_equal_ends_are_the_whole_day() -> None:
    """22:00 to 08:00 holds at 23:30 and 07:59 and not at 08:00."""
    window = LocalWindow(time(22), time(8))
    day = datetime(2026, 11, 1, tzinfo=UTC)
    held = [hour for hour in range(24) if window.contains(day + timedelta(hours=hour), UTC)]
    assert held == [0, 1, 2, 3, 4, 5, 6, 7, 22, 23]
    assert all(LocalWindow(time(5), time(5)).contains(day + timedelta(hours=hour), UTC) for hour in range(24))


@pytest.mark.parametrize(
    ("zone", "day", "wall", "expected"),
    [
        ("Europe/London", datetime(2026, 3, 29, 12, tzinfo=UTC), time(1, 30), "2026-03-29T01:30:00+00:00"),
        ("Europe/London", datetime(2026, 10, 25, 12, tzinfo=UTC), time(1, 30), "2026-10-25T00:30:00+00:00"),
        ("Africa/Cairo", datetime(2026, 4, 24, 12, tzinfo=UTC), time(0, 30), "2026-04-23T22:30:00+00:00"),
        ("Asia/Riyadh", datetime(2026, 4, 24, 12, tzinfo=UTC), time(0, 30), "2026-04-23T21:30:00+00:00"),
    ],
)
def test_a_wall_clock_time_comes_once_in_gaps_and_folds(zone: str, day: datetime, wall: time, expected: str) -> None:
    """In a gap the instant after it, in a fold the first of the two."""
    assert at_local(day, wall, parse_zone(zone)).isoformat() == expected


def test_shares_times_zones_and_instants_are_read_strictly() -> None:
    """Each refusal says what was wrong."""
    assert Share.parse("0.5%").fraction == Decimal("0.005")
    assert str(Share.parse("10%")) == "10%"
    assert parse_time("08:05") == time(8, 5)
    assert parse_instant("2026-12-01T09:00", ZoneInfo("Asia/Riyadh")) == datetime(2026, 12, 1, 6, tzinfo=UTC)
    for read, text in ((Share.parse, "110%"), (parse_time, "8:5"), (parse_zone, "Mars/Base"), (parse_instant, "soon")):
        with pytest.raises(ValueError, match=r"\w+"):
            read(text)
    with pytest.raises(ValueError, match="no offset"):
        parse_instant("2026-12-01T09:00")
