"""Random streams of messages that name people in every way, in random batches: who is who stays true whatever comes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from arrivals import refreshed, rows, take
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event
from sqlmodel import SQLModel

from databases import fresh_postgres
from journey_worlds import content_of
from lifecycle.audience.membership import refresh
from lifecycle.base.address import address_key
from lifecycle.base.clock import ManualClock
from lifecycle.base.errors import NotFoundError
from lifecycle.intake import consent, rebuild
from lifecycle.intake.messages import accept
from lifecycle.journey.advance import advance
from lifecycle.journey.versions import Versions
from lifecycle.plan.apply import apply
from lifecycle.store import tables
from lifecycle.store.contacts import find_contact
from lifecycle.store.engine import Store

EXAMPLES = int(os.environ.get("LIFECYCLE_EXAMPLES", "60"))
#: without an explanation of failures, which takes minutes
QUICK = (Phase.generate, Phase.shrink)
START = datetime(2026, 10, 1, tzinfo=UTC)
USERS, VISITORS = ("u0", "u1", "u2", "u3"), ("v0", "v1", "v2")
#: Four addresses, two of them spelled in two ways; a dot makes another.
ADDRESSES = (
    "Sara.A@shop.example", "sara.a@SHOP.example", "saraa@shop.example", "x@BÜCHER.example",
    "X@xn--bcher-kva.example", "قلم@موقع.example",
)  # fmt: skip
TOPICS = ("offers", "news")

_words = st.dictionaries(st.sampled_from(TOPICS), st.booleans(), min_size=1)
_traits = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from([*ADDRESSES, *ADDRESSES, None]), "consent": _words,
        "city": st.sampled_from(["R", "J"]),
    },
)  # fmt: skip
_names = st.one_of(
    st.fixed_dictionaries({"userId": st.sampled_from(USERS)}, optional={"anonymousId": st.sampled_from(VISITORS)}),
    st.fixed_dictionaries({"anonymousId": st.sampled_from(VISITORS)}),
)
_spoken = st.sampled_from(ADDRESSES).map(lambda email: {"context": {"traits": {"email": email}}})


def _of(kind: str, *parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(lambda told: {"type": kind} | {key: each[key] for each in told for key in each})


_order = st.fixed_dictionaries({"order_id": st.integers(1, 4), "total": st.integers(1, 9)})
_identify = _of("identify", _names, _traits.map(lambda traits: {"traits": traits}))
_sign_up = _of(
    "identify",
    st.tuples(st.sampled_from(ADDRESSES), _words).map(lambda told: {"traits": {"email": told[0], "consent": told[1]}}),
)
_track = _of(
    "track", st.one_of(_names, _spoken, st.tuples(_names, _spoken).map(lambda both: both[0] | both[1])),
    _order.map(lambda order: {"event": "Order Completed", "properties": order}),
)  # fmt: skip
_alias = st.fixed_dictionaries(
    {
        "type": st.just("alias"), "userId": st.sampled_from(USERS),
        "previousId": st.sampled_from([*USERS, *VISITORS, ADDRESSES[0], "before"]),
    }
)  # fmt: skip
_group = _of(
    "group", _names,
    st.fixed_dictionaries(
        {"groupId": st.sampled_from(["acme", "globex", None]), "traits": st.sampled_from([{}, {"role": "owner"}])}
    ),
)  # fmt: skip
_message = st.one_of(_identify, _identify, _identify, _sign_up, _track, _track, _alias, _group)
_streams = st.lists(_message, min_size=2, max_size=14).map(
    lambda told: [
        {**each, "messageId": f"m{number}", "timestamp": (START + timedelta(minutes=number)).isoformat()}
        for number, each in enumerate(told)
    ]
)
_cuts = st.sets(st.integers(1, 13))


@pytest.fixture(scope="module")
def hasty(sqlite_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Yield an empty SQLite database that does not wait for the disk."""
    path = shutil.copy(sqlite_tables, tmp_path_factory.mktemp("who") / "x.db")
    store = Store(f"sqlite:///{path}")
    event.listen(store.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    yield store
    store.close()


def emptied(store: Store) -> Store:
    """Return the store with nothing in it, and rows that count from 1."""
    with store.write() as connection:
        for table in SQLModel.metadata.sorted_tables:
            connection.execute(delete(table))
    return store


def bring(store: Store, stream: Sequence[Any], cuts: set[int], *, live: bool) -> None:
    """Take in the stream in batches that end before the messages of those numbers; each batch an hour later."""
    clock = ManualClock(START + timedelta(days=1))
    for begin, end in pairwise([0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]):
        before = words(store)
        taken = take(store, clock, *stream[begin:end], live=live)
        assert not taken.rejected
        check_consent(store, before, stream[begin:end])
        clock.advance(timedelta(hours=1))


def words(store: Store) -> dict[int, dict[str, bool]]:
    """Return the last word of each contact on each topic."""
    with store.read() as connection:
        return {row["id"]: consent.state(connection, row["id"]) for row in rows(store, tables.contacts)}


def check_consent(store: Store, before: dict[int, dict[str, bool]], batch: Sequence[Any]) -> None:
    """Look at who was merged by this batch: what either had refused is refused, unless the batch speaks of it."""
    now = words(store)
    spoken = {topic for each in batch for topic in each.get("traits", {}).get("consent", {})}
    alive = {row["id"]: row["merged_into"] or row["id"] for row in rows(store, tables.contacts)}
    for contact, said in before.items():
        for topic, granted in said.items():
            assert granted or topic in spoken or not now[alive[contact]][topic], (contact, topic)


def people(store: Store) -> list[Any]:
    """Return everybody alive as others see him: every name that leads to him and all that he has."""
    names: dict[int, set[str]] = {}
    with store.read() as connection:
        for kind, pool in (("user", USERS), ("visitor", VISITORS), ("address", ADDRESSES), ("user", ("before",))):
            for name in pool:
                try:
                    names.setdefault(find_contact(connection, name), set()).add(f"{kind} {name}")
                except NotFoundError:
                    continue
    said, companies = words(store), {row["id"]: row["external_id"] for row in rows(store, tables.accounts)}
    theirs: dict[int, list[str]] = {}
    for table, column in ((tables.events, "message_id"), (tables.orders, "order_id"), (tables.facts, "orders_total")):
        for each in rows(store, table):
            had = each[column]
            if had is not None:
                shown = had if isinstance(had, str) else float(had)
                theirs.setdefault(each["contact_id"], []).append(f"{table.name} {shown}")
    return sorted(
        [
            sorted(names.get(row["id"], ())),
            [row[name] for name in ("identifier", "external_id", "email", "attributes", "created_at")],
            companies.get(row["account_id"]),
            said[row["id"]],
            sorted(theirs.get(row["id"], ())),
        ]
        for row in rows(store, tables.contacts)
        if row["merged_into"] is None
    )


def check(store: Store) -> None:
    """Look at everything that must hold of the whole database at any moment."""
    everybody = {row["id"]: row for row in rows(store, tables.contacts)}
    alive = {row for row, contact in everybody.items() if contact["merged_into"] is None}
    for column in ("external_id", "address_key"):
        held = [contact[column] for contact in everybody.values() if contact[column] is not None]
        assert len(held) == len(set(held)), column
    for row, contact in everybody.items():
        assert contact["email"] is None or contact["address_key"] == address_key(contact["email"])
        if row not in alive:
            assert contact["merged_into"] in alive
            assert {contact[name] for name in ("external_id", "email", "address_key", "account_id")} == {None}
    gone = {row["goes"]: row["stays"] for row in rows(store, tables.merges)}
    assert gone.keys() == everybody.keys() - alive
    assert all(
        (everybody[stays]["merged_into"] or stays) == everybody[row]["merged_into"] for row, stays in gone.items()
    )
    users = {contact["external_id"] for contact in everybody.values()}
    for name in rows(store, tables.identities):
        assert name["contact_id"] in alive
        assert name["kind"] != "alias" or name["value"] not in users
    for table in SQLModel.metadata.sorted_tables:
        if "contact_id" in table.c and table is not tables.memberships:
            assert {row["contact_id"] for row in rows(store, table)} <= alive, table.name
    kept = rows(store, tables.facts), rows(store, tables.orders)
    rebuild.rebuild(store)
    assert (rows(store, tables.facts), rows(store, tables.orders)) == kept


@settings(max_examples=EXAMPLES, phases=QUICK)
@given(stream=_streams, cuts=_cuts, live=st.booleans())
def test_in_one_batch_or_in_many_the_people_are_the_same(
    hasty: Store, stream: Any, cuts: set[int], *, live: bool
) -> None:
    """Names, addresses, attributes, companies, consent, events and facts do not depend on where the batches end."""
    found = []
    for ends in (set(), cuts, set(range(1, len(stream)))):
        bring(emptied(hasty), stream, ends, live=live)
        check(hasty)
        found.append(people(hasty))
    assert found[0] == found[1] == found[2]


@settings(max_examples=EXAMPLES, phases=QUICK)
@given(stream=_streams, cuts=_cuts, again=_cuts, live=st.booleans())
def test_sending_it_all_again_makes_no_other_people(
    hasty: Store, stream: Any, cuts: set[int], again: set[int], *, live: bool
) -> None:
    """Nobody is made or merged anew, nothing happens twice, no consent is looser; what is told last counts again."""
    bring(emptied(hasty), stream, cuts, live=live)
    everybody, told, said = people(hasty), rows(hasty, tables.events), words(hasty)
    bring(hasty, stream, again, live=live)
    check(hasty)
    assert [who[0] for who in people(hasty)] == [who[0] for who in everybody]
    assert rows(hasty, tables.events) == told
    assert words(hasty) == said


@pytest.fixture(scope="module")
def elsewhere(postgres_server: str, postgres_tables: str) -> Iterator[Store]:
    """Yield an empty PostgreSQL database."""
    store = Store(fresh_postgres(postgres_server, postgres_tables))
    yield store
    store.close()


@settings(max_examples=max(8, EXAMPLES // 8), phases=QUICK)
@given(stream=_streams, cuts=_cuts, live=st.booleans())
def test_both_databases_know_the_same_people(
    hasty: Store, elsewhere: Store, stream: Any, cuts: set[int], *, live: bool
) -> None:
    """In the same batches, in others, and when all of it comes again."""
    bring(emptied(hasty), stream, cuts, live=live)
    bring(emptied(elsewhere), stream, set(), live=live)
    check(elsewhere)
    assert people(hasty) == people(elsewhere)
    bring(elsewhere, stream, cuts, live=live)
    check(elsewhere)
    assert [who[0] for who in people(hasty)] == [who[0] for who in people(elsewhere)]
    assert [who[3] for who in people(hasty)] == [who[3] for who in people(elsewhere)]


CAMPAIGN = """
campaign: thanks
stage: retention
topic: offers
trigger: {event: Order Completed, key: properties.order_id}
reentry: always
holdout: 50%
steps: [{send: thanks/first}, {wait: 3m}, {send: thanks/second}, {wait: 30d}]
"""
SEGMENTS = {
    "buyers": "{orders.total: {at_least: 6}}", "reachable": "{contact.email: {exists: true}, consent: offers}",
    "nameless": "{contact.email: {exists: false}}", "owners": "{contact.role: owner}",
    "recent": "{event: Order Completed, within: 1d}",
}  # fmt: skip


@settings(max_examples=EXAMPLES // 2, phases=QUICK)
@given(stream=_streams, cuts=_cuts, live=st.booleans())
def test_memberships_and_stages_are_right_after_every_merge(
    hasty: Store, stream: Any, cuts: set[int], *, live: bool
) -> None:
    """By the journey as by an import: a refresh of everybody finds nothing to change, and who is gone is in nothing."""
    content = content_of(CAMPAIGN, segments=SEGMENTS)
    clock = ManualClock(START + timedelta(days=1))
    apply(emptied(hasty), content, None, clock.now())
    versions = Versions(hasty)
    for begin, end in pairwise([0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]):
        taken = accept(hasty, stream[begin:end], clock=clock, content=content, live=live)
        if not live:
            with hasty.write() as connection:
                refresh(connection, content, clock.now(), "import", taken.touched)
        while advance(hasty, versions, b"a key of tests, long enough", clock.now()).contacts:
            continue
        assert refreshed(hasty, clock, content) == set()
        check(hasty)
        gone = {row["id"] for row in rows(hasty, tables.contacts) if row["merged_into"] is not None}
        inside = {row["contact_id"] for row in rows(hasty, tables.memberships) if row["left_at"] is None}
        assert not inside & gone
        clock.advance(timedelta(minutes=1))
