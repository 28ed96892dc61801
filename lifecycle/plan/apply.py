"""Putting content into force: a version by content hash, and what becomes of the people inside what changed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from lifecycle.audience.membership import refresh
from lifecycle.journey import paths
from lifecycle.spec.model import Campaign, Content
from lifecycle.store.engine import Store
from lifecycle.store.once import insert_once
from lifecycle.store.tables import applications, contacts, decisions, enrolments, messages, versions


@dataclass(slots=True)
class Applied:
    """What an apply did. Counts are of open enrolments, by what became of them."""

    version: str
    before: str | None
    changed: bool
    inside: Counter[str] = field(default_factory=Counter)


def apply(store: Store, content: Content, before: Content | None, now: datetime) -> Applied:
    """Put `content` into force after `before`. Applying what is in force already changes nothing."""
    if before is not None and before.hash == content.hash:
        return Applied(content.hash, before.hash, changed=False)
    done = Applied(content.hash, before.hash if before else None, changed=True)
    with store.write() as connection:
        row = {"hash": content.hash, "files": dict(content.files)}
        connection.execute(insert_once(connection, versions), row)
        for name, old in (before.campaigns if before else {}).items():
            _change(connection, old, content.campaigns.get(name), content, before, now, done)
        connection.execute(insert(applications).values(version=content.hash, at=now))
        if connection.execute(select(func.count()).select_from(contacts)).scalar():
            # memberships that change by an apply trigger nothing (11)
            refresh(connection, content, now, "apply")
    return done


def _change(
    connection: Connection,
    old: Campaign,
    new: Campaign | None,
    content: Content,
    before: Content | None,
    now: datetime,
    done: Applied,
) -> None:
    name = old.campaign
    if new is None or new.status != "live":
        if old.status == "live":
            done.inside["campaign_ended"] += end_campaign(connection, name, "campaign_ended", now)
        return
    if before is None or content.campaign_hashes.get(name) == before.campaign_hashes.get(name):
        return
    is_open = (enrolments.c.campaign == name) & enrolments.c.state.in_(["waiting", "active"])
    match new.on_change:
        case "keep":
            count = connection.execute(select(func.count()).select_from(enrolments).where(is_open)).scalar() or 0
            done.inside["kept"] += count
        case "exit":
            done.inside["exited"] += end_campaign(connection, name, "campaign_ended", now)
        case "restart":
            values = {"version": content.hash, "position": [0], "due_at": now, "context": {}}
            moved = connection.execute(
                update(enrolments).where(is_open & (enrolments.c.state == "active")).values(values)
            )
            done.inside["restarted"] += moved.rowcount
            connection.execute(update(enrolments).where(is_open).values(version=content.hash))
        case "migrate":
            _migrate(connection, old, new, content, now, done)


def _migrate(
    connection: Connection, old: Campaign, new: Campaign, content: Content, now: datetime, done: Applied
) -> None:
    """Re-pin the people inside to the new steps: each goes on at the step of the same id, else ends."""
    query = select(enrolments.c.id, enrolments.c.state, enrolments.c.position).where(
        enrolments.c.campaign == old.campaign, enrolments.c.state.in_(["waiting", "active"])
    )
    for row in connection.execute(query).all():
        values: dict[str, object] = {"version": content.hash}
        if row.state == "active":
            step = paths.step_at(old.steps, tuple(row.position))
            position = paths.find(new.steps, step.id) if step is not None else None
            if position is None:
                values |= {"state": "exited", "reason": "step_removed", "ended_at": now, "due_at": None}
                done.inside["exited"] += 1
            else:
                values["position"] = list(position)
                done.inside["migrated"] += 1
        connection.execute(update(enrolments).where(enrolments.c.id == row.id).values(values))


def end_campaign(connection: Connection, name: str, reason: str, now: datetime) -> int:
    """End every open enrolment of the campaign and cancel its open rows; return how many enrolments ended."""
    is_open = (enrolments.c.campaign == name) & enrolments.c.state.in_(["waiting", "active"])
    rows = connection.execute(
        select(enrolments.c.id, enrolments.c.contact_id, enrolments.c.version).where(is_open)
    ).all()
    connection.execute(
        update(enrolments).where(is_open).values(state="exited", reason=reason, ended_at=now, due_at=None)
    )
    connection.execute(
        update(messages)
        .where(messages.c.campaign == name, messages.c.state.in_(["queued", "deferred"]))
        .values(state="cancelled", reason=reason)
    )
    if rows:
        shared = {"campaign": name, "at": now, "step": "", "decision": "exited", "reason": reason, "detail": {}}
        connection.execute(
            insert(decisions),
            [{**shared, "contact_id": row.contact_id, "enrolment_id": row.id, "version": row.version} for row in rows],
        )
    return len(rows)
