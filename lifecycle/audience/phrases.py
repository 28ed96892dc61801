"""Conditions as one line of text each, in the words of the content language: for explain, plan and reports."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, assert_never

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

#: A longer value is cut.
MAX_LENGTH = 200


def phrase(condition: Condition) -> str:
    """Return the condition as the content language writes it; for all, any and not only that word."""
    match condition:
        case AllOf():
            return "all"
        case AnyOf():
            return "any"
        case Negation():
            return "not"
        case StageLeaf(operator=operator, value=value, held_for=held_for):
            bare = operator == "is" and held_for is None
            extra = [("for", held_for)] if held_for else []
            return f"stage: {value_text(value)}" if bare else f"stage: {_flow([(operator, value), *extra])}"
        case SegmentLeaf(segment=segment):
            return f"segment: {segment}"
        case AttributeLeaf(owner=owner, path=path, tests=tests):
            return f"{owner}.{'.'.join(path)}: {_tests(tests)}"
        case EventLeaf(events=events, where=where, count=count, span=span):
            return f"event: {_names(events)}{_rest(where, span, [('count', _tests(count))] if count else [])}"
        case TotalLeaf(events=events, of=of, tests=tests, where=where, span=span):
            return f"total of properties.{'.'.join(of)}: {_tests(tests)} over {_names(events)}{_rest(where, span, [])}"
        case FactLeaf(fact=fact, tests=tests):
            return f"{fact}: {_tests(tests)}"
        case MessageLeaf(state=state, campaign=campaign, step=step, within=within, last=last):
            found = [("campaign", campaign), ("step", step), ("is", state), ("within", within), ("last", last)]
            return f"message: {_flow((key, value) for key, value in found if value is not None)}"
        case ConsentLeaf(topic=topic):
            return f"consent: {topic}"
        case DateLeaf(owner=owner, path=path, every=every, in_next=in_next, in_last=in_last):
            found = [("of", f"{owner}.{'.'.join(path)}"), ("every", every), ("in_next", in_next), ("in_last", in_last)]
            return f"date: {_flow((key, value) for key, value in found if value is not None)}"
        case SampleLeaf(share=share, seed=seed):
            return f"sample: {share}" + (f" (seed {seed})" if seed else "")
        case _:
            assert_never(condition)


def value_text(value: Any) -> str:
    """Return a value as YAML would write it on one line; `missing` for None."""
    match value:
        case None:
            return "missing"
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case Decimal():
            return f"{value.normalize():f}"
        case Duration() | Share():
            return str(value)
        case list() | tuple():
            text = f"[{', '.join(value_text(one) for one in value)}]"
        case dict():
            text = _flow(value.items())
        case _:
            text = str(value)
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + "…"


def _flow(pairs: Iterable[tuple[str, Any]]) -> str:
    return "{" + ", ".join(f"{key}: {value_text(value)}" for key, value in pairs) + "}"


def _tests(tests: tuple[Test, ...]) -> str:
    if len(tests) == 1 and tests[0].operator == "is":
        return value_text(tests[0].value)
    return _flow((test.operator, test.value) for test in tests)


def _names(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else value_text(names)


def _rest(where: tuple[PropertyTest, ...], span: Span, more: list[tuple[str, Any]]) -> str:
    found: list[tuple[str, Any]] = [(f"properties.{'.'.join(entry.path)}", _tests(entry.tests)) for entry in where]
    found += [*more, ("within", span.within), ("since", span.since), ("until", span.until)]
    return "".join(f", {key}: {value_text(value)}" for key, value in found if value is not None)
