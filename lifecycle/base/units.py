"""Durations, shares and times of day as the content language writes them."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

#: What one of each exact unit is worth, in seconds.
EXACT_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
#: What one of each calendar unit is worth, in months.
CALENDAR_UNITS = {"mo": 1, "y": 12}

_DURATION = re.compile(r"(?P<sign>[+-]?)(?P<number>\d{1,6})(?P<unit>mo|[smhdwy])", re.ASCII)
_PERCENT = re.compile(r"(?P<number>\d{1,3}(?:\.\d{1,4})?)%", re.ASCII)
_TIME = re.compile(r"(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)", re.ASCII)

#: Amounts of money beyond this are not added up: they could only be mistakes, and would overflow.
MAX_AMOUNT = 1e11


@dataclass(frozen=True, slots=True, order=False)
class Duration:
    """An exact length (`90s 15m 3h 7d 2w`) or a calendar one (`1mo 1y`); either part may be negative."""

    seconds: int = 0
    months: int = 0

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read `3h`, `-7d`, `1mo`. Raises ValueError with what is expected."""
        found = _DURATION.fullmatch(text.strip())
        if found is None:
            raise ValueError("a duration is a whole number and a unit: 90s, 15m, 3h, 7d, 2w, 1mo, 1y")
        number = int(found["sign"] + found["number"])
        if found["unit"] in CALENDAR_UNITS:
            return cls(months=number * CALENDAR_UNITS[found["unit"]])
        return cls(seconds=number * EXACT_UNITS[found["unit"]])

    def after(self, instant: datetime, zone: tzinfo = UTC) -> datetime:
        """Return `instant` plus this, aware UTC. Months are counted on the calendar of `zone`; 31 becomes 30 or 28."""
        if not self.months:
            # in UTC: a datetime of a zone would add on the wall clock
            return instant.astimezone(UTC) + timedelta(seconds=self.seconds)
        local = instant.astimezone(zone)
        index = local.year * 12 + (local.month - 1) + self.months
        year, month = divmod(index, 12)
        day = min(local.day, calendar.monthrange(year, month + 1)[1])
        moved = local.replace(year=year, month=month + 1, day=day)
        return moved.astimezone(UTC) + timedelta(seconds=self.seconds)

    def before(self, instant: datetime, zone: tzinfo = UTC) -> datetime:
        """Return `instant` less this, aware UTC."""
        return Duration(-self.seconds, -self.months).after(instant, zone)

    def approximate_s(self) -> float:
        """Return the length in seconds, a month being 30.44 days; for comparing, never for scheduling."""
        return self.seconds + self.months * 30.44 * 86400

    def __str__(self) -> str:
        """Return the shortest spelling that reads back equal."""
        if self.months:
            return f"{self.months // 12}y" if self.months % 12 == 0 else f"{self.months}mo"
        for unit in ("w", "d", "h", "m"):
            if self.seconds and self.seconds % EXACT_UNITS[unit] == 0:
                return f"{self.seconds // EXACT_UNITS[unit]}{unit}"
        return f"{self.seconds}s"


@dataclass(frozen=True, slots=True, order=True)
class Share:
    """A part of a whole, from `10%`; `fraction` is in [0, 1]."""

    fraction: Decimal

    @classmethod
    def parse(cls, text: str) -> Share:
        """Read `10%` or `0.5%`. Raises ValueError with what is expected."""
        found = _PERCENT.fullmatch(text.strip())
        if found is None or Decimal(found["number"]) > 100:
            raise ValueError("a share is a percentage from 0% to 100%, as 10% or 0.5%")
        return cls(Decimal(found["number"]) / 100)

    def __str__(self) -> str:
        """Return it as a percentage."""
        return f"{(self.fraction * 100).normalize():f}%"


def parse_time(text: str) -> time:
    """Read `22:00` as a time of day. Raises ValueError with what is expected."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError('a time of day is "HH:MM", from "00:00" to "23:59"')
    return time(int(found["hour"]), int(found["minute"]))


def at_local(day: datetime, wall: time, zone: tzinfo) -> datetime:
    """Return the instant at which clocks of `zone` show `wall` on the local date of `day`, aware UTC.

    In a gap it is the instant after the gap (02:30 becomes 03:30), in a fold the first of the two; so it comes once.
    Source: PEP 495, RFC 5545 3.3.5.
    """
    return on_date(day.astimezone(zone).date(), wall, zone)


def on_date(day: date, wall: time, zone: tzinfo) -> datetime:
    """Return the instant at which clocks of `zone` show `wall` on that date, aware UTC; gaps and folds as at_local."""
    return datetime.combine(day, wall, zone).astimezone(UTC)


def next_wall(instant: datetime, wall: time, zone: tzinfo) -> datetime:
    """Return the first instant after `instant` at which clocks of `zone` show `wall`, aware UTC.

    Dates are counted, not days of 24 hours, so no date is left out when clocks change. In a fold the second showing
    counts where the first has passed.
    """
    today = instant.astimezone(zone).date()
    for days in range(3):
        naive = datetime.combine(today + timedelta(days=days), wall)
        for fold in (0, 1):
            candidate = naive.replace(tzinfo=zone, fold=fold).astimezone(UTC)
            shown = candidate.astimezone(zone).replace(tzinfo=None)
            if candidate > instant and shown >= naive:  # the second reading of a gap lies before it
                return candidate
    raise AssertionError("a wall-clock time comes within two days")


@dataclass(frozen=True, slots=True)
class LocalWindow:
    """Local wall-clock time [start, end), which may cross midnight; equal ends mean the whole day."""

    start: time
    end: time

    def contains(self, instant: datetime, zone: tzinfo) -> bool:
        """Say whether clocks of `zone` at `instant` show a time inside the window."""
        wall = instant.astimezone(zone).time().replace(tzinfo=None)
        if self.start <= self.end:
            return self.start <= wall < self.end if self.start != self.end else True
        return wall >= self.start or wall < self.end

    def next_end(self, instant: datetime, zone: tzinfo) -> datetime:
        """Return the first instant after `instant` at which clocks of `zone` show the window's end, aware UTC."""
        return next_wall(instant, self.end, zone)


def parse_zone(name: str) -> ZoneInfo:
    """Return the zone. Raises ValueError when the tz database has none of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f'no time zone "{name}"; zones are named as Asia/Riyadh') from error


def parse_instant(text: str, zone: tzinfo | None = None) -> datetime:
    """Read an ISO 8601 date or instant as aware UTC; without an offset it is a local time of `zone`.

    Raises ValueError when it is neither, or when it has no offset and no zone is given.
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f'not an instant: "{text}"; write it as 2026-12-01T09:00:00Z') from None
    if found.tzinfo is None:
        if zone is None:
            raise ValueError(f'"{text}" has no offset; write it as 2026-12-01T09:00:00Z')
        found = found.replace(tzinfo=zone)
    return found.astimezone(UTC)
