"""Limits on a ledger, on both databases: who waits where, who goes first, and what becomes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_store import fresh
from sqlalchemy import event, select, update

from ledger import START, add_contacts, add_rows, later, limit, make_content, make_parts, rows_of, states, withdraw
from lifecycle.base.clock import ManualClock
from lifecycle.base.units import Duration
from lifecycle.deliver.control import cancel, pause, resume
from lifecycle.deliver.outbox import claim
from lifecycle.deliver.parking import free_parked, has_parked
from lifecycle.deliver.parts import Parts
from lifecycle.deliver.picking import PARKED, WAITING, due_priorities
from lifecycle.deliver.reconcile import reconcile
from lifecycle.deliver.scheduler import Scheduler
from lifecycle.deliver.send import deliver_batch, drain
from lifecycle.providers.base import Ending, Outcome, Outgoing
from lifecycle.providers.memory import MemoryProvider
from lifecycle.spec.model import Content, WarmUp
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts, messages, sending_limits

GMAIL = limit(20, "1h", "gmail.com", "googlemail.com")
#: What one token of GMAIL takes: (3600 + 20) s / 19.
ONE = timedelta(seconds=191)


def at_gmail(index: int) -> str:
    """Return the address of a contact: odd ones are at Gmail."""
    return f"c{index}@{'GMail.com' if index % 2 else 'example.org'}"


def queues(store: Store) -> Counter[str]:
    """Count what waits by queue."""
    return Counter(row.queue for row in rows_of(store, "state", "queue") if row.state in {"queued", "deferred"})


def sent(provider: MemoryProvider) -> list[int]:
    """Return the rows that were sent, in order."""
    return [mail.row for mail in provider.accepted]


def test_mail_over_a_domains_limit_waits_and_the_others_go(store: Store, clock: ManualClock) -> None:
    """A tenth of the limit at once; the rest is parked without an attempt, and goes one by one."""
    add_rows(store, add_contacts(store, 40, address=at_gmail))
    provider = MemoryProvider()
    parts = make_parts(store, clock, provider, content=make_content(limits=[GMAIL]))
    drain(parts)
    assert sorted(sent(provider)) == sorted([1, 3, *range(2, 41, 2)])
    assert queues(store) == Counter({"gmail.com": 18})
    assert {(row.attempts, row.fence) for row in rows_of(store) if row.state == "queued"} == {(0, 0)}
    assert drain(parts) == 0
    clock.advance(ONE)
    drain(parts)
    assert sent(provider)[-1] == 5
    for _ in range(20):
        clock.advance(ONE)
        drain(parts)
    assert states(store) == Counter(sent=40)


def test_mail_is_parked_once_however_often_it_is_asked_for(store: Store, clock: ManualClock) -> None:
    """One write for each row, and none for as long as there is no room."""
    add_rows(store, add_contacts(store, 1200, address=lambda index: f"c{index}@gmail.com"))
    parts = make_parts(store, clock, MemoryProvider(), content=make_content(limits=[GMAIL]))
    drain(parts)
    assert queues(store) == Counter({"gmail.com": 1198})
    written = statements(store, lambda: drain(parts))
    assert not [line for line in written if line.startswith("UPDATE messages")]


def test_transactional_mail_passes_and_counts(store: Store, clock: ManualClock) -> None:
    """A receipt never waits for reputation's sake; marketing waits for it."""
    people = add_contacts(store, 30, address=lambda index: f"c{index}@gmail.com")
    add_rows(store, people, campaign="receipt")
    add_rows(store, people[:1])
    parts = make_parts(store, clock, MemoryProvider(), content=make_content(limits=[GMAIL]))
    drain(parts)
    assert Counter((row.kind, row.state) for row in rows_of(store)) == {
        ("transactional", "sent"): 30, ("marketing", "queued"): 1,
    }  # fmt: skip
    for _ in range(28):
        clock.advance(ONE)
        drain(parts)
    assert states(store) == Counter(sent=30, queued=1)
    clock.advance(3 * ONE)
    drain(parts)
    assert states(store) == Counter(sent=31)


def test_limit_of_a_provider_holds_every_mail_and_parks_none(store: Store, clock: ManualClock) -> None:
    """It would be refused otherwise: receipts too. The highest priority goes first."""
    people = add_contacts(store, 5)
    add_rows(store, people)
    add_rows(store, people, campaign="receipt", priority=90)
    provider = MemoryProvider()
    content = make_content(limits=[limit(5, "1s", provider="memory")])
    parts = make_parts(store, clock, provider, content=content)
    drain(parts)
    result = deliver_batch(parts)
    assert (sent(provider), result.claimed, result.wait_s) == ([6], 0, 0.2)
    clock.advance(timedelta(seconds=0.2))
    drain(parts)
    assert sent(provider) == [6, 7]
    assert queues(store) == Counter({"": 8})
    assert {row.attempts for row in rows_of(store) if row.state == "queued"} == {0}


def test_priority_decides_within_a_queue(store: Store, clock: ManualClock) -> None:
    """A newcomer stands behind those of its priority that wait, and before those below it."""
    people = add_contacts(store, 12, address=lambda index: f"c{index}@gmail.com")
    add_rows(store, people[:6])
    provider = MemoryProvider()
    parts = make_parts(store, clock, provider, content=make_content(limits=[limit(10, "1h", "gmail.com")]))
    drain(parts)
    add_rows(store, people[6:9], campaign="loud", priority=90)
    add_rows(store, people[9:], due_at=later(hours=-1))
    for _ in range(12):
        clock.advance(timedelta(seconds=363))
        drain(parts)
    assert sent(provider) == [1, 7, 8, 9, 10, 11, 12, 2, 3, 4, 5, 6]


def test_newcomer_does_not_pass_those_who_wait(store: Store, clock: ManualClock) -> None:
    """Although there is room at this moment: the queue comes first."""
    people = add_contacts(store, 4, address=lambda index: f"c{index}@gmail.com")
    add_rows(store, people[:3])
    provider = MemoryProvider()
    parts = make_parts(store, clock, provider, content=make_content(limits=[limit(10, "1h", "gmail.com")]))
    drain(parts)
    clock.advance(timedelta(seconds=362))
    add_rows(store, people[3:], due_at=clock.now())
    drain(parts)
    assert sent(provider) == [1, 2]


def test_queue_of_a_limit_that_is_gone_comes_free(store: Store, clock: ManualClock) -> None:
    """The scheduler sees to it, within seconds of the apply."""
    add_rows(store, add_contacts(store, 30, address=lambda index: f"c{index}@gmail.com"))
    content = [make_content(limits=[GMAIL])]
    parts = replace(make_parts(store, clock, MemoryProvider()), content=lambda: content[0])
    drain(parts)
    assert queues(store) == Counter({"gmail.com": 28})
    content[0] = make_content()
    hints = Hinted()
    scheduler = Scheduler(parts, hints)
    scheduler.tick()
    assert queues(store) == Counter({"": 28})
    assert "deliver_lane" in hints.kinds
    drain(parts)
    assert states(store) == Counter(sent=30)


class Hinted:
    """Remembers which hints were given."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def send(self, kind: str, lane: int) -> bool:
        """Take a hint."""
        del lane
        self.kinds.append(kind)
        return True


def test_scheduler_hints_at_a_queue_only_when_it_has_room(store: Store, clock: ManualClock) -> None:
    """Ninety thousand that wait keep nobody busy."""
    add_rows(store, add_contacts(store, 5, address=lambda index: f"c{index}@gmail.com"))
    parts = make_parts(store, clock, MemoryProvider(), content=make_content(limits=[GMAIL]))
    drain(parts)
    hints = Hinted()
    scheduler = Scheduler(parts, hints)
    scheduler.tick()
    assert hints.kinds == []
    clock.advance(ONE)
    scheduler.tick()
    assert set(hints.kinds) == {"deliver_lane"}


def test_late_mail_does_not_wait_for_room_to_be_skipped(store: Store, clock: ManualClock) -> None:
    """Its deadline passes in the queue: it is skipped like all others, and takes nothing of the limit."""
    add_rows(store, add_contacts(store, 12, address=lambda index: f"c{index}@gmail.com"), deadline_at=later(minutes=3))
    parts = make_parts(store, clock, MemoryProvider(), content=make_content(limits=[GMAIL]))
    drain(parts)
    clock.advance(timedelta(minutes=3, microseconds=1))
    Scheduler(parts, Hinted()).tick()
    drain(parts)
    assert states(store) == Counter({"sent": 2, "skipped/past_deadline": 10})
    with store.read() as connection:
        limiting = parts.channels.limiting(parts.content().project)
        assert limiting is not None
        assert limiting.look(connection).room(limiting.limits.by_key["gmail.com"]) == 0


def test_parked_mail_is_cancelled_paused_and_unsubscribed_like_any(store: Store, clock: ManualClock) -> None:
    """A pause holds it, a withdrawal skips it, a cancel ends it; none takes room."""
    people = add_contacts(store, 10, address=lambda index: f"c{index}@gmail.com")
    add_rows(store, people[:6])
    add_rows(store, people[6:], campaign="loud", priority=40)
    provider = MemoryProvider()
    parts = make_parts(store, clock, provider, content=make_content(limits=[limit(10, "1h", "gmail.com")]))
    drain(parts)
    assert sent(provider) == [1]
    withdraw(store, 2, START)
    pause(store, clock, "news", "operator")
    clock.advance(timedelta(seconds=363))
    drain(parts)
    assert states(store) == Counter({"sent": 2, "skipped/not_consented": 1, "queued/campaign_paused": 4, "queued": 3})
    assert sent(provider) == [1, 7]
    assert cancel(store, clock, "loud").messages == 3
    assert resume(store, clock, "news") == 4
    for _ in range(4):
        clock.advance(timedelta(seconds=363))
        drain(parts)
    assert states(store) == Counter({"sent": 6, "skipped/not_consented": 1, "cancelled/cancelled": 3})


def test_address_at_the_release_decides(store: Store, clock: ManualClock) -> None:
    """One moves away from Gmail while it waits, another to Gmail between claim and release."""
    add_rows(store, add_contacts(store, 5, address=lambda index: f"c{index}@gmail.com"))
    provider = MemoryProvider()
    parts = make_parts(store, clock, provider, content=make_content(limits=[limit(10, "1h", "gmail.com")]))
    drain(parts)
    move(store, 2, "c2@example.org")
    clock.advance(timedelta(seconds=363))
    drain(parts)
    assert sent(provider) == [1, 2, 3], "who moved away took nothing of the limit"
    add_rows(store, add_more(store, 6))
    plain = parts.compose.begin

    def begin(connection: Any, rows: Any, content: Any) -> Any:
        move(store, 6, "c6@gmail.com")
        return plain(connection, rows, content)

    parts.compose.begin = begin  # type: ignore[method-assign]
    drain(parts)
    assert queues(store) == Counter({"gmail.com": 3})
    assert rows_of(store)[5].attempts == 0


def move(store: Store, contact: int, address: str) -> None:
    """Change a contact's address."""
    with store.write() as connection:
        connection.execute(
            update(contacts).where(contacts.c.id == contact).values(email=address, address_key=address.lower())
        )


def add_more(store: Store, contact: int) -> list[int]:
    """Store one more contact."""
    row = {
        "id": contact, "identifier": f"c{contact}", "email": f"c{contact}@example.org",
        "address_key": f"c{contact}@example.org", "attributes": {}, "created_at": START,
    }  # fmt: skip
    with store.write() as connection:
        connection.execute(contacts.insert().values(row))
    return [contact]


def test_crash_between_claim_and_release_loses_nothing_of_a_queue(store: Store, clock: ManualClock) -> None:
    """What was claimed comes back to its queue; what it was promised is free again."""
    add_rows(store, add_contacts(store, 30, address=lambda index: f"c{index}@gmail.com"))
    parts = make_parts(store, clock, MemoryProvider(), content=make_content(limits=[GMAIL]))
    drain(parts)
    clock.advance(3 * ONE)
    limited = parts.channels.limited(parts.content().project)
    assert [row.id for row in claim(store, clock, "dead", limited=limited).rows] == [3, 4]
    assert deliver_batch(parts).claimed == 0, "another worker does not count on the same room"
    clock.advance(timedelta(seconds=61))
    assert reconcile(store, clock).queued == 2
    drain(parts)
    drain(parts)
    assert states(store) == Counter(sent=4, queued=26)
    assert queues(store) == Counter({"gmail.com": 26})


def test_mail_that_was_not_begun_gains_nothing(store: Store, clock: ManualClock) -> None:
    """It goes back to its queue, and what it took is lost."""
    add_rows(store, add_contacts(store, 10, address=lambda index: f"c{index}@gmail.com"))
    parts = make_parts(
        store, clock, MemoryProvider(lambda mail: Outcome(mail.row, Ending.NOT_BEGUN)),
        content=make_content(limits=[GMAIL]),
    )  # fmt: skip
    for _ in range(3):
        deliver_batch(parts)
    assert queues(store) == Counter({"gmail.com": 10})
    assert Counter(row.fence for row in rows_of(store)) == {1: 2, 0: 8}


def test_warm_up_gives_each_day_of_the_project_its_number(store: Store, clock: ManualClock) -> None:
    """Marketing waits for the next day in Riyadh, 21:00 UTC; receipts count and go."""
    people = add_contacts(store, 20)
    add_rows(store, people)
    add_rows(store, people[:2], campaign="receipt", priority=90)
    warm_up = WarmUp("memory", date(2026, 11, 1), 4, 16, Duration.parse("3d"))
    parts = make_parts(store, clock, MemoryProvider(), content=make_content(warm_up=[warm_up]))
    drain(parts)
    assert states(store) == Counter(sent=4, queued=18)
    assert queues(store) == Counter({"the warm-up of memory": 18})
    clock.move_to(datetime.fromisoformat("2026-11-01T20:59:59Z"))
    drain(parts)
    assert states(store)["sent"] == 4
    clock.advance(timedelta(seconds=1))
    drain(parts)
    assert states(store) == Counter(sent=12, queued=10)
    clock.advance(timedelta(days=1))
    drain(parts)
    assert states(store) == Counter(sent=22)


def test_row_of_two_limits_waits_at_one_after_the_other(store: Store, clock: ManualClock) -> None:
    """The warm-up's day comes, Gmail's hour does not: it moves on, and never back."""
    add_rows(store, add_contacts(store, 40, address=at_gmail))
    warm_up = WarmUp("memory", date(2026, 11, 1), 4, 100, Duration.parse("2d"))
    content = make_content(warm_up=[warm_up], limits=[limit(10, "1d", "gmail.com")])
    parts = make_parts(store, clock, MemoryProvider(), content=content)
    drain(parts)
    assert queues(store) == Counter({"the warm-up of memory": 34, "gmail.com": 2})
    clock.advance(timedelta(hours=12))
    drain(parts)
    assert queues(store) == Counter({"gmail.com": 18})
    clock.advance(timedelta(days=3))
    while drain(parts) or queues(store):
        clock.advance(timedelta(hours=3))
    assert states(store) == Counter(sent=40)


def test_two_workers_keep_one_limit(store: Store, clock: ManualClock) -> None:
    """Eight lanes of two processes at once: what they send together is what one may; nobody waits in a circle."""
    add_rows(store, add_contacts(store, 300, address=at_gmail))
    limits = [limit(100, "1h", "gmail.com"), limit(1000, "1h", provider="memory")]
    workers = [
        make_parts(store, clock, MemoryProvider(), content=make_content(limits=limits), worker=f"w{number}")
        for number in range(2)
    ]
    failures: list[BaseException] = []

    def work(parts: Parts) -> None:
        try:
            for _ in range(6):
                drain(parts)
        except BaseException as error:  # noqa: BLE001 - seen by the test
            failures.append(error)

    threads = [Thread(target=work, args=(parts,)) for parts in workers * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for parts in workers:
        drain(parts)
    assert failures == []
    assert states(store) == Counter(sent=100, queued=200)
    domains = Counter(row.address.rpartition("@")[2].lower() for row in rows_of(store) if row.state == "sent")
    assert domains["gmail.com"] == 10
    assert domains["example.org"] == 90


def statements(store: Store, work: Callable[[], object]) -> list[str]:
    """Return the SQL that runs meanwhile."""
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(store.engine, "before_cursor_execute", note)
    return seen


def test_without_a_limit_nothing_more_is_asked(store: Store, clock: ManualClock) -> None:
    """No statement speaks of limits, and a batch takes as many as it always did."""
    add_rows(store, add_contacts(store, 60))
    parts = make_parts(store, clock, MemoryProvider())
    claiming = statements(
        store, lambda: claim(store, clock, "w", 20, limited=parts.channels.limited(parts.content().project))
    )
    assert len([line for line in claiming if not line.startswith("BEGIN")]) == 4
    seen = statements(store, lambda: deliver_batch(parts))
    assert not [line for line in seen if "sending_limits" in line or "messages JOIN contacts" in line]


def test_parked_rows_do_not_slow_the_claim(store: Store, clock: ManualClock) -> None:
    """Five thousand of them: as many statements as with five, each a step into an index that does not hold them."""
    content = make_content(limits=[GMAIL])

    def claiming(parked: int) -> int:
        with store.write() as connection:
            connection.execute(messages.delete())
            connection.execute(contacts.delete())
            connection.execute(sending_limits.delete())
        people = add_contacts(store, parked + 12, address=lambda n: f"c{n}@{'example.org' if n < 11 else 'gmail.com'}")
        add_rows(store, people[10:])
        parts = make_parts(store, clock, MemoryProvider(), content=content)
        drain(parts)
        assert queues(store) == Counter({"gmail.com": parked})
        add_rows(store, people[:10])
        limited = parts.channels.limited(content.project)
        found: list[int] = []
        seen = statements(store, lambda: found.extend(row.id for row in claim(store, clock, "w", limited=limited).rows))
        assert len(found) == 10
        return len(seen)

    assert claiming(5000) == claiming(5)
    with store.write() as connection:
        if store.is_sqlite:
            connection.exec_driver_sql("ANALYZE")
    assert "messages_due" in plan_of(store, WAITING, messages.c.priority == 50, messages.c.due_at <= START)
    assert "messages_parked" in plan_of(store, PARKED, messages.c.queue == "gmail.com", messages.c.priority == 50)
    assert "messages_parked_late" in plan_of(store, PARKED, messages.c.deadline_at < START)


def plan_of(store: Store, *where: Any) -> str:
    """Return how the database finds such rows."""
    query = select(messages.c.id).where(*where).limit(1)
    with store.write() as connection:
        if not store.is_sqlite:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        sql = query.compile(connection, compile_kwargs={"literal_binds": True})
        explain = "EXPLAIN QUERY PLAN " if store.is_sqlite else "EXPLAIN "
        return "\n".join(str(row) for row in connection.exec_driver_sql(explain + str(sql)))


class Timed(MemoryProvider):
    """Remembers when each mail began."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(self._began)
        self.clock = clock
        self.began: list[tuple[datetime, str, int]] = []

    def _began(self, mail: Outgoing) -> None:
        self.began.append((self.clock.now(), mail.recipient.rpartition("@")[2], mail.row))


@settings(max_examples=30)
@given(
    st.integers(1, 30), st.integers(1, 40), st.sampled_from(["10s", "1m", "1h"]),
    st.lists(st.tuples(st.integers(0, 2), st.floats(0, 0.5), st.booleans()), max_size=25),
)  # fmt: skip
def test_no_window_has_more_than_its_limit_whoever_sends(
    gmail: int, provider: int, per: str, turns: Sequence[tuple[int, float, bool]]
) -> None:
    """Three workers on one ledger, with pauses as they come, receipts in between: strictly, at each instant."""
    store, clock = fresh(), ManualClock(START)
    people = add_contacts(store, 60, address=at_gmail)
    add_rows(store, people)
    content = make_content(limits=[limit(gmail, per, "gmail.com"), limit(provider, per, provider="memory")])
    sink = Timed(clock)
    workers = [make_parts(store, clock, sink, content=content, worker=f"w{number}") for number in range(3)]
    length = timedelta(seconds=Duration.parse(per).seconds)
    receipts = iter(people)
    for worker, pause_share, has_receipt in turns:
        if has_receipt:
            add_rows(store, [next(receipts)], campaign="receipt", priority=90)
        drain(workers[worker])
        clock.advance(length * pause_share)
    kinds = {row.id: row.kind for row in rows_of(store)}
    for at, domain, row in sink.began:
        before = [one for one in sink.began if at - length < one[0] <= at]
        assert len(before) <= provider
        if domain == "gmail.com" and kinds[row] == "marketing":
            until = sink.began.index((at, domain, row)) + 1
            assert sum(one[1] == domain for one in sink.began[:until] if at - length < one[0]) <= gmail


@pytest.mark.parametrize("address", ["c1@GMAIL.COM", "c1@googlemail.com", "c1@بريد.example", "c1@xn--ngbof4h.example"])
def test_domain_is_compared_as_domains_are(store: Store, clock: ManualClock, address: str) -> None:
    """Capitals, the second domain of a list, and an international name in both spellings."""
    domain = address.rpartition("@")[2] if "example" in address else "gmail.com"
    written = "بريد.example" if "example" in domain else domain
    people = add_contacts(store, 3, address=lambda index: address.replace("c1", f"c{index}"))
    add_rows(store, people)
    content = make_content(limits=[limit(2, "1h", written, "googlemail.com")])
    parts = make_parts(store, clock, MemoryProvider(), content=content)
    drain(parts)
    assert states(store) == Counter(sent=1, queued=2)


def test_nothing_is_parked_for_a_content_without_limits(store: Store, clock: ManualClock) -> None:
    """Freeing finds nothing and asks one question; a limit in force keeps its queue."""
    add_rows(store, add_contacts(store, 4, address=lambda index: f"c{index}@gmail.com"))
    content: Content = make_content(limits=[GMAIL])
    parts = make_parts(store, clock, MemoryProvider(), content=content)
    drain(parts)
    assert free_parked(store, clock.now(), {"gmail.com"}) == 0
    assert queues(store) == Counter({"gmail.com": 2})
    limiting = parts.channels.limiting(content.project)
    assert limiting is not None
    with store.read() as connection:
        assert not has_parked(connection, clock.now(), limiting)
        assert list(due_priorities(connection, clock.now())) == []
