"""Opens and clicks from many requests at once, committed together, each answered after its commit.

One batch is written at a time, in a thread of its own; hits that come meanwhile make the next. A lone hit is not held
up; under a rush the next batch is let grow for some milliseconds, since a transaction costs as much as fifty hits do.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeAlias

from lifecycle.base.errors import StoreError
from lifecycle.engagement.hits import Sighting, record
from lifecycle.engagement.targets import Targets
from lifecycle.store.engine import Store

log = logging.getLogger("lifecycle.engagement")

#: Hits in one transaction: bounds its time.
MOST_AT_ONCE = 1000
#: Hits that may wait for the database; past that a hit is refused rather than memory filled.
MOST_WAITING = 20_000
#: A batch of so many means a rush: then the next one may grow for so long.
RUSH, LINGER_S = 16, 0.004

_Outcome: TypeAlias = "str | Exception | None"


class Recorder:
    """Writes hits in groups. All but the writing happens on the event loop that first calls `record`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._targets = Targets()
        self._waiting: dict[asyncio.Future[str | None], Sighting] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._writer = ThreadPoolExecutor(1, "hits")
        #: transactions and hits so far, for /metrics
        self.batches = 0
        self.hits = 0

    @property
    def waiting(self) -> int:
        """Return how many hits wait for their commit."""
        return len(self._waiting)

    async def record(self, sighting: Sighting) -> str | None:
        """Return as `hits.record` does, once the hit is committed. Raises StoreError when it could not be."""
        if len(self._waiting) >= MOST_WAITING:
            raise StoreError("too many hits wait for the database", hint="see `lifecycle doctor`")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str | None] = loop.create_future()
        self._waiting[future] = sighting
        if self._idle.is_set():
            self._idle.clear()
            loop.call_soon(self._hand_over, loop)
        return await future

    async def stop(self) -> None:
        """Write what waits, then end the thread."""
        await self._idle.wait()
        self._writer.shutdown()

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        batch = list(islice(self._waiting.items(), MOST_AT_ONCE))
        for future, _ in batch:
            del self._waiting[future]
        writing = loop.run_in_executor(self._writer, self._write, [sighting for _, sighting in batch])
        writing.add_done_callback(lambda done: self._settle(loop, [future for future, _ in batch], done.result()))

    def _settle(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: Sequence[asyncio.Future[str | None]],
        outcomes: Sequence[_Outcome],
    ) -> None:
        for future, outcome in zip(batch, outcomes, strict=True):
            if future.done():  # the client went away; the hit is recorded all the same
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        if len(batch) >= RUSH:
            loop.call_later(LINGER_S, self._go_on, loop)
        else:
            self._go_on(loop)

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting:
            self._hand_over(loop)
        else:
            self._idle.set()

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
