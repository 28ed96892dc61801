"""Conditions: a mapping of leaves, all of which must hold, becomes the condition language of `spec.conditions`.

`event` takes its refinements (where, count, within, since, until) from the keys beside it, `sample` its seed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, cast

from lifecycle.base.units import Share
from lifecycle.spec import conditions as made
from lifecycle.spec import rules_conditions as rules
from lifecycle.spec import rules_shape
from lifecycle.spec.conditions import FACTS, Condition, PropertyTest, Span
from lifecycle.spec.decode import Fields, Reading, Refused, Use, every, listed, one_or_more, wrong_type
from lifecycle.spec.decode_tests import clause_tests, count_tests, fact_tests, number_operators
from lifecycle.spec.decode_values import (
    attribute_path,
    duration,
    event_name,
    instant,
    integer,
    name,
    option,
    path_parts,
    property_path,
    share,
    step_id,
)
from lifecycle.spec.diagnostics import did_you_mean
from lifecycle.spec.source import Entry, ListNode, MapNode, Node

_EVENT_KEYS = ("where", "count", "within", "since", "until")
_LEAVES = (
    "all", "any", "not", "stage", "segment", "event", "total", "message", "consent", "date", "sample",
)  # fmt: skip
_BESIDE = {**dict.fromkeys(_EVENT_KEYS, "event"), "seed": "sample"}


def condition(node: Node, reading: Reading) -> Condition:
    """Read a condition. Several leaves in one mapping must all hold."""
    if not isinstance(node, MapNode):
        hint = "put a list under all: or any:" if isinstance(node, ListNode) else ""
        wrong_type(node, reading, "a condition as a mapping", hint=hint)
    if not node.entries:
        reading.refuse(rules_shape.EmptyList.at(node.place, "the condition is empty"))
    return combined(Fields(node, "a condition", reading))


def combined(fields: Fields) -> Condition:
    """Read what is left of a mapping (a goal's `within` may be taken before) as one condition, and close it."""
    reading = fields.reading
    entries = fields.rest()
    leaves: list[Callable[[], Condition]] = []
    for entry in entries:
        read = _reader(entry, fields)
        if read is not None:
            fields.known.append(entry.name)
            leaves.append(partial(read, entry, reading))
    for entry in fields.rest():
        if _BESIDE.get(entry.name) not in fields.known:  # else its leaf reads it
            _unknown_leaf(entry, fields)
            fields.known.append(entry.name)
    parts = fields.run(lambda: every(leaves, reading), ())
    fields.close()
    if not parts:
        reading.refuse(rules_shape.EmptyList.at(fields.node.place, "the condition is empty"))
    return parts[0] if len(parts) == 1 else made.AllOf(parts, place=fields.node.place)


def _reader(entry: Entry, fields: Fields) -> Callable[[Entry, Reading], Condition] | None:
    """Return what reads the leaf under this key; None when the key is no leaf."""
    match entry.name:
        case "event":
            return lambda entry, _: _event(entry, fields)
        case "sample":
            return lambda entry, _: _sample(entry, fields)
        case found if found in _SIMPLE:
            return _SIMPLE[found]
        case found if found in FACTS:
            return _fact
        case found if found.startswith(("contact.", "account.")):
            return _attribute
        case _:
            return None


def _unknown_leaf(entry: Entry, fields: Fields) -> None:
    if entry.name in _BESIDE:
        message = f'"{entry.name}" stands beside "{_BESIDE[entry.name]}", which is missing here'
        fields.report(rules.UnknownLeaf.at(entry.key.place, message))
        return
    message = f'unknown leaf "{entry.name}" in a condition'
    if entry.name.startswith("properties."):
        hint = "a property is tested under where: beside event:"
    else:
        close = did_you_mean(entry.name, [*_LEAVES, *FACTS])
        hint = close or "an attribute is written contact.NAME or account.NAME"
    fields.report(rules.UnknownLeaf.at(entry.key.place, message, hint=hint))


def _all_of(entry: Entry, reading: Reading) -> Condition:
    return made.AllOf(listed(condition, least=1)(entry.value, reading), place=entry.key.place)


def _any_of(entry: Entry, reading: Reading) -> Condition:
    return made.AnyOf(listed(condition, least=1)(entry.value, reading), place=entry.key.place)


def _negation(entry: Entry, reading: Reading) -> Condition:
    return made.Negation(condition(entry.value, reading), place=entry.key.place)


def _stage_name(node: Node, reading: Reading) -> str:
    return reading.refer("stage", name(node, reading), node.place)


def _stage(entry: Entry, reading: Reading) -> Condition:
    place = entry.key.place
    if not isinstance(entry.value, MapNode):
        if isinstance(entry.value, ListNode):
            wrong_type(entry.value, reading, "a stage", hint="several go under in: stage: {in: [a, b]}")
        return made.StageLeaf("is", _stage_name(entry.value, reading), place=place)
    fields = Fields(entry.value, "a stage condition", reading)
    operator = fields.one_of(("is", "is_not", "in", "not_in", "at_least", "at_most"))
    value: Any = None
    if operator in {"in", "not_in"}:
        value = fields.required(operator, listed(_stage_name, least=1))
    elif operator is not None:
        value = fields.required(operator, _stage_name)
    held_for = fields.maybe("for", duration)
    fields.close()
    return made.StageLeaf(cast("Any", operator), value, held_for, place=place)


def _segment(entry: Entry, reading: Reading) -> Condition:
    found = reading.refer("segment", name(entry.value, reading), entry.value.place)
    return made.SegmentLeaf(found, place=entry.value.place)


def _attribute(entry: Entry, reading: Reading) -> Condition:
    owner, _, tail = entry.name.partition(".")
    path = path_parts(tail, entry.key, reading)
    tests = clause_tests(entry.value, reading)
    whose: Literal["contact", "account"] = "contact" if owner == "contact" else "account"
    reading.uses.append(Use(whose, path, entry.key.place, tests))
    return made.AttributeLeaf(whose, path, tests, place=entry.key.place)


def _fact(entry: Entry, reading: Reading) -> Condition:
    return made.FactLeaf(entry.name, fact_tests(entry.name, entry.value, reading), place=entry.key.place)


def property_tests(node: Node, reading: Reading) -> tuple[PropertyTest, ...]:
    """Read `where`: tests by property path, all of which must hold."""
    if not isinstance(node, MapNode):
        wrong_type(node, reading, "a mapping of properties", hint="as where: {properties.total: {at_least: 200}}")

    def one(entry: Entry) -> PropertyTest:
        path = property_path(entry.key, reading)
        return PropertyTest(path, clause_tests(entry.value, reading), place=entry.key.place)

    return every([partial(one, entry) for entry in node.entries], reading)


def use_properties(events: tuple[str, ...], where: tuple[PropertyTest, ...], reading: Reading) -> None:
    """Remember that these properties of the events are tested."""
    for test in where:
        if test.place is not None:
            reading.uses.append(Use("event", test.path, test.place, test.tests, events))
        if test.path == ("survey",) and "Survey Answered" in events:
            _refer_to_surveys(test, reading)


def _refer_to_surveys(test: PropertyTest, reading: Reading) -> None:
    """Remember that the tests name surveys: `properties.survey: nps`."""
    for each in test.tests:
        if each.operator in {"is", "is_not", "in", "not_in"} and each.place is not None:
            for called in each.value if isinstance(each.value, tuple) else (each.value,):
                reading.refer("survey", str(called), each.place)


def _span(fields: Fields) -> Span:
    within = fields.maybe("within", duration)
    since = fields.maybe("since", instant)
    until = fields.maybe("until", instant)
    if within is not None and (since is not None or until is not None):
        message = "within is a window up to now: it does not go with since and until"
        fields.report(rules_shape.KeysExclude.at(fields.place("within"), message))
    elif since is not None and until is not None and since >= until:
        fields.report(rules.ImpossibleTest.at(fields.place("until"), "until is not after since"))
    return Span(within, since, until)


def _event(entry: Entry, fields: Fields) -> Condition:
    names = fields.run(lambda: one_or_more(event_name)(entry.value, fields.reading), ())
    where = fields.optional("where", property_tests, ())
    count = fields.optional("count", count_tests, ())
    # a goal has taken `within` for itself before it asked for its condition
    span = Span() if "within" in fields.known else _span(fields)
    if fields.refused:
        raise Refused
    use_properties(names, where, fields.reading)
    return made.EventLeaf(names, where, count, span, place=entry.key.place)


def _sample(entry: Entry, fields: Fields) -> Condition:
    part = fields.run(lambda: share(entry.value, fields.reading), Share.parse("0%"))
    seed = fields.optional("seed", name, "")
    if fields.refused:
        raise Refused
    return made.SampleLeaf(part, seed, place=entry.key.place)


def _total(entry: Entry, reading: Reading) -> Condition:
    fields = Fields(entry.value, "a total", reading)
    names = fields.required("event", one_or_more(event_name))
    of = fields.required("of", property_path)
    where = fields.optional("where", property_tests, ())
    span = _span(fields)
    tests = number_operators(fields)
    fields.close()
    use_properties(names, where, reading)
    reading.uses.append(Use("event", of, fields.value_place("of"), (), names, "number"))
    return made.TotalLeaf(names, of, tests, where, span, place=entry.key.place)


_STATES = ("sent", "delivered", "opened", "clicked", "bounced", "complained")


def _message(entry: Entry, reading: Reading) -> Condition:
    fields = Fields(entry.value, "a message condition", reading)
    state = fields.required("is", option(*_STATES))
    campaign = fields.maybe("campaign", lambda node, _: reading.refer("campaign", name(node, reading), node.place))
    step = fields.maybe("step", step_id)
    if step is not None and campaign is None:
        message = '"step" names a step of a campaign: "campaign" is missing'
        fields.report(rules_shape.MissingKey.at(fields.place("step"), message))
    elif step is not None:
        reading.refer("step", f"{campaign}:{step}", fields.value_place("step"))
    within = fields.maybe("within", duration)
    last = fields.maybe("last", integer(1, 1000))
    fields.close()
    return made.MessageLeaf(cast("made.MessageState", state), campaign, step, within, last, place=entry.key.place)


def _consent(entry: Entry, reading: Reading) -> Condition:
    found = reading.refer("topic", name(entry.value, reading), entry.value.place)
    return made.ConsentLeaf(found, place=entry.value.place)


def _date(entry: Entry, reading: Reading) -> Condition:
    fields = Fields(entry.value, "a date condition", reading)
    of = fields.required("of", attribute_path)
    every_ = fields.maybe("every", option("year", "month"))
    direction = fields.one_of(("in_next", "in_last"))
    length = fields.required(direction, duration) if direction else None
    fields.close()
    reading.uses.append(Use(of[0], of[1], fields.value_place("of"), needs="date"))
    return made.DateLeaf(
        of[0],
        of[1],
        cast("Any", every_),
        in_next=length if direction == "in_next" else None,
        in_last=length if direction == "in_last" else None,
        place=entry.key.place,
    )


_SIMPLE: dict[str, Callable[[Entry, Reading], Condition]] = {
    "all": _all_of,
    "any": _any_of,
    "not": _negation,
    "stage": _stage,
    "segment": _segment,
    "total": _total,
    "message": _message,
    "consent": _consent,
    "date": _date,
}
