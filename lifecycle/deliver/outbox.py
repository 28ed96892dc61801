"""Claims on the ledger: take due rows, keep them, hand them back.

A claim is a lease (until when), a fence (which claim it is) and a worker's name (whose). Every later write is guarded
by the row's fence and state, so a worker that lost its lease writes nothing it should not.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from lifecycle.base.clock import Clock
from lifecycle.deliver.parking import Limited, Picked, pick
from lifecycle.deliver.picking import HELD, MOST_CRASHES, NOTHING_SHUT, Shut, due_rows
from lifecycle.store.among import IsOneOf
from lifecycle.store.engine import Store
from lifecycle.store.tables import messages

#: Rows in one claim.
BATCH = 500
#: How long a claim holds without a heartbeat.
LEASE_S = 60.0
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claimed ledger row: the columns of `messages` that sending needs, by their names."""

    id: int
    campaign: str
    step: str
    contact_id: int
    occurrence: str
    enrolment_id: int | None
    kind: str
    topic: str | None
    template: str
    locale: str | None
    sender: str | None
    data: dict[str, Any]
    priority: int
    reached_at: datetime
    due_at: datetime
    deadline_at: datetime | None
    fence: int
    crashes: int
    attempts: int
    message_id: str
    sending_at: datetime | None
    provider: str | None = None

    @property
    def is_marketing(self) -> bool:
        """Say whether it goes at most once."""
        return self.kind != "transactional"

    @property
    def bound_to(self) -> str | None:
        """Return the provider that may have accepted the mail already: no other is given it. None: nobody may."""
        return None if self.is_marketing else self.provider


_COLUMNS = [messages.c[field.name] for field in fields(Claimed)]


@dataclass(slots=True)
class Lease:
    """How long this process may act on a batch, on a clock that counts the time it was suspended (seconds)."""

    clock: Clock
    seconds: float
    expires: float

    def alive(self, margin_s: float = 0.0) -> bool:
        """Say whether it holds for `margin_s` more."""
        return self.clock.monotonic() + margin_s < self.expires


@dataclass(slots=True)
class Batch:
    """The rows of one claim, in the order in which they shall leave."""

    rows: list[Claimed]
    worker: str
    lease: Lease
    #: rows that were parked at a sending limit instead
    parked: int = 0
    #: seconds until a limit of a provider lets something through that is due, 0 when none holds anything up
    wait_s: float = 0.0

    @property
    def is_last_chance(self) -> bool:
        """Say whether one more crash quarantines its row, which came alone."""
        return any(row.crashes >= MOST_CRASHES - 1 for row in self.rows)


def claim(
    store: Store,
    clock: Clock,
    worker: str,
    limit: int = BATCH,
    *,
    lease_s: float = LEASE_S,
    shut: Shut = NOTHING_SHUT,
    last_chances: bool = True,
    limited: Limited | None = None,
) -> Batch:
    """Claim up to `limit` due rows by priority, then due time, then id; none that only what is `shut` could send.

    Without `last_chances`, none that its next crash quarantines. `limited` names the sending limits in force: rows that
    have no room at theirs are parked there, and not claimed.

    `worker` names the process; the batch gets a name of its own below it. Rows whose earlier claims crashed come in
    small batches (SUSPECT_BATCHES).
    """
    name = f"{worker}:{next(_numbers)}"
    lease = Lease(clock, lease_s, clock.monotonic() + lease_s)
    with store.write() as connection:
        now = clock.now()
        if limited is None:
            where = shut.spared()
            if not last_chances:
                where.append(messages.c.crashes < MOST_CRASHES - 1)
            picked = Picked({"": due_rows(connection, now, limit, where)})
        else:
            picked = pick(connection, now, limit, limited, shut, last_chances=last_chances)
        held = {"state": "claimed", "worker": name, "lease_until_at": now + timedelta(seconds=lease_s)}
        rows: list[Claimed] = []
        for queue, ids in picked.claims.items():
            if ids:
                # a row that counts for a limit comes back to its queue, whatever becomes of the claim
                own = {"queue": queue} if queue else {}
                statement = update(messages).where(IsOneOf(messages.c.id, ids))
                taken = statement.values(fence=messages.c.fence + 1, **held, **own).returning(*_COLUMNS)
                rows += [Claimed(*row) for row in connection.execute(taken)]
    rows.sort(key=lambda row: (-row.priority, row.due_at, row.id))
    return Batch(rows, name, lease, picked.parked, picked.wait_s)


def renew(store: Store, batch: Batch) -> bool:
    """Lengthen the lease; False, for good, when it was lost. A lease that has run out is never renewed."""
    lease = batch.lease
    if not lease.alive():
        return False
    started = lease.clock.monotonic()
    # in the order of ids, as everybody locks ledger rows, so that nobody waits in a circle
    held = (
        select(messages.c.id).where(HELD, messages.c.worker == batch.worker).order_by(messages.c.id).with_for_update()
    )
    with store.write() as connection:
        connection.execute(
            update(messages)
            .where(messages.c.id.in_(held))
            .values(lease_until_at=lease.clock.now() + timedelta(seconds=lease.seconds))
        )
    if not lease.alive():
        return False
    lease.expires = started + lease.seconds
    return True


_HAND_BACK = (
    update(messages)
    .where(messages.c.id == bindparam("row"), messages.c.fence == bindparam("held"), messages.c.state == "claimed")
    .values(state="queued", worker=None, lease_until_at=None, due_at=bindparam("again_at"))
)


def hand_back(connection: Connection, rows: Sequence[Claimed], due_at: datetime | None = None) -> None:
    """Return claimed rows to the queue, untouched but for `due_at` where it is given."""
    if rows:
        connection.execute(
            _HAND_BACK, [{"row": row.id, "held": row.fence, "again_at": due_at or row.due_at} for row in rows]
        )
