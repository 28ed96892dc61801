"""The queue: two actors, and the hints that wake them. Beside the brokers, nothing else knows what Dramatiq is.

A message is a hint: "look at this lane". It carries a lane's number and no work, so losing every message, getting one
twice or getting them late is harmless; the scheduler asks the database again in a moment.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dramatiq
from dramatiq.brokers.stub import StubBroker
from dramatiq.errors import DramatiqError
from redis.exceptions import RedisError

from lifecycle.base.clock import Clock
from lifecycle.base.errors import LifecycleError
from lifecycle.deliver.brokers import TIME_LIMIT_MS, OnceInAWhile

log = logging.getLogger("lifecycle.deliver")

#: Queues and actors, by the kind of lane.
DELIVER, ADVANCE = "deliver_lane", "advance_lane"
#: A lane is hinted at again after that many seconds, if there still is work.
HINT_AGAIN_S = 0.5
#: A broker that is away is left alone for that many seconds: each try may wait for its answer.
AWAY_S = 2.0


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

    What they raise is logged, and tried again at the next hint: a failed one is of no use to anybody, so none is kept.
    """
    known = lanes if lanes is not None else Lanes()
    for name, work in ((DELIVER, deliver), (ADVANCE, advance)):
        _declare(broker, name, work, known)


def _declare(broker: dramatiq.Broker, name: str, work: Callable[[], object], lanes: Lanes) -> None:
    def run(lane: int) -> None:
        with lanes.alone(name, lane) as mine:
            if not mine:
                return
            try:
                work()
            except LifecycleError as error:
                log.error("%s: %s", name, error.message)  # noqa: TRY400 - a person reads this
            except Exception:
                log.exception("%s failed; the next hint tries again", name)

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
        self._away_to = float("-inf")

    def send(self, kind: str, lane: int) -> bool:
        """Hint at a lane; False when it was not needed, or when the broker is away (it is asked again in a moment)."""
        now = self._clock.monotonic()
        if (
            now < self._away_to
            or self._lanes.is_busy(kind, lane)
            or now - self._last.get((kind, lane), float("-inf")) < HINT_AGAIN_S
        ):
            return False
        try:
            self._broker.get_actor(kind).send(lane)
        except (DramatiqError, RedisError, OSError) as error:
            if self._reachable:  # once, not at each tick
                log.error("the broker is away, work waits in the database: %s", error)  # noqa: TRY400 - no traceback
            self._reachable = False
            self._away_to = self._clock.monotonic() + AWAY_S
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
    sparing = OnceInAWhile()
    for consumer in worker.consumers.values():
        consumer.logger.addFilter(sparing)
    for thread in worker.workers:
        thread.logger.addFilter(sparing)
    return worker


def drain(broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
    """Wait until every hint that was given has been worked off; for the broker in this process alone."""
    if isinstance(broker, StubBroker):
        for queue in list(broker.queues):
            broker.join(queue, fail_fast=False)
        worker.join()
