"""What became of mails, written to the ledger: in batches, each row guarded by its fence.

An outcome counts while the row is in `sending`, or in `unknown` (the lease was lost, and this resolves it), under the
same fence. In any other case somebody else has decided about the row, and the outcome is dropped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, literal, select, update

from lifecycle.base.clock import Clock
from lifecycle.base.errors import NotFoundError, UsageError
from lifecycle.base.ids import bucket
from lifecycle.deliver.outbox import Claimed
from lifecycle.intake import bulk
from lifecycle.intake.inbox import leave_word
from lifecycle.providers.base import Ending, Outcome
from lifecycle.store.engine import Store
from lifecycle.store.tables import messages

#: Seconds before the next attempt, by attempts made; the last one repeats. Source: RFC 5321 4.5.4.1 (retry half an
#: hour apart and more, after two in the first hour; give up after 4 to 5 days).
BACKOFF_S = (60, 300, 900, 3600, 14400)
#: Each delay is lengthened by up to this share of itself, by a stable hash of the Message-ID, so that a thousand mails
#: that were deferred at once do not come back at once.
JITTER = 0.25
#: Attempts before a row is given up as failed: a little more than four days.
MOST_ATTEMPTS = 30


@dataclass(frozen=True, slots=True)
class Settled:
    """A row that was in `sending`, and how that ended."""

    row: Claimed
    outcome: Outcome
    provider: str


def next_attempt(attempts: int, message_id: str, now: datetime) -> datetime:
    """Return when to try again after `attempts` attempts (1 or more)."""
    delay = BACKOFF_S[min(attempts, len(BACKOFF_S)) - 1]
    return now + timedelta(seconds=delay * (1 + JITTER * bucket(message_id, str(attempts))))


@dataclass(frozen=True, slots=True)
class _Writing:
    """How one kind of ending is written: the columns that differ by row, and what is the same for all."""

    columns: tuple[str, ...]
    also: str


#: the campaign was cancelled while the mail was being sent: it is not tried again
_UNLESS_CALLED_BACK = "state = CASE WHEN t.reason = 'cancelled' THEN 'cancelled' ELSE '{}' END"
_TRIED = "attempts = t.attempts + 1"
_TOLD = ("provider", "detail")

_SENT = _Writing((*_TOLD, "sent_at", "provider_ref"), f"state = 'sent', reason = '', {_TRIED}")
_REJECTED = _Writing(_TOLD, f"state = 'rejected', reason = '', {_TRIED}")
_FAILED = _Writing(_TOLD, f"state = 'failed', reason = '', {_TRIED}")
#: whoever certainly did not take it is not written down: another provider may be given it
_DEFERRED = _Writing((*_TOLD, "due_at"), f"{_UNLESS_CALLED_BACK.format('deferred')}, {_TRIED}")
_UNKNOWN = _Writing(_TOLD, f"state = 'unknown', {_TRIED}")
#: nothing was sent: as it was before the claim, with what stopped it for people to read
_RETURNED = _Writing((*_TOLD, "due_at"), _UNLESS_CALLED_BACK.format("queued"))

_LET_GO = "worker = NULL, lease_until_at = NULL"


def settle(connection: Connection, ended: Sequence[Settled], now: datetime) -> int:
    """Write the outcomes; return how many rows were no longer ours to settle."""
    work: dict[_Writing, list[tuple[Any, ...]]] = defaultdict(list)
    for one in sorted(ended, key=lambda one: one.row.id):  # as everybody locks ledger rows
        writing, values = _outcome(one, now)
        work[writing].append((one.row.id, *values, one.row.fence))
    written = sum(
        bulk.update(
            connection, messages, "id", writing.columns, rows,
            held="fence", also=f"{writing.also}, {_LET_GO}", only="t.state IN ('sending', 'unknown')",
        )
        for writing, rows in work.items()
    )  # fmt: skip
    return len(ended) - written


def _outcome(one: Settled, now: datetime) -> tuple[_Writing, tuple[Any, ...]]:
    row, outcome = one.row, one.outcome
    answer = (one.provider, outcome.detail)
    match outcome.ending:
        case Ending.ACCEPTED:
            return _SENT, (*answer, now, outcome.ref)
        case Ending.REJECTED:
            return _REJECTED, answer
        case Ending.UNKNOWN if row.is_marketing:
            return _UNKNOWN, answer
        case Ending.DEFERRED | Ending.UNKNOWN:
            if row.attempts + 1 >= MOST_ATTEMPTS:
                return _FAILED, answer
            by = one.provider if outcome.ending is Ending.UNKNOWN else row.bound_to
            return _DEFERRED, (by, outcome.detail, next_attempt(row.attempts + 1, row.message_id, now))
        case Ending.NOT_BEGUN | Ending.MISCONFIGURED:
            return _RETURNED, (row.bound_to, outcome.detail, row.due_at)


def resolve(store: Store, clock: Clock, row_id: int, *, sent: bool) -> str:
    """Decide about an `unknown` row as a person found out; return its new state.

    Sent: it counts as sent at the time it was tried. Not sent: it is queued again, under all the usual checks, or
    cancelled, where its campaign was. Raises NotFoundError, or UsageError when the row is not `unknown`.
    """
    with store.write() as connection:
        query = select(messages.c.state, messages.c.reason, messages.c.contact_id).where(messages.c.id == row_id)
        found = connection.execute(query.with_for_update()).first()
        if found is None:
            raise NotFoundError(f"no message {row_id}", hint="`lifecycle outbox --state unknown` lists them")
        if found.state != "unknown":
            raise UsageError(f"message {row_id} is {found.state}, not unknown; there is nothing to resolve")
        now = literal(clock.now(), messages.c.sending_at.type)
        values: dict[str, Any] = (
            {"state": "sent", "sent_at": func.coalesce(messages.c.sending_at, now)}
            if sent
            else {"state": "queued", "due_at": clock.now(), "sending_at": None, "provider": None}
        )
        called_back = not sent and found.reason == "cancelled"
        if called_back:
            values["state"] = "cancelled"
        connection.execute(
            update(messages)
            .where(messages.c.id == row_id)
            # the fence moves, so that an outcome that is still on its way does not decide against the person
            .values(
                fence=messages.c.fence + 1,
                reason="cancelled" if called_back else "",
                detail="resolved by hand",
                **values,
            )
        )
        if sent:
            leave_word(connection, [found.contact_id], "message")
    return str(values["state"])
