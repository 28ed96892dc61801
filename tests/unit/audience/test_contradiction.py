"""What is said to exclude each other never holds of one contact: held against the evaluator."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from audience_worlds import (
    Person,
    any_tests,
    contents,
    counted_tests,
    crowds,
    moments,
    rolled_back,
    store_people,
)
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from lifecycle.audience.evaluate import evaluate
from lifecycle.audience.past import facts_at
from lifecycle.audience.ranking import load_tops
from lifecycle.audience.setting import Setting
from lifecycle.base.units import Duration
from lifecycle.journey.load import load_states
from lifecycle.spec.conditions import (
    AllOf,
    AnyOf,
    AttributeLeaf,
    Condition,
    EventLeaf,
    FactLeaf,
    Negation,
    PropertyTest,
    SegmentLeaf,
    Span,
    StageLeaf,
    Test,
    TotalLeaf,
)
from lifecycle.spec.contradiction import Contradictions
from lifecycle.spec.model import Content, LocalText, Segment
from lifecycle.store.engine import Store

plain: st.SearchStrategy[Condition] = st.one_of(
    st.builds(FactLeaf, st.sampled_from(["orders.count", "orders.last_at", "cart.items"]), any_tests),
    st.builds(AttributeLeaf, st.just("contact"), st.just(("a",)), any_tests),
    st.builds(EventLeaf, st.just(("Order Completed",)), st.just(()), st.just(()) | counted_tests),
    st.builds(TotalLeaf, st.just(("Order Completed",)), st.just(("total",)), counted_tests),
)
leaves = plain | st.sampled_from([SegmentLeaf("s0"), SegmentLeaf("s1")])
trees: st.SearchStrategy[Condition] = st.one_of(
    leaves,
    leaves.map(Negation),
    st.tuples(leaves, leaves).map(AllOf),
    st.tuples(leaves, leaves).map(AnyOf),
    st.tuples(leaves, leaves.map(Negation)).map(AllOf),
)


def segment(name: str, where: Condition) -> Segment:
    """Return a segment of that name."""
    return Segment(name, LocalText(name), where)


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    crowd=crowds,
    content=contents,
    bases=st.tuples(plain, plain),
    pairs=st.lists(st.tuples(trees, trees), min_size=5, max_size=30),
    now=moments,
)
def test_no_contact_is_in_two_conditions_that_exclude_each_other(
    store: Store,
    crowd: list[Person],
    content: Content,
    bases: tuple[Condition, Condition],
    pairs: list[tuple[Condition, Condition]],
    now: datetime,
) -> None:
    """Random contacts, random pairs over small pools of values, so that many of them do exclude each other."""
    own = {f"s{number}": segment(f"s{number}", where) for number, where in enumerate(bases)}
    content = Content(content.project, {**content.segments, **own}, {}, {}, "hash", {})
    logic = Contradictions.of(content)
    # whose top shares are asked for has to be known before
    asked = {f"p{number}": segment(f"p{number}", AllOf(pair)) for number, pair in enumerate(pairs)}
    all_of_them = Content(content.project, {**content.segments, **own, **asked}, {}, {}, "hash", {})
    with rolled_back(store) as connection:
        ids = store_people(connection, crowd)
        setting = Setting.of(content, load_tops(connection, all_of_them, facts_as=facts_at(connection, now)))
        states = load_states(connection, ids)
        for one, other in pairs:
            if not logic.exclude(one, other):
                continue
            both = [
                identifier
                for identifier, state in states.items()
                if evaluate(one, state, setting, now) and evaluate(other, state, setting, now)
            ]
            note(f"{one} and {other}")
            assert both == []


def orders(operator: Any, value: Any) -> FactLeaf:
    """Return a test of orders.count."""
    return FactLeaf("orders.count", (Test(operator, value),))


def country(operator: Any, value: Any) -> AttributeLeaf:
    """Return a test of contact.country."""
    return AttributeLeaf("contact", ("country",), (Test(operator, value),))


LOGIC = Contradictions(
    {"loyal": segment("loyal", AllOf((orders("at_least", 2), country("is", "SA"))))},
    ["awareness", "decision", "retention"],
)
ORDERED = EventLeaf(("Order Completed",), span=Span(within=Duration(86400)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (orders("at_least", 2), orders("less_than", 2)),
        (orders("is", 1), orders("between", (2, 5))),
        (orders("exists", False), orders("at_least", 0)),  # noqa: FBT003 - the value of a test
        (country("is", "SA"), country("is", "AE")),
        (country("in", ("SA", "KW")), country("not_in", ("KW", "SA"))),
        (country("is", "SA"), country("starts_with", "A")),
        (FactLeaf("orders.last_at", (Test("older_than", Duration(90 * 86400)),)),
         FactLeaf("orders.last_at", (Test("within", Duration(90 * 86400)),))),
        (StageLeaf("is", "decision"), StageLeaf("at_least", "retention")),
        (StageLeaf("not_in", ("awareness", "retention")), StageLeaf("is_not", "decision")),
        (ORDERED, Negation(ORDERED)),
        (EventLeaf(("A",), count=(Test("at_most", 0),)), EventLeaf(("A",))),
        (SegmentLeaf("loyal"), orders("is", 1)),
        (SegmentLeaf("loyal"), Negation(country("is", "SA"))),
        (SegmentLeaf("loyal"), Negation(SegmentLeaf("loyal"))),
        (AnyOf((orders("is", 1), orders("is", 2))), orders("at_least", 3)),
        (AllOf((ORDERED, AllOf((orders("is", 1),)))), orders("is", 2)),
    ],
)  # fmt: skip
def test_these_exclude_each_other(one: Condition, other: Condition) -> None:
    """In both orders."""
    assert LOGIC.exclude(one, other)
    assert LOGIC.exclude(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (orders("at_least", 2), orders("at_most", 2)),
        (orders("is", 1), FactLeaf("cart.items", (Test("is", 2),))),
        (country("is_not", "SA"), country("exists", False)),  # noqa: FBT003 - the value of a test
        (country("is", True), country("is_not", 1)),  # noqa: FBT003 - the value of a test
        (StageLeaf("is", "lost"), StageLeaf("is", "decision")),
        (ORDERED, Negation(EventLeaf(("Order Completed",), span=Span(within=Duration(3600))))),
        (ORDERED, Negation(EventLeaf(("Order Completed",), (PropertyTest(("x",), (Test("is", 1),)),)))),
        (AnyOf((orders("is", 1), orders("is", 2))), orders("is", 2)),
        (AnyOf(()), orders("is", 2)),
        (SegmentLeaf("unknown"), orders("is", 1)),
    ],
)
def test_these_may_hold_together(one: Condition, other: Condition) -> None:
    """What is not proved is possible."""
    assert not LOGIC.exclude(one, other)
    assert not LOGIC.exclude(other, one)


def test_conditions_of_no_person_end_soon() -> None:
    """Thousands of parts and alternatives are given up, with the careful answer."""
    many = AllOf(tuple(orders("is_not", number) for number in range(20_000)))
    nested: Condition = orders("is", 1)
    for _ in range(30):
        nested = AnyOf((nested, nested, nested))
    assert not LOGIC.exclude(many, nested)
    assert not list(LOGIC.within(many))
