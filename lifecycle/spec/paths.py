"""The shortest way to each step: what rules about time, reach and coupons ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import time
from math import inf

from lifecycle.spec.model import (
    WEEKDAYS,
    Branch,
    BroadcastTrigger,
    Campaign,
    Coupon,
    DateTrigger,
    EventTrigger,
    Exit,
    Split,
    Step,
    Trigger,
    Wait,
    WaitFor,
    Weekday,
    inner_lists,
    walk_steps,
)

_DAY_S = 86400


@dataclass(frozen=True, slots=True)
class Wall:
    """A time of day on the contact's clock, on any of these weekdays (on any at all when empty)."""

    time: time
    weekdays: tuple[Weekday, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """A coupon that some way here makes, and how many seconds ago at least, on the slowest of those ways.

    `last` says that it is the last made on one of them: the one that goes by the name of coupon too.
    """

    coupon: Coupon
    age_s: float
    last: bool = True


@dataclass(frozen=True, slots=True)
class Passage:
    """A step and the soonest that it can be reached, in seconds since the last event that restarted the clock.

    `coupons` are those made on some way here; `certain` are the names of those that every way makes. `wall` is what
    the contact's clock shows here, when that is known.
    """

    step: Step
    soonest_s: float
    reached: bool
    coupons: tuple[Made, ...] = ()
    certain: frozenset[str] = frozenset()
    wall: Wall | None = None


@dataclass(frozen=True, slots=True)
class _State:
    """Where a way stands: its time, whether it goes on, and the coupons made on it."""

    at_s: float
    open: bool
    coupons: tuple[Made, ...] = ()
    certain: frozenset[str] = frozenset()
    wall: Wall | None = None

    def later(self, seconds: float) -> _State:
        aged = tuple(replace(made, age_s=made.age_s + seconds) for made in self.coupons)
        whole_days = self.wall is not None and seconds % _DAY_S == 0
        wall = Wall(self.wall.time) if self.wall is not None and whole_days else None
        return replace(self, at_s=self.at_s + seconds, coupons=aged, wall=wall)

    def making(self, coupon: Coupon) -> _State:
        others = (replace(made, last=False) for made in self.coupons if made.coupon.name != coupon.name)
        return replace(self, coupons=(*others, Made(coupon, 0.0)), certain=self.certain | {coupon.name})


def passages(campaign: Campaign) -> Iterator[Passage]:
    """Yield each step of the campaign in the order of writing."""
    trigger = campaign.trigger
    quiet = trigger.quiet_for.approximate_s() if isinstance(trigger, EventTrigger) and trigger.quiet_for else 0.0
    found: list[Passage] = []
    _go(campaign.steps, _State(quiet, open=True, wall=_wall_of(trigger)), found)
    yield from found


def longest_s(campaign: Campaign) -> float:
    """Return in how many seconds a journey has passed all of its waits, whichever way it took; infinite if untold."""
    return sum(map(_longest_wait_s, walk_steps(campaign.steps)))


def _longest_wait_s(step: Step) -> float:
    match step:
        case Wait(duration=duration) if duration is not None:
            return duration.approximate_s()
        case Wait(until=until, weekdays=weekdays) if until is not None:
            return (7 if weekdays else 1) * _DAY_S
        case Wait():
            return inf
        case WaitFor(timeout=timeout):
            return timeout.approximate_s()
        case _:
            return 0.0


def _wall_of(trigger: Trigger) -> Wall | None:
    """Return what the contact's clock shows as a journey begins."""
    match trigger:
        case DateTrigger(at=at):
            return Wall(at)
        case BroadcastTrigger(at=at, timezone="contact"):
            return Wall(at.time(), (WEEKDAYS[at.weekday()],))
        case _:
            return None


def _go(steps: Sequence[Step], state: _State, found: list[Passage]) -> _State:
    for step in steps:
        found.append(Passage(step, state.at_s, state.open, state.coupons, state.certain, state.wall))
        state = _after(step, state, found)
    return state


def _after(step: Step, state: _State, found: list[Passage]) -> _State:
    match step:
        case Exit():
            return replace(state, open=False)
        case Wait(duration=duration) if duration is not None:
            return state.later(duration.approximate_s())
        case Wait(until=until, weekdays=weekdays) if until is not None:
            return replace(state, wall=Wall(until, weekdays))
        case Wait():
            return replace(state, wall=None)
        case Coupon():
            return state.making(step)
        case WaitFor(timeout=timeout):
            late, at_once = state.later(timeout.approximate_s()), replace(state, wall=None)
            return _joined([_go(step.then, at_once, found), _go(step.on_timeout, late, found)])
        case Branch(arms=arms):
            ends = [_go(arm.steps, state, found) for arm in arms]
            if all(arm.when is not None for arm in arms):
                ends.append(state)  # none of the arms may hold
            return _joined(ends)
        case Split():
            return _joined([_go(inner, state, found) for inner in inner_lists(step)])
        case _:
            return state


def _joined(ends: Sequence[_State]) -> _State:
    """Return the soonest of the ways that go on; a coupon is certain only when all of them make one of its name."""
    going = [end for end in ends if end.open]
    if not going:
        return _State(min(end.at_s for end in ends), open=False)
    oldest: dict[Coupon, Made] = {}
    for end in going:
        for made in end.coupons:
            known = oldest.get(made.coupon, made)
            oldest[made.coupon] = Made(made.coupon, max(made.age_s, known.age_s), made.last or known.last)
    certain = frozenset.intersection(*(end.certain for end in going))
    wall = going[0].wall if all(end.wall == going[0].wall for end in going) else None
    soonest_s = min(end.at_s for end in going)
    return _State(soonest_s, open=True, coupons=tuple(oldest.values()), certain=certain, wall=wall)
