"""The outbox at a glance: how many rows are in which state, how old the oldest is, and what holds mails up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from lifecycle.store.tables import campaign_states, contacts, messages

#: The states in the order of a mail's life.
STATES = (
    "queued", "claimed", "sending", "deferred", "unknown", "sent", "delivered", "bounced", "rejected", "failed",
    "cancelled", "skipped",
)  # fmt: skip
#: States in which something is still to be done, by us or by a person.
OPEN_STATES = ("queued", "claimed", "sending", "deferred", "unknown")


@dataclass(frozen=True, slots=True)
class StateCount:
    """Rows in one state and, where one is given, of one reason; `oldest_at` is when the oldest was reached."""

    state: str
    reason: str
    rows: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class Trouble:
    """What the last answer to mails that are still open was, and how many have it."""

    detail: str
    rows: int
    since_at: datetime


@dataclass(frozen=True, slots=True)
class Row:
    """One ledger row for a person to look at."""

    id: int
    state: str
    campaign: str
    step: str
    contact: str
    sending_at: datetime | None
    detail: str


def state_counts(connection: Connection) -> list[StateCount]:
    """Return every state and reason that has rows, in the order of a mail's life."""
    query = select(
        messages.c.state,
        messages.c.reason,
        func.count(),
        func.min(messages.c.reached_at, type_=messages.c.reached_at.type),
    ).group_by(messages.c.state, messages.c.reason)
    found = [StateCount(*row) for row in connection.execute(query)]
    return sorted(found, key=lambda one: (STATES.index(one.state) if one.state in STATES else len(STATES), one.reason))


def troubles(connection: Connection, limit: int = 5) -> list[Trouble]:
    """Return the most frequent answers that hold open mails up."""
    query = (
        select(messages.c.detail, func.count(), func.min(messages.c.reached_at, type_=messages.c.reached_at.type))
        .where(messages.c.state.in_(("queued", "deferred")), messages.c.detail != "")
        .group_by(messages.c.detail)
        .order_by(func.count().desc(), messages.c.detail)
        .limit(limit)
    )
    return [Trouble(*row) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class Held:
    """A campaign that is paused, since when, and by whom or what."""

    campaign: str
    since_at: datetime
    by: str


def held_campaigns(connection: Connection) -> list[Held]:
    """Return the campaigns that are paused, by hand or by a brake."""
    table = campaign_states
    query = select(table.c.campaign, table.c.paused_at, table.c.paused_by).where(table.c.paused_at.is_not(None))
    return [
        Held(row.campaign, row.paused_at, row.paused_by or "") for row in connection.execute(query.order_by("campaign"))
    ]


def rows_in(connection: Connection, state: str, limit: int = 50) -> list[Row]:
    """Return the oldest rows in `state`."""
    query = (
        select(
            messages.c.id, messages.c.state, messages.c.campaign, messages.c.step,
            func.coalesce(contacts.c.external_id, contacts.c.email, contacts.c.identifier),
            messages.c.sending_at, messages.c.detail,
        )
        .join(contacts, contacts.c.id == messages.c.contact_id)
        .where(messages.c.state == state)
        .order_by(messages.c.id)
        .limit(limit)
    )  # fmt: skip
    return [Row(*row) for row in connection.execute(query)]
