"""Claims on the ledger: take due rows, keep them, hand them back.

A claim is a lease (until when), a fence (which claim it is) and a worker's name (whose). Every later write is guarded
by the row's fence and state, so a worker that lost its lease writes nothing it should not.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, text, update
from sqlalchemy.sql.elements import ColumnElement

from lifecycle.base.clock import Clock
from lifecycle.store.among import among
from lifecycle.store.engine import Store
from lifecycle.store.tables import messages

#: Rows in one claim.
BATCH = 500
#: How long a claim holds without a heartbeat.
LEASE_S = 60.0
#: How many rows are claimed together by how often a claim on them has crashed: the one that kills its worker is cut
#: out of its neighbours in three claims.
SUSPECT_BATCHES = (BATCH, 20, 1)
#: Claims that ended without an outcome; so many quarantine a row.
MOST_CRASHES = 3

#: Written out, not bound: only so does SQLite see that the partial indexes serve.
WAITING = text("state IN ('queued', 'deferred')")
HELD = text("state IN ('claimed', 'sending')")

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

    @property
    def is_marketing(self) -> bool:
        """Say whether it goes at most once."""
        return self.kind != "transactional"


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
    without_senders: Collection[str | None] = (),
    last_chances: bool = True,
) -> Batch:
    """Claim up to `limit` due rows by priority, then due time, then id; none of `without_senders`.

    Without `last_chances`, none that its next crash quarantines.

    `worker` names the process; the batch gets a name of its own below it. Rows whose earlier claims crashed come in
    small batches (SUSPECT_BATCHES).
    """
    name = f"{worker}:{next(_numbers)}"
    lease = Lease(clock, lease_s, clock.monotonic() + lease_s)
    with store.write() as connection:
        now = clock.now()
        where = _senders(without_senders)
        if not last_chances:
            where.append(messages.c.crashes < MOST_CRASHES - 1)
        ids = _due(connection, now, limit, where)
        if not ids:
            return Batch([], name, lease)
        statement = (
            update(messages)
            .where(among(connection, messages.c.id, ids))
            .values(
                state="claimed",
                fence=messages.c.fence + 1,
                worker=name,
                lease_until_at=now + timedelta(seconds=lease_s),
            )
            .returning(*_COLUMNS)
        )
        rows = [Claimed(*row) for row in connection.execute(statement)]
    rows.sort(key=lambda row: (-row.priority, row.due_at, row.id))
    return Batch(rows, name, lease)


def _due(connection: Connection, now: datetime, limit: int, where: Sequence[ColumnElement[bool]]) -> list[int]:
    """Return ids to claim, locked. Priority by priority, so that each is a range of the index (flat at any backlog)."""
    ids: list[int] = []
    crashes: int | None = None
    for priority in due_priorities(connection, now):
        query = (
            select(messages.c.id, messages.c.crashes)
            .where(WAITING, messages.c.priority == priority, messages.c.due_at <= now, *where)
            .order_by(messages.c.due_at, messages.c.id)
            .limit(limit - len(ids))
            .with_for_update(skip_locked=True)
        )
        for row_id, row_crashes in connection.execute(query):
            if crashes is None:
                crashes = row_crashes
                limit = min(limit, SUSPECT_BATCHES[min(crashes, len(SUSPECT_BATCHES) - 1)])
            if row_crashes == crashes and len(ids) < limit:
                ids.append(row_id)
        if len(ids) >= limit:
            break
    return ids


def due_priorities(connection: Connection, now: datetime) -> Iterable[int]:
    """Yield the priorities that have due rows, highest first, each by one step into the index."""
    below: int | None = None
    while True:
        query = select(messages.c.priority).where(WAITING)
        if below is not None:
            query = query.where(messages.c.priority < below)
        found: int | None = connection.execute(query.order_by(messages.c.priority.desc()).limit(1)).scalar()
        if found is None:
            return
        below = found
        earliest = (
            select(messages.c.due_at)
            .where(WAITING, messages.c.priority == found)
            .order_by(messages.c.due_at, messages.c.id)
            .limit(1)
        )
        first = connection.execute(earliest).scalar()
        if first is not None and first <= now:
            yield found


def _senders(without: Collection[str | None]) -> list[ColumnElement[bool]]:
    if not without:
        return []
    named = [sender for sender in without if sender is not None]
    keep = messages.c.sender.not_in(named)
    return [keep if None in without else or_(messages.c.sender.is_(None), keep)]


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
