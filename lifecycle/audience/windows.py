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

#: Days by which going some months there and back may miss: months differ by three.
_CLAMP = 4
_LEAP_YEAR = 1904
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


def midnight(day: date, zone: str) -> datetime:
    """Return the instant at which the day begins in the zone; aware UTC."""
    place = ZoneInfo(zone)
    return at_local(datetime.combine(day, _NOON, place), _MIDNIGHT, place)


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


def next_date_change(
    own: date, today: date, *, every: str | None, in_next: Duration | None, in_last: Duration | None
) -> date:
    """Return the first day after `today` on which "it lies in the range of the day" may have another answer than today.

    `date.max` when it never has. Ranges are those of `date_range`, anniversaries those of `anniversary_marks`. Never
    later than the true change; earlier only where a range is so long that the answer never changes.
    """
    found = [
        change
        for day in _comings(own, today, every, _length_days(in_next) + _length_days(in_last))
        for change in (_enters(day, in_next), _leaves(day, in_last))
        if change > today
    ]
    return min(found, default=date.max)


def every_mark(every: str) -> list[tuple[str, date]]:
    """Return each mark that `anniversary_marks` knows, with a day of long ago that has it."""
    if every == "month":
        return [(f"{day:02d}", date(_LEAP_YEAR, 1, day)) for day in range(1, 32)]
    days = [date(_LEAP_YEAR, 1, 1) + timedelta(days=offset) for offset in range(366)]
    return [(f"{day:%m-%d}", day) for day in days]


def _length_days(length: Duration | None) -> int:
    return 0 if length is None else length.seconds // 86400 + 31 * length.months


def _comings(own: date, today: date, every: str | None, around: int) -> list[date]:
    """Return the days on which the date comes round that may matter within a year or a month from today."""
    if every is None:
        return [own]
    apart = 12 if every == "year" else 1
    reach = around // 28 + apart + 1
    start = today.year * 12 + today.month - 1
    first, last = max(start - reach, date.min.year * 12), min(start + reach, date.max.year * 12 + 11)
    months = [month for month in range(first, last + 1) if apart == 1 or month % 12 == own.month - 1]
    days = [
        date(month // 12, month % 12 + 1, min(own.day, calendar.monthrange(month // 12, month % 12 + 1)[1]))
        for month in months
    ]
    return [own, *(day for day in days if day >= own)]


def _enters(day: date, in_next: Duration | None) -> date:
    """Return the first day whose range reaches as far as `day`."""
    if in_next is None:
        return day
    found = _shifted(day, in_next, -1) - timedelta(days=_CLAMP)
    while _shifted(found, in_next, 1) < day:
        found += timedelta(days=1)
    return found


def _leaves(day: date, in_last: Duration | None) -> date:
    """Return the first day whose range begins after `day`."""
    found = day + timedelta(days=1) if in_last is None else _shifted(day, in_last, 1) - timedelta(days=_CLAMP)
    while in_last is not None and _shifted(found, in_last, -1) <= day:
        found += timedelta(days=1)
    return found
