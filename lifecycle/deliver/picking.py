"""Which due rows come next: by priority, due time and id, each a step into a partial index, at any backlog."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, and_, or_, select, text
from sqlalchemy.sql.elements import ColumnElement, TextClause

from lifecycle.store.tables import messages

#: How many rows are claimed together by how often a claim on them has crashed: the one that kills its worker is cut
#: out of its neighbours in three claims.
SUSPECT_BATCHES = (500, 20, 1)
#: Claims that ended without an outcome; so many quarantine a row.
MOST_CRASHES = 3

#: Written out, not bound: only so does SQLite see that the partial indexes serve.
WAITING = text("state IN ('queued', 'deferred') AND queue = ''")
HELD = text("state IN ('claimed', 'sending')")
PARKED = text("state IN ('queued', 'deferred') AND queue <> ''")

#: A row that its provider may have accepted already.
_BOUND = and_(messages.c.kind == "transactional", messages.c.provider.is_not(None))


@dataclass(frozen=True, slots=True)
class Shut:
    """What cannot be used now: senders all of whose providers are out, and providers, for rows that are bound to one.

    Senders go by name; None stands for rows without one.
    """

    senders: frozenset[str | None] = field(default_factory=frozenset)
    providers: frozenset[str] = field(default_factory=frozenset)

    def spared(self) -> list[ColumnElement[bool]]:
        """Return the conditions of rows that somebody can send."""
        if not self.senders and not self.providers:
            return []
        free = and_(~_BOUND, *self._senders())
        return [or_(free, and_(_BOUND, messages.c.provider.not_in(sorted(self.providers))))]

    def _senders(self) -> list[ColumnElement[bool]]:
        if not self.senders:
            return []
        keep = messages.c.sender.not_in([sender for sender in self.senders if sender is not None])
        return [keep if None in self.senders else or_(messages.c.sender.is_(None), keep)]


NOTHING_SHUT = Shut()


def due_rows(connection: Connection, now: datetime, limit: int, where: Sequence[ColumnElement[bool]]) -> list[int]:
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


def in_queue(queue: str) -> tuple[TextClause | ColumnElement[bool], ...]:
    """Return the conditions of rows that wait in the general queue (""), or at the limit of that key."""
    return (WAITING,) if queue == "" else (PARKED, messages.c.queue == queue)


def due_priorities(connection: Connection, now: datetime, queue: str = "") -> Iterable[int]:
    """Yield the priorities that have due rows, highest first, each by one step into the index."""
    below: int | None = None
    waiting = in_queue(queue)
    while True:
        query = select(messages.c.priority).where(*waiting)
        if below is not None:
            query = query.where(messages.c.priority < below)
        found: int | None = connection.execute(query.order_by(messages.c.priority.desc()).limit(1)).scalar()
        if found is None:
            return
        below = found
        earliest = (
            select(messages.c.due_at)
            .where(*waiting, messages.c.priority == found)
            .order_by(messages.c.due_at, messages.c.id)
            .limit(1)
        )
        first = connection.execute(earliest).scalar()
        if first is not None and first <= now:
            yield found
