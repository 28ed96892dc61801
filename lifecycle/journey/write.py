"""What turns decided, into the tables, for a batch of contacts in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, or_, update

from lifecycle.audience.review import Review
from lifecycle.audience.reviews import keep_reviews
from lifecycle.audience.stays import begin_stays, end_stays
from lifecycle.base.ids import keyed_hash
from lifecycle.intake import bulk
from lifecycle.journey.backlog import Backlog
from lifecycle.journey.contact import Tracked, Turn
from lifecycle.journey.effects import carry_out
from lifecycle.journey.entry import Act, CancelOpen, Decided, Entry, PassOver, Reach
from lifecycle.spec.model import Campaign, Content
from lifecycle.store.columns import dumps
from lifecycle.store.tables import contacts, decisions, enrolments, inbox, messages, stage_transitions


@dataclass(slots=True)
class Written:
    """How much a batch wrote."""

    contacts: int = 0
    enrolments: int = 0
    messages: int = 0
    decisions: int = 0


@dataclass(slots=True)
class _Rows:
    """Rows gathered over a batch, so that each table is written once."""

    decisions: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    cancelled: list[dict[str, Any]] = field(default_factory=list)
    acts: list[tuple[Tracked, Act]] = field(default_factory=list)


def write_turns(
    connection: Connection,
    turns: Sequence[Turn],
    content: Content,
    key: bytes,
    now: datetime,
    *,
    reviewed: bool = True,
    backlog: Backlog | None = None,
) -> Written:
    """Write everything that the turns changed. A ledger row that exists already stays as it is (`messages_once`).

    `reviewed` says that the turns were run, so that they know when each contact is to be reviewed next. `backlog` says
    when mails leave that were due while the engine was away.
    """
    rows, backlog = _Rows(), backlog or Backlog()
    changed = [(turn, tracked) for turn in turns for tracked in turn.entries if tracked.changed]
    _store_entries(connection, [tracked for _, tracked in changed])
    for turn, tracked in changed:
        _gather(rows, turn, tracked, content, key, now, backlog)
    bulk.add(connection, messages, rows.messages, once=True)
    if rows.cancelled:  # after: what ends an enrolment in the turn that reached a mail calls this mail back too
        connection.execute(_CANCEL, rows.cancelled)
    bulk.add(connection, decisions, rows.decisions)
    for tracked, act in rows.acts:
        carry_out(connection, tracked.entry, act, content.project, now)
    if reviewed:
        _store_reviews(connection, turns)
    return Written(len(turns), len(changed), len(rows.messages), len(rows.decisions))


def clear_inbox(connection: Connection, ids: Sequence[int]) -> None:
    """Delete the inbox rows that were handled; what came since stays."""
    if ids:
        connection.execute(delete(inbox).where(inbox.c.id == bindparam("row")), [{"row": found} for found in ids])


#: Mails that have not been claimed; a claimed one finds the enrolment's end in the release.
_CANCEL = (
    update(messages)
    .where(
        messages.c.enrolment_id == bindparam("enrolment"),
        # no IN here: an expanding parameter cannot be executed for many rows
        or_(messages.c.state == "queued", messages.c.state == "deferred"),
    )
    .values(state="cancelled", reason=bindparam("why"))
)


def _store_entries(connection: Connection, changed: Sequence[Tracked]) -> None:
    # those that ended first: the same turn may have opened a new one under the same key
    updates = [
        {"row": tracked.entry.id, **entry_values(tracked.entry)} for tracked in changed if tracked.entry.id is not None
    ]
    if updates:
        names = [name for name in updates[0] if name != "row"]
        statement = update(enrolments).where(enrolments.c.id == bindparam("row"))
        connection.execute(statement.values({name: bindparam(name) for name in names}), updates)
    made = [tracked for tracked in changed if tracked.entry.id is None]
    ids = bulk.allocate(connection, enrolments, len(made))
    for tracked, found in zip(made, ids, strict=True):
        tracked.entry = with_id(tracked.entry, found)
    bulk.add(connection, enrolments, [{"id": tracked.entry.id, **entry_values(tracked.entry)} for tracked in made])


def _gather(
    rows: _Rows, turn: Turn, tracked: Tracked, content: Content, key: bytes, now: datetime, backlog: Backlog
) -> None:
    entry = tracked.entry
    campaign = content.campaigns.get(entry.campaign)
    for effect in tracked.effects:
        match effect:
            case Decided():
                rows.decisions.append(
                    {
                        "contact_id": turn.state.id, "campaign": entry.campaign, "enrolment_id": entry.id,
                        "version": entry.version, "at": effect.at, "step": effect.step, "decision": effect.decision,
                        "reason": effect.reason, "detail": dict(effect.detail),
                    }
                )  # fmt: skip
            case Reach() | PassOver() if campaign is not None:
                rows.messages.append(message_values(effect, entry, campaign, key, now, backlog))
            case CancelOpen(reason=reason) if entry.id is not None:
                rows.cancelled.append({"enrolment": entry.id, "why": reason})
            case Act():
                rows.acts.append((tracked, effect))
            case _:
                continue


def entry_values(entry: Entry) -> dict[str, Any]:
    """Return the columns of the enrolment."""
    return {
        "campaign": entry.campaign, "contact_id": entry.contact_id, "entry_key": entry.entry_key,
        "occurrence": entry.occurrence, "version": entry.version, "state": entry.state, "reason": entry.reason,
        "opened_at": entry.opened_at, "anchor_at": entry.anchor_at, "activated_at": entry.activated_at,
        "ended_at": entry.ended_at, "due_at": entry.due_at, "position": list(entry.position), "arm": entry.arm,
        "variants": dict(entry.variants), "trigger_event_id": entry.trigger_event_id,
        "last_event_id": entry.last_event_id, "context": dict(entry.context), "goal_at": entry.goal_at,
        "goal_value": entry.goal_value,
    }  # fmt: skip


def read_entry(row: Any) -> Entry:
    """Return the enrolment of a row of the table."""
    return Entry(
        campaign=row.campaign, contact_id=row.contact_id, occurrence=row.occurrence, version=row.version,
        state=row.state, opened_at=row.opened_at, anchor_at=row.anchor_at, entry_key=row.entry_key,
        reason=row.reason, activated_at=row.activated_at, ended_at=row.ended_at, due_at=row.due_at,
        position=tuple(row.position), arm=row.arm, variants=row.variants, trigger_event_id=row.trigger_event_id,
        last_event_id=row.last_event_id, context=row.context, goal_at=row.goal_at, goal_value=row.goal_value,
        id=row.id,
    )  # fmt: skip


def with_id(entry: Entry, found: int) -> Entry:
    """Return the entry under the id that the database gave it."""
    return replace(entry, id=found)


def message_values(
    effect: Reach | PassOver, entry: Entry, campaign: Campaign, key: bytes, now: datetime, backlog: Backlog
) -> dict[str, Any]:
    """Return the ledger row for a send that was reached. Its Message-ID is a keyed hash of what it is for."""
    if isinstance(effect, Reach):
        state, reason, deadline_at = "queued", "", effect.deadline_at
        due_at = backlog.due_at(effect.at, now, deadline_at=deadline_at, kind=campaign.kind)
    else:
        state, reason, deadline_at, due_at = "skipped", effect.reason, None, effect.at
    return {
        "campaign": entry.campaign, "step": effect.step.id, "contact_id": entry.contact_id,
        "occurrence": entry.occurrence, "enrolment_id": entry.id, "version": entry.version, "kind": campaign.kind,
        "topic": campaign.topic, "template": effect.step.template, "variant": effect.variant,
        "sender": effect.step.sender, "data": dict(effect.step.data), "priority": campaign.priority,
        "state": state, "reason": reason, "reached_at": effect.at, "due_at": due_at, "deadline_at": deadline_at,
        "message_id": keyed_hash(
            key, "message", entry.campaign, effect.step.id, str(entry.contact_id), entry.occurrence
        ),
    }  # fmt: skip


def _store_reviews(connection: Connection, turns: Sequence[Turn]) -> None:
    reviewed = [
        (
            turn.state.id, turn.review_at, None if turn.state.holding is None else dumps(sorted(turn.state.holding)),
            None if turn.state.flips is None else dumps(turn.state.flips),
        )
        for turn in turns
    ]  # fmt: skip
    keep_reviews(connection, reviewed, {turn.state.id: turn.reviewed_at for turn in turns})
    # the first review of everybody, then the second: each contact's in their order, and few statements for all
    for number in range(max((len(turn.reviews) for turn in turns), default=0)):
        _store_round(
            connection, [(turn.state.id, *turn.reviews[number]) for turn in turns if number < len(turn.reviews)]
        )


def _store_round(connection: Connection, reviews: Sequence[tuple[int, Review, datetime, str]]) -> None:
    end_stays(connection, [(contact_id, at, name) for contact_id, found, at, _ in reviews for name in found.left])
    entered = [(contact_id, name, at, cause) for contact_id, found, at, cause in reviews for name in found.entered]
    begin_stays(connection, entered)
    moved = [
        (contact_id, found.before, found.stage, at, cause)
        for contact_id, found, at, cause in reviews
        if found.stage_changed
    ]
    bulk.insert(connection, stage_transitions, ("contact_id", "before", "after", "at", "cause"), moved)
    stages = [(contact_id, stage, at) for contact_id, _, stage, at, _ in moved]
    bulk.update(connection, contacts, "id", ("stage", "stage_since_at"), stages)
