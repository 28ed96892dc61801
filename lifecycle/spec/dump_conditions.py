"""Conditions as the plain data that `spec.decode_condition` reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from lifecycle.base.units import Duration, Share
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
    PropertyTest,
    SampleLeaf,
    SegmentLeaf,
    Span,
    StageLeaf,
    Test,
    TotalLeaf,
)


def condition_data(condition: Condition) -> dict[str, Any]:
    """Return a condition as data."""
    match condition:
        case AllOf(parts=parts):
            return {"all": [condition_data(part) for part in parts]}
        case AnyOf(parts=parts):
            return {"any": [condition_data(part) for part in parts]}
        case Negation(part=part):
            return {"not": condition_data(part)}
        case StageLeaf():
            value = list(condition.value) if isinstance(condition.value, tuple) else condition.value
            held = {} if condition.held_for is None else {"for": str(condition.held_for)}
            return {"stage": {condition.operator: value, **held}}
        case SegmentLeaf(segment=segment):
            return {"segment": segment}
        case AttributeLeaf():
            return {".".join((condition.owner, *condition.path)): tests_data(condition.tests)}
        case FactLeaf():
            return {condition.fact: tests_data(condition.tests)}
        case EventLeaf():
            return _event_data(condition)
        case TotalLeaf():
            return {"total": _total_data(condition)}
        case MessageLeaf():
            message = {
                "campaign": condition.campaign,
                "step": condition.step,
                "is": condition.state,
                "within": None if condition.within is None else str(condition.within),
                "last": condition.last,
            }
            return {"message": {key: value for key, value in message.items() if value is not None}}
        case ConsentLeaf(topic=topic):
            return {"consent": topic}
        case DateLeaf():
            date = {"of": ".".join((condition.owner, *condition.path)), "every": condition.every}
            date |= {"in_next": scalar_data(condition.in_next), "in_last": scalar_data(condition.in_last)}
            return {"date": {key: value for key, value in date.items() if value is not None}}
        case SampleLeaf(share=part, seed=seed):
            return {"sample": str(part), **({"seed": seed} if seed else {})}


def tests_data(tests: Sequence[Test]) -> dict[str, Any]:
    """Return tests as a mapping by operator."""
    return {test.operator: scalar_data(test.value) for test in tests}


def scalar_data(value: Any) -> Any:
    """Return a test's value as it is written."""
    match value:
        case Duration() | Share():
            return str(value)
        case datetime():
            return value.isoformat()
        case tuple():
            return [scalar_data(inner) for inner in value]
        case _:
            return value


def property_tests_data(where: Sequence[PropertyTest]) -> dict[str, Any]:
    """Return `where` as data."""
    return {".".join(("properties", *test.path)): tests_data(test.tests) for test in where}


def _span_data(span: Span) -> dict[str, Any]:
    found = {"within": span.within, "since": span.since, "until": span.until}
    return {key: scalar_data(value) for key, value in found.items() if value is not None}


def _event_data(leaf: EventLeaf) -> dict[str, Any]:
    data: dict[str, Any] = {"event": leaf.events[0] if len(leaf.events) == 1 else list(leaf.events)}
    if leaf.where:
        data["where"] = property_tests_data(leaf.where)
    if leaf.count:
        data["count"] = tests_data(leaf.count)
    return data | _span_data(leaf.span)


def _total_data(leaf: TotalLeaf) -> dict[str, Any]:
    data: dict[str, Any] = {
        "event": leaf.events[0] if len(leaf.events) == 1 else list(leaf.events),
        "of": ".".join(("properties", *leaf.of)),
    }
    if leaf.where:
        data["where"] = property_tests_data(leaf.where)
    return data | _span_data(leaf.span) | tests_data(leaf.tests)
