"""Why a contact did or did not get its mails: every decision, with its rule, the values it saw, and the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from lifecycle.audience.clauses import Clause, clauses
from lifecycle.audience.ranking import load_tops
from lifecycle.audience.setting import Setting
from lifecycle.audience.state import ContactState
from lifecycle.deliver.standing import waits_for
from lifecycle.journey.load import load_states
from lifecycle.spec.model import Campaign, Content
from lifecycle.store.tables import decisions, enrolments, messages


@dataclass(frozen=True, slots=True)
class Entered:
    """One enrolment with what was decided in it and what came of its mails, each in order of time."""

    occurrence: str
    state: str
    reason: str
    opened_at: datetime
    ended_at: datetime | None
    version: str
    decisions: Sequence[Mapping[str, Any]]
    messages: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class CampaignStory:
    """What one campaign decided on the contact, and how its conditions look now."""

    campaign: str
    entered: Sequence[Entered]
    audience: Sequence[Clause]
    exit_when: Sequence[Clause]
    consent: bool | None


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that was decided on one contact."""

    contact: str
    email: str | None
    stage: str | None
    suppressed: str | None
    segments: Sequence[str]
    campaigns: Sequence[CampaignStory] = field(default_factory=tuple)


def explain(connection: Connection, contact_id: int, content: Content, now: datetime, only: str | None = None) -> Story:
    """Return the story of the contact, of one campaign or of all, those that never touched it included."""
    state = load_states(connection, [contact_id])[contact_id]
    setting = Setting(content.project, content.segments, load_tops(connection, content))
    entered = _entered(connection, contact_id, content)
    names = [only] if only is not None else sorted(set(content.campaigns) | set(entered))
    return Story(
        contact=state.external_id or state.email or state.identifier,
        email=state.email,
        stage=state.stage,
        suppressed=state.suppressed,
        segments=[name for name, stay in sorted(state.memberships.items()) if stay.left_at is None and ":" not in name],
        campaigns=[
            _story(name, entered.get(name, []), content.campaigns.get(name), state, setting, now) for name in names
        ],
    )


def _story(
    name: str,
    entered: Sequence[Entered],
    campaign: Campaign | None,
    state: ContactState,
    setting: Setting,
    now: datetime,
) -> CampaignStory:
    if campaign is None:
        return CampaignStory(name, entered, (), (), None)
    consent = None
    topic = setting.project.topic(campaign.topic or "")
    if campaign.kind == "marketing" and topic is not None:
        consent = state.consents_to(topic.topic, now, default=topic.default == "granted")
    return CampaignStory(
        name,
        entered,
        clauses(campaign.audience, state, setting, now) if campaign.audience is not None else (),
        clauses(campaign.exit_when, state, setting, now) if campaign.exit_when is not None else (),
        consent,
    )


def _entered(connection: Connection, contact_id: int, content: Content) -> dict[str, list[Entered]]:
    made: dict[int | None, list[Mapping[str, Any]]] = {}
    for row in connection.execute(
        select(decisions).where(decisions.c.contact_id == contact_id).order_by(decisions.c.at, decisions.c.id)
    ):
        made.setdefault(row.enrolment_id, []).append(_decision(row))
    mails: dict[int | None, list[Mapping[str, Any]]] = {}
    for row in connection.execute(
        select(messages).where(messages.c.contact_id == contact_id).order_by(messages.c.reached_at, messages.c.id)
    ):
        mails.setdefault(row.enrolment_id, []).append(_mail(row, content))
    found: dict[str, list[Entered]] = {}
    for row in connection.execute(
        select(enrolments)
        .where(enrolments.c.contact_id == contact_id)
        .order_by(enrolments.c.opened_at, enrolments.c.id)
    ):
        found.setdefault(row.campaign, []).append(
            Entered(
                row.occurrence, row.state, row.reason, row.opened_at, row.ended_at, row.version,
                made.get(row.id, []), mails.get(row.id, []),
            )
        )  # fmt: skip
    return found


def _decision(row: Row[Any]) -> dict[str, Any]:
    return {
        "at": row.at, "decision": row.decision, "step": row.step, "reason": row.reason, "detail": row.detail,
        "version": row.version,
    }  # fmt: skip


def _mail(row: Row[Any], content: Content) -> dict[str, Any]:
    waiting = row.state in {"queued", "deferred"}
    return {
        "step": row.step, "template": row.template, "state": row.state, "reason": row.reason,
        "reached_at": row.reached_at, "deadline_at": row.deadline_at, "sent_at": row.sent_at,
        "opened_at": row.opened_at, "clicked_at": row.clicked_at, "detail": row.detail,
        "waits_for": waits_for(content.project, row.queue) if waiting else "",
    }  # fmt: skip
