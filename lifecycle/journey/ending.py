"""Ending a campaign for everybody inside: their enrolments, and their mails that have not left (9)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from lifecycle.store.engine import Store
from lifecycle.store.tables import decisions, enrolments, messages

_OPEN_MAILS = ("queued", "deferred")


def end_campaign(connection: Connection, name: str, reason: str, at: datetime) -> int:
    """End every open enrolment of the campaign and cancel its open rows; return how many enrolments ended.

    Claimed rows are found ended by the release. Rows are held in the order of their ids, as everybody does.
    """
    is_open = (enrolments.c.campaign == name) & enrolments.c.state.in_(["waiting", "active"])
    query = select(enrolments.c.id, enrolments.c.contact_id, enrolments.c.version).where(is_open)
    rows = connection.execute(query.order_by(enrolments.c.id).with_for_update()).all()
    connection.execute(
        update(enrolments).where(is_open).values(state="exited", reason=reason, ended_at=at, due_at=None)
    )
    is_waiting = (messages.c.campaign == name) & messages.c.state.in_(_OPEN_MAILS)
    held = select(messages.c.id).where(is_waiting).order_by(messages.c.id).with_for_update()
    connection.execute(update(messages).where(messages.c.id.in_(held)).values(state="cancelled", reason=reason))
    if rows:
        shared = {"campaign": name, "at": at, "step": "", "decision": "exited", "reason": reason, "detail": {}}
        connection.execute(
            insert(decisions),
            [{**shared, "contact_id": row.contact_id, "enrolment_id": row.id, "version": row.version} for row in rows],
        )
    return len(rows)


def end_ended(store: Store, name: str, ended_at: datetime) -> int:
    """End what is left in a campaign whose time is up; return how many enrolments ended, 0 when nothing is left."""
    with store.read() as connection:
        is_open = (enrolments.c.campaign == name) & enrolments.c.state.in_(["waiting", "active"])
        is_waiting = (messages.c.campaign == name) & messages.c.state.in_(_OPEN_MAILS)
        left = connection.execute(select(enrolments.c.id).where(is_open).limit(1)).first() is not None
        left = left or bool(connection.execute(select(func.count()).where(is_waiting)).scalar())
    if not left:
        return 0
    with store.write() as connection:
        return end_campaign(connection, name, "campaign_ended", ended_at)
