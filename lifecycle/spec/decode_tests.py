"""Tests of one value: `200` (equality) or a mapping of operators, each with a value of the type that it needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from lifecycle.spec import rules_conditions as rules
from lifecycle.spec import rules_shape
from lifecycle.spec.conditions import FACTS, Operator, Test
from lifecycle.spec.decode import Decoder, Fields, Reading, every, listed, suggest, wrong_type
from lifecycle.spec.decode_values import boolean, duration, instant, integer, name, number, scalar, share, text
from lifecycle.spec.source import ListNode, Node, ScalarNode


def _pair(read: Decoder[Any]) -> Decoder[Any]:
    def decode(node: Node, reading: Reading) -> Any:
        found = listed(read)(node, reading)
        if len(found) != 2:
            reading.refuse(rules_shape.WrongType.at(node.place, "between takes two values: [low, high]"))
        if found[0] > found[1]:
            reading.refuse(rules.ImpossibleTest.at(node.place, f"nothing is between {found[0]} and {found[1]}"))
        return found

    return decode


_READ: Mapping[Operator, Decoder[Any]] = {
    "is": scalar, "is_not": scalar, "in": listed(scalar, least=1), "not_in": listed(scalar, least=1),
    "at_least": number, "at_most": number, "more_than": number, "less_than": number, "between": _pair(number),
    "contains": scalar, "starts_with": text, "ends_with": text, "exists": boolean,
    "before": instant, "after": instant, "within": duration, "older_than": duration, "top": share,
}  # fmt: skip

_COMPARING: tuple[Operator, ...] = ("at_least", "at_most", "more_than", "less_than", "between")
_EQUAL: tuple[Operator, ...] = ("is", "is_not", "in", "not_in")
_CLOCKED: tuple[Operator, ...] = ("before", "after", "within", "older_than")
#: What fits each type of fact.
FITTING: Mapping[str, tuple[Operator, ...]] = {
    "int": (*_EQUAL, *_COMPARING, "exists", "top"),
    "number": (*_EQUAL, *_COMPARING, "exists", "top"),
    "instant": (*_CLOCKED, "exists", "top"),
    "text": (*_EQUAL, "contains", "starts_with", "ends_with", "exists"),
    "any": tuple(operator for operator in _READ if operator != "top"),
}


def _tests(
    node: Node, reading: Reading, *, allowed: Collection[Operator], bare: Decoder[Any], what: str
) -> tuple[Test, ...]:
    if isinstance(node, ListNode):
        wrong_type(node, reading, "a value or a test", hint="several values go under in: {in: [a, b]}")
    if isinstance(node, ScalarNode):
        if node.value is None:
            wrong_type(node, reading, "a value or a test", hint="whether there is one: {exists: true}")
        if "is" not in allowed:
            message = "an instant has no bare value"
            reading.refuse(
                rules.UnfitOperator.at(node.place, message, hint="{within: 30d}, {older_than: 60d}, {before: …}")
            )
        return (Test("is", bare(node, reading), place=node.place),)
    if not node.entries:
        reading.refuse(rules_shape.EmptyList.at(node.place, "there is no test here"))
    reads: list[Callable[[], Test]] = []
    for entry in node.entries:
        operator = next((known for known in _READ if known == entry.name), None)
        if operator is None:
            message = f'unknown test "{entry.name}"'
            found = suggest(entry.name, _READ)
            reads.append(_refusal(reading, rules.UnknownLeaf.at(entry.key.place, message, hint=found)))
        elif operator not in allowed:
            fits = "it is tested with " + ", ".join(known for known in _READ if known in allowed)
            if operator == "top":
                fits = "facts that are numbers have a top, as orders.total: {top: 10%}"
            message = f'"{operator}" does not fit {what}'
            reads.append(_refusal(reading, rules.UnfitOperator.at(entry.key.place, message, hint=fits)))
        else:
            reads.append(partial(_one, operator, entry.value, reading, bare))
    found_tests = every(reads, reading)
    _refuse_impossible(found_tests, node, reading)
    return found_tests


def _refusal(reading: Reading, diagnostic: Any) -> Callable[[], Test]:
    return lambda: reading.refuse(diagnostic)


def _one(operator: Operator, node: Node, reading: Reading, bare: Decoder[Any]) -> Test:
    read = _READ[operator]
    if operator in {"is", "is_not"}:
        read = bare
    elif operator in {"in", "not_in"}:
        read = listed(bare, least=1)
    return Test(operator, read(node, reading), place=node.place)


def _refuse_impossible(tests: tuple[Test, ...], node: Node, reading: Reading) -> None:
    """Refuse bounds that exclude each other."""
    values = {test.operator: test.value for test in tests}
    low = max((values[key] for key in ("at_least", "more_than") if key in values), default=None)
    high = min((values[key] for key in ("at_most", "less_than") if key in values), default=None)
    if low is not None and high is not None:
        strict = values.get("more_than") == low or values.get("less_than") == high
        if low > high or (low == high and strict):
            reading.refuse(rules.ImpossibleTest.at(node.place, f"no number is above {low} and below {high}"))
    if "before" in values and "after" in values and values["after"] >= values["before"]:
        reading.refuse(rules.ImpossibleTest.at(node.place, "no instant is after the one and before the other"))
    older, within = values.get("older_than"), values.get("within")
    if older and within and older.approximate_s() >= within.approximate_s():
        reading.refuse(rules.ImpossibleTest.at(node.place, "nothing is older than that and within less"))


def clause_tests(node: Node, reading: Reading) -> tuple[Test, ...]:
    """Read the tests of an attribute or property, whose type the project may or may not declare."""
    return _tests(node, reading, allowed=FITTING["any"], bare=scalar, what="an attribute or property")


def fact_tests(fact: str, node: Node, reading: Reading) -> tuple[Test, ...]:
    """Read the tests of a fact, which fit its type."""
    kind = FACTS[fact]
    bare: Decoder[Any] = {"int": integer(-(10**12), 10**12), "number": number, "text": text}.get(kind, scalar)
    if fact == "points.tier":
        bare = _tier
    return _tests(node, reading, allowed=FITTING[kind], bare=bare, what=f"{fact} ({kind})")


def _tier(node: Node, reading: Reading) -> str:
    return reading.refer("tier", name(node, reading), node.place)


_COUNTING: tuple[Operator, ...] = ("is", "is_not", "in", "not_in", *_COMPARING)


def count_tests(node: Node, reading: Reading) -> tuple[Test, ...]:
    """Read how often an event came: `3`, or tests of a whole number."""
    return _tests(node, reading, allowed=_COUNTING, bare=integer(0, 10**9), what="a count")


def number_operators(fields: Fields) -> tuple[Test, ...]:
    """Read the tests that stand among the keys of a total; at least one is needed."""
    tests: list[Test] = []
    for operator in ("is", "is_not", *_COMPARING, "exists"):
        entry = fields.entry(operator)
        if entry is None:
            continue
        read = number if operator in {"is", "is_not"} else _READ[operator]
        value = fields.required(operator, read)
        tests.append(Test(operator, value, place=entry.value.place))
    if not tests and not fields.refused:
        names = ", ".join(("is", *_COMPARING))
        fields.report(rules_shape.MissingKey.at(fields.node.place, f"{fields.what} needs a test: {names}"))
    return tuple(tests)
