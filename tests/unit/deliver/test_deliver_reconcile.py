"""What crashed workers left behind comes back, and what crashes them again and again does not."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import event, update

from ledger import START, add_contacts, add_rows, make_parts, rows_of, states
from lifecycle.base.clock import ManualClock
from lifecycle.base.errors import NotFoundError, UsageError
from lifecycle.deliver.control import Cancelled, cancel, pause, resume
from lifecycle.deliver.outbox import claim, renew
from lifecycle.deliver.reconcile import Reconciled, reconcile
from lifecycle.deliver.send import deliver_batch, drain
from lifecycle.deliver.settle import resolve
from lifecycle.providers.base import Ending, Outcome
from lifecycle.providers.memory import MemoryProvider
from lifecycle.store.engine import Store
from lifecycle.store.tables import messages

EXPIRED = timedelta(seconds=61)


def test_expired_claim_is_queued_again(store: Store, clock: ManualClock) -> None:
    """Before `sending` a crash costs nothing."""
    add_rows(store, add_contacts(store, 30))
    claim(store, clock, "crashed", 10)
    assert reconcile(store, clock) == Reconciled(), "the lease still holds"
    clock.advance(EXPIRED)
    assert reconcile(store, clock) == Reconciled(queued=10)
    assert states(store) == Counter(queued=30)


def test_expired_sending_parks_marketing_and_repeats_transactional(store: Store, clock: ManualClock) -> None:
    """In `sending` nobody knows: at most once for the one, at least once for the other."""
    people = add_contacts(store, 2)
    add_rows(store, people)
    add_rows(store, people, campaign="receipt")
    claim(store, clock, "crashed")
    with store.write() as connection:
        connection.execute(update(messages).values(state="sending", sending_at=START))
    clock.advance(EXPIRED)
    assert reconcile(store, clock) == Reconciled(queued=2, unknown=2)
    provider = MemoryProvider()
    drain(make_parts(store, clock, provider))
    assert states(store) == Counter(unknown=2, sent=2)
    assert all(b"Date: Sun, 01 Nov 2026 09:00:00 +0000" in mail.data for mail in provider.accepted)


def test_row_that_kills_its_worker_is_quarantined_and_the_rest_go_on(store: Store, clock: ManualClock) -> None:
    """One poisonous row among 120: after three crashes it is out, and every other mail has left once."""
    add_rows(store, add_contacts(store, 120))
    provider = MemoryProvider()
    crashes = 0
    for _ in range(200):
        batch = claim(store, clock, "w")
        if not batch.rows:
            clock.advance(EXPIRED)
            if reconcile(store, clock) == Reconciled():
                break
            continue
        if any(row.id == 77 for row in batch.rows):
            crashes += 1  # killed while composing: nobody hands anything back
            continue
        with store.write() as connection:
            connection.execute(
                update(messages).where(messages.c.id.in_([row.id for row in batch.rows])).values(state="sent")
            )
    del provider
    assert crashes == 3
    assert states(store) == Counter({"sent": 119, "failed/quarantined": 1})


def test_lease_is_renewed_only_while_it_holds(store: Store, clock: ManualClock) -> None:
    """A worker that slept too long cannot revive its claim."""
    add_rows(store, add_contacts(store, 3))
    batch = claim(store, clock, "w")
    clock.advance(timedelta(seconds=40))
    assert renew(store, batch)
    clock.advance(timedelta(seconds=40))
    assert batch.lease.alive()
    assert reconcile(store, clock) == Reconciled()
    clock.advance(timedelta(seconds=30))
    assert not batch.lease.alive()
    assert not renew(store, batch)
    assert reconcile(store, clock) == Reconciled(queued=3)


def test_unknown_is_resolved_by_a_person(store: Store, clock: ManualClock) -> None:
    """As sent it counts as sent; as not sent it goes through all checks again; anything else is refused."""
    add_rows(store, add_contacts(store, 2))
    deliver_batch(make_parts(store, clock, MemoryProvider(lambda mail: Outcome(mail.row, Ending.UNKNOWN))))
    assert resolve(store, clock, 1, sent=True) == "sent"
    assert resolve(store, clock, 2, sent=False) == "queued"
    assert rows_of(store)[0].sent_at == START
    with pytest.raises(UsageError):
        resolve(store, clock, 1, sent=False)
    with pytest.raises(NotFoundError):
        resolve(store, clock, 99, sent=True)
    provider = MemoryProvider()
    drain(make_parts(store, clock, provider))
    assert [mail.row for mail in provider.accepted] == [2]


def test_paused_campaign_holds_and_resumes_at_once(store: Store, clock: ManualClock) -> None:
    """Nothing leaves while it is paused; after `resume` everything does, without waiting for the next look."""
    people = add_contacts(store, 5)
    add_rows(store, people)
    add_rows(store, people, campaign="receipt")
    assert pause(store, clock, "news", "operator")
    assert not pause(store, clock, "news", "operator")
    parts = make_parts(store, clock, MemoryProvider())
    drain(parts)
    assert states(store) == Counter({"sent": 5, "queued/campaign_paused": 5})
    assert resume(store, clock, "news") == 5
    assert resume(store, clock, "news") is None
    drain(parts)
    assert states(store) == Counter(sent=10)


def test_pause_and_resume_again_and_again_lose_nothing(store: Store, clock: ManualClock) -> None:
    """100 pauses and resumes in mid-campaign: each mail once."""
    add_rows(store, add_contacts(store, 200))
    provider = MemoryProvider()
    parts = make_parts(store, clock, provider)
    for turn in range(100):
        if turn % 3 == 1:
            pause(store, clock, "news", "operator")
        else:
            resume(store, clock, "news")
        deliver_batch(parts, 3)
        clock.advance(timedelta(seconds=20))
    resume(store, clock, "news")
    drain(parts)
    assert states(store) == Counter(sent=200)
    assert provider.count == 200


def test_cancel_ends_what_is_open_and_nothing_else(store: Store, clock: ManualClock) -> None:
    """Queued and claimed rows are cancelled, a claim on them is void; what was sent stays sent."""
    people = add_contacts(store, 6)
    add_rows(store, people[:2])
    parts = make_parts(store, clock, MemoryProvider())
    drain(parts)
    add_rows(store, people[2:])
    batch = claim(store, clock, "w", 2)
    assert cancel(store, clock, "news") == Cancelled(messages=4, enrolments=0, sending=0)
    assert cancel(store, clock, "news") == Cancelled(messages=0, enrolments=0, sending=0)
    assert states(store) == Counter({"sent": 2, "cancelled/cancelled": 4})
    clock.advance(EXPIRED)
    assert reconcile(store, clock) == Reconciled()
    assert {row.fence for row in rows_of(store) if row.id in {each.id for each in batch.rows}} == {2}


def test_claim_reads_a_range_of_the_index(tmp_path: object, clock: ManualClock) -> None:
    """SQLite walks `messages_due` in order: no sort, no scan, whatever the backlog."""
    from sqlmodel import SQLModel

    store = Store(f"sqlite:///{tmp_path}/plan.db")
    SQLModel.metadata.create_all(store.engine)
    add_rows(store, add_contacts(store, 3))
    asked: list[tuple[str, object]] = []
    event.listen(store.engine, "before_cursor_execute", lambda *args: asked.append((args[2], args[3])))
    claim(store, clock, "w")
    plans = []
    with store.engine.connect() as connection:
        for statement, parameters in asked:
            if statement.startswith("SELECT messages"):
                found = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters)  # type: ignore[arg-type]
                plans += [row[3] for row in found]
    assert plans
    assert all("messages_due" in plan for plan in plans), plans
    assert not any("TEMP B-TREE" in plan for plan in plans), plans
    store.close()
