"""When a campaign may mail, minute by minute of a week on the contact's clock: quiet hours and its own window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time
from functools import lru_cache

from lifecycle.base.units import LocalWindow
from lifecycle.spec.model import WEEKDAYS, Campaign, Project, QuietHours, SendWindow, Weekday
from lifecycle.spec.paths import Wall

_DAY = 24 * 60
_WEEK = 7 * _DAY


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """The minutes of a week, from Monday 00:00: open, or shut until the next open one, or shut and skipped."""

    #: for each minute "" when it is open, else what becomes of a mail that falls due in it: next or skip
    shut: tuple[str, ...]
    #: for how long mail may be held at most, in seconds
    longest_s: int

    @property
    def never(self) -> bool:
        """Say whether no minute is open."""
        return all(self.shut)

    def at(self, wall: Wall) -> Iterator[tuple[str, int]]:
        """Yield for each weekday that the wall time can fall on what becomes of a mail, and seconds that it is held.

        What becomes of it is "" (it leaves), next (it leaves later) or skip.
        """
        for index, weekday in enumerate(WEEKDAYS):
            if wall.weekdays and weekday not in wall.weekdays:
                continue
            start = index * _DAY + _minute(wall.time)
            held = next((step for step in range(_WEEK) if self.shut[(start + step) % _WEEK] != "next"), _WEEK)
            last = self.shut[(start + held) % _WEEK]
            yield last or self.shut[start], held * 60


def opening_hours(campaign: Campaign, project: Project) -> OpeningHours:
    """Return when the campaign may mail; a transactional one always may."""
    if campaign.kind != "marketing":
        return _hours(SendWindow(), None)
    quiet = project.policies.quiet_hours if campaign.send_window.quiet_hours == "keep" else None
    return _hours(campaign.send_window, quiet)


@lru_cache(maxsize=64)  # campaigns of one project have few windows between them
def _hours(window: SendWindow, quiet: QuietHours | None) -> OpeningHours:
    shut = tuple(_shut(WEEKDAYS[index // _DAY], index % _DAY, window, quiet) for index in range(_WEEK))
    longest = run = 0
    for minute in [*shut, *shut]:  # the night from Sunday to Monday is one
        run = run + 1 if minute == "next" else 0
        longest = max(longest, run)
    return OpeningHours(shut, min(longest, _WEEK) * 60)


def _shut(weekday: Weekday, minute: int, window: SendWindow, quiet: QuietHours | None) -> str:
    if quiet is not None and _covers(quiet.window, minute):
        return quiet.then
    if (window.weekdays and weekday not in window.weekdays) or not (
        window.hours is None or _covers(window.hours, minute)
    ):
        return window.then
    return ""


def _minute(wall: time) -> int:
    return wall.hour * 60 + wall.minute


def _covers(window: LocalWindow, minute: int) -> bool:
    start, end = _minute(window.start), _minute(window.end)
    if start <= end:
        return start <= minute < end or start == end
    return minute >= start or minute < end
