"""Opens and clicks from many requests at once, committed together, each answered after its commit.

One thread writes. While it commits, the next batch gathers; so a lone hit is not held up, and a rush costs one
transaction for some hundred hits instead of one for each.
"""

from __future__ import annotations

import asyncio
import logging
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import TypeAlias

from lifecycle.base.errors import StoreError
from lifecycle.engagement.hits import Sighting, record
from lifecycle.engagement.targets import Targets
from lifecycle.store.engine import Store

log = logging.getLogger("lifecycle.engagement")

#: Hits in one transaction: bounds its time, and the bound parameters of one statement.
MOST_AT_ONCE = 500
#: Hits that may wait for the database; past that a hit is refused rather than memory filled.
MOST_WAITING = 20_000

_Waiting: TypeAlias = tuple[Sighting, "asyncio.Future[str | None]"]
_Outcome: TypeAlias = "str | Exception | None"


class Recorder:
    """Writes hits in groups. The thread starts with the first hit and ends with `stop`, when all are written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._targets = Targets()
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._lock = Lock()
        #: transactions and hits so far, for /metrics
        self.batches = 0
        self.hits = 0

    @property
    def waiting(self) -> int:
        """Return how many hits wait for their commit."""
        return self._queue.qsize()

    async def record(self, sighting: Sighting) -> str | None:
        """Return as `hits.record` does, once the hit is committed. Raises StoreError when it could not be."""
        if self._thread is None:
            self._start()
        if self._queue.qsize() >= MOST_WAITING:
            raise StoreError("too many hits wait for the database", hint="see `lifecycle doctor`")
        future: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._queue.put((sighting, future))
        return await future

    def stop(self) -> None:
        """Write what waits, then end the thread."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="hits", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        going = True
        while going:
            batch: list[_Waiting] = []
            item = self._queue.get()
            while item is not None:
                batch.append(item)
                if len(batch) == MOST_AT_ONCE:
                    break
                try:
                    item = self._queue.get_nowait()
                except Empty:
                    break
            else:
                going = False
            if batch:
                _settle(batch, self._write([sighting for sighting, _ in batch]))

    def _write(self, sightings: list[Sighting]) -> list[_Outcome]:
        try:
            with self._store.write() as connection:
                answers: list[_Outcome] = list(record(connection, sightings, self._targets))
        except StoreError as error:
            log.error("hits not recorded: %s", error)  # noqa: TRY400 - a full disk needs no traceback
            return [error] * len(sightings)
        except Exception as error:
            log.exception("hits not recorded")
            if len(sightings) == 1:
                return [error]
            # one hit that the database will not take must not take its neighbours down
            return [outcome for sighting in sightings for outcome in self._write([sighting])]
        self.batches += 1
        self.hits += len(sightings)
        return answers


def _settle(batch: list[_Waiting], outcomes: list[_Outcome]) -> None:
    """Answer the requests, with one wake-up of the loop for all of them."""

    def finish() -> None:
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():  # the client went away; the hit is recorded all the same
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    try:
        batch[0][1].get_loop().call_soon_threadsafe(finish)
    except RuntimeError:
        log.info("the server stopped before %d answers; the hits are recorded", len(batch))
