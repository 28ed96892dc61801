"""Windows of time: which instants lie in (now - within, now], and when one of them leaves.

Calendar windows (`1mo`, `1y`) are counted on the UTC calendar, so that one bound serves every contact; a day that a
month lacks is the end of that month. That makes `window_start` monotone, and `window_leave` its exact inverse.
"""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from lifecycle.base.units import Duration, at_local

_MIDNIGHT, _NOON = time(0), time(12)
_MICROSECOND = timedelta(microseconds=1)


def window_start(now: datetime, within: Duration) -> datetime:
    """Return the instant after which, and up to `now`, things are within the window; aware UTC."""
    moved, first_after = _moved(now, -within.months)
    start = first_after - _MICROSECOND if moved is None else moved
    return start - timedelta(seconds=within.seconds)


def window_leave(instant: datetime, within: Duration) -> datetime:
    """Return the first moment at which `instant` is no longer within the window; aware UTC."""
    moved, first_after = _moved(instant + timedelta(seconds=within.seconds), within.months)
    return first_after if moved is None else moved


def _moved(instant: datetime, months: int) -> tuple[datetime | None, datetime]:
    """Return the instant that many months on, None when its month has no such day, and the start of the next month."""
    year, month = divmod(instant.year * 12 + instant.month - 1 + months, 12)
    next_year, next_month = divmod(year * 12 + month + 1, 12)
    exists = instant.day <= calendar.monthrange(year, month + 1)[1]
    moved = instant.replace(year=year, month=month + 1) if exists else None
    return moved, datetime(next_year, next_month + 1, 1, tzinfo=UTC)


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Return the names of every time zone that there is; any other name is the same as none."""
    return frozenset(available_timezones())


def zone_name(wanted: str | None, fallback: str) -> str:
    """Return the name of the contact's zone, or the project's when the contact has none that exists."""
    return wanted if wanted is not None and wanted in zone_names() else fallback


def local_date(now: datetime, zone: str) -> date:
    """Return the date that calendars of the zone show."""
    return now.astimezone(ZoneInfo(zone)).date()


def next_midnight(now: datetime, zone: str) -> datetime:
    """Return the next instant at which the date of the zone changes; aware UTC."""
    place = ZoneInfo(zone)
    tomorrow = local_date(now, zone) + timedelta(days=1)
    return at_local(datetime.combine(tomorrow, _NOON, place), _MIDNIGHT, place)


def date_range(today: date, *, in_next: Duration | None, in_last: Duration | None) -> tuple[date, date]:
    """Return the first and last date (both included) that the leaf accepts.

    [today, today + in_next], or [today - in_last, today], or both; today alone when neither is set. Hours are cut.
    """
    first = today if in_last is None else _shifted(today, in_last, -1)
    last = today if in_next is None else _shifted(today, in_next, 1)
    return first, last


def _shifted(day: date, by: Duration, sign: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + sign * by.months, 12)
    clamped = min(day.day, calendar.monthrange(year, month + 1)[1])
    return date(year, month + 1, clamped) + timedelta(days=sign * (by.seconds // 86400))


def anniversary_marks(first: date, last: date, every: str) -> frozenset[str]:
    """Return `MM-DD` (every year) or `DD` (every month) of each date whose anniversary lies in [first, last].

    Where a year has no 29 February, or a month no 31st, the last day of the month keeps it.
    """
    marks: set[str] = set()
    for offset in range(min((last - first).days, 366) + 1):
        day = first + timedelta(days=offset)
        days = [day.day]
        if day.day == calendar.monthrange(day.year, day.month)[1]:
            days += range(day.day + 1, 32) if every == "month" else ([29] if (day.month, day.day) == (2, 28) else [])
        marks |= {f"{number:02d}" if every == "month" else f"{day.month:02d}-{number:02d}" for number in days}
    return frozenset(marks)
