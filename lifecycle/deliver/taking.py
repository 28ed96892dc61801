"""What is taken of limits, in the transaction that lets a mail go: so the limits hold for all processes together.

The rows are locked in the order of their keys, after contacts and messages, and nobody who holds one waits for those.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select, update

from lifecycle.base.clock import Clock
from lifecycle.deliver.allowance import Moment, Used
from lifecycle.deliver.limits import Limit, Limits
from lifecycle.store.once import insert_once
from lifecycle.store.tables import sending_limits


class LimitTime:
    """The limits' own time in this process: it never goes back, and stands still for no machine's clock. Thread-safe.

    It passes with the monotonic clock, from the latest instant that was seen on this machine's wall clock or in the
    database. So a clock that is ahead takes the limits along once, which is worth one burst at most; one that is
    behind, or is set back, changes nothing.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begin: datetime | None = None
        self._lock = threading.Lock()

    def now(self, seen: Collection[datetime] = ()) -> datetime:
        """Return the instant, aware UTC, no earlier than any in `seen`."""
        passed = timedelta(seconds=self._clock.monotonic())
        latest = max([self._clock.now(), *seen]) - passed
        with self._lock:
            self._begin = latest if self._begin is None else max(self._begin, latest)
            return self._begin + passed


class Limiting:
    """The limits in force, and the time by which this process keeps them."""

    def __init__(self, limits: Limits, time: LimitTime, clock: Clock) -> None:
        self.limits = limits
        self.time = time
        self.clock = clock

    def hold(self, connection: Connection, limits: Sequence[Limit]) -> Taking:
        """Return what lets mails go by these limits, held until the transaction ends."""
        return Taking(connection, limits, self, lock=True)

    def hold_for(self, connection: Connection, provider: str, domains: Collection[str]) -> Taking:
        """Return what lets mails go by the provider to these domains."""
        return self.hold(connection, [each for each in self.limits if _any_of(each, provider, domains)])

    def look(self, connection: Connection) -> Taking:
        """Return how it stands with all limits, of which nothing is taken."""
        return Taking(connection, list(self.limits), self, lock=False)


def _any_of(limit: Limit, provider: str, domains: Collection[str]) -> bool:
    return limit.provider in {None, provider} and (not limit.domains or not limit.domains.isdisjoint(domains))


class Taking:
    """Some limits in one transaction."""

    def __init__(self, connection: Connection, limits: Sequence[Limit], limiting: Limiting, *, lock: bool) -> None:
        self._limits = limiting.limits
        self._connection = connection
        keys = [each.key for each in limits]
        self.used = _read(connection, keys, lock=lock)
        missing = [key for key in keys if key not in self.used]
        if missing and lock:
            fresh = [{"key": key, "at": Used().at, "full_ns": 0, "begun": 0} for key in missing]
            connection.execute(insert_once(connection, sending_limits), fresh)
            self.used = _read(connection, keys, lock=True)
        self.used = {key: self.used.get(key, Used()) for key in keys}
        # only now: waiting for a row takes time
        at = limiting.time.now([each.at for each in self.used.values()])
        self.when = Moment(at, limiting.clock.now())
        self._taken: set[str] = set()

    def room(self, limit: Limit) -> int:
        """Return how many more the limit lets through."""
        return limit.allowance.room(self.used[limit.key], self.when)

    def take(self, provider: str, domain: str, *, marketing: bool) -> Limit | None:
        """Let one mail go, and return None; or return the limit that has no room for it, and take nothing."""
        found = self._limits.of(provider, domain)
        for limit in found:
            if (marketing or limit.everything) and self.room(limit) < 1:
                return limit
        for limit in found:
            self.used[limit.key] = limit.allowance.take(self.used[limit.key], 1, self.when)
            self._taken.add(limit.key)
        return None

    def write(self) -> None:
        """Write what was taken."""
        if self._taken:
            rows = [
                {"limit": key, "then": used.at, "full": used.full_ns, "let": used.count}
                for key, used in self.used.items()
                if key in self._taken
            ]
            self._connection.execute(_WRITE, rows)

    def wait_s(self, limit: Limit) -> float:
        """Return the seconds until the limit lets one mail through."""
        last_at = limit.allowance.last_at(self.used[limit.key], 1, self.when)
        return max(0.0, (last_at - self.when.now).total_seconds())


_WRITE = (
    update(sending_limits)
    .where(sending_limits.c.key == bindparam("limit"))
    .values(at=bindparam("then"), full_ns=bindparam("full"), begun=bindparam("let"))
)


def _read(connection: Connection, keys: Sequence[str], *, lock: bool) -> dict[str, Used]:
    query = select(sending_limits).where(sending_limits.c.key.in_(keys)).order_by(sending_limits.c.key)
    found = connection.execute(query.with_for_update() if lock else query)
    return {row.key: Used(row.at, row.full_ns, row.begun) for row in found}
