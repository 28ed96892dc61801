"""Conditions that cannot hold together: seen from how they are written, without a single contact.

What is not proved is taken to be possible. So "these two exclude each other" is certain, and the opposite says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lifecycle.spec.conditions import (
    AllOf,
    AnyOf,
    AttributeLeaf,
    Condition,
    EventLeaf,
    FactLeaf,
    Negation,
    Operator,
    SegmentLeaf,
    Span,
    StageLeaf,
    Test,
    TotalLeaf,
    walk,
)
from lifecycle.spec.model import Content, Segment

#: Pairs of leaves that one question may compare. Nobody writes conditions that need more; whoever does gets no answer.
_MOST_PAIRS = 5_000

#: of a value that is there, each holds where the other does not
_OPPOSITES: Mapping[str, Operator] = {
    "is": "is_not", "in": "not_in", "at_least": "less_than", "at_most": "more_than", "more_than": "at_most",
    "less_than": "at_least",
}  # fmt: skip


class Contradictions:
    """Tells whether conditions exclude each other; knows the segments and the order of the stages."""

    def __init__(self, segments: Mapping[str, Segment], stages: Sequence[str]) -> None:
        self._segments = segments
        self._stages = tuple(stages)
        self._pairs_left = _MOST_PAIRS

    @classmethod
    def of(cls, content: Content) -> Contradictions:
        """Return one that knows the segments and stages of the content."""
        return cls(content.segments, [stage.stage for stage in content.project.stages])

    def exclude(self, *conditions: Condition | None) -> bool:
        """Say whether no contact can be in all of these at one moment; None is everybody."""
        seen: set[str] = set()
        parts = [part for condition in conditions if condition is not None for part in self._parts(condition, seen)]
        return self._first(parts) is not None or any(self._ruled_out(part, parts) for part in parts)

    def within(self, condition: Condition) -> Iterator[Condition]:
        """Yield of each `all` in the condition the first part that excludes one before it."""
        for part in walk(condition):
            if isinstance(part, AllOf):
                found = self._first([*part.parts])
                if found is not None:
                    yield found

    def _first(self, parts: Sequence[Condition]) -> Condition | None:
        """Return the first part that excludes one before it."""
        self._pairs_left = _MOST_PAIRS
        for first, second in ((first, second) for index, second in enumerate(parts) for first in parts[:index]):
            if self._exclude_two(first, second):
                return second
            if self._pairs_left <= 0:
                break
        return None

    def _ruled_out(self, choice: Condition, parts: Sequence[Condition]) -> bool:
        """Say whether each alternative of an `any` is excluded by one part or another."""
        return (
            isinstance(choice, AnyOf)
            and bool(choice.parts)
            and all(any(self._exclude_two(one, part) for part in parts) for one in choice.parts)
        )

    def _parts(self, condition: Condition, seen: set[str]) -> Iterator[Condition]:
        """Yield what must hold, all of it, for the condition to hold; each segment is looked through once."""
        yield condition
        match condition:
            case AllOf(parts=parts):
                for part in parts:
                    yield from self._parts(part, seen)
            case SegmentLeaf(segment=name) if name in self._segments and name not in seen:
                seen.add(name)
                yield from self._parts(self._segments[name].where, seen)

    def _exclude_two(self, one: Condition, other: Condition) -> bool:
        self._pairs_left -= 1
        if self._pairs_left <= 0:
            return False
        match one, other:
            case Negation(part=part), _ if part == other or self._implied(other, part):
                return True
            case _, Negation(part=part) if part == one or self._implied(one, part):
                return True
            case Negation(part=AnyOf(parts=parts)), _ if any(self._exclude_two(Negation(p), other) for p in parts):
                return True
            case _, Negation(part=AnyOf(parts=parts)) if any(self._exclude_two(one, Negation(p)) for p in parts):
                return True
            case AnyOf(parts=parts), _ if parts:
                return all(self._exclude_two(part, other) for part in parts)
            case _, AnyOf(parts=parts) if parts:
                return all(self._exclude_two(one, part) for part in parts)
            case StageLeaf(), StageLeaf():
                return not (self._stages_of(one) & self._stages_of(other))
            case AttributeLeaf(), AttributeLeaf():
                return (one.owner, one.path) == (other.owner, other.path) and clash((*one.tests, *other.tests))
            case FactLeaf(), FactLeaf():
                return one.fact == other.fact and clash((*one.tests, *other.tests))
            case EventLeaf(), EventLeaf():
                same = (one.events, one.where, one.span) == (other.events, other.where, other.span)
                return same and clash((*_counted(one), *_counted(other)))
            case TotalLeaf(), TotalLeaf():
                same = (one.events, one.of, one.where, one.span) == (other.events, other.of, other.where, other.span)
                return same and clash((*one.tests, *other.tests))
            case _:
                return False

    def _implied(self, condition: Condition, wanted: Condition) -> bool:
        """Say whether `wanted` holds wherever the condition does: a segment implies what it is made of, 5 implies 3."""
        match condition, wanted:
            case SegmentLeaf(), _:
                return any(part == wanted for part in self._parts(condition, set()))
            case AttributeLeaf(), AttributeLeaf() if (condition.owner, condition.path) == (wanted.owner, wanted.path):
                return _imply(condition.tests, wanted.tests)
            case FactLeaf(), FactLeaf() if condition.fact == wanted.fact:
                return _imply(condition.tests, wanted.tests)
            case EventLeaf(), EventLeaf(where=(), count=()) if wanted.span == Span():
                return not condition.count and set(condition.events) <= set(wanted.events)
            case _:
                return False

    def _stages_of(self, leaf: StageLeaf) -> frozenset[str]:
        """Return the stages in which the leaf can hold."""
        stages, value = self._stages, leaf.value
        values = value if isinstance(value, tuple) else (value,)
        if not set(values) <= set(stages):
            return frozenset(stages)  # an unknown stage is said elsewhere
        match leaf.operator:
            case "is" | "in":
                return frozenset(values)
            case "is_not" | "not_in":
                return frozenset(stages) - frozenset(values)
            case "at_least":
                return frozenset(stages[stages.index(value) :])
            case "at_most":
                return frozenset(stages[: stages.index(value) + 1])


def _counted(leaf: EventLeaf) -> tuple[Test, ...]:
    return leaf.count or (Test("at_least", 1),)


def _imply(tests: Sequence[Test], wanted: Sequence[Test]) -> bool:
    """Say whether what passes the tests passes the wanted ones: it is there, and nothing passes their opposites too."""
    there = any(test.operator not in {"exists", "is_not"} for test in tests)
    return there and all(
        test.operator in _OPPOSITES and clash((*tests, Test(_OPPOSITES[test.operator], test.value))) for test in wanted
    )


def clash(tests: Sequence[Test]) -> bool:
    """Say whether no value passes all the tests."""
    return any(_clash_two(one, other) for index, other in enumerate(tests) for one in tests[:index])


def _clash_two(one: Test, other: Test) -> bool:
    for first, second in ((one, other), (other, one)):
        match first.operator, second.operator:
            case "exists", operator if first.value is False and operator not in {"exists", "is_not", "not_in"}:
                return True
            case "exists", "exists" if first.value is not second.value:
                return True
            case "is", _ if not _passes(first.value, second):
                return True
            case "in", _ if not any(_passes(value, second) for value in first.value):
                return True
            case (("at_least" | "more_than" | "between"), ("at_most" | "less_than" | "between")):
                if _apart(first, second):
                    return True
            case "starts_with", "starts_with" if not _nested(first.value, second.value):
                return True
            case "older_than", "within" if first.value.approximate_s() >= second.value.approximate_s():
                return True
            case "after", "before" if first.value >= second.value:
                return True
            case _:
                pass
    return False


def _nested(one: Any, other: Any) -> bool:
    """Say whether a text can begin with both."""
    return str(one).startswith(str(other)) or str(other).startswith(str(one))


def _apart(low: Test, high: Test) -> bool:
    """Say whether the lower bound of the one lies above the upper bound of the other."""
    bottom = low.value[0] if low.operator == "between" else low.value
    top = high.value[1] if high.operator == "between" else high.value
    strict = low.operator == "more_than" or high.operator == "less_than"
    try:
        return bool(bottom > top or (strict and bottom == top))
    except TypeError:
        return False


def _passes(value: Any, test: Test) -> bool:
    """Say whether the value passes; True where that depends on the moment or cannot be told."""
    wanted = test.value
    values = wanted if isinstance(wanted, tuple) else (wanted,)
    if isinstance(value, bool) is not all(isinstance(each, bool) for each in values):
        return True  # Python takes true for 1, conditions do not
    try:
        match test.operator:
            case "is":
                return bool(value == wanted)
            case "is_not":
                return bool(value != wanted)
            case "in":
                return value in wanted
            case "not_in":
                return value not in wanted
            case "at_least":
                return bool(value >= wanted)
            case "at_most":
                return bool(value <= wanted)
            case "more_than":
                return bool(value > wanted)
            case "less_than":
                return bool(value < wanted)
            case "between":
                return bool(wanted[0] <= value <= wanted[1])
            case "starts_with":
                return str(value).startswith(str(wanted))
            case "ends_with":
                return str(value).endswith(str(wanted))
            case _:
                return True
    except TypeError:
        return True  # values of two types: another rule's business
