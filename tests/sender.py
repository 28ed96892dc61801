"""A process that delivers until nothing is open, for tests that kill it. Arguments: database, SMTP URL, options (JSON).

Options: `die` (claim, sending, data, accepted) and `after` (mails) say where it kills itself; `bug` (checkpoint,
unfenced) plants a defect that the test must catch.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, update

from ledger import make_parts
from lifecycle.base.clock import SystemClock
from lifecycle.deliver import outbox, reconcile, send
from lifecycle.deliver.release import Released
from lifecycle.providers.base import MayBegin, Outcome, Outgoing
from lifecycle.providers.smtp import SmtpProvider
from lifecycle.store.engine import Store
from lifecycle.store.tables import messages

#: Short, so that a killed process is missed soon.
LEASE_S = 2.0
OPEN = ("queued", "deferred", "claimed", "sending")


def die() -> None:
    """End at once, as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


class Dying:
    """A provider that kills its process at a chosen point of a chosen mail."""

    name = "smtp"

    def __init__(self, inner: SmtpProvider, at: str, after: int) -> None:
        self.inner = inner
        self.at = at
        self.left = after

    def send(self, batch: Sequence[Outgoing], may_begin: MayBegin) -> list[Outcome]:
        """Send one by one, and die where it was asked."""
        outcomes: list[Outcome] = []
        for mail in batch:
            self.left -= 1
            if self.left == 0 and self.at == "sending":
                die()
            outcomes += self.inner.send([mail], self.watched(may_begin))
            if self.left == 0 and self.at == "accepted":
                die()
        return outcomes

    def watched(self, may_begin: MayBegin) -> MayBegin:
        """Return `may_begin`, dying when it is asked for the second time: the server waits for the content then."""
        asked = 0

        def ask() -> bool:
            nonlocal asked
            asked += 1
            if asked == 2 and self.left == 0 and self.at == "data":
                die()
            return may_begin()

        return ask

    def check(self) -> None:
        """Check the server."""
        self.inner.check()

    def hang_up(self) -> None:
        """Cut the connection."""
        self.inner.hang_up()

    def close(self) -> None:
        """Close the connection."""
        self.inner.close()


def plant(bug: str) -> None:
    """Break the engine on purpose."""
    if bug == "checkpoint":
        claim = outbox.claim

        def claimed_is_sent(store: Store, *args: Any, **options: Any) -> outbox.Batch:
            batch = claim(store, *args, **options)
            with store.write() as connection:
                connection.execute(
                    update(messages).where(messages.c.worker == batch.worker).values(state="sent", worker=None)
                )
            return batch

        def everything_goes(_connection: Any, ready: Any, *_args: Any, **_options: Any) -> Released:
            return Released(go=list(ready))

        setattr(send, "claim", claimed_is_sent)  # noqa: B010 - patching is the point
        setattr(send, "release", everything_goes)  # noqa: B010 - the same
    if bug == "unfenced":
        setattr(reconcile, "_becomes", lambda *_: {"state": "queued"})  # noqa: B010 - the same


def main(database: str, smtp: str, options: dict[str, Any]) -> None:
    """Deliver until the ledger is at rest."""
    plant(options.get("bug", ""))
    store, clock = Store(database), SystemClock()
    provider = Dying(SmtpProvider(smtp), options.get("die", ""), options.get("after", 1))
    parts = make_parts(store, clock, provider, lease_s=LEASE_S)
    if options.get("die") == "claim":
        parts.compose.begin = lambda *_: die()  # type: ignore[method-assign,assignment]
    print("up", flush=True)
    pause = threading.Event()
    while _count(store):
        reconcile.reconcile(store, clock)
        if not send.drain(parts):
            pause.wait(0.05)
    provider.close()
    store.close()


def _count(store: Store) -> int:
    with store.read() as connection:
        query = select(func.count()).select_from(messages).where(messages.c.state.in_(OPEN))
        return int(connection.execute(query).scalar_one())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
