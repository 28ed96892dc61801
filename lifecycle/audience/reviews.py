"""When contacts are to be looked at again because of the time alone: where that is written, and how it is found.

`contacts.review_at` is the instant. `contacts.wake_at` is what an index finds, and never later: it is written only when
it would be too late otherwise, since whatever somebody does puts off what their silence would bring, and an entry in an
index costs more than the row. Whoever is found too early has no turn; `wake_at` catches up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, exists, or_, select, update

from lifecycle.intake import bulk
from lifecycle.store.among import IsOneOf
from lifecycle.store.tables import contacts

#: Rows that catch up at once.
AT_ONCE = 10_000
_wake_at, _review_at = contacts.c.wake_at, contacts.c.review_at
_EARLIER = (
    update(contacts)
    .where(IsOneOf(contacts.c.id, bindparam("ids")), or_(_wake_at.is_(None), _wake_at > _review_at))
    .values(wake_at=_review_at)
)


def keep_reviews(
    connection: Connection,
    rows: Sequence[tuple[int, datetime | None, str | None, str | None]],
    before: Mapping[int, datetime | None],
) -> None:
    """Write contacts' review_at, and what is known of them: id, instant, `holding` and `flips` as JSON.

    `before` is when they were to be looked at until now.
    """
    bulk.update(connection, contacts, "id", ("review_at", "holding", "flips"), rows)
    sooner = [one for one, at, *_ in rows if at is not None and ((was := before.get(one)) is None or at < was)]
    if sooner:
        connection.execute(_EARLIER, {"ids": sooner})


def due_reviews(now: datetime) -> Select[Any]:
    """Return the contacts to be looked at by `now`, those that have waited longest about first."""
    return select(contacts.c.id).where(_wake_at <= now, _review_at <= now).order_by(_wake_at)


def any_early(now: datetime, limit: int) -> Select[Any]:
    """Return whether somebody would be found too early, among the `limit` who have waited longest."""
    found = select(_review_at).where(_wake_at <= now).order_by(_wake_at).limit(limit).subquery("found")
    return select(exists().where(_is_early(found.c.review_at, now)))


def catch_up(connection: Connection, now: datetime) -> None:
    """Let `wake_at` of those who would be found too early catch up, but for contacts that are held by another."""
    early = select(contacts.c.id).where(_wake_at <= now, _is_early(_review_at, now)).order_by(_wake_at).limit(AT_ONCE)
    ids = sorted(connection.execute(early.with_for_update(skip_locked=True)).scalars())
    connection.execute(update(contacts).where(IsOneOf(contacts.c.id, ids)).values(wake_at=_review_at))


def _is_early(review_at: ColumnElement[Any], now: datetime) -> ColumnElement[bool]:
    return or_(review_at.is_(None), review_at > now)
