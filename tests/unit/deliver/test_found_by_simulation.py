"""What the simulation has found, each as a sentence of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import Connection, update

from ledger import START, add_contacts, add_rows, make_parts, rows_of, states
from lifecycle.base.clock import ManualClock
from lifecycle.deliver.control import cancel
from lifecycle.deliver.outbox import claim
from lifecycle.deliver.parts import Parts
from lifecycle.deliver.reconcile import reconcile
from lifecycle.deliver.send import deliver_batch
from lifecycle.deliver.settle import resolve
from lifecycle.providers.base import Ending, MayBegin, Outcome, Outgoing
from lifecycle.providers.memory import MemoryProvider
from lifecycle.store.engine import Store
from lifecycle.store.tables import messages


class Cancelling(MemoryProvider):
    """Cancels the campaign while it sends, and then answers so."""

    def __init__(self, store: Store, clock: ManualClock, campaign: str, ending: Ending) -> None:
        super().__init__(lambda mail: None if ending is Ending.ACCEPTED else Outcome(mail.row, ending))
        self.cancel: Callable[[], object] = lambda: cancel(store, clock, campaign)

    def send(self, batch: Sequence[Outgoing], may_begin: MayBegin) -> list[Outcome]:
        """Cancel, then send."""
        self.cancel()
        return super().send(batch, may_begin)


@pytest.mark.parametrize(
    ("ending", "campaign", "becomes"),
    [
        (Ending.ACCEPTED, "news", "sent"),
        (Ending.REJECTED, "news", "rejected"),
        (Ending.DEFERRED, "news", "cancelled/cancelled"),
        (Ending.NOT_BEGUN, "news", "cancelled/cancelled"),
        (Ending.UNKNOWN, "news", "unknown/cancelled"),
        (Ending.UNKNOWN, "receipt", "cancelled/cancelled"),
    ],
)
def test_campaign_cancelled_while_its_mail_was_being_sent_is_not_tried_again(
    store: Store, clock: ManualClock, ending: Ending, campaign: str, becomes: str
) -> None:
    """A broadcast's enrolments are over when its mails are queued: only the row itself can remember the cancel."""
    add_rows(store, add_contacts(store, 2), campaign=campaign)
    deliver_batch(make_parts(store, clock, Cancelling(store, clock, campaign, ending)))
    assert states(store) == Counter({becomes: 2})


@pytest.mark.parametrize(("campaign", "becomes"), [("news", "unknown/cancelled"), ("receipt", "cancelled/cancelled")])
def test_campaign_cancelled_while_its_mail_was_being_sent_stays_so_after_a_crash(
    store: Store, clock: ManualClock, campaign: str, becomes: str
) -> None:
    """What may have left is parked with that reason, and a person's `not sent` does not send it."""
    add_rows(store, add_contacts(store, 1), campaign=campaign)
    claim(store, clock, "crashed")
    with store.write() as connection:
        connection.execute(update(messages).values(state="sending", sending_at=START))
    done = cancel(store, clock, campaign)
    assert (done.messages, done.sending) == (0, 1)
    clock.advance(timedelta(seconds=61))
    reconcile(store, clock)
    assert states(store) == Counter({becomes: 1})
    if campaign == "news":
        assert resolve(store, clock, 1, sent=False) == "cancelled"
        assert states(store) == Counter({"cancelled/cancelled": 1})


def test_process_that_sleeps_right_after_its_release_begins_no_old_mail(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The age of a release counts from its transaction, not from when the process next looks at the clock."""
    add_rows(store, add_contacts(store, 1))
    provider = MemoryProvider()
    parts = make_parts(store, clock, provider)
    write, slept = store.write, list[bool]()

    @contextmanager
    def sleepy_write() -> Iterator[Connection]:
        with write() as connection:
            yield connection
        if not slept and "sending" in states(store):
            slept.append(True)
            clock.advance(timedelta(seconds=30))

    monkeypatch.setattr(store, "write", sleepy_write)
    deliver_batch(parts)
    assert slept == [True]
    assert provider.count == 0
    assert states(store) == Counter(queued=1)


def test_row_on_its_last_chance_has_the_process_to_itself(store: Store, clock: ManualClock) -> None:
    """Two lanes of a process, two rows that crashed twice: what kills it for one must not quarantine the other."""
    add_rows(store, add_contacts(store, 3))
    with store.write() as connection:
        connection.execute(update(messages).where(messages.c.id <= 2).values(crashes=2))
    claimed: list[list[int]] = []

    def meanwhile(mail: Outgoing) -> None:
        if not claimed:
            claimed.append([mail.row])
            provider = MemoryProvider()
            deliver_batch(_beside(parts, provider))
            claimed.append([each.row for each in provider.accepted])

    parts = make_parts(store, clock, MemoryProvider(meanwhile))
    deliver_batch(parts)
    assert claimed == [[1], [3]]
    deliver_batch(parts)
    assert states(store) == Counter(sent=3)
    assert [row.attempts for row in rows_of(store)] == [1, 1, 1]


def _beside(parts: Parts, provider: MemoryProvider) -> Parts:
    return make_parts(parts.store, parts.clock, provider, last_chance=parts.last_chance)
