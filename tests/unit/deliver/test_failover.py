"""Two providers for one sender: the second while the first is out, and never a mail that the first may have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update

from ledger import add_contacts, add_rows, limit, make_content, make_parts, rows_of, states
from lifecycle.base.clock import ManualClock
from lifecycle.deliver.outbox import claim
from lifecycle.deliver.parts import Parts
from lifecycle.deliver.reconcile import reconcile
from lifecycle.deliver.release import Ready, release
from lifecycle.deliver.send import deliver_batch, drain
from lifecycle.deliver.settle import resolve
from lifecycle.providers.base import Ending, Outcome, Outgoing
from lifecycle.providers.memory import MemoryProvider
from lifecycle.spec.model import Content
from lifecycle.store.engine import Store
from lifecycle.store.tables import messages


class Named(MemoryProvider):
    """A provider with a name, that ends every mail so while it is told to."""

    def __init__(self, name: str) -> None:
        super().__init__(self._say)
        self.name = name
        self.ending: Ending | None = None
        self.tried: list[int] = []
        self.also: Callable[[], object] = lambda: None

    def _say(self, mail: Outgoing) -> Outcome | None:
        self.tried.append(mail.row)
        self.also()
        return None if self.ending is None else Outcome(mail.row, self.ending, detail=f"{self.name}: {self.ending}")


Pair = tuple[Parts, Named, Named]


@pytest.fixture
def pair(store: Store, clock: ManualClock) -> Pair:
    """Return parts whose sender has two providers."""
    return made(store, clock, make_content(providers=("first", "second")))


def made(store: Store, clock: ManualClock, content: Content) -> Pair:
    """Return parts with two providers for that content."""
    first, second = Named("first"), Named("second")
    return make_parts(store, clock, first, second, content=content), first, second


def test_mails_leave_by_the_next_provider_while_the_first_is_out(store: Store, pair: Pair, clock: ManualClock) -> None:
    """Nothing waits, the ledger says who took what, and the first is tried with one mail when its pause is over."""
    parts, first, second = pair
    add_rows(store, add_contacts(store, 120))
    first.ending = Ending.MISCONFIGURED
    drain(parts)
    drain(parts)
    assert states(store) == Counter(sent=120)
    assert Counter(row.provider for row in rows_of(store)) == {"second": 120}
    add_rows(store, range(1, 31), campaign="loud")
    clock.advance(timedelta(seconds=3))
    assert deliver_batch(parts).accepted == 29, "whether it works again is tried with one mail"
    drain(parts)
    first.ending = None
    add_rows(store, range(1, 31), campaign="receipt")
    clock.advance(timedelta(seconds=60))
    drain(parts)
    assert states(store) == Counter(sent=180)
    assert {row.provider for row in rows_of(store) if row.campaign == "receipt"} == {"first"}
    assert second.count == 150


@pytest.mark.parametrize("campaign", ["news", "receipt"])
def test_refusal_of_one_mail_is_no_reason_for_another_provider(
    store: Store, pair: Pair, clock: ManualClock, campaign: str
) -> None:
    """Greylisting: it is deferred, and goes to the first again. It was certainly not taken, so it may go elsewhere."""
    parts, first, second = pair
    add_rows(store, add_contacts(store, 3), campaign=campaign)
    first.ending = Ending.DEFERRED
    drain(parts)
    assert (states(store), second.count) == (Counter(deferred=3), 0)
    assert {row.provider for row in rows_of(store)} == {None}
    first.ending = Ending.MISCONFIGURED
    clock.advance(timedelta(minutes=5))
    drain(parts)
    drain(parts)
    assert (states(store), second.count) == (Counter(sent=3), 3)


def test_mail_that_may_have_been_accepted_goes_to_nobody_else(store: Store, pair: Pair, clock: ManualClock) -> None:
    """The first did not answer, and is out then: marketing is unknown, the receipt waits until the first is back."""
    parts, first, second = pair
    people = add_contacts(store, 2)
    add_rows(store, people)
    add_rows(store, people, campaign="receipt")
    first.ending = Ending.UNKNOWN
    drain(parts)
    assert states(store) == Counter(unknown=2, deferred=2)
    first.ending = Ending.MISCONFIGURED
    clock.advance(timedelta(minutes=5))
    for _ in range(4):
        drain(parts)
        assert deliver_batch(parts).claimed == 0, "a mail that waits for its provider keeps nobody busy"
        clock.advance(timedelta(minutes=2))
    assert second.count == 0
    assert {row.provider for row in rows_of(store)} == {"first"}, "being out does not make it anybody else's"
    add_rows(store, people, campaign="loud")
    drain(parts)
    drain(parts)
    assert second.count == 2, "the others go meanwhile"
    first.ending = None
    clock.advance(timedelta(minutes=2))
    drain(parts)
    assert states(store) == Counter(unknown=2, sent=4)
    assert {row.provider for row in rows_of(store) if row.campaign == "receipt"} == {"first"}


def test_crash_while_sending_binds_the_mail_to_its_provider(store: Store, pair: Pair, clock: ManualClock) -> None:
    """Nobody knows whether it left: only the one that may have it is given it again."""
    parts, first, second = pair
    people = add_contacts(store, 1)
    add_rows(store, people)
    add_rows(store, people, campaign="receipt")
    first.ending = Ending.MISCONFIGURED
    batch = claim(store, clock, "dead")
    content = parts.content()
    with store.write() as connection:
        composing = parts.compose.begin(connection, batch.rows, content)
        ready = [composing.one(row, clock.now()) for row in batch.rows]
        assert all(isinstance(one, Ready) for one in ready)
        assert len(release(connection, ready, content, clock, provider="second").go) == 2
    clock.advance(timedelta(seconds=61))
    reconcile(store, clock)
    assert states(store) == Counter(unknown=1, queued=1)
    second.ending = Ending.MISCONFIGURED
    drain(parts)
    first.ending = None
    clock.advance(timedelta(seconds=1))
    drain(parts)
    assert (first.tried, states(store)) == ([], Counter(unknown=1, queued=1))
    second.ending = None
    clock.advance(timedelta(minutes=1))
    drain(parts)
    assert [mail.row for mail in second.accepted] == [2]


def test_mail_that_a_person_says_was_not_sent_may_go_by_anybody(store: Store, pair: Pair, clock: ManualClock) -> None:
    """The doubt is over."""
    parts, first, second = pair
    add_rows(store, add_contacts(store, 1))
    first.ending = Ending.UNKNOWN
    drain(parts)
    resolve(store, clock, 1, sent=False)
    first.ending = Ending.MISCONFIGURED
    drain(parts)
    drain(parts)
    assert (states(store), second.count) == (Counter(sent=1), 1)


def test_all_of_a_senders_providers_are_out(store: Store, pair: Pair, clock: ManualClock) -> None:
    """Nothing is claimed, nothing is lost; the wait is for whoever comes back first."""
    parts, first, second = pair
    add_rows(store, add_contacts(store, 5))
    first.ending = second.ending = Ending.MISCONFIGURED
    for _ in range(3):
        drain(parts)
    result = deliver_batch(parts)
    assert (result.claimed, 0 < result.wait_s <= 4) == (0, True)
    assert states(store) == Counter(queued=5)
    assert {row.provider for row in rows_of(store)} == {None}
    first.ending = second.ending = None
    clock.advance(timedelta(minutes=1))
    drain(parts)
    assert states(store) == Counter(sent=5)


def test_first_goes_out_in_the_middle_of_a_batch(store: Store, pair: Pair) -> None:
    """The chunk that it refused comes back, the next chunks of the same batch go by the second."""
    parts, first, second = pair
    add_rows(store, add_contacts(store, 200))
    first.also = lambda: setattr(first, "ending", Ending.MISCONFIGURED if len(first.tried) > 60 else None)
    result = deliver_batch(parts)
    assert (first.count, second.count, result.accepted) == (60, 100, 160)
    drain(parts)
    assert states(store) == Counter(sent=200)
    assert not {mail.row for mail in first.accepted} & {mail.row for mail in second.accepted}


def test_limit_of_the_second_holds_when_it_stands_in(store: Store, clock: ManualClock) -> None:
    """What the first may have all at once goes slowly by the second."""
    content = make_content(providers=("first", "second"), limits=[limit(100, "1h", provider="second")])
    parts, first, second = made(store, clock, content)
    add_rows(store, add_contacts(store, 60))
    first.ending = Ending.MISCONFIGURED
    drain(parts)
    drain(parts)
    assert second.count == 10
    first.ending = None
    clock.advance(timedelta(minutes=1))
    drain(parts)
    assert states(store) == Counter(sent=60)
    assert second.count == 10


def test_mail_is_bound_to_the_second_and_the_first_is_out(store: Store, pair: Pair, clock: ManualClock) -> None:
    """Its own provider works: it goes, whatever is out elsewhere."""
    parts, first, second = pair
    add_rows(store, add_contacts(store, 2), campaign="receipt")
    first.ending = Ending.MISCONFIGURED
    drain(parts)
    add_rows(store, [1], campaign="receipt", step="again")
    with store.write() as connection:
        connection.execute(
            update(messages).where(messages.c.step == "again").values(provider="second", sending_at=clock.now())
        )
    drain(parts)
    assert second.count == 3


def test_mail_of_a_provider_that_is_gone_waits(store: Store, pair: Pair, clock: ManualClock) -> None:
    """It may have been accepted there; it asks again each minute, and keeps nobody busy."""
    parts, _, second = pair
    add_rows(store, add_contacts(store, 1), campaign="receipt")
    with store.write() as connection:
        connection.execute(update(messages).values(provider="third", sending_at=clock.now()))
    drain(parts)
    assert deliver_batch(parts).claimed == 0
    clock.advance(timedelta(minutes=1))
    assert deliver_batch(parts).claimed == 1
    assert (states(store), second.count) == (Counter(queued=1), 0)
