"""The one way in: what `accept` stores, what it refuses, and what it does only once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from arrivals import rows, take, track

from lifecycle.base.clock import ManualClock
from lifecycle.store import tables
from lifecycle.store.engine import Store


def test_an_event_is_stored_once_however_often_it_comes(store: Store, clock: ManualClock) -> None:
    """The messageId deduplicates within a batch and across batches."""
    order = track("u", "Order Completed", "m", properties={"order_id": 1, "total": 20})
    first = take(store, clock, order, order)
    again = take(store, clock, order)
    assert (first.stored, first.duplicates, again.stored, again.duplicates) == (1, 1, 0, 1)
    assert len(rows(store, tables.events)) == 1
    assert rows(store, tables.facts)[0]["orders_count"] == 1


def test_a_payload_without_an_id_is_known_again_by_its_content(store: Store, clock: ManualClock) -> None:
    """Importing a file twice stores its lines once, although they have no messageId."""
    line = {"type": "track", "userId": "u", "event": "Seen", "timestamp": "2026-10-01T08:00:00Z"}
    take(store, clock, line, live=False)
    clock.advance(timedelta(hours=1))
    assert take(store, clock, line, live=False).duplicates == 1


def test_two_equal_payloads_without_id_and_time_are_two_events(store: Store, clock: ManualClock) -> None:
    """Only their arrival tells them apart, and nobody said that they are one."""
    click = {"type": "track", "userId": "u", "event": "Seen"}
    assert take(store, clock, click, click).stored == 2


def test_what_cannot_be_read_is_refused_with_its_reason_and_the_rest_is_stored(
    store: Store, clock: ManualClock
) -> None:
    """A batch is not lost for one bad message."""
    bad: list[tuple[Any, str]] = [
        (3, "JSON object"),
        ({"type": "nope"}, "none of"),
        ({"type": "track", "event": "x"}, "nobody is named"),
        ({"type": "track", "userId": "u"}, "event is missing"),
        ({"type": "track", "userId": "u", "event": "x", "timestamp": "yesterday"}, "timestamp"),
        ({"type": "track", "userId": "u", "event": "x", "timestamp": "2026-01-01T00:00:00"}, "no offset"),
        ({"type": "track", "userId": "u", "event": "x", "properties": []}, "properties: an object"),
        ({"type": "track", "userId": "u", "event": "x", "properties": {"a": "\0"}}, "NUL"),
        ({"type": "track", "userId": "u", "event": "x", "properties": {"a": "\ud800"}}, "surrogate"),
        ({"type": "track", "userId": "u", "event": "x", "properties": {"a": float("nan")}}, "no JSON"),
        ({"type": "track", "userId": ["u"], "event": "x"}, "userId: a text"),
        ({"type": "track", "userId": "u" * 501, "event": "x"}, "longer than"),
        ({"type": "identify", "userId": "u", "traits": {"email": "a@@b"}}, "email"),
        ({"type": "identify", "userId": "u", "traits": {"email": ["a@b.example"]}}, "email: a text"),
        ({"type": "identify", "userId": "u", "traits": {"timezone": "Mars/Olympus"}}, "time zone"),
        ({"type": "identify", "userId": "u", "traits": {"consent": {"offers": "maybe"}}}, "consent.offers"),
        ({"type": "group", "userId": "u"}, "groupId"),
        ({"type": "alias", "userId": "u"}, "previousId"),
    ]
    done = take(store, clock, *(payload for payload, _ in bad), track("u", "Seen", "good"))
    assert done.stored == 1
    assert [each.index for each in done.rejected] == list(range(len(bad)))
    for each, (payload, words) in zip(done.rejected, bad, strict=True):
        assert words in each.reason, payload


def test_a_backslash_before_u0000_is_no_nul(store: Store, clock: ManualClock) -> None:
    r"""The text `\u0000` is six characters, and is stored as it is."""
    take(store, clock, track("u", "Seen", "m", properties={"path": r"C:\u0000"}))
    assert rows(store, tables.events)[0]["properties"] == {"path": r"C:\u0000"}


def test_the_future_is_clamped_to_the_arrival(store: Store, clock: ManualClock) -> None:
    """A client's wrong clock does not make events that have not happened."""
    take(store, clock, track("u", "Seen", "m", timestamp="2030-01-01T00:00:00Z"))
    assert rows(store, tables.events)[0]["at"] == clock.now()


@pytest.mark.parametrize(("hours", "is_live"), [(24, True), (24.01, False)])
def test_an_event_more_than_a_day_late_is_history(
    store: Store, clock: ManualClock, *, hours: float, is_live: bool
) -> None:
    """It feeds facts and triggers nothing; its contact is looked at again for its segments."""
    take(store, clock, {"type": "identify", "userId": "u", "messageId": "i"}, live=False)
    at = clock.now() - timedelta(hours=hours)
    take(store, clock, track("u", "Order Completed", "m", timestamp=at.isoformat(), properties={"total": 5}))
    assert rows(store, tables.events)[0]["live"] is is_live
    assert len(rows(store, tables.inbox)) == is_live
    assert rows(store, tables.facts)[0]["orders_count"] == 1
    assert (rows(store, tables.contacts)[0]["review_at"] is None) is is_live


def test_history_leaves_work_only_for_those_inside_a_campaign(store: Store, clock: ManualClock) -> None:
    """An imported order ends a cart mail that is waiting, and wakes nobody else."""
    take(store, clock, track("in", "Seen", "a"), track("out", "Seen", "b"), live=False)
    assert rows(store, tables.inbox) == []
    with store.write() as connection:
        values = {
            "campaign": "cart", "contact_id": 1, "occurrence": "o", "version": "v", "state": "waiting",
            "entry_key": "", "reason": "", "opened_at": clock.now(), "anchor_at": clock.now(), "position": [],
            "variants": {}, "context": {},
        }  # fmt: skip
        connection.execute(tables.enrolments.insert().values(**values))
    take(store, clock, track("in", "Seen", "c"), track("out", "Seen", "d"), live=False)
    assert [(row["contact_id"], row["event_id"]) for row in rows(store, tables.inbox)] == [(1, 3)]


def test_pages_and_screens_are_events(store: Store, clock: ManualClock) -> None:
    """They have names of their own, and their title among the properties."""
    page = {"type": "page", "anonymousId": "a", "name": "Home", "messageId": "p", "properties": {"path": "/"}}
    screen = {"type": "screen", "anonymousId": "a", "name": "Bag", "messageId": "s"}
    take(store, clock, page, screen)
    assert [(row["name"], row["properties"]) for row in rows(store, tables.events)] == [
        ("Page Viewed", {"name": "Home", "path": "/"}),
        ("Screen Viewed", {"name": "Bag"}),
    ]


def test_an_identify_that_says_nothing_new_is_a_duplicate(store: Store, clock: ManualClock) -> None:
    """So the counts of a second import say that nothing changed."""
    who = {"type": "identify", "userId": "u", "messageId": "i", "traits": {"email": "a@shop.example", "age": 3}}
    assert take(store, clock, who).stored == 1
    assert take(store, clock, who).duplicates == 1
    assert take(store, clock, {**who, "traits": {"age": None}}).stored == 1
    assert rows(store, tables.contacts)[0]["attributes"] == {}


def test_an_account_is_described_by_group_and_its_people_are_looked_at(store: Store, clock: ManualClock) -> None:
    """Several decision makers share one company; a live change of it concerns each."""
    group = {"type": "group", "groupId": "acme", "traits": {"plan": "free"}}
    take(store, clock, {**group, "userId": "a"}, {**group, "userId": "b"}, live=False)
    assert rows(store, tables.inbox) == []
    take(store, clock, {**group, "userId": "a", "traits": {"plan": "pro"}})
    assert rows(store, tables.accounts)[0]["attributes"] == {"plan": "pro"}
    assert {row["contact_id"] for row in rows(store, tables.inbox)} == {1, 2}


def test_times_are_aware_utc_whatever_the_offset(store: Store, clock: ManualClock) -> None:
    """10:00 in Riyadh is 07:00 UTC."""
    take(store, clock, track("u", "Seen", "m", timestamp="2026-11-01T10:00:00+03:00"))
    assert rows(store, tables.events)[0]["at"] == datetime(2026, 11, 1, 7, tzinfo=UTC)


def test_somebody_new_whose_first_event_is_late_is_looked_at(store: Store, clock: ManualClock) -> None:
    """The event triggers nothing, but a contact that nobody knew may belong to a segment."""
    late = {"timestamp": "2026-10-01T00:00:00Z"}
    take(store, clock, track("known", "Seen", "m0", **late), live=False)
    take(store, clock, track("new", "Seen", "m1", **late), track("known", "Seen", "m2", **late))
    assert [(row["contact_id"], row["event_id"], row["what"]) for row in rows(store, tables.inbox)] == [(2, None, None)]
