"""Stored memberships and stages: set-based refresh, incremental and full, against the evaluator and the review."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

from audience_worlds import (
    BLANK,
    EPOCH,
    TICK,
    Person,
    add_events,
    conditions,
    content_of,
    contents,
    crowds,
    moments,
    random_events,
    rolled_back,
    store_people,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select, update

from lifecycle.audience.evaluate import evaluate
from lifecycle.audience.membership import refresh
from lifecycle.audience.ranking import load_tops
from lifecycle.audience.review import review
from lifecycle.audience.setting import Setting
from lifecycle.base.units import Duration, Share
from lifecycle.journey.load import load_states
from lifecycle.spec import conditions as c
from lifecycle.spec.model import Content, LocalText, Segment
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts, memberships, stage_transitions

EXAMPLES = int(os.environ.get("LIFECYCLE_EXAMPLES", "20"))


def _open(connection: Connection) -> set[tuple[str, int]]:
    stays = select(memberships.c.segment, memberships.c.contact_id).where(memberships.c.left_at.is_(None))
    rows = [(row.segment, row.contact_id) for row in connection.execute(stays)]
    assert len(rows) == len(set(rows)), "somebody is in a segment twice"
    return set(rows)


def _stages(connection: Connection) -> dict[int, Any]:
    return {row.id: (row.stage, row.stage_since_at) for row in connection.execute(select(contacts))}


def _everything(connection: Connection) -> Any:
    transitions = connection.execute(select(stage_transitions).order_by(stage_transitions.c.id)).all()
    return _open(connection), _stages(connection), transitions


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    crowd=crowds,
    content=contents,
    asked=st.lists(conditions, min_size=1, max_size=3),
    start=moments,
    wait=st.integers(1, 40),
    news=st.lists(st.tuples(st.integers(0, 3), random_events), max_size=3),
)
def test_refreshing_only_what_was_touched_or_due_equals_refreshing_everybody(
    store: Store, crowd: list[Person], content: Content, asked: list[c.Condition],
    start: datetime, wait: int, news: list[tuple[int, dict[str, Any]]],
) -> None:  # fmt: skip
    """After events for some and time for all, a full refresh finds nothing that the incremental one left to do."""
    segments = {f"s{number}": Segment(f"s{number}", LocalText("x"), where) for number, where in enumerate(asked)}
    content = Content(content.project, {**content.segments, **segments}, {}, {}, "hash", {})
    now = start + wait * TICK
    for person in crowd:  # the past is what was stored up to `start`; what happens later comes through `news`
        person.events = [event for event in person.events if event["at"] <= start]
        person.stretches = [
            (at, None if end is None else min(end, start)) for at, end in person.stretches if at < start
        ]
        person.messages = [row for row in person.messages if all(at <= start for at in _instants(row))]
        person.consents = [row for row in person.consents if row["at"] <= start]
        person.contact["stage_since_at"] = min(person.contact["stage_since_at"], start)
        person.contact["created_at"] = min(person.contact["created_at"], start)
    with rolled_back(store) as connection:
        ids = store_people(connection, crowd)
        refresh(connection, content, start, "import")
        setting = Setting.of(content, load_tops(connection, content))
        flips = {key: review(state, setting, start).flips_at for key, state in load_states(connection, ids).items()}
        due = {key for key, moment in flips.items() if moment is not None and moment <= now}
        touched: dict[int, list[dict[str, Any]]] = {}
        for index, event in news:
            event["at"] = start + (now - start) * (index + 1) / 4
            touched.setdefault(ids[index % len(ids)], []).append(event)
        add_events(connection, touched)
        refresh(connection, content, now, "time", due | set(touched))
        incremental = _everything(connection)
        refresh(connection, content, now, "rebuild")
        assert _everything(connection) == incremental
        setting = Setting.of(content, load_tops(connection, content))
        alive = {key: state for key, state in load_states(connection, ids).items() if key in _counting(connection)}
        expected = {
            (name, key) for key, state in alive.items() for name, segment in content.segments.items()
            if evaluate(segment.where, state, setting, now)
        }  # fmt: skip
        assert {member for member in _open(connection) if ":" not in member[0]} == expected
        for key, state in alive.items():
            settled = review(state, setting, now)
            assert not settled.changed, (key, settled)


def _instants(row: dict[str, Any]) -> list[datetime]:
    return [value for value in row.values() if isinstance(value, datetime)]


def _counting(connection: Connection) -> set[int]:
    found = select(contacts.c.id).where(contacts.c.merged_into.is_(None), contacts.c.erased_at.is_(None))
    return set(connection.execute(found).scalars())


def _person(*names: str, at: datetime = EPOCH) -> Person:
    return Person(BLANK, events=[{"name": name, "at": at, "properties": {"total": 5}} for name in names])


VIEWED = c.EventLeaf(("Viewed",), span=c.Span(within=Duration(86400)))
BOUGHT = c.FactLeaf("orders.count", (c.Test("at_least", 1),))


def test_entering_and_leaving_leave_rows_with_their_times_and_cause(store: Store) -> None:
    """A stay is one row: opened when the condition began to hold, closed when it ceased."""
    content = content_of([VIEWED, BOUGHT], {"viewers": VIEWED})
    with rolled_back(store) as connection:
        (contact,) = store_people(connection, [_person("Viewed")])
        refresh(connection, content, EPOCH, "import")
        assert _open(connection) == {("viewers", contact)}
        refresh(connection, content, EPOCH + timedelta(days=1), "time")
        rows = connection.execute(select(memberships)).all()
        assert [(row.entered_at, row.left_at, row.cause) for row in rows] == [
            (EPOCH, EPOCH + timedelta(days=1), "import")
        ]


def test_stage_transitions_are_stored_once_with_their_cause(store: Store) -> None:
    """Back to no stage is a transition too; a second refresh at the same moment writes nothing."""
    content = content_of([VIEWED, BOUGHT], {})
    with rolled_back(store) as connection:
        store_people(connection, [_person("Viewed")])
        for _ in range(2):
            refresh(connection, content, EPOCH, "import")
        refresh(connection, content, EPOCH + timedelta(days=2), "time")
        moves = [
            (row.before, row.after, row.at, row.cause)
            for row in connection.execute(select(stage_transitions).order_by(stage_transitions.c.id))
        ]
        assert moves == [
            (None, "first", EPOCH, "import"),
            ("first", None, EPOCH + timedelta(days=2), "time"),
        ]


def test_a_stage_is_kept_for_as_long_as_it_says(store: Store) -> None:
    """`keep_for` counts from the moment the stage's own condition ceased to hold."""
    content = content_of([BOUGHT, VIEWED], {}, keep_for=Duration(3 * 86400))
    with rolled_back(store) as connection:
        (contact,) = store_people(connection, [_person("Viewed")])
        seen = []
        for days in (0, 1, 3, 4):
            refresh(connection, content, EPOCH + timedelta(days=days), "time")
            seen.append(_stages(connection)[contact][0])
        assert seen == ["second", "second", "second", None]


def test_merged_and_erased_contacts_are_members_of_nothing(store: Store) -> None:
    """They leave what they were in, and their stage."""
    content = content_of([VIEWED, BOUGHT], {"viewers": VIEWED})
    with rolled_back(store) as connection:
        first, second = store_people(connection, [_person("Viewed"), _person("Viewed")])
        refresh(connection, content, EPOCH, "import")
        connection.execute(update(contacts).where(contacts.c.id == first).values(erased_at=EPOCH))
        connection.execute(update(contacts).where(contacts.c.id == second).values(merged_into=first))
        refresh(connection, content, EPOCH, "erase", [first, second])
        assert not _open(connection)
        assert {stage for stage, _ in _stages(connection).values()} == {None}


def test_a_segment_that_is_gone_is_left_by_all(store: Store) -> None:
    """A full refresh closes what no content names any more."""
    with rolled_back(store) as connection:
        store_people(connection, [_person("Viewed")])
        refresh(connection, content_of([], {"viewers": VIEWED}), EPOCH, "apply")
        refresh(connection, content_of([], {}), EPOCH, "apply")
        assert not _open(connection)


def test_one_contacts_rise_to_the_top_is_anothers_fall(store: Store) -> None:
    """Segments with a top share are refreshed for everybody, whoever was touched."""
    top = c.FactLeaf("orders.total", (c.Test("top", Share.parse("10%")),))
    content = content_of([], {"vip": top})
    with rolled_back(store) as connection:
        first, second = store_people(connection, [_person("Order Completed"), _person("Order Completed")])
        refresh(connection, content, EPOCH, "import")
        assert _open(connection) == {("vip", first)}
        add_events(connection, {second: [{"name": "Order Completed", "at": EPOCH + TICK, "properties": {"total": 9}}]})
        refresh(connection, content, EPOCH + TICK, "Order Completed", [second])
        assert _open(connection) == {("vip", second)}


def test_contacts_are_due_for_review_only_where_time_can_change_something(store: Store) -> None:
    """Without a clocked condition nobody ever has to be looked at again for time's sake."""
    with rolled_back(store) as connection:
        (contact,) = store_people(connection, [_person("Viewed")])
        due = select(contacts.c.review_at).where(contacts.c.id == contact)
        refresh(connection, content_of([BOUGHT], {}), EPOCH, "import")
        assert connection.execute(due).scalar_one() is None
        refresh(connection, content_of([VIEWED], {}), EPOCH, "import")
        assert connection.execute(due).scalar_one() == EPOCH + timedelta(days=1)
