"""Stays of contacts in segments, and of `stage:ID` in what makes a stage: read, begun and ended for many at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, or_, select

from lifecycle.audience.windows import window_leave, window_start
from lifecycle.base.units import Duration
from lifecycle.intake import bulk
from lifecycle.store.among import IsOneOf
from lifecycle.store.tables import memberships

#: The open stays of some contacts, and those that ended since a moment.
_RECENT = select(memberships.c.contact_id, memberships.c.segment, memberships.c.left_at).where(
    IsOneOf(memberships.c.contact_id, bindparam("ids")),
    or_(memberships.c.left_at.is_(None), memberships.c.left_at > bindparam("since", type_=memberships.c.left_at.type)),
)


@dataclass(slots=True)
class ContactStays:
    """Of one contact: where it is, and until when it is kept in a stage that it has left, by `stage:ID`."""

    open: set[str] = field(default_factory=set)
    kept: dict[str, datetime] = field(default_factory=dict)


def load_stays(
    connection: Connection, ids: Sequence[int], kept: Mapping[str, Duration], now: datetime
) -> defaultdict[int, ContactStays]:
    """Return the stays of contacts; `kept` is how long each `stage:ID` keeps whoever it no longer holds of."""
    found: defaultdict[int, ContactStays] = defaultdict(ContactStays)
    since = {name: window_start(now, keep_for) for name, keep_for in kept.items()}
    rows = connection.execute(_RECENT, {"ids": list(ids), "since": min(since.values(), default=now)})
    for contact_id, name, left_at in rows:
        stays = found[contact_id]
        if left_at is None:
            stays.open.add(name)
        elif name in since and left_at > since[name]:
            until = window_leave(left_at, kept[name])
            stays.kept[name] = max(until, stays.kept.get(name, until))
    return found


def begin_stays(connection: Connection, rows: Sequence[tuple[int, str, datetime, str]]) -> None:
    """Store stays that begin: contact, segment, instant, cause. Whoever left at that very instant has never left."""
    begun = [(contact_id, segment, at, None, cause) for contact_id, segment, at, cause in rows]
    bulk.upsert(connection, memberships, ("contact_id", "segment", "entered_at"), ("left_at", "cause"), begun)


def end_stays(connection: Connection, rows: Sequence[tuple[int, datetime, str]]) -> None:
    """Store the ends of open stays: contact, instant, segment."""
    bulk.update(connection, memberships, "contact_id", ("left_at",), rows, held="segment", only="t.left_at IS NULL")
