"""Putting content into force: a version by content hash, and what becomes of the people inside what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select, text, update

from lifecycle.audience.membership import refresh
from lifecycle.journey.broadcasts import begin_at, wants_those_inside
from lifecycle.journey.ending import end_campaign
from lifecycle.journey.entry import Entry
from lifecycle.journey.timed import is_timed
from lifecycle.journey.versions import Versions
from lifecycle.journey.write import read_entry
from lifecycle.plan.inside import Edit
from lifecycle.spec.model import Content
from lifecycle.store.engine import Store
from lifecycle.store.once import insert_once
from lifecycle.store.tables import applications, contacts, decisions, enrolments, versions

#: Enrolments that are re-pinned by one statement.
PAGE = 1000


@dataclass(slots=True)
class Applied:
    """What an apply did. Counts are of open enrolments, by what became of them."""

    version: str
    before: str | None
    changed: bool
    inside: Counter[str] = field(default_factory=Counter)


def apply(store: Store, content: Content, before: Content | None, now: datetime) -> Applied:
    """Put `content` into force after `before`. Applying what is in force already changes nothing.

    Timed campaigns that come into force begin at `now`: what their schedule would have brought before is not made up.
    """
    if before is not None and before.hash == content.hash:
        return Applied(content.hash, before.hash, changed=False)
    done = Applied(content.hash, before.hash if before else None, changed=True)
    known = {content.hash: content, **({before.hash: before} if before is not None else {})}
    stored = Versions(store)
    edit = Edit(before, content, now, lambda wanted: known.get(wanted) or stored.get(wanted))
    with store.write() as connection:
        if connection.dialect.name == "postgresql":
            # every turn, release and intake holds a contact: this waits for them, then they wait; nobody in a circle
            connection.execute(text("LOCK TABLE contacts IN EXCLUSIVE MODE"))
        connection.execute(insert_once(connection, versions), {"hash": content.hash, "files": dict(content.files)})
        for name in sorted({*(before.campaigns if before else {}), *content.campaigns}):
            _change(connection, name, edit, done)
        connection.execute(insert(applications).values(version=content.hash, at=now))
        if connection.execute(select(func.count()).select_from(contacts)).scalar():
            # memberships that change by an apply trigger nothing (11)
            refresh(connection, content, now, "apply")
    return done


def _change(connection: Connection, name: str, edit: Edit, done: Applied) -> None:
    new = edit.after.campaigns.get(name)
    if new is None or edit.ends(name):
        # also when it was not live before: nothing of it may be left
        done.inside["campaign_ended"] += end_campaign(connection, name, "campaign_ended", edit.at)
        return
    if edit.begins_anew(name) and (is_timed(new.trigger) or wants_those_inside(new)):
        begin_at(connection, new, edit.at)
    if not edit.changes(name):
        return
    match new.on_change:
        case "keep":
            is_open = (enrolments.c.campaign == name) & enrolments.c.state.in_(["waiting", "active"])
            count = connection.execute(select(func.count()).select_from(enrolments).where(is_open)).scalar() or 0
            done.inside["kept"] += count
        case "exit":
            done.inside["exited"] += end_campaign(connection, name, "campaign_ended", edit.at)
        case _:
            for page in open_entries(connection, name):
                _move(connection, page, edit, done)


def open_entries(connection: Connection, campaign: str) -> Iterator[list[Entry]]:
    """Yield the open enrolments of the campaign, in pages, by id."""
    last = 0
    while True:
        query = select(enrolments).where(
            enrolments.c.campaign == campaign, enrolments.c.state.in_(["waiting", "active"]), enrolments.c.id > last
        )
        rows = connection.execute(query.order_by(enrolments.c.id).limit(PAGE)).all()
        if not rows:
            return
        last = rows[-1].id
        yield [read_entry(row) for row in rows]


_COLUMNS = ("version", "state", "reason", "ended_at", "due_at", "position", "context", "variants")
_MOVE = (
    update(enrolments)
    .where(enrolments.c.id == bindparam("row"))
    .values({name: bindparam(name, type_=enrolments.c[name].type) for name in _COLUMNS})
)


def _move(connection: Connection, page: list[Entry], edit: Edit, done: Applied) -> None:
    values, told = [], []
    for entry in page:
        what, after = edit.fate(entry)
        done.inside[what] += 1
        row = {name: getattr(after, name) for name in _COLUMNS}
        values.append({**row, "row": entry.id, "position": list(after.position), "context": dict(after.context),
                       "variants": dict(after.variants)})  # fmt: skip
        told.append(
            {
                "contact_id": entry.contact_id, "campaign": entry.campaign, "enrolment_id": entry.id,
                "version": edit.after.hash, "at": edit.at, "step": "", "decision": what, "reason": after.reason,
                "detail": {"before": entry.version, "due_at": after.due_at},
            }
        )  # fmt: skip
    connection.execute(_MOVE, values)
    connection.execute(insert(decisions), told)
