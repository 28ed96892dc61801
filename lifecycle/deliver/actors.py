"""The queue: brokers, and the two actors. Nothing else in the engine knows what Dramatiq is.

A message is a hint: "look at this lane". It carries a lane's number and no work, so losing every message, getting one
twice or getting them late is harmless; the scheduler asks the database again in a moment.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.common import current_millis
from dramatiq.errors import DramatiqError
from dramatiq.middleware import Middleware, Retries, ShutdownNotifications, SkipMessage, TimeLimit
from redis.exceptions import RedisError

from lifecycle.base.clock import Clock
from lifecycle.base.errors import SettingsError

log = logging.getLogger("lifecycle.deliver")

#: Queues and actors, by the kind of lane.
DELIVER, ADVANCE = "deliver_lane", "advance_lane"
#: A hint older than this says nothing that a newer one does not.
HINT_MAX_AGE_MS = 10_000
#: An actor is interrupted after that long: more than the longest wait for one server (600 s) and its neighbours.
TIME_LIMIT_MS = 30 * 60 * 1000
#: A lane is hinted at again after that many seconds, if there still is work.
HINT_AGAIN_S = 0.5
#: Hints that failed, kept for people to look at.
DEAD_LETTERS = 100


class DropOldHints(Middleware):
    """Skips hints that waited too long, so that a queue never holds more than a moment's worth."""

    def before_process_message(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        """Skip the message when it is old."""
        del broker
        if current_millis() - message.message_timestamp > HINT_MAX_AGE_MS:
            raise SkipMessage("an old hint")


def make_broker(url: str | None) -> dramatiq.Broker:
    """Return the broker: in this process for None, else redis:// or amqp://. Raises SettingsError."""
    middleware: list[Middleware] = [
        DropOldHints(), TimeLimit(time_limit=TIME_LIMIT_MS), ShutdownNotifications(), Retries(max_retries=0),
    ]  # fmt: skip
    scheme = url.partition("://")[0] if url else ""
    if url is None:
        broker = StubBroker(middleware=middleware, fail_fast_default=False)
        # the stub keeps every failed message for ever; a process that runs for months must not
        dead: Any = defaultdict(lambda: deque(maxlen=DEAD_LETTERS))
        broker.dead_letters_by_queue = dead
        return broker
    if scheme in {"redis", "rediss", "unix"}:
        return RedisBroker(url=url, middleware=middleware, dead_message_ttl=3_600_000)  # type: ignore[no-untyped-call]
    if scheme in {"amqp", "amqps"}:
        try:
            from dramatiq.brokers.rabbitmq import RabbitmqBroker
        except ImportError as error:
            raise SettingsError("RabbitMQ needs the package pika", hint="pip install pika") from error
        return RabbitmqBroker(url=url, middleware=middleware)
    raise SettingsError(
        f'LIFECYCLE_BROKER_URL: no such broker: "{scheme}"', hint="redis://HOST:6379/0, or nothing at all"
    )


class Lanes:
    """Which lanes this process is working on: a second hint for one of them has nothing to do."""

    def __init__(self) -> None:
        self._busy: set[tuple[str, int]] = set()
        self._lock = threading.Lock()

    @contextmanager
    def alone(self, kind: str, lane: int) -> Iterator[bool]:
        """Yield whether the lane is ours now."""
        with self._lock:
            mine = (kind, lane) not in self._busy
            if mine:
                self._busy.add((kind, lane))
        try:
            yield mine
        finally:
            if mine:
                with self._lock:
                    self._busy.discard((kind, lane))

    def is_busy(self, kind: str, lane: int) -> bool:
        """Say whether this process works on the lane."""
        with self._lock:
            return (kind, lane) in self._busy


def declare_actors(
    broker: dramatiq.Broker, *, deliver: Callable[[], object], advance: Callable[[], object], lanes: Lanes | None = None
) -> None:
    """Declare `deliver_lane` and `advance_lane` on the broker; each calls its plain function.

    What they raise is logged, and tried again at the next hint.
    """
    known = lanes if lanes is not None else Lanes()
    for name, work in ((DELIVER, deliver), (ADVANCE, advance)):
        _declare(broker, name, work, known)


def _declare(broker: dramatiq.Broker, name: str, work: Callable[[], object], lanes: Lanes) -> None:
    def run(lane: int) -> None:
        with lanes.alone(name, lane) as mine:
            if mine:
                work()

    run.__name__ = name
    declared = dramatiq.actor(broker=broker, actor_name=name, queue_name=name, max_retries=0, time_limit=TIME_LIMIT_MS)
    declared(run)


class Hints:
    """Sends hints, not more often than they can do good. Not thread-safe: the scheduler has it to itself."""

    def __init__(self, broker: dramatiq.Broker, clock: Clock, lanes: Lanes | None = None) -> None:
        self._broker = broker
        self._clock = clock
        self._lanes = lanes or Lanes()
        self._last: dict[tuple[str, int], float] = {}
        self._reachable = True

    def send(self, kind: str, lane: int) -> bool:
        """Hint at a lane; False when it was not needed, or when the broker is away (it is asked again next time)."""
        now = self._clock.monotonic()
        if self._lanes.is_busy(kind, lane) or now - self._last.get((kind, lane), float("-inf")) < HINT_AGAIN_S:
            return False
        try:
            self._broker.get_actor(kind).send(lane)
        except (DramatiqError, RedisError, OSError) as error:
            if self._reachable:  # once, not at each tick
                log.error("the broker is away, work waits in the database: %s", error)  # noqa: TRY400 - no traceback
            self._reachable = False
            return False
        if not self._reachable:
            log.info("the broker is back")
        self._reachable = True
        self._last[kind, lane] = now
        return True


def start_workers(broker: dramatiq.Broker, threads: int, *, poll_ms: int = 100) -> dramatiq.Worker:
    """Start worker threads in this process. `stop()` them, and `broker.close()`, at the end.

    `poll_ms` is how often finished hints are acknowledged: `drain` takes as long.
    """
    worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=poll_ms)
    worker.start()
    return worker


def drain(broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
    """Wait until every hint that was given has been worked off; for the broker in this process alone."""
    if isinstance(broker, StubBroker):
        for queue in list(broker.queues):
            broker.join(queue, fail_fast=False)
        worker.join()
