"""Processes of a simulated world: they move only while the world lets them, and die at any point as by `kill -9`.

Each lane of a process is a real thread, so that what runs is the real `deliver_batch`; but only one thread moves at a
time, with the baton that the world hands it, and gives it back at its next point. So a seed is a world, every time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from lifecycle.base.clock import Clock
from lifecycle.base.errors import StoreError
from lifecycle.deliver.outbox import Batch, renew
from lifecycle.store.engine import Store

if TYPE_CHECKING:
    from simulated import World

#: What the operating system gives a process for `finally`, when it is killed: nothing. The handle refuses, too.


class Crash(BaseException):
    """The process is dead; nothing that it still does may have an effect."""


class Lane:
    """One thread of a process."""

    def __init__(self, process: Process, name: str, work: Callable[[], object]) -> None:
        self.process = process
        self.name = name
        self.work = work
        self.over = False
        #: asleep until that second of the world
        self.until = 0.0
        self._mine, self._worlds = threading.Lock(), threading.Lock()
        self._mine.acquire()
        self._worlds.acquire()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def resume(self) -> None:
        """Let it move to its next point; the world waits meanwhile."""
        self._mine.release()
        self._worlds.acquire()
        if self.over:
            self._thread.join()

    def pause(self, seconds: float = 0.0) -> None:
        """Give the baton back; called by the lane itself. Raises Crash when its process was killed meanwhile."""
        self.until = self.process.world.second + seconds
        self._worlds.release()
        self._mine.acquire()
        if self.process.dead:
            raise Crash

    def _run(self) -> None:
        self._mine.acquire()
        try:
            if not self.process.dead:
                self.work()
        except Crash:
            self.process.dead = True
        except StoreError as error:
            self.process.world.note(self.name, f"gives up: {error.message}")
        except Exception as error:  # noqa: BLE001 - whatever it is, the world must go on, and say so
            self.process.world.wrong.append(f"raised: {self.name} raised {error!r}")
        finally:
            self.over = True
            self._worlds.release()


class Skewed:
    """A machine's clocks: the wall clock is `skew` off, and may jump both ways; the other one is right."""

    def __init__(self, clock: Clock, skew: timedelta) -> None:
        self._clock = clock
        self.skew = skew

    def now(self) -> datetime:
        """Return what this machine takes for the instant."""
        return self._clock.now() + self.skew

    def monotonic(self) -> float:
        """Return the seconds since the beginning."""
        return self._clock.monotonic()


class Process:
    """One process of the engine: a worker or a scheduler. `stopped` is SIGSTOP, until that second."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.dead = False
        self.stopped = 0.0
        self.lanes: list[Lane] = []
        self.beats: dict[int, Beat] = {}
        #: of each row, the fence under which this process released it last
        self.fences: dict[int, int] = {}
        self.handle = Handle(world.store, self)
        self.clock = Skewed(world.clock, world.skew())
        self._started = 0

    def start(self, work: Callable[[], object]) -> None:
        """Start a lane."""
        self._started += 1
        self.lanes.append(Lane(self, f"{self.name}.{self._started}", work))

    @property
    def lane(self) -> Lane | None:
        """Return the lane that moves, None when it is the world that does."""
        return next((lane for lane in self.lanes if lane._thread is threading.current_thread()), None)

    def at(self, point: str, seconds: float = 0.0) -> None:
        """Reach a point at which the world may do anything, `seconds` long. Raises Crash."""
        lane = self.lane
        if lane is not None:
            self.world.at(lane, point)
            lane.pause(seconds)
        if self.dead:
            raise Crash

    def die(self, why: str) -> None:
        """Kill it from inside."""
        self.world.note(self.name, f"dies {why}")
        self.dead = True
        raise Crash

    def bury(self) -> None:
        """Kill it from outside: each lane unwinds, and reaches nothing any more."""
        self.dead = True
        for lane in self.lanes:
            while not lane.over:
                lane.resume()


class Handle(Store):
    """A process's way to the database: slow, away, or cut in any transaction, as the world wants."""

    def __init__(self, inner: Store, process: Process) -> None:
        self.url, self.engine = inner.url, inner.engine
        self._inner = inner
        self._process = process

    @contextmanager
    def write(self, *, settled: bool = True) -> Iterator[Connection]:
        """Yield a transaction that may be cut short, or whose commit may go unanswered."""
        process, world = self._process, self._process.world
        self._reach("writes")
        with self._inner.write(settled=settled) as connection:
            yield connection
            if world.strikes("die_inside"):
                process.die("before a commit")
            if world.strikes("cut"):
                world.note(process.name, "loses the database before a commit")
                raise StoreError("cut")
        world.note(process.name, "committed")
        lane = process.lane
        if lane is not None and world.strikes("unanswered"):
            world.note(process.name, "hears nothing of its commit")
            raise StoreError("no answer to a commit")
        process.at("committed")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a snapshot."""
        self._reach("reads")
        with self._inner.read() as connection:
            yield connection

    def _reach(self, what: str) -> None:
        process, world = self._process, self._process.world
        process.at(what)
        if world.second < world.away_until:
            world.note(process.name, "finds no database")
            process.at("waits for the database", 2.0)
            raise StoreError("the database is away")


class Beat:
    """The heartbeat of a batch, which beats when the world's time passes, in place of a thread of its own."""

    def __init__(self, store: Store, batch: Batch) -> None:
        assert isinstance(store, Handle)
        self._store, self._batch = store, batch
        self._process = store._process
        self._next = self._process.world.second + batch.lease.seconds / 3

    def __enter__(self) -> None:
        self._process.beats[id(self)] = self

    def __exit__(self, *_error: object) -> None:
        self._process.beats.pop(id(self), None)

    def beat(self) -> None:
        """Renew the lease when a third of it is over, as the thread does."""
        world = self._process.world
        if world.second < self._next:
            return
        self._next = world.second + self._batch.lease.seconds / 3
        if world.second < world.away_until:
            return
        if not renew(self._store._inner, self._batch):
            world.note(self._process.name, "lost its lease")
            self._next = float("inf")
