"""The SQL for sets and the evaluator for one contact say the same, on both databases."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

from audience_worlds import (
    BLANK,
    EPOCH,
    TICK,
    VALUES,
    Person,
    conditions,
    content_of,
    contents,
    crowds,
    folded_leaves,
    moments,
    rolled_back,
    shoppers,
    store_people,
)
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from lifecycle.audience.compile import beside_facts, compile_condition
from lifecycle.audience.evaluate import evaluate
from lifecycle.audience.past import facts_at
from lifecycle.audience.ranking import load_tops
from lifecycle.audience.setting import Setting
from lifecycle.journey.load import load_states
from lifecycle.spec.conditions import Condition, EventLeaf, FactLeaf, PropertyTest, Test
from lifecycle.spec.model import Content, LocalText, Segment
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts

#: More by hand: LIFECYCLE_EXAMPLES=5000 pytest tests/unit/audience
EXAMPLES = int(os.environ.get("LIFECYCLE_EXAMPLES", "60"))
_LATER = {"name": "Product Viewed", "at": EPOCH + TICK, "properties": {}}


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(crowd=crowds, content=contents, asked=st.lists(conditions, min_size=1, max_size=4), now=moments)
def test_sql_finds_exactly_the_contacts_for_whom_the_condition_holds(
    store: Store, crowd: list[Person], content: Content, asked: list[Condition], now: datetime
) -> None:
    """Random contacts with histories, random conditions, random moments; facts as they were at that moment."""
    segments = {f"s{number}": Segment(f"s{number}", LocalText("x"), where) for number, where in enumerate(asked)}
    content = Content(content.project, {**content.segments, **segments}, {}, {}, "hash", {})
    _hold_alike(store, crowd, content, asked, now)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@example(crowd=[Person(BLANK, events=[_LATER])], asked=[FactLeaf("views.count", (Test("is", 1),))], tick=0)
@example(crowd=[Person(BLANK)], asked=[FactLeaf("views.count", (Test("at_most", 0),))], tick=0)
@given(crowd=shoppers, asked=st.lists(folded_leaves, min_size=1, max_size=6), tick=st.integers(0, 5))
def test_facts_at_any_moment_are_those_of_the_events_up_to_it(
    store: Store, crowd: list[Person], asked: list[Condition], tick: int
) -> None:
    """Orders, carts and views as they were; the moments are few, so that events stand on both sides of them."""
    segments = {f"s{number}": condition for number, condition in enumerate(asked)}
    _hold_alike(store, crowd, content_of([], segments), asked, EPOCH + tick * TICK)


def test_a_rating_is_what_stands_there_whatever_that_is(store: Store) -> None:
    """A number is read from its column, exactly; what is none, and numbers beyond a double's digits, as elsewhere."""
    odd = (3.99995, 4.00004, 2**53 + 1, 2**63, -(2**63), 1e300, 4.0, "4", [4], {"x": 4})
    crowd = [_rated({"rating": value}) for value in (*VALUES, *odd)] + [_rated({})]
    tests = [
        Test(operator, value)
        for operator in ("at_least", "at_most", "more_than", "less_than", "is", "is_not")
        for value in (4, 4.0, 3.99995, 0, 2**53, 2**53 + 1, 1e300)
    ]
    tests += [Test("exists", value) for value in (True, False)]
    tests += [Test("is", "4"), Test("contains", 4), Test("in", (4, "4", 0.1))]
    asked: list[Condition] = [EventLeaf(("Viewed",), (PropertyTest(("rating",), (test,)),)) for test in tests]
    _hold_alike(store, crowd, content_of([], {}), asked, EPOCH)


def _rated(properties: dict[str, Any]) -> Person:
    return Person(BLANK, events=[{"name": "Viewed", "at": EPOCH, "properties": properties}])


def _hold_alike(store: Store, crowd: list[Person], content: Content, asked: list[Condition], now: datetime) -> None:
    with rolled_back(store) as connection:
        ids = store_people(connection, crowd)
        past = facts_at(connection, now)
        setting = Setting.of(content, load_tops(connection, content, facts_as=past))
        states = load_states(connection, ids)
        for condition in asked:
            expression = compile_condition(condition, setting, now, facts_as=past)
            found = set(connection.execute(select(contacts.c.id).where(contacts.c.id.in_(ids), expression)).scalars())
            joined = compile_condition(condition, setting, now, facts_as=past, joined=True)
            beside = select(contacts.c.id).select_from(beside_facts(past)).where(contacts.c.id.in_(ids), joined)
            assert set(connection.execute(beside).scalars()) == found, f"{condition} at {now}, joined"
            expected = {contact_id for contact_id, state in states.items() if evaluate(condition, state, setting, now)}
            assert found == expected, f"{condition} at {now}: SQL {found}, evaluator {expected}"
