"""Mails of two who become one: what is on its way goes on, nothing is sent twice, and both pasts count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from arrivals import enrol, identify, refreshed, rows, take
from sqlalchemy import Connection, insert, update

from journey_worlds import content_of
from ledger import PlainCompose, PlainComposition, add_contacts, add_rows, cap, make_content, make_parts, states
from lifecycle.base.clock import ManualClock
from lifecycle.deliver.outbox import Claimed
from lifecycle.deliver.send import deliver_batch
from lifecycle.journey.advance import advance
from lifecycle.journey.versions import Versions
from lifecycle.plan.apply import apply
from lifecycle.providers.base import Outgoing
from lifecycle.providers.memory import MemoryProvider
from lifecycle.spec.model import Content
from lifecycle.store import tables
from lifecycle.store.engine import Store
from shop import Shop

ALIAS = {"type": "alias", "userId": "c1", "previousId": "c2", "messageId": "a"}


def merge(store: Store, clock: ManualClock) -> None:
    """Merge the second contact into the first, as history does: no inbox, so that mails need not wait for a turn."""
    assert take(store, clock, ALIAS, live=False).stored == 1


def owners(store: Store) -> set[int]:
    """Return whose ledger rows there are."""
    return {row["contact_id"] for row in rows(store, tables.messages)}


def test_a_mail_in_mid_sending_is_the_survivors_when_it_is_accepted(store: Store, clock: ManualClock) -> None:
    """It is beyond recall, and its outcome is recorded."""
    add_rows(store, add_contacts(store, 2)[1:])

    def answer(mail: Outgoing) -> None:
        assert rows(store, tables.messages)[0]["state"] == "sending", mail
        merge(store, clock)

    parts = make_parts(store, clock, MemoryProvider(answer))
    assert deliver_batch(parts).accepted == 1
    assert (states(store), owners(store)) == (Counter(sent=1), {1})
    assert deliver_batch(parts).claimed == 0


class MergingCompose(PlainCompose):
    """Merges the two after the claim and before the release."""

    def __init__(self, store: Store, clock: ManualClock) -> None:
        super().__init__()
        self.store, self.clock, self.done = store, clock, False

    def begin(self, connection: Connection, rows: Sequence[Claimed], content: Content) -> PlainComposition:
        """Merge, the first time."""
        found = super().begin(connection, rows, content)
        if not self.done:
            merge(self.store, self.clock)
        self.done = True
        return found


def test_a_mail_that_was_claimed_before_the_merge_goes_to_the_survivor(store: Store, clock: ManualClock) -> None:
    """It is claimed again, and made anew for the address that the contact has now."""
    add_rows(store, add_contacts(store, 2)[1:])
    provider = MemoryProvider()
    parts = replace(make_parts(store, clock, provider), compose=MergingCompose(store, clock))
    assert deliver_batch(parts).accepted == 0
    assert (states(store), owners(store)) == (Counter(queued=1), {1})
    assert deliver_batch(parts).accepted == 1
    assert [mail.recipient for mail in provider.accepted] == ["c1@example.org"]


@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize("begun", ["sent", "sending", "unknown", "claimed", "queued"])
def test_of_one_broadcast_to_both_no_second_mail_leaves(
    store: Store, clock: ManualClock, first: int, begun: str
) -> None:
    """Whichever of the two had it first; both rows are the survivor's, and the ledger adds up."""
    add_rows(store, add_contacts(store, 2))
    with store.write() as connection:
        table = tables.messages
        connection.execute(update(table).where(table.c.contact_id == first).values(state=begun, fence=1))
    merge(store, clock)
    assert owners(store) == {1}
    provider = MemoryProvider()
    deliver_batch(make_parts(store, clock, provider))
    still_to_send = begun in {"queued", "claimed"} and not (begun == "claimed" and first == 1)
    assert len(provider.accepted) == still_to_send
    assert states(store)["cancelled/duplicate"] == 1


def test_what_either_was_sent_counts_for_the_caps(store: Store, clock: ManualClock) -> None:
    """Also where both were sent the same."""
    people = add_contacts(store, 2)
    add_rows(store, people, step="before", state="sent", sending_at=clock.now() - timedelta(hours=1))
    merge(store, clock)
    add_rows(store, people[:1])
    deliver_batch(make_parts(store, clock, MemoryProvider(), content=make_content(caps=[cap(3, "1d")])))
    assert states(store) == Counter(sent=3)
    add_rows(store, people[:1], step="next")
    deliver_batch(make_parts(store, clock, MemoryProvider(), content=make_content(caps=[cap(3, "1d")])))
    assert states(store) == Counter({"sent": 3, "skipped/frequency_capped": 1})


@pytest.mark.parametrize("ahead", [1, 2])
def test_of_two_inside_one_broadcast_the_furthest_sends(store: Store, clock: ManualClock, ahead: int) -> None:
    """The mail of the entry that ended is cancelled, that of the other goes on under the name of both."""
    people = add_contacts(store, 2)
    for person in people:
        entry = enrol(store, clock, person, "active", [3 if person == ahead else 1])
        add_rows(store, [person], enrolment_id=entry)
    merge(store, clock)
    sent = [row["enrolment_id"] for row in rows(store, tables.messages) if row["state"] == "queued"]
    assert [row["id"] for row in rows(store, tables.enrolments) if row["state"] == "active"] == sent == [ahead]
    assert [row["occurrence"] for row in rows(store, tables.messages) if row["state"] == "queued"] == ["1"]


@pytest.mark.parametrize("guest_first", [True, False])
def test_two_who_wait_for_quiet_with_one_bag_wait_from_the_last_event_of_either(
    store: Store, clock: ManualClock, *, guest_first: bool
) -> None:
    """The entry that goes on is due, and counts its deadline, as if one contact had done it all."""
    shop = Shop(store, clock, compose=PlainCompose())
    shop.contact("sara")
    shop.contact("guest")
    start = clock.now()
    bag = {"cart_id": "c", "product_id": "madar", "price": 549, "quantity": 1}
    for who in ("guest", "sara") if guest_first else ("sara", "guest"):
        shop.track(who, "Product Added", **bag)
        shop.work()
        clock.advance(timedelta(minutes=20))
    shop.post({"type": "alias", "userId": "sara", "previousId": "guest", "messageId": "a"})
    shop.run_until(start + timedelta(hours=3))
    [mail] = shop.ledger(campaign="cart-abandonment")
    assert mail.sent_at == start + timedelta(minutes=80)
    assert mail.deadline_at == start + timedelta(minutes=20, hours=3)


def test_what_comes_for_the_one_who_is_gone_is_the_survivors(store: Store, clock: ManualClock) -> None:
    """Somebody who still saw two left word for the second: the first gets the turn, the second enters nothing again."""
    content = content_of(segments={"plain": "{contact.vip: {exists: false}}"})
    apply(store, content, None, clock.now())

    def work() -> None:
        while advance(store, Versions(store), b"a key of tests, long enough", clock.now()).contacts:
            continue

    take(store, clock, identify("c1"), identify("c2"))
    work()
    take(store, clock, ALIAS)
    work()
    before = rows(store, tables.memberships)
    assert [(row["contact_id"], row["left_at"] is None) for row in before] == [(1, True), (2, False)]
    with store.write() as connection:
        connection.execute(insert(tables.inbox).values(contact_id=2))
        connection.execute(update(tables.contacts).where(tables.contacts.c.id == 2).values(review_at=clock.now()))
    work()
    assert rows(store, tables.inbox) == []
    assert rows(store, tables.memberships) == before
    assert refreshed(store, clock, content) == set()
