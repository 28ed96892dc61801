"""Why a condition holds of a contact or not: each clause, what it says, and the value that it saw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from lifecycle.audience import leaves
from lifecycle.audience.boundary import NOBODY, value_at
from lifecycle.audience.evaluate import stage_verdict, verdict
from lifecycle.audience.phrases import phrase, value_text
from lifecycle.audience.setting import Setting
from lifecycle.audience.state import ContactState
from lifecycle.audience.windows import date_range, local_date, zone_name
from lifecycle.base.ids import bucket
from lifecycle.base.units import Share
from lifecycle.spec.conditions import (
    AllOf,
    AnyOf,
    AttributeLeaf,
    Condition,
    ConsentLeaf,
    DateLeaf,
    EventLeaf,
    FactLeaf,
    MessageLeaf,
    Negation,
    SampleLeaf,
    SegmentLeaf,
    StageLeaf,
    TotalLeaf,
)


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause: its text in the content language, whether it holds, and what it saw (None for all, any, not).

    `depth` counts from 0; `flips_at` is when the passing of time may change it.
    """

    text: str
    holds: bool
    saw: str | None
    depth: int
    flips_at: datetime | None = None


def clauses(condition: Condition, state: ContactState, setting: Setting, now: datetime) -> list[Clause]:
    """Return the condition and every part of it, outermost first; the condition of a named segment stands below it.

    Raises ContentError as `evaluate` does.
    """
    return list(_clauses(condition, state, setting, now, 0))


def _clauses(
    condition: Condition, state: ContactState, setting: Setting, now: datetime, depth: int
) -> Iterator[Clause]:
    found = verdict(condition, state, setting, now)
    yield Clause(phrase(condition), found.holds, _saw(condition, state, setting, now), depth, found.flips_at)
    match condition:
        case AllOf(parts=parts) | AnyOf(parts=parts):
            inner = parts
        case Negation(part=part):
            inner = (part,)
        case SegmentLeaf(segment=name):
            inner = (setting.segments[name].where,)
        case _:
            inner = ()
    for part in inner:
        yield from _clauses(part, state, setting, now, depth + 1)


def _saw(condition: Condition, state: ContactState, setting: Setting, now: datetime) -> str | None:
    match condition:
        case AllOf() | AnyOf() | Negation() | SegmentLeaf():
            return None
        case StageLeaf(held_for=held_for):
            stage = stage_verdict(state, setting, now).stage
            since = state.stage_since_at if held_for and stage == state.stage else None
            return (stage or "no stage") + (f" since {value_text(since)}" if since else "")
        case AttributeLeaf(owner=owner, path=path):
            return value_text(leaves.attribute_value(owner, path, state))
        case EventLeaf():
            events = leaves.matching_events(condition, state, now)
            return f"{len(events)}, the last at {value_text(events[-1].at)}" if events else "none"
        case TotalLeaf():
            return value_text(leaves.total_of(condition, leaves.matching_events(condition, state, now)))
        case FactLeaf(fact=fact, tests=tests):
            tops = (_where_top_begins(fact, test.value, setting) for test in tests if test.operator == "top")
            return "; ".join((value_text(leaves.fact_value(fact, state, now)), *tops))
        case MessageLeaf(state=wanted):
            messages = leaves.matching_messages(condition, state, now)
            if not messages:
                return "none"
            last = max(getattr(message, f"{wanted}_at") for message in messages)
            return f"{len(messages)}, the last at {value_text(last)}"
        case ConsentLeaf(topic=topic):
            granted = state.consents_to(topic, now, default=setting.consent_default(topic))
            asked = any(change.topic == topic and change.at <= now for change in state.consents)
            return ("granted" if granted else "denied") + ("" if asked else " by default")
        case DateLeaf():
            return _saw_date(condition, state, setting, now)
        case SampleLeaf(seed=seed):
            return f"{bucket(state.identifier, seed):.2%}"
        case _:
            assert_never(condition)


def _where_top_begins(fact: str, share: Share, setting: Setting) -> str:
    boundary = setting.tops[fact, share]
    if boundary == NOBODY:
        return f"nobody is in the top {share}"
    return f"the top {share} begins at {value_text(value_at(fact, boundary.place))}"


def _saw_date(leaf: DateLeaf, state: ContactState, setting: Setting, now: datetime) -> str:
    value = leaves.date_value(leaf, state)
    if value is None:
        return value_text(leaves.attribute_value(leaf.owner, leaf.path, state))
    today = local_date(now, zone_name(state.timezone, setting.project.timezone))
    first, last = date_range(today, in_next=leaf.in_next, in_last=leaf.in_last)
    return f"{value}, against {first}" + ("" if first == last else f" to {last}")
