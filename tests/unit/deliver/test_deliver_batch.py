"""One batch from the claim to its outcomes, on both databases, without a broker."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from ledger import (
    START,
    add_contacts,
    add_rows,
    broken,
    cap,
    later,
    make_content,
    make_parts,
    rows_of,
    states,
    withdraw,
)
from lifecycle.base.clock import ManualClock
from lifecycle.deliver.outbox import claim
from lifecycle.deliver.reconcile import reconcile
from lifecycle.deliver.send import deliver_batch, drain
from lifecycle.deliver.settle import BACKOFF_S, JITTER
from lifecycle.providers.base import Ending, Outcome, Outgoing
from lifecycle.providers.memory import MemoryProvider
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts, enrolments, inbox, messages, suppressions


def answering(ending: Ending, *rows: int, detail: str = "because") -> MemoryProvider:
    """Return a provider that ends the mails of those rows (all, when none is named) so."""

    def answer(mail: Outgoing) -> Outcome | None:
        return Outcome(mail.row, ending, detail=detail) if not rows or mail.row in rows else None

    return MemoryProvider(answer)


def set_rows(store: Store, **values: Any) -> None:
    """Change every ledger row."""
    with store.write() as connection:
        connection.execute(update(messages).values(**values))


def test_due_mails_are_sent_once(store: Store, clock: ManualClock) -> None:
    """120 mails leave in one batch, each with its outcome; a second call finds nothing."""
    add_rows(store, add_contacts(store, 120))
    provider = MemoryProvider()
    parts = make_parts(store, clock, provider)
    result = deliver_batch(parts)
    assert (result.claimed, result.accepted, result.stale) == (120, 120, 0)
    assert states(store) == Counter(sent=120)
    assert deliver_batch(parts).claimed == 0
    assert len({mail.message_id for mail in provider.accepted}) == 120
    row = rows_of(store)[0]
    assert (row.sent_at, row.sending_at, row.provider, row.attempts) == (START, START, "memory", 1)
    assert (row.address, row.template_hash) == ("c1@example.org", "h" * 32)
    assert row.worker is None


def test_future_mails_wait(store: Store, clock: ManualClock) -> None:
    """What is not due is not claimed, and due means due to the second."""
    add_rows(store, add_contacts(store, 3), due_at=later(seconds=1))
    parts = make_parts(store, clock, MemoryProvider())
    assert deliver_batch(parts).claimed == 0
    clock.advance(timedelta(seconds=1))
    assert deliver_batch(parts).accepted == 3


def test_priority_then_due_time_decides_the_order(store: Store, clock: ManualClock) -> None:
    """The highest priority leaves first, whatever came first."""
    people = add_contacts(store, 6)
    add_rows(store, people[:2], priority=50, due_at=later(hours=-1))
    add_rows(store, people[2:4], priority=90)
    add_rows(store, people[4:], priority=90, due_at=later(hours=-2))
    provider = MemoryProvider()
    deliver_batch(make_parts(store, clock, provider))
    assert [mail.row for mail in provider.accepted] == [5, 6, 3, 4, 1, 2]


def test_mail_that_cannot_be_rendered_spoils_no_neighbour(store: Store, clock: ManualClock) -> None:
    """A render error is one failed row with its place; the others leave. So is any bug that one contact's data hits."""
    people = add_contacts(store, 5)
    add_rows(store, people)
    parts = make_parts(store, clock, MemoryProvider(), spoil={2: broken("no such thing"), 4: ZeroDivisionError("data")})
    assert deliver_batch(parts).accepted == 3
    assert states(store) == Counter({"sent": 3, "failed/render_error": 2})
    details = [row.detail for row in rows_of(store) if row.state == "failed"]
    assert details == ["templates/hello.mjml:3: no such thing", "ZeroDivisionError: data"]


def test_contact_without_an_address_is_skipped(store: Store, clock: ManualClock) -> None:
    """No address: skipped, with that reason."""
    add_rows(store, add_contacts(store, 2, address=lambda index: None if index == 1 else "c2@example.org"))
    deliver_batch(make_parts(store, clock, MemoryProvider()))
    assert states(store) == Counter({"sent": 1, "skipped/no_address": 1})


def test_consent_withdrawn_before_the_release_prevents_the_mail(store: Store, clock: ManualClock) -> None:
    """Even when the machine that acknowledged it has a clock that runs ahead."""
    add_rows(store, add_contacts(store, 3))
    withdraw(store, 1, START)
    withdraw(store, 2, later(seconds=5))
    deliver_batch(make_parts(store, clock, MemoryProvider()))
    assert states(store) == Counter({"sent": 1, "skipped/not_consented": 2})


def test_suppressed_address_is_never_mailed(store: Store, clock: ManualClock) -> None:
    """Suppression stops transactional mail too."""
    from lifecycle.base.address import address_hash

    people = add_contacts(store, 1)
    add_rows(store, people)
    add_rows(store, people, campaign="receipt")
    with store.write() as connection:
        row = {"address_hash": address_hash("C1@Example.org"), "reason": "bounced", "at": START, "source": ""}
        connection.execute(insert(suppressions).values(row))
    deliver_batch(make_parts(store, clock, MemoryProvider()))
    assert states(store) == Counter({"skipped/suppressed": 2})


def test_second_mail_to_one_contact_sees_the_first_under_a_cap(store: Store, clock: ManualClock) -> None:
    """Two campaigns in one batch, a cap of one: the one with the higher priority leaves."""
    people = add_contacts(store, 2)
    add_rows(store, people)
    add_rows(store, people, campaign="loud", priority=90)
    provider = MemoryProvider()
    deliver_batch(make_parts(store, clock, provider, content=make_content(caps=[cap(1, "16h")])))
    assert [mail.row for mail in provider.accepted] == [3, 4]
    assert states(store) == Counter({"sent": 2, "skipped/frequency_capped": 2})


def test_deadline_is_inclusive(store: Store, clock: ManualClock) -> None:
    """At the deadline it leaves, a moment later it is skipped."""
    people = add_contacts(store, 2)
    add_rows(store, people[:1], deadline_at=START)
    add_rows(store, people[1:], deadline_at=later(microseconds=-1))
    deliver_batch(make_parts(store, clock, MemoryProvider()))
    assert states(store) == Counter({"sent": 1, "skipped/past_deadline": 1})


def test_contact_with_unread_events_waits_for_the_journey(store: Store, clock: ManualClock) -> None:
    """An event that was acknowledged and not yet looked at holds the mail until the journey has decided."""
    add_rows(store, add_contacts(store, 2))
    with store.write() as connection:
        connection.execute(insert(inbox).values(contact_id=1, event_id=None))
    parts = make_parts(store, clock, MemoryProvider())
    assert deliver_batch(parts).held == 1
    assert states(store) == Counter(sent=1, queued=1)
    with store.write() as connection:
        connection.execute(inbox.delete())
    clock.advance(timedelta(seconds=1))
    assert deliver_batch(parts).accepted == 1


def test_ended_enrolment_takes_its_mail_with_it(store: Store, clock: ManualClock) -> None:
    """An exit between the claim and the release cancels the row with the exit's reason; a completed one does not."""
    people = add_contacts(store, 2)
    common = {
        "campaign": "news", "entry_key": "", "occurrence": "1", "version": "0" * 32, "opened_at": START,
        "anchor_at": START, "position": [], "variants": {}, "context": {},
    }  # fmt: skip
    with store.write() as connection:
        connection.execute(
            insert(enrolments),
            [
                {**common, "id": 1, "contact_id": 1, "state": "exited", "reason": "exit_condition"},
                {**common, "id": 2, "contact_id": 2, "state": "completed", "reason": ""},
            ],
        )
    add_rows(store, people[:1], enrolment_id=1)
    add_rows(store, people[1:], enrolment_id=2)
    deliver_batch(make_parts(store, clock, MemoryProvider()))
    assert states(store) == Counter({"sent": 1, "cancelled/exit_condition": 1})


def test_address_changed_after_composing_is_not_mailed(store: Store, clock: ManualClock) -> None:
    """The contact gave the old address up between composing and release: the mail is made again for the new one."""
    add_rows(store, add_contacts(store, 1))
    provider = MemoryProvider()
    parts = make_parts(store, clock, provider)
    plain = parts.compose.begin

    def begin(connection: Any, rows: Any, content: Any) -> Any:
        found = plain(connection, rows, content)
        with store.write() as other:
            other.execute(update(contacts).values(email="new@example.org"))
        return found

    parts.compose.begin = begin  # type: ignore[method-assign]
    assert deliver_batch(parts).held == 1
    clock.advance(timedelta(seconds=1))
    deliver_batch(parts)
    assert [mail.recipient for mail in provider.accepted] == ["new@example.org"]


def test_transient_refusal_backs_off_with_the_same_message_id(store: Store, clock: ManualClock) -> None:
    """4xx: deferred, later each time, spread by a stable hash, under one Message-ID."""
    add_rows(store, add_contacts(store, 20))
    tried: list[str] = []

    def answer(mail: Outgoing) -> Outcome | None:
        tried.append(mail.message_id)
        return Outcome(mail.row, Ending.DEFERRED, 451, "4.3.0", "later") if len(tried) <= 40 else None

    parts = make_parts(store, clock, MemoryProvider(answer))
    deliver_batch(parts)
    waits = [(row.due_at - START).total_seconds() for row in rows_of(store)]
    assert all(BACKOFF_S[0] <= wait <= BACKOFF_S[0] * (1 + JITTER) for wait in waits)
    assert len(set(waits)) == 20
    assert states(store) == Counter(deferred=20)
    clock.advance(timedelta(seconds=BACKOFF_S[0] * (1 + JITTER)))
    deliver_batch(parts)
    clock.advance(timedelta(seconds=BACKOFF_S[1] * (1 + JITTER)))
    assert deliver_batch(parts).accepted == 20
    assert set(Counter(tried).values()) == {3}
    assert {row.attempts for row in rows_of(store)} == {3}


def test_permanent_refusal_ends_one_row(store: Store, clock: ManualClock) -> None:
    """5xx: rejected, with the server's words; the neighbours are sent."""
    add_rows(store, add_contacts(store, 3))
    deliver_batch(make_parts(store, clock, answering(Ending.REJECTED, 2, detail="550 5.1.1 no such user")))
    assert states(store) == Counter(sent=2, rejected=1)
    assert rows_of(store)[1].detail == "550 5.1.1 no such user"


def test_mail_refused_for_days_is_given_up(store: Store, clock: ManualClock) -> None:
    """After the last attempt the row fails; it is never tried for ever."""
    add_rows(store, add_contacts(store, 1))
    parts = make_parts(store, clock, answering(Ending.DEFERRED))
    for _ in range(40):
        deliver_batch(parts)
        clock.advance(timedelta(hours=6))
    assert states(store) == Counter(failed=1)
    assert rows_of(store)[0].attempts == 30


def test_ambiguous_marketing_is_unknown_and_transactional_goes_again(store: Store, clock: ManualClock) -> None:
    """The dot was not answered: marketing parks; transactional repeats with the same Message-ID and Date."""
    people = add_contacts(store, 1)
    add_rows(store, people)
    add_rows(store, people, campaign="receipt")
    seen: list[bytes] = []

    def answer(mail: Outgoing) -> Outcome | None:
        if mail.row == 2:
            seen.append(mail.data)
        return Outcome(mail.row, Ending.UNKNOWN, detail="no answer") if len(seen) < 2 else None

    parts = make_parts(store, clock, MemoryProvider(answer))
    deliver_batch(parts)
    assert states(store) == Counter(unknown=1, deferred=1)
    clock.advance(timedelta(minutes=5))
    deliver_batch(parts)
    assert states(store) == Counter(unknown=1, sent=1)
    assert seen[0] == seen[1]


def test_misconfigured_provider_loses_nothing_and_says_it_once(
    store: Store, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Wrong port: the rows are back untouched, the provider pauses, one line is logged; later all are sent."""
    add_rows(store, add_contacts(store, 130))
    trouble = True

    def answer(mail: Outgoing) -> Outcome | None:
        return Outcome(mail.row, Ending.MISCONFIGURED, detail="connection refused") if trouble else None

    parts = make_parts(store, clock, MemoryProvider(answer))
    first = deliver_batch(parts)
    assert (first.claimed, first.accepted) == (130, 0)
    assert first.wait_s > 0
    assert deliver_batch(parts).claimed == 0, "while it pauses nothing is claimed"
    assert states(store) == Counter(queued=130)
    assert {row.attempts for row in rows_of(store)} == {0}
    assert rows_of(store)[0].detail == "connection refused"
    clock.advance(timedelta(minutes=1))
    deliver_batch(parts)
    assert [record.message for record in caplog.records].count("provider memory: connection refused") == 1
    trouble = False
    clock.advance(timedelta(minutes=1))
    assert drain(parts) == 130
    assert states(store) == Counter(sent=130)
    assert rows_of(store)[0].detail == ""


def test_rate_limits_what_is_sent(store: Store, clock: ManualClock) -> None:
    """Two hundred a second: 20 at once, then one each 181st of a second; the rest waits in the database."""
    add_rows(store, add_contacts(store, 250))
    parts = make_parts(store, clock, MemoryProvider(), rate_per_s=200)
    sent = []
    for _ in range(12):
        drain(parts)
        sent.append(states(store)["sent"])
        clock.advance(timedelta(seconds=0.1))
    assert sent[:3] == [20, 38, 56]
    assert sent[-1] == sum(states(store).values()) - states(store)["queued"]
    assert max(later - sooner for sooner, later in zip(sent, sent[10:], strict=False)) <= 200


def test_old_release_is_not_used(store: Store, clock: ManualClock) -> None:
    """A server so slow that 20 s pass within a chunk: what was not begun is checked again before it leaves."""
    add_rows(store, add_contacts(store, 10))
    sent: list[int] = []

    def answer(mail: Outgoing) -> Outcome | None:
        sent.append(mail.row)
        clock.advance(timedelta(seconds=8))
        if len(sent) == 1:
            withdraw(store, 10, clock.now())
        return None

    parts = make_parts(store, clock, MemoryProvider(answer), lease_s=600)
    deliver_batch(parts)
    drain(parts)
    assert sorted(sent) == list(range(1, 10))
    assert states(store) == Counter({"sent": 9, "skipped/not_consented": 1})


def test_worker_that_slept_past_its_lease_sends_nothing_more(store: Store, clock: ManualClock) -> None:
    """It wakes after the lease and after another worker has taken over: the fence holds, each mail goes once."""
    add_rows(store, add_contacts(store, 120))
    other = make_parts(store, clock, MemoryProvider(), worker="other")
    sent: list[int] = []

    def answer(mail: Outgoing) -> Outcome | None:
        sent.append(mail.row)
        if len(sent) == 10:
            clock.advance(timedelta(minutes=5))  # the machine was suspended here
            reconcile(store, clock)
            drain(other)
        return None

    result = deliver_batch(make_parts(store, clock, MemoryProvider(answer), worker="slept"))
    taken = [mail.row for mail in other.channels.of(None, other.content().project).provider.accepted]  # type: ignore[attr-defined]
    assert len(sent) == 10, "the eleventh was not begun"
    assert not set(sent) & set(taken)
    # ten answers came late and resolved their rows; the forty others of the chunk came back and can go again
    assert result.accepted == 10
    assert states(store) == Counter(sent=80, queued=40)
    drain(other)
    assert states(store) == Counter(sent=120)


def test_outcome_after_somebody_else_decided_is_dropped(store: Store, clock: ManualClock) -> None:
    """A person resolved the row as sent while its answer was on the way: the answer changes nothing."""
    from lifecycle.deliver.settle import resolve

    add_rows(store, add_contacts(store, 1))

    def answer(mail: Outgoing) -> Outcome | None:
        clock.advance(timedelta(minutes=5))
        reconcile(store, clock)
        resolve(store, clock, mail.row, sent=True)
        return Outcome(mail.row, Ending.REJECTED, 550, "5.1.1", "no such user")

    assert deliver_batch(make_parts(store, clock, MemoryProvider(answer))).stale == 1
    assert states(store) == Counter(sent=1)


def test_crash_in_the_middle_hands_the_rest_back(store: Store, clock: ManualClock) -> None:
    """A bug outside any mail: what was released is in doubt, what was only claimed is back in the queue at once."""
    add_rows(store, add_contacts(store, 120))

    def answer(mail: Outgoing) -> Outcome | None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliver_batch(make_parts(store, clock, MemoryProvider(answer)))
    assert states(store) == Counter(sending=50, queued=70)


def test_at_most_fifty_rows_are_in_sending(store: Store, clock: ManualClock) -> None:
    """Seen from outside, at every single mail."""
    add_rows(store, add_contacts(store, 170))
    seen: list[int] = []

    def answer(mail: Outgoing) -> Outcome | None:
        seen.append(states(store)["sending"])
        return None

    deliver_batch(make_parts(store, clock, MemoryProvider(answer)))
    assert len(seen) == 170
    assert max(seen) == 50


def test_lane_that_was_told_to_stop_begins_no_more(store: Store, clock: ManualClock) -> None:
    """A shutdown ends after the mail that is under way; the rest is back in the queue."""
    add_rows(store, add_contacts(store, 120))
    provider = MemoryProvider()
    parts = make_parts(store, clock, provider)
    provider._answer = lambda _mail: parts.stop.set()
    deliver_batch(parts)
    assert states(store) == Counter(sent=1, queued=119)


def test_five_workers_at_once_send_each_mail_once(store: Store, clock: ManualClock) -> None:
    """The same job five times at once: nothing twice, nothing lost."""
    from concurrent.futures import ThreadPoolExecutor

    add_rows(store, add_contacts(store, 600))
    provider = MemoryProvider()
    parts = make_parts(store, clock, provider)
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda _: drain(parts), range(5)))
    drain(parts)
    assert Counter(Counter(mail.row for mail in provider.accepted).values()) == {1: 600}
    assert states(store) == Counter(sent=600)


def test_claims_are_disjoint_and_fenced(store: Store, clock: ManualClock) -> None:
    """Two claims share no row; each raises the fence of its rows."""
    add_rows(store, add_contacts(store, 10))
    first, second = (claim(store, clock, "w", 6) for _ in range(2))
    assert [len(first.rows), len(second.rows)] == [6, 4]
    assert not {row.id for row in first.rows} & {row.id for row in second.rows}
    assert {row.fence for row in first.rows} == {1}
    assert first.worker != second.worker
