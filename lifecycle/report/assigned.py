"""Who was assigned to which arm of a campaign, and what they then did: what lift is computed from.

Analysed as assigned: the contact is the unit, whatever was sent to it, opened or skipped. Two sources meet here:
enrolments that became active in the window, and ledger rows without an enrolment, which `import messages` brings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, case, func, select

from lifecycle.base.ids import bucket
from lifecycle.base.units import parse_zone
from lifecycle.intake.facts import EventFact
from lifecycle.intake.properties import amount
from lifecycle.journey.matching import matches, property_at
from lifecycle.report.window import ALL_TIME, Window
from lifecycle.spec.conditions import EventLeaf
from lifecycle.spec.model import Campaign, Content, Goal, Split
from lifecycle.store.tables import contacts, enrolments, events, messages

CONTROL = "held_out"
CONTROL_OF_ALL = "held_out_global"
TREATED = "treated"
#: Contacts whose histories are in memory at once, for goals that are no single event.
BATCH = 500


@dataclass(slots=True)
class Outcome:
    """What one contact did. `arm` None: it is in two arms (a merge brought them together), so it says nothing."""

    arm: str | None
    converted: bool = False
    value: float = 0.0


@dataclass(slots=True)
class Assignment:
    """The contacts of a campaign by id, and which of the holdouts is its control."""

    outcomes: dict[int, Outcome] = field(default_factory=dict)
    #: the campaign's own `held_out`, or `held_out_global` where it has none
    control: str = CONTROL
    #: some of the rows came from elsewhere, where shares may have been declared that we know nothing of
    imported: bool = False

    def add(self, contact_id: int, arm: str, *, converted: bool, value: float) -> None:
        """Count one entry of a contact."""
        found = self.outcomes.setdefault(contact_id, Outcome(arm))
        if found.arm != arm:
            found.arm = None
        found.converted |= converted
        found.value += value

    @property
    def in_two_arms(self) -> int:
        """Return how many contacts left the analysis."""
        return sum(outcome.arm is None for outcome in self.outcomes.values())


def assigned(connection: Connection, content: Content, name: str, window: Window) -> Assignment:
    """Return every contact assigned in the window, with its arm and outcome."""
    campaign = content.campaigns.get(name)
    found = Assignment(control=control_of(connection, campaign, name))
    for contact_id, arm, converted, value in _enrolled(connection, campaign, name, window, found.control):
        found.add(contact_id, arm, converted=converted, value=value)
    imported = dict(_imported(connection, name, window))
    found.imported = bool(imported)
    reached = _goals(connection, content, campaign, name, window, imported) if imported else {}
    for contact_id, (arm, _) in imported.items():
        found.add(contact_id, arm, converted=contact_id in reached, value=reached.get(contact_id, 0.0))
    return found


def control_of(connection: Connection, campaign: Campaign | None, name: str) -> str:
    """Return which holdout is the control.

    The globally held-out get no campaign at all, so beside them a campaign's lift would be that of all campaigns: they
    are the control only where the campaign has none of its own.
    """
    if campaign is not None and campaign.holdout is not None:
        return CONTROL
    arms = set(connection.scalars(select(enrolments.c.arm).where(enrolments.c.campaign == name).distinct()))
    brought = _imported_rows(name, ALL_TIME) & (messages.c.reason == CONTROL)
    if CONTROL in arms:
        return CONTROL
    imported = connection.execute(select(messages.c.id).where(brought).limit(1)).first() is not None
    return CONTROL if imported and CONTROL_OF_ALL not in arms else CONTROL_OF_ALL


def first_split(campaign: Campaign | None) -> Split | None:
    """Return the split that makes the arms: the first that every treated contact comes to."""
    if campaign is None:
        return None
    return next((step for step in campaign.steps if isinstance(step, Split)), None)


# ---------------------------------------------------------------- enrolments


def _enrolled(
    connection: Connection, campaign: Campaign | None, name: str, window: Window, control: str
) -> Iterator[tuple[int, str, bool, float]]:
    split = first_split(campaign)
    rows = connection.execution_options(yield_per=5_000).execute(
        select(
            enrolments.c.contact_id, contacts.c.identifier, enrolments.c.arm, enrolments.c.variants,
            enrolments.c.goal_at, enrolments.c.goal_value,
        )
        .join(contacts, contacts.c.id == enrolments.c.contact_id)
        .where(
            enrolments.c.campaign == name, enrolments.c.activated_at.is_not(None), enrolments.c.arm.is_not(None),
            window.covers(enrolments.c.activated_at),
        )
        .order_by(enrolments.c.id)
    )  # fmt: skip
    for row in rows:
        if row.arm == control:
            arm = CONTROL
        elif row.arm == TREATED:
            arm = _arm(campaign, split, row.variants or {}, row.identifier)
        else:
            continue  # held out globally, beside a control of the campaign's own
        yield row.contact_id, arm, row.goal_at is not None, float(row.goal_value or 0)


def _arm(campaign: Campaign | None, split: Split | None, variants: Mapping[str, str], identifier: str) -> str:
    """Return the treated contact's arm: the variant it took or, where it left before the split, would have taken.

    Without the latter the arms would hold only those who had not converted before the split.
    """
    if split is None or campaign is None:
        return variants[min(variants)] if variants else TREATED
    if split.id in variants:
        return variants[split.id]
    # the same hash as journey.machine takes
    point = bucket(identifier, f"split:{campaign.campaign}:{split.id}") * sum(each.weight for each in split.variants)
    for variant in split.variants:
        point -= variant.weight
        if point < 0:
            return variant.variant
    return split.variants[-1].variant


# ---------------------------------------------------------------- imported rows


def _imported_rows(name: str, window: Window) -> Any:
    """Return the condition for ledger rows that no journey made."""
    return and_(messages.c.campaign == name, messages.c.enrolment_id.is_(None), window.covers(messages.c.reached_at))


def _imported(connection: Connection, name: str, window: Window) -> Iterator[tuple[int, tuple[str, datetime]]]:
    """Yield each contact's arm and the instant of its first row. A contact held out once is a control."""
    held = func.max(case((messages.c.reason == CONTROL, 1), else_=0))
    rows = connection.execute(
        select(
            messages.c.contact_id, held.label("held"), func.min(messages.c.variant).label("variant"),
            func.min(messages.c.reached_at).label("at"),
        )
        .where(_imported_rows(name, window))
        .group_by(messages.c.contact_id)
        .order_by(messages.c.contact_id)
    )  # fmt: skip
    for row in rows:
        yield row.contact_id, (CONTROL if row.held else row.variant or TREATED, row.at)


def goal_of(content: Content, campaign: Campaign | None) -> Goal:
    """Return the campaign's goal; an order within the click window where it declares none."""
    if campaign is not None and campaign.goal is not None:
        return campaign.goal
    return Goal(EventLeaf(("Order Completed",)), content.project.policies.attribution_click, ("properties", "total"))


def _goals(
    connection: Connection,
    content: Content,
    campaign: Campaign | None,
    name: str,
    window: Window,
    imported: Mapping[int, tuple[str, datetime]],
) -> dict[int, float]:
    """Return the goal's value for each imported contact who reached it within goal.within after its first row."""
    goal = goal_of(content, campaign)
    zone = parse_zone(content.project.timezone)
    within = goal.window
    reached: dict[int, float] = {}
    for contact_id, event in _met(connection, content, goal, name, window, imported):
        at = imported[contact_id][1]
        if contact_id in reached or not at < event.at <= within.after(at, zone):
            continue
        found = amount(property_at(event, goal.value)) if goal.value else None
        reached[contact_id] = float(found or 0)
    return reached


def _met(
    connection: Connection,
    content: Content,
    goal: Goal,
    name: str,
    window: Window,
    imported: Mapping[int, tuple[str, datetime]],
) -> Iterator[tuple[int, EventFact]]:
    """Yield the events at which the goal holds, in order of time."""
    match goal.when:
        case EventLeaf(count=(), span=span) as leaf if (
            span.within is None and span.since is None and span.until is None
        ):
            inside = select(messages.c.contact_id).where(_imported_rows(name, window))
            rows = connection.execution_options(yield_per=5_000).execute(
                select(events)
                .where(events.c.name.in_(leaf.events), events.c.contact_id.in_(inside))
                .order_by(events.c.contact_id, events.c.at, events.c.id)
            )
            for row in rows:
                event = EventFact(row.id, row.name, row.at, row.properties or {}, row.live, row.message_id)
                if matches(leaf.where, event):
                    yield row.contact_id, event
        case _:
            yield from _met_by_evaluation(connection, content, goal, imported)


def _met_by_evaluation(
    connection: Connection, content: Content, goal: Goal, imported: Mapping[int, tuple[str, datetime]]
) -> Iterator[tuple[int, EventFact]]:
    """Yield the events at which a goal of several parts holds: whole histories, a batch at a time."""
    from lifecycle.audience.evaluate import evaluate
    from lifecycle.audience.setting import Setting
    from lifecycle.journey.load import load_states

    setting = Setting(content.project, content.segments, {})
    ids = sorted(imported)
    for start in range(0, len(ids), BATCH):
        for contact_id, state in load_states(connection, ids[start : start + BATCH]).items():
            at = imported[contact_id][1]
            opening = EventFact(0, "", at, {})
            for event in state.events:
                if event.at > at and evaluate(goal.when, state, setting, event.at, after=opening):
                    yield contact_id, event
