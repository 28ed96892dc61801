"""Incremental equals full: whatever happens to whom, in earnest, a rebuild of everybody finds nothing left to do."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any
from unittest.mock import patch

from audience_worlds import (
    EPOCH,
    NAMES,
    TICK,
    VALUES,
    conditions,
    content_of,
    contents,
    random_messages,
    rolled_back,
)
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st
from rankings import hold_against_counted
from sqlalchemy import Connection, insert, select, update
from sqlmodel import SQLModel

from lifecycle.audience import ranking
from lifecycle.audience.membership import Refreshed, refresh
from lifecycle.audience.ranking import keep_ranking
from lifecycle.audience.touched import refresh_touched
from lifecycle.base.clock import ManualClock
from lifecycle.base.units import Share
from lifecycle.intake.erase import erase
from lifecycle.intake.inbox import leave_word
from lifecycle.intake.messages import accept
from lifecycle.journey.advance import advance
from lifecycle.journey.versions import Versions
from lifecycle.rewards.points import give
from lifecycle.spec import conditions as c
from lifecycle.spec.model import Content, LocalText, Rewards, Segment
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts, messages

#: More by hand: LIFECYCLE_EXAMPLES=2000 pytest tests/unit/audience/test_incremental.py
EXAMPLES = int(os.environ.get("LIFECYCLE_EXAMPLES", "25"))
KEY = b"a key of tests, long enough"
WHO = ("ada", "badr", "cyd", "dina")

who = st.sampled_from(WHO)
properties = st.fixed_dictionaries(
    {"total": st.sampled_from([10, 19.99, 200]), "order_id": st.sampled_from(["1", "2", "3"]), "price": st.just(5)},
    optional={"a": st.sampled_from(VALUES), "b": st.sampled_from(VALUES)},
)
traits = st.dictionaries(st.sampled_from(["a", "b", "0", "birthday"]), st.sampled_from(VALUES), max_size=2)
columns = st.sampled_from([{}, {"timezone": "Asia/Riyadh"}, {"locale": "ar"}, {"email": "a@example.com"}])
#: How an import ends: killed before its refresh, with one of its own contacts as HTTP does, or of all that are left.
ends = st.sampled_from(["killed", "own", "all", "all"])
happenings: st.SearchStrategy[tuple[Any, ...]] = st.one_of(
    st.tuples(st.just("track"), who, st.sampled_from(NAMES), properties, st.sampled_from([0, 0, 0, 1, 9])),
    st.tuples(st.just("import"), who, st.sampled_from(NAMES), properties, st.integers(0, 30), ends),
    st.tuples(st.just("identify"), who, st.builds(lambda one, more: {**one, **more}, traits, columns)),
    st.tuples(st.just("consent"), who, st.sampled_from(["offers", "news"]), st.booleans()),
    st.tuples(st.just("group"), who, st.sampled_from(["acme", "zain"]), traits),
    st.tuples(st.just("mail"), who, random_messages),
    st.tuples(st.just("points"), who, st.sampled_from([-50, 1, 200])),
    st.tuples(st.just("merge"), who, who),
    st.tuples(st.just("erase"), who),
    st.tuples(st.just("wait"), st.integers(1, 50)),
    st.tuples(st.just("wait"), st.integers(1, 4)),
)
#: What moves people in a ranking, and hardly anything else.
moves: st.SearchStrategy[tuple[Any, ...]] = st.one_of(
    st.tuples(st.just("track"), who, st.just("Order Completed"), properties, st.just(0)),
    st.tuples(st.just("track"), who, st.just("Order Completed"), properties, st.integers(0, 9)),
    st.tuples(st.just("import"), who, st.just("Order Completed"), properties, st.integers(0, 30), ends),
    st.tuples(st.just("points"), who, st.sampled_from([-50, 1, 200])),
    st.tuples(st.just("wait"), st.just(1)),
    st.tuples(st.just("wait"), st.just(1)),
    st.one_of(st.tuples(st.just("merge"), who, who), st.tuples(st.just("erase"), who)),
)


class _InForce(Versions):
    """Content that never was files."""

    def __init__(self, store: Store, content: Content) -> None:
        super().__init__(store)
        self._content = content

    def in_force_hash(self) -> str | None:
        return self._content.hash

    def get(self, wanted: str) -> Content:
        assert wanted == self._content.hash
        return self._content


class _Shop:
    """A store in which time passes, and every way in which something may change for a condition."""

    def __init__(self, store: Store, content: Content) -> None:
        self._store, self._content = store, content
        self._versions = _InForce(store, content)
        self._count = 0
        self.clock = ManualClock(EPOCH)

    def happen(self, what: str, *more: Any) -> None:
        getattr(self, f"_{what}")(*more)

    def settle(self) -> None:
        """Give everybody who is due the turns that are due."""
        while advance(self._store, self._versions, KEY, self.clock.now()).contacts:
            pass

    def _take(self, *payloads: dict[str, Any], ends: str | None = None) -> None:
        """Store messages: live ones, or history whose import `ends` so."""
        self._count += 1
        named = [{"messageId": f"m{self._count}-{n}", **payload} for n, payload in enumerate(payloads)]
        done = accept(self._store, named, clock=self.clock, content=None, live=ends is None)
        assert not done.rejected, done.rejected
        if ends == "all":
            self.make_up()
        if ends == "own" and done.note is not None:
            self.make_up(done.note)

    def make_up(self, only: int | None = None) -> None:
        """Refresh whom imports have touched."""
        with self._store.write() as connection:
            refresh_touched(connection, self._content, self.clock.now(), only)

    def _event(self, name: str, event: str, found: dict[str, Any], ago: int) -> dict[str, Any]:
        at = (self.clock.now() - ago * TICK).isoformat()
        return {"type": "track", "userId": name, "event": event, "timestamp": at, "properties": found}

    def _track(self, name: str, event: str, found: dict[str, Any], ago: int) -> None:
        self._take(self._event(name, event, found, ago))

    def _import(self, name: str, event: str, found: dict[str, Any], ago: int, ends: str) -> None:
        self._take(self._event(name, event, found, ago), ends=ends)

    def _identify(self, name: str, found: dict[str, Any]) -> None:
        self._take({"type": "identify", "userId": name, "traits": found})

    def _consent(self, name: str, topic: str, granted: bool) -> None:  # noqa: FBT001 - it is drawn
        self._identify(name, {"consent": {topic: {"granted": granted, "source": "test", "text": ""}}})

    def _group(self, name: str, account: str, found: dict[str, Any]) -> None:
        self._take({"type": "group", "userId": name, "groupId": account, "traits": found})

    def _merge(self, name: str, other: str) -> None:
        self._take({"type": "alias", "userId": name, "previousId": other})

    def _wait(self, ticks: int) -> None:
        self.settle()
        self.clock.advance(TICK * ticks)
        self.settle()

    def _row(self, connection: Connection, name: str) -> int | None:
        return connection.execute(select(contacts.c.id).where(contacts.c.external_id == name)).scalar()

    def _mail(self, name: str, found: dict[str, Any]) -> None:
        """A mail whose states have been told of up to now, as delivery and engagement write them."""
        now = self.clock.now()
        self._count += 1
        known = {key: value for key, value in found.items() if not isinstance(value, datetime) or value <= now}
        with self._store.write() as connection:
            row = self._row(connection, name)
            if row is None:
                return
            values = {
                "occurrence": str(self._count), "version": "", "kind": "marketing", "template": "", "priority": 0,
                "reason": "", "reached_at": EPOCH, "due_at": EPOCH, "message_id": "", "detail": "", "fence": 0,
                "crashes": 0, "attempts": 0, "data": {}, "links": {}, "contact_id": row,
            }  # fmt: skip
            connection.execute(insert(messages).values({**values, **known}))
            leave_word(connection, [row], "message")

    def _points(self, name: str, amount: int) -> None:
        self._count += 1
        with self._store.write() as connection:
            row = self._row(connection, name)
            if row is not None:
                entry, at = str(self._count), self.clock.now()
                give(connection, row, entry, amount, at=at, reason="", rewards=Rewards())
                leave_word(connection, [row], "reward")

    def _erase(self, name: str) -> None:
        with self._store.write() as connection:
            row = self._row(connection, name)
            if row is not None:
                erase(connection, row, self.clock.now())


def _empty(store: Store) -> None:
    with store.write() as connection:
        for table in reversed(SQLModel.metadata.sorted_tables):
            connection.execute(table.delete())


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    content=contents,
    asked=st.lists(conditions, min_size=1, max_size=4),
    story=st.lists(happenings, min_size=1, max_size=14),
)
def test_whatever_happens_a_rebuild_finds_nothing_to_do(
    store: Store, content: Content, asked: list[c.Condition], story: list[tuple[Any, ...]]
) -> None:
    """Events, attributes, consents, companies, mails, points, merges, erasures, imports and time, in any order."""
    segments = {f"s{number}": Segment(f"s{number}", LocalText("x"), where) for number, where in enumerate(asked)}
    content = Content(content.project, {**content.segments, **segments}, {}, {}, "hash", {})
    _live(store, content, story)


ranked = st.builds(
    lambda fact, share: c.FactLeaf(fact, (c.Test("top", share),)),
    st.sampled_from(["orders.count", "orders.total", "orders.last_at", "points.balance"]),
    st.sampled_from([Share.parse(text) for text in ("10%", "34%", "50%", "75%")]),
)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    asked=st.lists(ranked, min_size=1, max_size=3),
    story=st.lists(moves, min_size=6, max_size=20),
    window=st.sampled_from([0, 1, 1_000]),
)
@example(
    # in one batch one contact passes another, of whom something is new that has nothing to do with the ranking
    asked=[c.FactLeaf("orders.count", (c.Test("top", Share.parse("10%")),))],
    story=[
        ("merge", "ada", "ada"), ("track", "badr", "Order Completed", {"order_id": "1"}, 0), ("wait", 1),
        ("track", "ada", "Order Completed", {"order_id": "1"}, 0), ("points", "badr", -50),
    ],
    window=0,
)  # fmt: skip
def test_whoever_passes_whom_the_top_shares_are_those_of_a_new_ranking(
    store: Store, asked: list[c.Condition], story: list[tuple[Any, ...]], window: int
) -> None:
    """The same where each condition is about others too, however few places around the end of a share are exact."""
    with patch.object(ranking, "WINDOW", window):
        _live(store, content_of([], {f"s{number}": where for number, where in enumerate(asked)}), story)


def _live(store: Store, content: Content, story: list[tuple[Any, ...]]) -> None:
    _empty(store)
    shop = _Shop(store, content)
    for happening in story:
        shop.happen(*happening)
    shop.settle()
    shop.make_up()
    now = shop.clock.now()
    with rolled_back(store) as connection:
        kept = keep_ranking(connection, content, ())
        note(f"kept {kept}, at {now}")
        if kept.tops:  # none before anything has happened to anybody
            hold_against_counted(connection, content, kept)
        # what is known is thrown away first, so that all is asked
        connection.execute(update(contacts).values(flips=None, holding=None))
        assert refresh(connection, content, now, "rebuild") == Refreshed()
