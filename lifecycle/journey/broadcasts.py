"""Enrols people because time has come, or because a campaign asks for whoever is there already.

How far each campaign has come stands in `campaign_states.scheduled_to`, so that after downtime each slot comes once.
Whoever was enrolled by a slot is not asked again, so a crash in mid-slot goes on where it stopped, and two schedulers
do no more than one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, not_, or_, select, update

from lifecycle.audience.compile import compile_condition
from lifecycle.audience.setting import STAGE_PREFIX, Setting
from lifecycle.audience.windows import zone_names
from lifecycle.base.units import Duration, on_date, parse_zone
from lifecycle.journey.by_hand import enrol_batch
from lifecycle.journey.ending import end_ended
from lifecycle.journey.enrol import Opening, is_running
from lifecycle.journey.timed import Slot, date_leaf, is_timed, opening_in, slots
from lifecycle.journey.versions import Versions
from lifecycle.spec.conditions import SegmentLeaf, StageLeaf
from lifecycle.spec.model import Campaign, Content, DateTrigger, SegmentTrigger, StageTrigger
from lifecycle.store.among import IsOneOf
from lifecycle.store.engine import Store
from lifecycle.store.once import insert_once
from lifecycle.store.tables import applications, campaign_states, contacts, enrolments, memberships

#: Contacts enrolled in one transaction.
BATCH = 200
#: Names the entry of those whom a campaign found inside when it came into force.
ALREADY_THERE = "there already"

_A_DAY = Duration(86400)
_IS_OPEN = enrolments.c.state.in_(["waiting", "active"])


class Budget:
    """How many contacts one call may ask in, and how far earlier calls came: a large slot must not stop the clock."""

    def __init__(self, each_call: int | None = None) -> None:
        self._each_call = each_call
        self._left: float = math.inf
        self._reached: dict[tuple[str, str, datetime], int] = {}

    def begin(self) -> None:
        """Begin a call."""
        self._left = math.inf if self._each_call is None else self._each_call

    @property
    def is_spent(self) -> bool:
        """Say whether this call has done its share."""
        return self._left <= 0

    def spend(self, what: tuple[str, str, datetime], ids: list[int]) -> None:
        """Note that these contacts were asked in."""
        self._left -= len(ids)
        self._reached[what] = ids[-1]

    def reached(self, what: tuple[str, str, datetime]) -> int:
        """Return the last contact that was asked in."""
        return self._reached.get(what, 0)

    def finish(self, what: tuple[str, str, datetime]) -> None:
        """Forget a slot that is done."""
        self._reached.pop(what, None)


def open_due(store: Store, versions: Versions, key: bytes, now: datetime, budget: Budget | None = None) -> int:
    """Enrol whoever is due by time, at every campaign in force; return how many were asked in. Safe to repeat.

    Also ends what is left in campaigns whose `ends` has passed. With a budget that is spent, the next call goes on.
    """
    content = versions.in_force()
    if content is None:
        return 0
    budget = budget or Budget()
    budget.begin()
    with store.read() as connection:
        marks = _marks(connection)
        applied_at = _applied_at(connection)
    enrolled = 0
    for campaign in sorted(content.campaigns.values(), key=lambda found: (-found.priority, found.campaign)):
        if campaign.status != "live":
            continue
        if campaign.ends is not None and campaign.ends <= now:
            end_ended(store, campaign.campaign, campaign.ends)
        asking = _Asking(store, versions, content, campaign, key, now, budget)
        mark = marks.get(campaign.campaign)
        if is_timed(campaign.trigger):
            found = slots(campaign, content, mark or applied_at, now)
            wanted = _with_somebody(store, found, campaign, content)
            for slot in wanted:
                enrolled += asking.everyone(_due_in(slot, campaign, content), opening_in(slot))
                if budget.is_spent:
                    return enrolled
            if found and found[-1] not in wanted:
                _move_mark(store, campaign.campaign, found[-1].at)
        elif wants_those_inside(campaign) and mark is None and is_running(campaign, now):
            enrolled += asking.everyone(_inside(campaign, applied_at), Opening(applied_at, ALREADY_THERE))
            if budget.is_spent:
                return enrolled
    return enrolled


def wants_those_inside(campaign: Campaign) -> bool:
    """Say whether the campaign takes in whoever stands behind its edge already (`enroll: current_and_future`)."""
    return campaign.enroll == "current_and_future" and isinstance(campaign.trigger, SegmentTrigger | StageTrigger)


def count_inside(connection: Connection, campaign: Campaign, setting: Setting, now: datetime) -> int:
    """Return how many contacts such a campaign, put into force at `now`, finds there and lets in.

    Segments and stages are those of `setting`, which memberships may not know of yet.
    """
    query = select(contacts.c.id).where(contacts.c.merged_into.is_(None), contacts.c.erased_at.is_(None))
    match campaign.trigger:
        case SegmentTrigger(segment=segment, edge="entered"):
            query = query.where(compile_condition(SegmentLeaf(segment), setting, now))
        case StageTrigger(stage=stage):
            query = query.where(compile_condition(StageLeaf("is", stage), setting, now))
        case _:
            query = _inside(campaign, now).where(contacts.c.merged_into.is_(None), contacts.c.erased_at.is_(None))
    if campaign.audience is not None:
        query = query.where(compile_condition(campaign.audience, setting, now))
    return connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()


def begin_at(connection: Connection, campaign: Campaign, now: datetime) -> None:
    """Let the campaign's clock begin at `now`: it came into force, or its trigger changed. Nothing before is made up.

    A campaign that wants those inside has them enrolled at the next `open_due`.
    """
    mark = None if wants_those_inside(campaign) else now
    connection.execute(insert_once(connection, campaign_states).values(campaign=campaign.campaign))
    is_it = campaign_states.c.campaign == campaign.campaign
    connection.execute(update(campaign_states).where(is_it).values(scheduled_to=mark))


def _marks(connection: Connection) -> dict[str, datetime | None]:
    query = select(campaign_states.c.campaign, campaign_states.c.scheduled_to)
    return {row.campaign: row.scheduled_to for row in connection.execute(query)}


def _applied_at(connection: Connection) -> datetime:
    query = select(applications.c.at).order_by(applications.c.id.desc()).limit(1)
    found: datetime = connection.execute(query).scalar_one()
    return found


def _move_mark(store: Store, campaign: str, to: datetime) -> None:
    with store.write() as connection:
        connection.execute(insert_once(connection, campaign_states).values(campaign=campaign))
        behind = or_(campaign_states.c.scheduled_to.is_(None), campaign_states.c.scheduled_to < to)
        is_it = campaign_states.c.campaign == campaign
        connection.execute(update(campaign_states).where(is_it, behind).values(scheduled_to=to))


def _due_in(slot: Slot, campaign: Campaign, content: Content) -> Select[Any]:
    setting = Setting.of(content)
    query = select(contacts.c.id)
    if slot.zones is not None:
        query = query.where(_is_in(slot.zones, content))
    if isinstance(campaign.trigger, DateTrigger) and slot.day is not None and slot.zones:
        # asked at noon of the day itself, where these contacts are: "is it today?"
        noon = on_date(slot.day, time(12), parse_zone(min(slot.zones)))
        query = query.where(compile_condition(date_leaf(campaign.trigger), setting, noon))
    if campaign.audience is not None:
        query = query.where(compile_condition(campaign.audience, setting, slot.at))
    return query


def _with_somebody(store: Store, found: list[Slot], campaign: Campaign, content: Content) -> list[Slot]:
    """Leave out slots of days on which nobody's date comes round: after a long downtime, nearly all of them."""
    trigger = campaign.trigger
    if not isinstance(trigger, DateTrigger):
        return found
    near = replace(date_leaf(trigger), in_next=_A_DAY, in_last=_A_DAY)  # whatever the date is where the contacts are
    wanted: set[date] = set()
    for day in sorted({slot.day for slot in found if slot.day is not None}):
        noon = on_date(day, time(12), UTC)
        query = select(contacts.c.id).where(compile_condition(near, Setting.of(content), noon)).limit(1)
        with store.read() as connection:
            if connection.execute(query).first() is not None:
                wanted.add(day)
    return [slot for slot in found if slot.day in wanted]


def _is_in(zones: frozenset[str], content: Content) -> ColumnElement[bool]:
    known = contacts.c.timezone.in_(sorted(zones))
    if content.project.timezone not in zones:
        return known
    # whoever has no zone, or one that does not exist, lives by the project's
    return or_(known, contacts.c.timezone.is_(None), contacts.c.timezone.not_in(sorted(zone_names())))


def _inside(campaign: Campaign, applied_at: datetime) -> Select[Any]:
    """Return those whom the campaign finds there: in the segment or stage, or, for `segment_left`, gone from it."""
    query = select(contacts.c.id)
    trigger = campaign.trigger
    if isinstance(trigger, StageTrigger):
        return query.where(contacts.c.stage == trigger.stage, contacts.c.stage_since_at <= applied_at)
    if not isinstance(trigger, SegmentTrigger) or trigger.segment.startswith(STAGE_PREFIX):
        raise TypeError(f"nobody can be inside {trigger}")
    stay = and_(memberships.c.contact_id == contacts.c.id, memberships.c.segment == trigger.segment)
    is_in = exists().where(stay, memberships.c.left_at.is_(None))
    if trigger.edge == "left":
        return query.where(exists().where(stay, memberships.c.left_at <= applied_at), not_(is_in))
    return query.where(exists().where(stay, memberships.c.left_at.is_(None), memberships.c.entered_at <= applied_at))


@dataclass(frozen=True, slots=True)
class _Asking:
    """Asks contacts into one campaign."""

    store: Store
    versions: Versions
    content: Content
    campaign: Campaign
    key: bytes
    now: datetime
    budget: Budget

    def everyone(self, who: Select[Any], opening: Opening) -> int:
        """Enrol those of `who` whom this opening has not met yet, a batch in a transaction; then move the mark."""
        name = self.campaign.campaign
        what = (name, opening.occurrence, opening.at)
        # those with an open entry are not asked: it means nothing to them (3)
        met = select(enrolments.c.contact_id).where(
            enrolments.c.campaign == name,
            or_(enrolments.c.occurrence == opening.occurrence, and_(_IS_OPEN, enrolments.c.entry_key == "")),
        )
        query = who.where(contacts.c.merged_into.is_(None), contacts.c.erased_at.is_(None))
        enrolled = 0
        while not self.budget.is_spent:
            page = query.where(contacts.c.id > self.budget.reached(what)).order_by(contacts.c.id).limit(BATCH)
            with self.store.read() as connection:
                ids = list(connection.execute(page).scalars())
            if not ids:
                self.budget.finish(what)
                _move_mark(self.store, name, opening.at)
                break
            with self.store.write() as connection:
                batch = [(found, opening) for found in ids]
                # asked for these alone: among all, a planner without statistics would read every entry for each batch
                done = enrol_batch(
                    connection, self.versions, self.content, self.campaign, batch, self.key, self.now,
                    without=met.where(IsOneOf(enrolments.c.contact_id, ids)),
                )  # fmt: skip
            enrolled += done.total()
            self.budget.spend(what, ids)
        return enrolled
