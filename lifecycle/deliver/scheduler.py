"""The loop that asks the database what is due and hints at it. Two of them do no more harm than one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from lifecycle.base.errors import LifecycleError
from lifecycle.deliver.feedback import take_waiting
from lifecycle.deliver.parking import free_parked, has_parked
from lifecycle.deliver.parts import Parts
from lifecycle.deliver.picking import due_priorities
from lifecycle.deliver.reconcile import reconcile
from lifecycle.journey.advance import due_contacts

log = logging.getLogger("lifecycle.deliver")

#: Seconds between two looks at the database.
TICK_S = 0.2
#: Seconds between two looks for what crashed workers left behind.
RECONCILE_S = 5.0


class Hinting(Protocol):
    """What the scheduler tells about due work."""

    def send(self, kind: str, lane: int) -> bool:
        """Hint at a lane of a kind."""
        ...


class Scheduler:
    """Looks for due mails and due contacts.

    `chores` run at every tick (broadcasts that come due, …); one that returns True has more to do at once.
    """

    def __init__(
        self,
        parts: Parts,
        hints: Hinting,
        *,
        deliver_lanes: int = 2,
        advance_lanes: int = 1,
        chores: Sequence[Callable[[], object]] = (),
    ) -> None:
        self._parts = parts
        self._hints = hints
        self._lanes = {"deliver_lane": deliver_lanes, "advance_lane": advance_lanes}
        self._chores = chores
        self._reconciled: float | None = None

    def tick(self) -> bool:
        """Look once; say whether there is more to do at once. Raises StoreError when the database is away."""
        parts = self._parts
        monotonic = parts.clock.monotonic()
        if self._reconciled is None or monotonic - self._reconciled >= RECONCILE_S:
            reconcile(parts.store, parts.clock)
            take_waiting(parts.store, parts.clock)
            limiting = parts.channels.limiting(parts.content().project)
            free_parked(parts.store, parts.clock.now(), limiting.limits.by_key if limiting is not None else ())
            self._reconciled = monotonic
        more = [chore() for chore in self._chores]
        now = parts.clock.now()
        with parts.store.read() as connection:
            mails = next(iter(due_priorities(connection, now)), None) is not None
            if not mails:
                limiting = parts.channels.limiting(parts.content().project)
                mails = limiting is not None and has_parked(connection, now, limiting)
            people = bool(due_contacts(connection, now, 1))
        for kind, due in (("advance_lane", people), ("deliver_lane", mails)):
            for lane in range(self._lanes[kind] if due else 0):
                self._hints.send(kind, lane)
        return True in more

    def run(self) -> None:
        """Tick until the parts are told to stop. A database that is away is waited for, and said once; so is a bug."""
        trouble = ""
        while not self._parts.stop.is_set():
            more = False
            try:
                more = self.tick()
            except LifecycleError as error:
                if error.message != trouble:
                    log.error("the scheduler waits: %s", error.message)  # noqa: TRY400 - a person reads this
                trouble = error.message
            except Exception as error:  # the process would live on without a scheduler, and nobody would know
                if repr(error) != trouble:
                    log.exception("the scheduler failed, and goes on")
                trouble = repr(error)
            else:
                trouble = ""
            if not more:
                self._parts.stop.wait(TICK_S if not trouble else TICK_S * 10)
