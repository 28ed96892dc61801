"""The shortest way to each step: what rules about time and reach ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lifecycle.spec.model import (
    Branch,
    Campaign,
    Coupon,
    EventTrigger,
    Exit,
    Split,
    Step,
    Wait,
    WaitFor,
    inner_lists,
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A step and the soonest that it can be reached, in seconds since the last event that restarted the clock.

    `coupons` are those made on every way here, with the time at which they were made.
    """

    step: Step
    soonest_s: float
    reached: bool
    coupons: tuple[tuple[Coupon, float], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class _State:
    """Where a way stands: its time, whether it goes on, and the coupons made on it."""

    at_s: float
    open: bool
    coupons: tuple[tuple[Coupon, float], ...] = ()


def passages(campaign: Campaign) -> Iterator[Passage]:
    """Yield each step of the campaign in the order of writing."""
    trigger = campaign.trigger
    quiet = trigger.quiet_for.approximate_s() if isinstance(trigger, EventTrigger) and trigger.quiet_for else 0.0
    found: list[Passage] = []
    _go(campaign.steps, _State(quiet, open=True), found)
    yield from found


def _go(steps: Sequence[Step], state: _State, found: list[Passage]) -> _State:
    for step in steps:
        found.append(Passage(step, state.at_s, state.open, state.coupons))
        state = _after(step, state, found)
    return state


def _after(step: Step, state: _State, found: list[Passage]) -> _State:
    match step:
        case Exit():
            return _State(state.at_s, open=False, coupons=state.coupons)
        case Wait(duration=duration) if duration is not None:
            return _State(state.at_s + duration.approximate_s(), state.open, state.coupons)
        case Coupon():
            return _State(state.at_s, state.open, (*state.coupons, (step, state.at_s)))
        case WaitFor(timeout=timeout):
            late = _State(state.at_s + timeout.approximate_s(), state.open, state.coupons)
            return _joined([_go(step.then, state, found), _go(step.on_timeout, late, found)])
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
    """Return the soonest of the ways that go on; a coupon must have been made on all of them."""
    going = [end for end in ends if end.open]
    if not going:
        return _State(min(end.at_s for end in ends), open=False)
    shared = tuple(made for made in going[0].coupons if all(made in end.coupons for end in going))
    return _State(min(end.at_s for end in going), open=True, coupons=shared)
