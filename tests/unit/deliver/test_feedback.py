"""What comes back about mails: each telling once, in any order; who is suppressed by it, and which campaign is held."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from ledger import START, add_contacts, add_rows, later, make_content, make_parts, rows_of, states
from lifecycle.base.clock import ManualClock
from lifecycle.base.errors import PermanentError
from lifecycle.deliver.brakes import brake, is_over
from lifecycle.deliver.control import resume
from lifecycle.deliver.feedback import SOFT_IN_A_ROW, Taken, take_feedback, take_waiting
from lifecycle.deliver.send import deliver_batch
from lifecycle.intake.consent import suppression
from lifecycle.providers.base import MayBegin, Outcome, Outgoing, send_each
from lifecycle.providers.feedback import Feedback, Kind, bounce_kind
from lifecycle.providers.memory import MemoryProvider
from lifecycle.store.engine import Store
from lifecycle.store.tables import campaign_states, consents, feedback, messages

_names = itertools.count()


def told(kind: Kind, row: int | None = 1, *, at: datetime | None = None, event: str = "", **more: Any) -> Feedback:
    """Return something that was told of a ledger row an hour after the start."""
    return Feedback(kind, "ses", event or f"e{next(_names)}", at or later(hours=1), row, **more)


def sent(store: Store, people: int = 1, **values: Any) -> list[int]:
    """Store contacts with a mail each that a provider took at START."""
    found = add_contacts(store, people)
    mail = {"state": "sent", "sent_at": START, "sending_at": START, "provider": "ses", **values}
    add_rows(store, found, **mail)
    with store.write() as connection:
        for person in found:
            mine = messages.c.contact_id == person
            ref = {"address": f"c{person}@example.org", "provider_ref": f"ref-{person}"}
            connection.execute(update(messages).where(mine).values(ref))
    return found


@pytest.fixture
def later_clock(clock: ManualClock) -> ManualClock:
    """Return the clock, two hours after the start."""
    clock.move_to(later(hours=2))
    return clock


def suppressed(store: Store, person: int = 1) -> str | None:
    """Return why the contact's address is suppressed."""
    with store.read() as connection:
        return suppression(connection, f"c{person}@example.org")


@pytest.mark.parametrize(
    ("enhanced", "code", "kind"),
    [
        ("5.1.1", 550, Kind.HARD), ("5.1.10", 550, Kind.HARD), ("5.2.1", 550, Kind.HARD), ("05.01.01", 0, Kind.BLOCKED),
        ("5.2.2", 552, Kind.SOFT), ("4.4.7", 0, Kind.SOFT), ("4.1.1", 450, Kind.SOFT), ("5.7.1", 550, Kind.BLOCKED),
        ("5.4.1", 550, Kind.BLOCKED), ("5.3.4", 552, Kind.BLOCKED), ("", 550, Kind.BLOCKED), ("", 451, Kind.SOFT),
        ("rubbish", 0, Kind.BLOCKED), ("5.5.0", 500, Kind.BLOCKED),
    ],
)  # fmt: skip
def test_only_what_is_the_addresss_fault_is_hard(enhanced: str, code: int, kind: Kind) -> None:
    """Source: RFC 3463. Without a status nobody knows whose fault it is."""
    assert bounce_kind(enhanced, code) is kind


def test_a_hard_bounce_ends_the_mail_and_suppresses_the_address(store: Store, later_clock: ManualClock) -> None:
    """In one go; the words for people keep no address."""
    sent(store, 2)
    words = "550 5.1.1 <c1@example.org>: user unknown"
    taken = take_feedback(store, later_clock, [told(Kind.HARD, enhanced="5.1.1", detail=words)])
    assert taken == Taken(applied=1)
    row = rows_of(store, "state", "bounced_at", "detail")[0]
    assert (row.state, row.bounced_at, row.detail) == ("bounced", later(hours=1), "550 5.1.1 <…>: user unknown")
    assert (suppressed(store), suppressed(store, 2)) == ("hard_bounce", None)


def test_a_telling_counts_once_however_often_it_comes(store: Store, later_clock: ManualClock) -> None:
    """In one call and in the next; the first instant stays."""
    sent(store)
    one = told(Kind.COMPLAINED, event="complaint-7")
    assert take_feedback(store, later_clock, [one, one]) == Taken(applied=1, duplicates=1)
    assert take_feedback(store, later_clock, [one]) == Taken(duplicates=1)
    assert rows_of(store, "complained_at")[0].complained_at == later(hours=1)


def test_whatever_order_they_come_in_the_end_is_the_same(store: Store, later_clock: ManualClock) -> None:
    """Delivered, bounced, complained: a bounce stands; nothing is lost of the others."""
    people = sent(store, 6)
    kinds = (Kind.DELIVERED, Kind.BLOCKED, Kind.COMPLAINED)
    for person, order in zip(people, itertools.permutations(kinds), strict=True):
        for kind in order:
            take_feedback(store, later_clock, [told(kind, person, at=later(minutes=30 + kinds.index(kind)))])
    assert {row.state for row in rows_of(store)} == {"bounced"}
    assert {row.bounced_at for row in rows_of(store)} == {later(minutes=31)}
    assert {row.complained_at for row in rows_of(store)} == {later(minutes=32)}


def test_delivered_resolves_what_nobody_knew(store: Store, later_clock: ManualClock) -> None:
    """A row that is `unknown` was accepted if it was delivered, or complained of, and sent when it was tried."""
    sent(store, 3, state="unknown", sent_at=None)
    take_feedback(store, later_clock, [told(Kind.DELIVERED, 1), told(Kind.COMPLAINED, 2), told(Kind.DELAYED, 3)])
    assert [(row.state, row.sent_at) for row in rows_of(store)] == [
        ("delivered", START), ("delivered", START), ("unknown", None),
    ]  # fmt: skip


def test_seven_soft_bounces_in_a_row_suppress_and_one_that_arrives_begins_anew(
    store: Store, later_clock: ManualClock
) -> None:
    """In a row are the mails, not the tellings; a mail that nobody spoke of for three days has arrived."""
    people = sent(store, 2)
    for number in range(1, 9):
        at = START + timedelta(days=number)
        for person in people:
            mail: dict[str, Any] = {"state": "sent", "sent_at": at, "sending_at": at}
            mail["address"] = f"c{person}@example.org"
            add_rows(store, [person], occurrence=f"n{number}", **mail)
    ids = {(row.contact_id, row.occurrence): row.id for row in rows_of(store)}
    later_clock.move_to(later(days=20))
    for number in range(1, 9):
        assert suppressed(store, 1) is None or number > SOFT_IN_A_ROW
        take_feedback(store, later_clock, [told(Kind.SOFT, ids[1, f"n{number}"], at=later(days=number))] * 2)
        if number != 5:  # the fifth of the other one arrived
            take_feedback(store, later_clock, [told(Kind.SOFT, ids[2, f"n{number}"], at=later(days=number))])
    assert (suppressed(store, 1), suppressed(store, 2)) == ("soft_bounces", None)


def test_a_bounce_of_where_it_was_forwarded_to_does_not_suppress_the_address(
    store: Store, later_clock: ManualClock
) -> None:
    """The mail has bounced; the contact's own address works. A complaint is of whoever got the mail."""
    sent(store, 2)
    elsewhere = [told(kind, row, recipient="x@else.example") for row, kind in ((1, Kind.HARD), (2, Kind.COMPLAINED))]
    take_feedback(store, later_clock, elsewhere)
    assert rows_of(store, "state")[0].state == "bounced"
    assert (suppressed(store, 1), suppressed(store, 2)) == (None, "complaint")
    assert suppressed_address(store, "x@else.example") is None


def suppressed_address(store: Store, address: str) -> str | None:
    """Return why an address is suppressed."""
    with store.read() as connection:
        return suppression(connection, address)


def test_a_telling_that_comes_before_its_mails_name_is_known_waits_for_it(
    store: Store, later_clock: ManualClock
) -> None:
    """A webhook may be faster than our own commit; after a day it is forgotten."""
    sent(store, 2)
    with store.write() as connection:
        connection.execute(update(messages).where(messages.c.id == 1).values(state="sending", provider_ref=None))
    early = told(Kind.HARD, None, ref="ref-1", recipient="c1@example.org")
    assert take_feedback(store, later_clock, [early, told(Kind.HARD, None, ref="never")]) == Taken(waiting=2)
    take_waiting(store, later_clock)
    assert suppressed(store) is None
    with store.write() as connection:
        connection.execute(update(messages).where(messages.c.id == 1).values(state="sent", provider_ref="ref-1"))
    take_waiting(store, later_clock)
    assert (suppressed(store), rows_of(store, "state")[0].state) == ("hard_bounce", "bounced")
    later_clock.advance(timedelta(days=2))
    take_waiting(store, later_clock)
    with store.read() as connection:
        assert connection.execute(select(feedback.c.ref).where(feedback.c.message_row.is_(None))).all() == []


def test_what_is_of_no_mail_of_ours_is_counted_and_forgotten(store: Store, later_clock: ManualClock) -> None:
    """A row that is not there, another provider's name: nobody is suppressed."""
    sent(store)
    strangers = [told(Kind.HARD, 99), told(Kind.HARD, None), Feedback(Kind.HARD, "postmark", "x", START, ref="ref-1")]
    assert take_feedback(store, later_clock, strangers) == Taken(unknown=2, waiting=1)
    assert suppressed(store) is None


def test_an_address_that_the_server_refuses_at_once_is_suppressed(store: Store, clock: ManualClock) -> None:
    """550 5.1.1 at RCPT is a hard bounce without the mail that tells it; 550 5.7.1 is not the address's fault."""

    class Refusing(MemoryProvider):
        """Knows nobody."""

        def send(self, batch: Sequence[Outgoing], may_begin: MayBegin) -> list[Outcome]:
            def refuse(mail: Outgoing, _may_begin: MayBegin) -> Outcome:
                enhanced = "5.1.1" if mail.recipient.startswith("c1") else "5.7.1"
                raise PermanentError("no", code=550, enhanced=enhanced)

            return send_each(batch, may_begin, refuse)

    people = add_contacts(store, 2)
    add_rows(store, people)
    with store.write() as connection:
        said = {"topic": "offers", "granted": True, "at": later(days=-1)}
        connection.execute(insert(consents), [{**said, "contact_id": person} for person in people])
    clock.move_to(later(hours=1))
    deliver_batch(make_parts(store, clock, Refusing(), content=make_content()))
    assert states(store) == {"rejected": 2}
    assert (suppressed(store, 1), suppressed(store, 2)) == ("hard_bounce", None)


def paused_by(store: Store, campaign: str = "news") -> str | None:
    """Return who or what paused the campaign."""
    with store.read() as connection:
        query = select(campaign_states.c.paused_by).where(campaign_states.c.campaign == campaign)
        return connection.execute(query).scalar()


def test_a_campaign_that_bounces_too_often_is_held_until_somebody_lets_it_go_on(
    store: Store, later_clock: ManualClock
) -> None:
    """20 of 200 is too many; the 20 do not count again afterwards."""
    sent(store, 200)
    take_feedback(store, later_clock, [told(Kind.HARD, row) for row in range(1, 9)])
    assert brake(store, later_clock, START) == {}  # 8 of 200 are 4%
    take_feedback(store, later_clock, [told(Kind.BLOCKED, row) for row in range(9, 25)])
    assert brake(store, later_clock, later_clock.now()) == {}  # nothing was told since
    assert brake(store, later_clock, START) == {"news": "24 of 200 mails bounced"}
    assert paused_by(store) == "brake: 24 of 200 mails bounced"
    assert brake(store, later_clock, START) == {}
    resume(store, later_clock, "news")
    take_feedback(store, later_clock, [told(Kind.SOFT, 26)])
    assert brake(store, later_clock, START) == {}


def test_a_campaign_that_is_complained_of_is_held(store: Store, later_clock: ManualClock) -> None:
    """Four of 200 is twenty times the share that the large providers bear."""
    sent(store, 200)
    take_feedback(store, later_clock, [told(Kind.COMPLAINED, row) for row in range(1, 6)])
    assert brake(store, later_clock, START) == {"news": "5 of 200 mails were complained of"}


def test_receipts_are_not_braked(store: Store, later_clock: ManualClock) -> None:
    """Whoever ordered is owed one."""
    people = add_contacts(store, 100)
    add_rows(store, people, campaign="receipt", state="sent", sent_at=START, sending_at=START)
    take_feedback(store, later_clock, [told(Kind.HARD, row) for row in range(1, 60)])
    assert brake(store, later_clock, START) == {}


@pytest.mark.parametrize(
    ("count", "of", "share", "over"),
    [
        (0, 0, 0.05, False), (1, 1, 0.05, False), (2, 2, 0.05, False), (3, 3, 0.05, True), (1, 10, 0.05, False),
        (6, 100, 0.05, False), (14, 100, 0.05, True), (5, 100, 0.05, False), (5_000, 100_000, 0.05, False),
        (5_300, 100_000, 0.05, True), (1, 100, 0.001, False), (4, 100, 0.001, True), (6, 1_000, 0.001, True),
        (1_000_000, 1_000_000, 0.001, True), (1_150, 1_000_000, 0.001, True), (1_050, 1_000_000, 0.001, False),
    ],
)  # fmt: skip
def test_a_share_is_over_its_limit_once_enough_were_sent_to_know(
    count: int, of: int, share: float, *, over: bool
) -> None:
    """The tail of the binomial distribution, exact at a million."""
    assert is_over(count, of, share) is over
