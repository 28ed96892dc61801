"""What conditions read, against what facts do: no fact changes by news for which a condition on it is not asked."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from audience_worlds import BLANK, EPOCH, TICK, TICKS, Person, content_of, named, people, state_of, wheres
from hypothesis import assume, example, given
from hypothesis import strategies as st

from lifecycle.audience.boundary import place_of, value_at
from lifecycle.audience.evaluate import evaluate
from lifecycle.audience.reads import Reads, brought_by, reads_of
from lifecycle.audience.setting import Setting
from lifecycle.base.units import Duration, Share
from lifecycle.intake.facts import FACT_EVENTS, SURVEY_ANSWERED, VIEW_EVENT, EventFact, FactSheet, fold
from lifecycle.intake.news import ANYTHING, NOTHING, News
from lifecycle.spec import conditions as c

AT = datetime(2026, 3, 1, tzinfo=UTC)
LINE = {"product_id": "a", "price": 5, "quantity": 2, "category": "road"}
#: Histories after which each event changes every fact that it can.
BEFORE: tuple[list[str], ...] = (
    [],
    ["Product Added"],
    ["Order Completed"],
    ["Order Completed", "Product Added"],
)


def _reads(fact: str) -> Reads:
    return reads_of([c.FactLeaf(fact, (c.Test("exists", value=True),))])


def _event(number: int, name: str, **more: Any) -> EventFact:
    properties = {**LINE, "order_id": "1", "total": 10, "products": [LINE], **more}
    return EventFact(number, name, AT, properties, message_id=str(number))


@pytest.mark.parametrize("name", sorted({*FACT_EVENTS, VIEW_EVENT}))
def test_each_fact_that_an_event_changes_is_read_by_conditions_on_it(name: str) -> None:
    """Whatever came before: an order sent back, a bag filled, nothing at all."""
    folded = [fact for fact in c.FACTS if fact.startswith(("orders.", "cart.", "views."))]
    for before in BEFORE:
        sheet = FactSheet()
        for number, earlier in enumerate(before):
            fold(sheet, _event(number, earlier))
        was = {fact: sheet.value(fact) for fact in folded}
        fold(sheet, _event(9, name, quantity=1, total=4))
        for fact in folded:
            if sheet.value(fact) != was[fact]:
                assert _reads(fact).meets(News.of_event(name)), (before, fact)


def test_every_fact_is_read_by_some_news() -> None:
    """Facts kept elsewhere than in orders, carts and views: points, referrals, and what surveys say."""
    for fact in c.FACTS:
        assert _reads(fact) != Reads(), fact
    assert _reads("nps.score").meets(News.of_event(SURVEY_ANSWERED))
    assert _reads("points.balance").meets(News.of("reward"))


def test_a_condition_is_asked_only_for_news_that_it_reads() -> None:
    """An order is no news to who asks of consent; anything is news to everybody, and nothing to nobody."""
    consent = reads_of([c.ConsentLeaf("offers")])
    bought = reads_of([c.EventLeaf(("Order Completed",))])
    top = reads_of([c.FactLeaf("orders.total", (c.Test("top", Share.parse("10%")),))])
    assert (consent.meets(News.of("consent")), consent.meets(News.of_event("Order Completed"))) == (True, False)
    assert (bought.meets(News.of_event("Order Completed")), bought.meets(News.of_event("Viewed"))) == (True, False)
    assert (top.meets(News.of("rank")), bought.meets(News.of("rank"))) == (True, False)
    for reads in (consent, bought, top):
        assert (reads.meets(ANYTHING), reads.meets(NOTHING)) == (True, False)


def test_the_cause_of_a_change_is_its_kind_where_there_is_one() -> None:
    """What is stored beside a transition."""
    assert [News.of("consent").cause, (News.of("consent") | News.of("message")).cause] == ["consent", "attribute"]


def test_places_are_ordered_by_value_the_highest_first() -> None:
    """Money, instants and counts; who has nothing of a count has no place."""
    assert place_of("orders.total", Decimal("19.9900")) == -199900
    late, early = (place_of("orders.last_at", at) for at in (AT, AT.replace(year=2025)))
    assert late is not None
    assert early is not None
    assert late < early
    assert [place_of("orders.count", count) for count in (None, 0, 3)] == [None, None, -3]
    assert place_of("points.balance", -5) == 5
    for fact, value in (("orders.total", Decimal("19.99")), ("orders.last_at", AT), ("points.balance", -5)):
        assert value_at(fact, place_of(fact, value) or 0) == value


ORDERED = "Order Completed"
IN_ONE_INSTANT = Person(
    BLANK, events=[{"name": name, "at": EPOCH, "properties": {}} for name in ("Viewed", ORDERED, "Viewed")]
)
_counts = st.sampled_from([(), (c.Test("at_least", 1),), (c.Test("at_least", 2),)])
_grown = st.builds(c.EventLeaf, named, wheres, _counts, st.just(c.Span()))
_counted = st.recursive(
    _grown, lambda inner: st.builds(c.AllOf, st.lists(inner, min_size=1, max_size=3).map(tuple))
    | st.builds(c.AnyOf, st.lists(inner, min_size=1, max_size=3).map(tuple)), max_leaves=4,
)  # fmt: skip


@example(person=IN_ONE_INSTANT, condition=c.EventLeaf((ORDERED,), ()), first=0, later=0)
@given(person=people, condition=_counted, first=st.integers(0, 3), later=st.integers(0, 5))
def test_what_events_alone_bring_is_true_only_from_one_of_them_on(
    person: Person, condition: c.Condition, first: int, later: int
) -> None:
    """At any other event, and however much time has passed, the answer is what it was."""
    state = state_of(person, EPOCH + TICKS * TICK)
    setting = Setting.of(content_of([], {}))
    assume(len(state.events) > first)
    after, answer = state.events[first], False
    unasked: set[str] = set()
    for event in state.events[first + 1 :]:
        # of several in one instant only the last is asked, and any of them may have brought it
        unasked.add(event.name)
        for at in (event.at, event.at + later * TICK):
            following = [one for one in state.events if one.order > event.order and one.at <= at]
            if following:
                continue
            now_holds = evaluate(condition, state, setting, at, after=after)
            if not any(setting.may_bring(condition, name) for name in unasked) and at == event.at:
                assert now_holds == answer
            answer = now_holds
            unasked.clear()


def test_what_time_or_anything_else_brings_is_asked_at_every_event() -> None:
    """Windows, counts that may fall, facts, and their opposites."""
    named_leaf = c.EventLeaf(("Order Completed",))
    asked: list[c.Condition] = [
        c.Negation(named_leaf), c.FactLeaf("orders.count", (c.Test("at_least", 1),)),
        c.EventLeaf(("Order Completed",), count=(c.Test("at_most", 1),)),
        c.EventLeaf(("Order Completed",), span=c.Span(within=Duration.parse("3d"))),
        c.AllOf((named_leaf, c.ConsentLeaf("offers"))), c.AnyOf((named_leaf, c.StageLeaf("is", "decision"))),
    ]  # fmt: skip
    assert [brought_by(condition) for condition in asked] == [None] * len(asked)
    both = c.AnyOf((named_leaf, c.AllOf((named_leaf, c.EventLeaf(("Signed Up", "Order Updated"))))))
    assert brought_by(both) == frozenset({"Order Completed", "Signed Up", "Order Updated"})
