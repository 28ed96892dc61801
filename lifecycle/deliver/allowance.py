"""How much a limit lets through: pure arithmetic on what is stored of it.

A rate is kept by GCRA (ITU-T I.371, virtual scheduling): one instant says when the limit is as good as new.
With a burst b and one mail each T, a span of length S that begins and ends with a mail holds b + S / T at most;
T = per / (at_most - b + 1) makes that at_most in every window shorter than `per`, whatever happened before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import ceil
from typing import TypeAlias
from zoneinfo import ZoneInfo

from lifecycle.spec.model import WarmUp
from lifecycle.store.columns import EPOCH, MICROSECOND

#: The share of a window that may leave at once.
BURST = 10
#: How long after its release a mail may begin, in seconds (`send.RELEASE_HOLDS_S`). In windows so long that it costs
#: little, T is lengthened by it, so that they hold where mails arrive, too, and not only where they are released.
LEAVES_WITHIN_S, LONG_S = 20, 600
#: Room without end.
ENDLESS = 10**9


@dataclass(frozen=True, slots=True)
class Used:
    """What is stored of a limit. `at` is its own time when something was last taken.

    A rate is as good as new at `full_ns` (nanoseconds since 1970); a warm-up has let `count` go on the day of `at`.
    """

    at: datetime = EPOCH
    full_ns: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is asked of limits: at which instant of their own time, and of this machine's clock."""

    at: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, and then one each `interval_ns`."""

    burst: int
    interval_ns: int

    @classmethod
    def of(cls, at_most: float, per_s: int) -> Rate:
        """Return the rate that lets at most `at_most` through in any window of `per_s` seconds."""
        burst = max(1, int(at_most) // BURST)
        window_s = per_s + (LEAVES_WITHIN_S if per_s >= LONG_S else 0)
        return cls(burst, ceil(Fraction(window_s * 10**9) / (Fraction(at_most) - burst + 1)))

    def room(self, used: Used, when: Moment) -> int:
        """Return how many may go."""
        owed_ns = max(0, used.full_ns - _ns(when.at))
        return max(0, (self.burst * self.interval_ns - owed_ns) // self.interval_ns)

    def take(self, used: Used, mails: int, when: Moment) -> Used:
        """Return what is stored after so many have gone, also when there was no room for them."""
        at = max(used.at, when.at)
        return Used(at, max(used.full_ns, _ns(when.at)) + mails * self.interval_ns, used.count)

    def last_at(self, used: Used, mails: int, when: Moment) -> datetime:
        """Return when the last of so many may go, aware UTC."""
        ready_ns = max(used.full_ns, _ns(when.at)) + (mails - self.burst) * self.interval_ns
        return when.now + timedelta(microseconds=ceil(max(0, ready_ns - _ns(when.at)) / 1000))


@dataclass(frozen=True, slots=True)
class Ramp:
    """So many a day, more each day; without limit before the first day and after the last. Days are of `zone`."""

    plan: WarmUp
    zone: ZoneInfo

    @property
    def days(self) -> int:
        """Return how many days it takes."""
        return self.plan.over.seconds // 86400

    def of_day(self, day: date) -> int | None:
        """Return how many may go on that day, None when it is none of the warm-up."""
        number = (day - self.plan.starts).days
        if not 0 <= number < self.days:
            return None
        grown = (self.plan.to / self.plan.first) ** (number / max(self.days - 1, 1))
        return min(self.plan.to, int(self.plan.first * grown + 1e-6))

    def room(self, used: Used, when: Moment) -> int:
        """Return how many may go: as many as this machine's day has, less those of the limit's own day."""
        today = self.of_day(_day(when.now, self.zone))
        return ENDLESS if today is None else max(0, today - self._counted(used, when))

    def take(self, used: Used, mails: int, when: Moment) -> Used:
        """Return what is stored after so many have gone, also when there was no room for them."""
        at = max(used.at, when.at)
        return replace(used, at=at, count=self._counted(used, when) + mails)

    def last_at(self, used: Used, mails: int, when: Moment) -> datetime:
        """Return when the last of so many may go, aware UTC: at the beginning of a day."""
        left, room, day = mails, self.room(used, when), _day(when.now, self.zone)
        while left > room:
            left -= room
            day += timedelta(days=1)
            room = ENDLESS if (found := self.of_day(day)) is None else found
        begins = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        return max(when.now, begins.astimezone(when.now.tzinfo))

    def _counted(self, used: Used, when: Moment) -> int:
        is_today = _day(used.at, self.zone) == _day(max(used.at, when.at), self.zone)
        return used.count if is_today else 0


Allowance: TypeAlias = Rate | Ramp


def _ns(instant: datetime) -> int:
    return (instant - EPOCH) // MICROSECOND * 1000


def _day(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date()
