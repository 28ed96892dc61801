"""Triggers that time pulls: schedules, broadcasts, anniversaries. When each comes, for whom, and by which name. Pure.

Each instant comes once: a schedule's by cron in the project's zone, a local time where clocks skip it just after the
gap, where they repeat it at the first showing (8).
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from cronsim import CronSim

from lifecycle.audience.leaves import date_value
from lifecycle.audience.state import ContactState
from lifecycle.audience.windows import zone_name, zone_names
from lifecycle.base.units import Duration, on_date, parse_zone
from lifecycle.journey.enrol import Opening
from lifecycle.spec.conditions import DateLeaf
from lifecycle.spec.model import BroadcastTrigger, Campaign, Content, DateTrigger, ScheduleTrigger, Trigger

TimedTrigger: TypeAlias = ScheduleTrigger | BroadcastTrigger | DateTrigger

#: How far apart the clocks of the world are, and a little more.
_ZONES_SPAN = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Slot:
    """An instant at which a trigger comes for contacts of `zones` (None: for all).

    For a date trigger, for those whose own date comes round on `day`.
    """

    at: datetime
    occurrence: str
    zones: frozenset[str] | None = None
    day: date | None = None


def is_timed(trigger: Trigger) -> bool:
    """Say whether time pulls the trigger."""
    return isinstance(trigger, ScheduleTrigger | BroadcastTrigger | DateTrigger)


def slots(campaign: Campaign, content: Content, after: datetime, until: datetime) -> list[Slot]:
    """Return the slots of a timed trigger in (after, until], in order of time. Starts and ends are heeded."""
    trigger = campaign.trigger
    found: Iterator[Slot]
    match trigger:
        case ScheduleTrigger():
            found = _scheduled(trigger, content, after, until)
        case BroadcastTrigger():
            found = _broadcast(trigger, content)
        case DateTrigger():
            found = _anniversaries(trigger, after, until)
        case _:
            return []
    starts, ends = campaign.starts, campaign.ends
    chosen = [
        slot
        for slot in found
        if after < slot.at <= until and (starts is None or slot.at >= starts) and (ends is None or slot.at < ends)
    ]
    return sorted(chosen, key=lambda slot: (slot.at, slot.occurrence, slot.day or date.min))


def opening_in(slot: Slot) -> Opening:
    """Return the opening that the slot is for each of its contacts."""
    return Opening(slot.at, slot.occurrence)


def is_for(slot: Slot, campaign: Campaign, state: ContactState, content: Content) -> bool:
    """Say whether the slot is one of this contact's; whether the audience lets it in is asked at activation."""
    if slot.zones is not None and zone_name(state.timezone, content.project.timezone) not in slot.zones:
        return False
    trigger = campaign.trigger
    if not isinstance(trigger, DateTrigger):
        return True
    own = date_value(date_leaf(trigger), state)
    return own is not None and slot.day is not None and falls_on(own, slot.day, trigger)


def date_leaf(trigger: DateTrigger) -> DateLeaf:
    """Return the condition "the date, or its anniversary, is today", by which a slot's contacts are found."""
    return DateLeaf(trigger.owner, trigger.path, trigger.every)


def falls_on(own: date, day: date, trigger: DateTrigger) -> bool:
    """Say whether the date comes round on `day`; a day that a year or month lacks is kept on the month's last."""
    if trigger.every is None or day < own:
        return own == day
    last = calendar.monthrange(day.year, day.month)[1]
    return min(own.day, last) == day.day and (trigger.every == "month" or own.month == day.month)


def _scheduled(trigger: ScheduleTrigger, content: Content, after: datetime, until: datetime) -> Iterator[Slot]:
    zone = parse_zone(content.project.timezone)
    for local in CronSim(trigger.cron, after.astimezone(zone)):
        at = local.astimezone(after.tzinfo)
        if at > until:
            return
        yield Slot(at, at.isoformat())


def _broadcast(trigger: BroadcastTrigger, content: Content) -> Iterator[Slot]:
    day, wall = trigger.at.date(), trigger.at.time()
    occurrence = trigger.at.isoformat()
    if trigger.timezone == "project":
        yield Slot(on_date(day, wall, parse_zone(content.project.timezone)), occurrence)
        return
    for at, zones in _by_instant(day, wall).items():
        yield Slot(at, occurrence, zones)


def _anniversaries(trigger: DateTrigger, after: datetime, until: datetime) -> Iterator[Slot]:
    extra = timedelta(seconds=trigger.offset.seconds % 86400)
    shift = Duration(trigger.offset.seconds - int(extra.total_seconds()), trigger.offset.months)
    sent = (after - _ZONES_SPAN).date()
    while sent <= (until + _ZONES_SPAN).date():
        for day in _before_shift(sent, shift):
            for at, zones in _by_instant(sent, trigger.at).items():
                yield Slot(at + extra, _occurrence(trigger, day), zones, day)
        sent += timedelta(days=1)


def _before_shift(sent: date, shift: Duration) -> list[date]:
    """Return the days that, moved by the offset, come to `sent`: one, or several at the end of a month, or none."""
    days = timedelta(seconds=shift.seconds)
    if not shift.months:
        return [sent - days]
    around = _add_months(sent - days, -shift.months)
    near = [around + timedelta(days=offset) for offset in range(-4, 5)]
    return [day for day in near if _add_months(day, shift.months) + days == sent]


def _add_months(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _occurrence(trigger: DateTrigger, day: date) -> str:
    match trigger.every:
        case "year":
            return f"{day.year}"
        case "month":
            return f"{day:%Y-%m}"
        case _:
            return day.isoformat()


@lru_cache(maxsize=1024)
def _by_instant(day: date, wall: time) -> Mapping[datetime, frozenset[str]]:
    """Return the zones by the instant at which their clocks show `wall` on that day."""
    found: dict[datetime, set[str]] = {}
    for name, zone in _zones():
        found.setdefault(on_date(day, wall, zone), set()).add(name)
    return {at: frozenset(names) for at, names in found.items()}


@lru_cache(maxsize=1)
def _zones() -> tuple[tuple[str, ZoneInfo], ...]:
    # held here: the standard library keeps eight, and reads the others from their files again and again
    return tuple((name, parse_zone(name)) for name in sorted(zone_names()))
