"""One suite over every broker, with a real server behind it: hints, and nothing but hints."""

from __future__ import annotations

import gc
import logging
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker
from dramatiq.common import current_millis
from dramatiq.worker import Worker

from ledger import START, add_contacts, add_rows, make_parts, states
from lifecycle.base.clock import ManualClock
from lifecycle.base.errors import StoreError
from lifecycle.deliver.actors import ADVANCE, AWAY_S, DELIVER, Hints, Lanes, declare_actors, start_workers
from lifecycle.deliver.brokers import HINT_MAX_AGE_MS, MOST_HINTS, BoundedRedisBroker, make_broker
from lifecycle.deliver.reach import check_broker
from lifecycle.deliver.scheduler import Scheduler
from lifecycle.deliver.send import drain
from lifecycle.providers.memory import MemoryProvider
from lifecycle.store.engine import Store
from rabbitmq import MISSING, RabbitMq
from terminal import eventually
from valkey import Valkey

_REDIS = pytest.param(Valkey, id="redis")
_RABBITMQ = pytest.param(
    RabbitMq, id="rabbitmq", marks=[pytest.mark.rabbitmq, pytest.mark.skipif(bool(MISSING), reason=MISSING)]
)
#: Brokers that are servers: they can be away.
servers = pytest.mark.parametrize("server", [_REDIS, _RABBITMQ], indirect=True)
#: What goes through a broker does not depend on the database.
any_store = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
#: pika leaves the sockets of a connection that was cut off to the garbage collector.
leaves_sockets = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(scope="module", params=[pytest.param(None, id="embedded"), _REDIS, _RABBITMQ])
def server(request: Any) -> Iterator[Any]:
    """Yield each server in turn, one for all its tests; None for the broker in this process."""
    made = request.param() if request.param else None
    yield made
    if made is not None:
        made.close()


@pytest.fixture
def broker(server: Any) -> Iterator[dramatiq.Broker]:
    """Yield the broker, empty, with the server up."""
    if server is not None:
        server.start()
    with opened(server) as made:
        declare_actors(made, deliver=lambda: None, advance=lambda: None)
        made.flush_all()
    with opened(server) as made:
        yield made


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let consumers look for their broker again at once, not after three seconds."""
    monkeypatch.setattr("dramatiq.worker.CONSUMER_RESTART_DELAY_SECS", 0.1)


@contextmanager
def opened(server: Any) -> Iterator[dramatiq.Broker]:
    """Yield a broker of a process of its own."""
    made = make_broker(server.url if server is not None else None)
    yield made
    made.close()


@contextmanager
def working(broker: dramatiq.Broker, threads: int = 2) -> Iterator[Worker]:
    """Let worker threads run."""
    worker = start_workers(broker, threads, poll_ms=20)
    try:
        yield worker
    finally:
        worker.stop()


def waiting(broker: dramatiq.Broker, queue: str = DELIVER) -> tuple[int, int]:
    """Return how many hints wait in the queue, and how many that failed are kept."""
    if isinstance(broker, StubBroker):
        return broker.queues[queue].qsize(), len(broker.dead_letters)
    if isinstance(broker, BoundedRedisBroker):
        return broker.client.llen(f"dramatiq:{queue}"), broker.client.zcard(f"dramatiq:{queue}.XQ")
    ready, _, dead = broker.get_queue_message_counts(queue)  # type: ignore[attr-defined]
    return ready, dead


def test_hint_wakes_a_lane(broker: dramatiq.Broker, clock: ManualClock) -> None:
    """A hint reaches the worker threads, which call the plain function of its kind."""
    called: list[str] = []
    done = threading.Event()

    def deliver() -> None:
        called.append("deliver")
        done.set()

    declare_actors(broker, deliver=deliver, advance=lambda: called.append("advance"))
    with working(broker):
        assert Hints(broker, clock).send(DELIVER, 0)
        assert done.wait(10)
    assert called == ["deliver"]


@any_store
def test_mails_leave_through_the_queue(store: Store, clock: ManualClock, broker: dramatiq.Broker) -> None:
    """Scheduler, broker, workers, ledger: 300 mails, each once, over two lanes."""
    add_rows(store, add_contacts(store, 300))
    provider = MemoryProvider()
    parts = make_parts(store, clock, provider)
    lanes = Lanes()
    declare_actors(broker, deliver=lambda: drain(parts), advance=lambda: None, lanes=lanes)
    scheduler = Scheduler(parts, Hints(broker, clock, lanes))
    with working(broker):
        scheduler.tick()
        eventually(lambda: states(store) == Counter(sent=300))
    assert Counter(Counter(mail.row for mail in provider.accepted).values()) == {1: 300}


@any_store
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
    with working(broker, 1):
        eventually(lambda: states(store) == Counter(sent=10))


def test_two_hints_of_a_lane_are_one_turn(broker: dramatiq.Broker) -> None:
    """While a lane is worked on, the hints for it have nothing to do, and another lane goes on beside it."""
    began: list[str] = []
    go = threading.Event()
    both = threading.Event()

    def deliver() -> None:
        began.append(threading.current_thread().name)
        if len(began) == 2:
            both.set()
        go.wait(20)

    done = threading.Event()
    declare_actors(broker, deliver=deliver, advance=done.set)
    hint = broker.get_actor(DELIVER).send
    with working(broker, 4):
        hint(0)
        eventually(lambda: began)
        for _ in range(5):
            hint(0)
        hint(1)
        assert both.wait(10)
        broker.get_actor(ADVANCE).send(0)
        assert done.wait(10), "hints for a busy lane keep no thread"
        eventually(lambda: waiting(broker)[0] == 0)
        go.set()
    assert len(set(began)) == len(began) == 2


def test_old_hints_are_skipped(broker: dramatiq.Broker) -> None:
    """What has waited for longer than ten seconds says nothing new: only the fresh hint is worked off."""
    called: list[int] = []
    done = threading.Event()
    declare_actors(broker, deliver=lambda: called.append(1), advance=done.set)
    old = current_millis() - HINT_MAX_AGE_MS - 1
    for _ in range(3):
        broker.enqueue(broker.get_actor(DELIVER).message(0).copy(message_timestamp=old))
    broker.enqueue(broker.get_actor(ADVANCE).message(0))
    with working(broker, 1):
        assert done.wait(10)
        eventually(lambda: waiting(broker) == (0, 0))
    assert called == []


@pytest.mark.parametrize("error", [StoreError("the database is away"), ZeroDivisionError("a bug")])
def test_hint_that_fails_stops_no_worker(
    broker: dramatiq.Broker, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a lane raises is said, the next hint works, and no queue keeps what failed."""
    called: list[int] = []

    def deliver() -> None:
        called.append(1)
        if len(called) <= 3:
            raise error

    declare_actors(broker, deliver=deliver, advance=lambda: None)
    with working(broker, 1):
        for number in range(1, 5):
            broker.get_actor(DELIVER).send(0)
            eventually(partial(lambda number: len(called) == number, number))
        eventually(lambda: waiting(broker) == (0, 0))
    said = [record for record in caplog.records if record.name == "lifecycle.deliver"]
    assert len(said) == 3
    assert all(bool(record.exc_info) == isinstance(error, ZeroDivisionError) for record in said)


@servers
def test_hints_without_a_worker_do_not_pile_up(server: Any, broker: dramatiq.Broker, clock: ManualClock) -> None:
    """Minutes of due work and nobody there: a hundred hints wait, not thousands; then a worker wakes at a fresh one."""
    done = threading.Event()
    declare_actors(broker, deliver=done.set, advance=lambda: None)
    hints = Hints(broker, clock)
    for _ in range(MOST_HINTS + 50):
        hints.send(DELIVER, 0)
        hints.send(DELIVER, 1)
        clock.advance(timedelta(seconds=0.5))
    assert 0 < waiting(broker)[0] <= MOST_HINTS
    with working(broker):
        assert done.wait(10)


@pytest.mark.parametrize("server", [_RABBITMQ], indirect=True)
def test_hint_for_a_queue_that_somebody_deleted_makes_it_anew(
    server: Any, broker: dramatiq.Broker, clock: ManualClock
) -> None:
    """The scheduler does not talk into the void until a worker comes by."""
    declare_actors(broker, deliver=lambda: None, advance=lambda: None)
    hints = Hints(broker, clock)
    assert hints.send(DELIVER, 0)
    with opened(server) as other:
        other.channel.queue_delete(DELIVER)  # type: ignore[attr-defined]
    assert hints.send(DELIVER, 1)
    assert waiting(broker)[0] == 1


@servers
@any_store
@leaves_sockets
def test_broker_that_comes_back_empty_goes_on_in_the_same_processes(
    server: Any, broker: dramatiq.Broker, store: Store, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Killed while both sides are connected: said once, work waits in the database, and leaves when it is back."""
    caplog.set_level(logging.INFO, "lifecycle.deliver")
    people = add_contacts(store, 20)
    add_rows(store, people)
    parts = make_parts(store, clock, MemoryProvider())
    with opened(server) as theirs, working_on(theirs, lambda: drain(parts)):
        declare_actors(broker, deliver=lambda: None, advance=lambda: None)
        scheduler = Scheduler(parts, Hints(broker, clock))
        scheduler.tick()
        eventually(lambda: states(store) == Counter(sent=20))
        server.kill()
        add_rows(store, people, occurrence="2")
        for _ in range(5):
            clock.advance(timedelta(seconds=AWAY_S))
            scheduler.tick()
        assert states(store) == Counter(sent=20, queued=20)
        assert [
            record.message.partition(":")[0] for record in caplog.records if record.name == "lifecycle.deliver"
        ] == ["the broker is away, work waits in the database"]
        server.start()

        def again() -> bool:
            clock.advance(timedelta(seconds=AWAY_S))
            scheduler.tick()
            return states(store) == Counter(sent=40)

        eventually(again)
    said = [record.message for record in caplog.records if record.name == "lifecycle.deliver"]
    assert said[1:] == ["the broker is back"]
    gc.collect()


@servers
@leaves_sockets
def test_stopping_does_not_wait_for_a_broker_that_is_away(server: Any, broker: dramatiq.Broker) -> None:
    """Both the worker's threads and the connections end."""
    done = threading.Event()
    declare_actors(broker, deliver=done.set, advance=lambda: None)
    with working(broker):
        broker.get_actor(DELIVER).send(0)
        assert done.wait(10)
        assert check_broker(server.url).endswith("answers")
        server.kill()
    broker.close()
    assert [thread for thread in threading.enumerate() if type(thread).__module__ == "dramatiq.worker"] == []
    gc.collect()


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
@leaves_sockets
def test_server_that_says_nothing_counts_as_away(
    scheme: str, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes the connection and never answers: the scheduler goes on, in a moment."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = f"{scheme}://127.0.0.1:{mute.getsockname()[1]}/?socket_timeout=0.1"
        broker = make_broker(f"{url}&stack_timeout=0.2" if scheme == "amqp" else url)
        declare_actors(broker, deliver=lambda: None, advance=lambda: None)
        assert Hints(broker, clock).send(DELIVER, 0) is False
        broker.close()
        assert "the broker is away" in caplog.text
    gc.collect()


@contextmanager
def working_on(broker: dramatiq.Broker, deliver: Callable[[], object]) -> Iterator[None]:
    """Let worker threads deliver, on a broker of their own."""
    declare_actors(broker, deliver=deliver, advance=lambda: None)
    with working(broker):
        yield
