"""What `apply` would change: files, campaigns and people, from the live database. Nothing is written."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, func, select

from lifecycle.audience.compile import compile_condition
from lifecycle.audience.ranking import load_tops
from lifecycle.audience.setting import Setting
from lifecycle.base.errors import StalePlanError, UsageError
from lifecycle.base.ids import content_hash
from lifecycle.journey.broadcasts import count_inside, wants_those_inside
from lifecycle.journey.enrol import is_running
from lifecycle.journey.versions import Versions
from lifecycle.plan.apply import open_entries
from lifecycle.plan.inside import Edit
from lifecycle.plan.simulate import simulate
from lifecycle.spec.model import Campaign, Content
from lifecycle.store.engine import Store
from lifecycle.store.tables import (
    consents,
    contacts,
    decisions,
    enrolments,
    events,
    memberships,
    messages,
    stage_transitions,
)

Change: TypeAlias = Literal["added", "changed", "removed"]


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """What becomes of one campaign and the people in it: `inside` counts them, `becomes` says what of them."""

    campaign: str
    change: Change
    audience: int
    inside: int
    becomes: str
    #: open ledger rows that would be cancelled
    cancelled: int = 0
    #: what becomes of those inside, as `apply` will count them
    fates: dict[str, int] = field(default_factory=dict)
    #: who enters at once, because the campaign takes those who are there already
    enters: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole plan. `database` names what the database held when it was made; an apply of it on another is refused."""

    before: str | None
    after: str
    database: str
    files: dict[str, Change] = field(default_factory=dict)
    campaigns: tuple[CampaignPlan, ...] = ()
    #: mails of the first day that the people inside will get, by hour (UTC) and campaign
    first_day: dict[str, dict[str, int]] = field(default_factory=dict)
    #: of the mails due on the first day, those that would not leave, by campaign and reason
    dropped: dict[str, dict[str, int]] = field(default_factory=dict)
    #: pairs of live campaigns whose audiences share people now, with how many
    conflicts: tuple[tuple[str, str, int], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Say whether an apply would change nothing."""
        return self.before == self.after


def build_plan(store: Store, content: Content, before: Content | None, versions: Versions, now: datetime) -> Plan:
    """Return the plan of applying `content` after `before` to the database as it is at `now`."""
    edit = Edit(before, content, now, lambda wanted: content if wanted == content.hash else versions.get(wanted))
    with store.read() as connection:
        setting = Setting.of(content, load_tops(connection, content))
        changed = _changes(before.campaign_hashes if before else {}, content.campaign_hashes)
        campaigns = tuple(
            _campaign(connection, name, change, edit, setting) for name, change in sorted(changed.items())
        )
        conflicts = _conflicts(connection, content, setting, now)
        fingerprint = _fingerprint(connection)
    first_day: dict[str, Counter[str]] = {}
    dropped: dict[str, Counter[str]] = {}
    foreseen = simulate(
        store,
        content,
        now,
        now + timedelta(days=1),
        replay=False,
        versions=edit.version,
        before=before or _nothing(content),
    )
    for row in foreseen.rows:
        if row.outcome == "sent":
            first_day.setdefault(f"{row.at:%Y-%m-%dT%H}:00Z", Counter())[row.campaign] += 1
        else:
            dropped.setdefault(row.campaign, Counter())[row.reason] += 1
    return Plan(
        before=before.hash if before else None,
        after=content.hash,
        database=fingerprint,
        files=_changes(before.files if before else {}, content.files),
        campaigns=campaigns,
        first_day={hour: dict(counts) for hour, counts in sorted(first_day.items())},
        dropped={name: dict(counts) for name, counts in sorted(dropped.items())},
        conflicts=conflicts,
    )


def _nothing(content: Content) -> Content:
    return replace(content, campaigns={}, files={}, hash="", campaign_hashes={})


def save_plan(plan: Plan, path: Path) -> None:
    """Write the plan for `apply --plan`."""
    path.write_text(json.dumps(asdict(plan), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def refuse_stale(store: Store, content: Content, before: Content | None, plan_file: str, now: datetime) -> None:
    """Raise StalePlanError unless the plan in the file is about these files, this version and this database."""
    del now
    try:
        saved: dict[str, Any] = json.loads(Path(plan_file).read_text(encoding="utf-8"))
        known = (saved["before"], saved["after"], saved["database"])
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UsageError(f"{plan_file} is no plan", hint="`lifecycle plan --out FILE` writes one") from error
    with store.read() as connection:
        current = (before.hash if before else None, content.hash, _fingerprint(connection))
    names = ("the version in force", "the content", "the database")
    stale = [name for name, was, now_is in zip(names, known, current, strict=True) if was != now_is]
    if stale:
        raise StalePlanError(f"the plan is stale: {', '.join(stale)} changed since", hint="make and read a new plan")


def _changes(before: Any, after: Any) -> dict[str, Change]:
    found: dict[str, Change] = {}
    for name in sorted({*before, *after}):
        if name not in before:
            found[name] = "added"
        elif name not in after:
            found[name] = "removed"
        elif before[name] != after[name]:
            found[name] = "changed"
    return found


def _campaign(connection: Connection, name: str, change: Change, edit: Edit, setting: Setting) -> CampaignPlan:
    new = edit.after.campaigns.get(name)
    fates: Counter[str] = Counter()
    for page in open_entries(connection, name):
        fates.update(edit.fate(entry)[0] for entry in page)
    ends = edit.ends(name) or (new is not None and edit.changes(name) and new.on_change == "exit")
    rows = 0
    if ends:
        is_queued = (messages.c.campaign == name) & messages.c.state.in_(["queued", "deferred"])
        rows = connection.execute(select(func.count()).select_from(messages).where(is_queued)).scalar() or 0
    enters = 0
    if new is not None and edit.begins_anew(name) and wants_those_inside(new) and is_running(new, edit.at):
        enters = count_inside(connection, new, setting, edit.at)
    becomes = "end (campaign_ended)" if edit.ends(name) or new is None else _becomes(new, change)
    return CampaignPlan(
        name, change, _audience(connection, new, setting, edit.at), fates.total(), becomes, rows, dict(fates), enters
    )


def _becomes(campaign: Campaign, change: Change) -> str:
    if change == "added":
        return "nobody is inside yet"
    return {
        "keep": "go on as they entered",
        "migrate": "go on in the new steps, from the step of the same id",
        "restart": "start the new steps again",
        "exit": "end (campaign_ended)",
    }[campaign.on_change]


def _people(setting: Setting, campaign: Campaign, now: datetime) -> Any:
    query = select(contacts.c.id).where(contacts.c.merged_into.is_(None), contacts.c.erased_at.is_(None))
    return query if campaign.audience is None else query.where(compile_condition(campaign.audience, setting, now))


def _audience(connection: Connection, campaign: Campaign | None, setting: Setting, now: datetime) -> int:
    if campaign is None:
        return 0
    people = _people(setting, campaign, now).subquery()
    return connection.execute(select(func.count()).select_from(people)).scalar() or 0


def _conflicts(
    connection: Connection, content: Content, setting: Setting, now: datetime
) -> tuple[tuple[str, str, int], ...]:
    """Return pairs of live marketing campaigns with one trigger, and how many people are in both audiences."""
    live = [found for found in content.campaigns.values() if found.status == "live" and found.kind == "marketing"]
    found: list[tuple[str, str, int]] = []
    for index, first in enumerate(live):
        for second in live[index + 1 :]:
            if first.trigger != second.trigger:
                continue
            both = select(func.count()).select_from(
                _people(setting, first, now).intersect(_people(setting, second, now)).subquery()
            )
            count = connection.execute(both).scalar() or 0
            if count:
                found.append((first.campaign, second.campaign, count))
    return tuple(found)


def _fingerprint(connection: Connection) -> str:
    """Return a text that changes whenever somebody came, did something, said something, or moved on."""
    watched = (contacts, events, consents, enrolments, decisions, messages, stage_transitions)
    marks = [connection.execute(select(func.max(table.c.id))).scalar() or 0 for table in watched]
    marks += connection.execute(select(func.max(memberships.c.entered_at), func.max(memberships.c.left_at))).one()
    is_open = enrolments.c.state.in_(["waiting", "active"])
    inside = connection.execute(
        select(enrolments.c.campaign, func.count()).where(is_open).group_by(enrolments.c.campaign)
    ).all()
    return content_hash(*[str(mark) for mark in marks], *sorted(f"{name}:{count}" for name, count in inside))
