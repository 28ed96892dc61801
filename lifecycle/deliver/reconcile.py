"""Brings back what crashed workers held. Any number of these may run at once, anywhere.

A claim that ran out costs nothing: the row is queued again. A `sending` that ran out is ambiguous: marketing parks as
`unknown`, transactional goes again with the same Message-ID and Date. A row that was held by its third crash is
quarantined, so that whatever it does to its worker ends there.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, case, literal, or_, select, update

from lifecycle.base.clock import Clock
from lifecycle.deliver.picking import HELD, MOST_CRASHES
from lifecycle.store.engine import Store
from lifecycle.store.tables import messages

log = logging.getLogger("lifecycle.deliver")

#: Rows in one transaction.
CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How many rows came back to the queue, parked as unknown, or were quarantined."""

    queued: int = 0
    unknown: int = 0
    quarantined: int = 0


def reconcile(store: Store, clock: Clock) -> Reconciled:
    """Bring back every row whose lease has run out."""
    total = Reconciled()
    while True:
        with store.write() as connection:
            some, found = _chunk(connection, clock.now())
        total = Reconciled(
            total.queued + found.queued, total.unknown + found.unknown, total.quarantined + found.quarantined
        )
        if some < CHUNK:
            if total != Reconciled():
                log.warning("reconciled: %s", total)
            return total


def _chunk(connection: Connection, now: datetime) -> tuple[int, Reconciled]:
    expired = (
        select(messages.c.id)
        .where(HELD, messages.c.lease_until_at < now)
        .order_by(messages.c.lease_until_at)
        .limit(CHUNK)
        .with_for_update(skip_locked=True)
    )
    ids = list(connection.execute(expired).scalars())
    if not ids:
        return 0, Reconciled()
    sending = messages.c.state == "sending"
    marketing = messages.c.kind != "transactional"
    crashed_out = messages.c.crashes + 1 >= MOST_CRASHES
    done = connection.execute(
        update(messages)
        .where(messages.c.id.in_(ids))
        .values(
            crashes=messages.c.crashes + 1,
            worker=None,
            lease_until_at=None,
            **_becomes(sending, marketing, crashed_out),
        )
        .returning(messages.c.state)
    )
    states = list(done.scalars())
    return len(ids), Reconciled(states.count("queued"), states.count("unknown"), states.count("failed"))


def _becomes(
    sending: ColumnElement[bool], marketing: ColumnElement[bool], crashed_out: ColumnElement[bool]
) -> dict[str, ColumnElement[str]]:
    parked = and_(sending, marketing)
    called_back = and_(sending, messages.c.reason == "cancelled")
    lost = literal("the worker was lost while it was sending this")
    return {
        "state": case(
            (parked, "unknown"),
            (called_back, "cancelled"),
            (and_(sending, crashed_out), "unknown"),
            (crashed_out, "failed"),
            else_="queued",
        ),
        "reason": case(
            (or_(parked, called_back), messages.c.reason), (crashed_out, "quarantined"), else_=messages.c.reason
        ),
        "detail": case((sending, lost), (crashed_out, "three claims on it crashed"), else_=messages.c.detail),
    }
