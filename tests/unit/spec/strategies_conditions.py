"""Every leaf of a condition, and conditions made of them."""

from __future__ import annotations

from typing import Any, get_args

import strategies as s
from hypothesis import strategies as st

from lifecycle.spec import conditions as c
from lifecycle.spec.decode_tests import FITTING

_instant_pairs = st.lists(s.instants, min_size=1, max_size=2, unique=True).map(sorted)
#: A value for each test, by its operator.
VALUES: dict[c.Operator, st.SearchStrategy[Any]] = {
    "is": s.scalars, "is_not": s.scalars,
    "in": st.lists(s.scalars, min_size=1, max_size=2).map(tuple),
    "not_in": st.lists(s.scalars, min_size=1, max_size=2).map(tuple),
    "at_least": s.numbers, "at_most": s.numbers, "more_than": s.numbers, "less_than": s.numbers,
    "between": st.tuples(s.numbers, s.numbers).map(lambda two: tuple(sorted(two))),
    "contains": s.scalars, "starts_with": s.words, "ends_with": s.words, "exists": st.booleans(),
    "before": s.instants, "after": s.instants, "within": s.durations, "older_than": s.durations, "top": s.shares,
}  # fmt: skip
#: Those that never exclude each other, so that several may stand side by side.
_TOGETHER: tuple[c.Operator, ...] = ("is", "is_not", "in", "contains", "starts_with", "ends_with", "exists")


def one_test(operator: c.Operator) -> st.SearchStrategy[tuple[c.Test, ...]]:
    """Draw a test of that operator."""
    return VALUES[operator].map(lambda value: (c.Test(operator, value),))


_together = st.lists(st.sampled_from(_TOGETHER), min_size=1, max_size=2, unique=True).flatmap(
    lambda operators: st.tuples(*(one_test(operator).map(lambda tests: tests[0]) for operator in operators))
)
any_tests = st.one_of(_together, *(one_test(operator) for operator in FITTING["any"]))
where = st.lists(st.builds(c.PropertyTest, s.paths, any_tests), max_size=2, unique_by=lambda test: test.path).map(tuple)
spans = st.one_of(
    st.just(c.Span()),
    st.builds(c.Span, within=s.durations),
    _instant_pairs.map(lambda two: c.Span(None, two[0], two[1] if len(two) == 2 else None)),
    st.builds(c.Span, until=s.instants),
)


def _numeric(values: st.SearchStrategy[Any], operators: tuple[c.Operator, ...]) -> st.SearchStrategy[Any]:
    """Draw a test of numbers whose values are drawn from `values`."""
    made: list[st.SearchStrategy[Any]] = []
    for operator in operators:
        match operator:
            case "in" | "not_in":
                value: st.SearchStrategy[Any] = st.lists(values, min_size=1, max_size=2).map(tuple)
            case "between":
                value = st.tuples(values, values).map(lambda two: tuple(sorted(two)))
            case "is" | "is_not" | "at_least" | "at_most" | "more_than" | "less_than":
                value = values
            case _:
                value = VALUES[operator]
        made.append(st.tuples(st.builds(c.Test, st.just(operator), value)))
    return st.one_of(*made)


_COUNTING: tuple[c.Operator, ...] = tuple(test for test in FITTING["int"] if test not in {"exists", "top"})
_SUMMING: tuple[c.Operator, ...] = tuple(test for test in FITTING["int"] if test not in {"in", "not_in", "top"})
_TEXTUAL = tuple(test for test in FITTING["text"] if test not in {"is", "is_not", "in", "not_in"})


def _texts(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return tests of a fact that is text, with such values."""
    return st.one_of(
        st.tuples(st.builds(c.Test, st.sampled_from(["is", "is_not"]), values)),
        st.tuples(
            st.builds(c.Test, st.sampled_from(["in", "not_in"]), st.lists(values, min_size=1, max_size=2).map(tuple))
        ),
        *(one_test(operator) for operator in _TEXTUAL),
    )


#: Tests that fit a fact, by its type; points.tier names tiers.
_OF_FACTS: dict[str, st.SearchStrategy[Any]] = {
    "int": _numeric(st.integers(0, 99), FITTING["int"]),
    "number": _numeric(s.numbers, FITTING["number"]),
    "instant": st.one_of(*(one_test(operator) for operator in FITTING["instant"])),
    "text": _texts(s.words),
    "points.tier": _texts(s.names),
}

LEAVES: dict[str, st.SearchStrategy[Any]] = {
    "stage": st.one_of(
        st.builds(
            c.StageLeaf, st.sampled_from(["is", "is_not", "at_least", "at_most"]), s.names, s.optional(s.durations)
        ),
        st.builds(
            c.StageLeaf,
            st.sampled_from(["in", "not_in"]),
            st.lists(s.names, min_size=1, max_size=2).map(tuple),
            s.optional(s.durations),
        ),
    ),
    "segment": st.builds(c.SegmentLeaf, s.names),
    "attribute": st.builds(c.AttributeLeaf, s.owners, s.paths, any_tests),
    **{
        fact: st.builds(c.FactLeaf, st.just(fact), _OF_FACTS.get(fact, _OF_FACTS[kind]))
        for fact, kind in c.FACTS.items()
    },
    "event": st.builds(
        c.EventLeaf, s.event_lists, where, st.one_of(st.just(()), _numeric(st.integers(0, 99), _COUNTING)), spans
    ),
    "total": st.builds(c.TotalLeaf, s.event_lists, s.paths, _numeric(s.numbers, _SUMMING), where, spans),
    "message": st.builds(
        lambda state, campaign, step, within, last: c.MessageLeaf(
            state, campaign, step if campaign else None, within, last
        ),
        st.sampled_from(get_args(c.MessageState)),
        s.optional(s.names),
        s.optional(st.sampled_from(["cart/reminder", "wait-2", "12", "no"])),
        s.optional(s.durations),
        s.optional(st.integers(1, 9)),
    ),
    "consent": st.builds(c.ConsentLeaf, s.names),
    "date": st.one_of(
        st.builds(c.DateLeaf, s.owners, s.paths, s.optional(s.every), in_next=s.durations),
        st.builds(c.DateLeaf, s.owners, s.paths, s.optional(s.every), in_last=s.durations),
    ),
    "sample": st.builds(c.SampleLeaf, s.shares, s.blank_or(s.names)),
}
leaves = st.one_of(*LEAVES.values())


@st.composite
def conditions(draw: st.DrawFn, depth: int = 2) -> Any:
    """Draw a condition of at most that depth; it shrinks to a single leaf."""
    kind = draw(st.sampled_from(["leaf", "not", "all", "any"])) if depth else "leaf"
    match kind:
        case "leaf":
            return draw(leaves)
        case "not":
            return c.Negation(draw(conditions(depth - 1)))
        case _:
            parts = tuple(draw(st.lists(conditions(depth - 1), min_size=1, max_size=2)))
            return c.AllOf(parts) if kind == "all" else c.AnyOf(parts)
