"""The journey machine: (definition, enrolment, facts, now) → transition. Pure: no clock, no dice, no SQL.

A stimulus is an event, a timer or a change of what is known. `at` is the logical instant of the stimulus, `now` the
instant at which it is handled: they differ only when the engine was late, and then waits start at `now`, so that mails
never bunch up. DESIGN section 4, "What campaigns mean", is the law; its numbers stand in the comments.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from lifecycle.base.ids import bucket
from lifecycle.base.units import parse_instant
from lifecycle.intake.facts import EventFact
from lifecycle.intake.properties import amount
from lifecycle.journey import paths, steps
from lifecycle.journey.entry import (
    AFTER_EVENTS,
    BEGINS,
    Decided,
    Effect,
    Entry,
    PassOver,
    Transition,
    ended,
)
from lifecycle.journey.known import Known
from lifecycle.journey.matching import matches, property_at
from lifecycle.spec.conditions import Condition
from lifecycle.spec.model import Campaign, EventTrigger, Send, WaitFor, walk_steps

#: Key of `context`: the goal's condition held already when the contact came in, so this entry cannot meet it.
GOAL_STOOD = "goal_stood"


# ---------------------------------------------------------------- activation


def activate(campaign: Campaign, entry: Entry, known: Known, at: datetime, now: datetime) -> Transition:
    """Let a new or waiting entry in: eligibility, then the holdouts (6), then its first steps."""
    if _should_exit(campaign, entry, known, at):
        return ended(entry, "exited", "exit_condition", at, {})
    if campaign.audience is not None and not known.holds(campaign.audience, at):
        return refuse(entry, "not_in_audience", at)
    arm = holdout_arm(campaign, known)
    entry = replace(
        entry, activated_at=at, arm=arm, due_at=None, last_event_id=_last_event_id(campaign, entry), state="active"
    )
    if campaign.goal is not None and known.holds(campaign.goal.when, at, after=_activation(entry, at)):
        entry = replace(entry, context={**entry.context, GOAL_STOOD: True})
    if arm != "treated":
        held = replace(entry, state="held_out", reason="held_out", ended_at=at)
        effects: list[Effect] = [Decided(at, "held_out", reason="held_out", detail={"arm": arm})]
        first = next((step for step in walk_steps(campaign.steps) if isinstance(step, Send)), None)
        if first is not None:
            effects.append(PassOver(first, at, "held_out"))
        return Transition(held, tuple(effects))
    return steps.run(campaign, replace(entry, position=(0,)), known, at, now, [Decided(at, "activated")])


def _last_event_id(campaign: Campaign, entry: Entry) -> int | None:
    # after a quiet time the activation is later than every event of its instant; else it is the trigger's own moment
    waited = isinstance(campaign.trigger, EventTrigger) and campaign.trigger.quiet_for is not None
    return AFTER_EVENTS if waited else entry.trigger_event_id


def holdout_arm(campaign: Campaign, known: Known) -> str:
    """Return `treated`, `held_out_global` or `held_out`, by stable hash of the contact's first identifier."""
    if campaign.kind == "transactional":
        return "treated"
    share = known.setting.project.policies.global_holdout
    if share is not None and bucket(known.state.identifier, "holdout") < share.fraction:
        return "held_out_global"
    if campaign.holdout is not None:
        point = bucket(known.state.identifier, f"holdout:{campaign.campaign}")
        if point < campaign.holdout.fraction:
            return "held_out"
    return "treated"


def refuse(entry: Entry, reason: str, at: datetime) -> Transition:
    """Return the transition that turns a trigger away."""
    refused = replace(entry, state="refused", reason=reason, ended_at=at, due_at=None)
    return Transition(refused, (Decided(at, "refused", reason=reason),))


# ---------------------------------------------------------------- stimuli


def on_event(campaign: Campaign, entry: Entry, event: EventFact, known: Known, now: datetime) -> Transition:
    """Handle an event of the contact, for an entry that was open or watched before it: goal, exit, wait_for (4).

    An event that is history feeds goals and exits alone (11).
    """
    if entry.state == "waiting":
        return _on_event_while_waiting(campaign, entry, event, known)
    early = _ends(campaign, entry, event.at, event, known)
    if early is not None:
        return early
    if entry.state != "active" or not event.live:
        return Transition(entry)
    step = paths.step_at(campaign.steps, entry.position)
    if (
        isinstance(step, WaitFor)
        and BEGINS not in entry.context
        and event.name in step.events
        and event.at >= parse_instant(entry.context["reached_at"])
        and matches(step.where, event)
    ):
        decided = Decided(event.at, "came", step.id, detail={"event": event.name})
        inner = replace(entry, due_at=None, position=(*entry.position, 0, 0))
        return steps.run(campaign, inner, known, event.at, now, [decided])
    return Transition(entry)


def on_change(campaign: Campaign, entry: Entry, known: Known, at: datetime) -> Transition:
    """Handle a change that is no event: an attribute, a consent, an open, a stage that time brought."""
    return _ends(campaign, entry, at, None, known) or Transition(entry)


def on_timer(campaign: Campaign, entry: Entry, known: Known, now: datetime) -> Transition:
    """Handle the entry's timer at its own due instant: the quiet time is over, the wait is over, or it timed out."""
    if entry.due_at is None or not entry.is_open:
        return Transition(entry)
    at = entry.due_at
    early = _ends(campaign, entry, at, None, known)
    if early is not None:
        return early
    if entry.state == "waiting":
        return activate(campaign, entry, known, at, now)
    entry = replace(entry, due_at=None)
    if BEGINS in entry.context:
        context = {name: value for name, value in entry.context.items() if name != BEGINS}
        return steps.run(campaign, replace(entry, context=context), known, at, now, [])
    step = paths.step_at(campaign.steps, entry.position)
    if isinstance(step, WaitFor):
        inner = replace(entry, position=(*entry.position, 1, 0))
        return steps.run(campaign, inner, known, at, now, [Decided(at, "timed_out", step.id)])
    passed = replace(entry, position=paths.after(entry.position))
    return steps.run(campaign, passed, known, at, now, [])


def end(entry: Entry, reason: str, at: datetime) -> Transition:
    """End an entry from outside: its campaign ended, or somebody cancelled it."""
    return ended(entry, "exited", reason, at, {})


def _on_event_while_waiting(campaign: Campaign, entry: Entry, event: EventFact, known: Known) -> Transition:
    early = _ends(campaign, entry, event.at, event, known)
    if early is not None:
        return early
    trigger = campaign.trigger
    if not event.live or not isinstance(trigger, EventTrigger) or trigger.quiet_for is None:
        return Transition(entry)
    restarts = event.name in trigger.restart_on or (event.name in trigger.events and matches(trigger.where, event))
    if not restarts or event.at < entry.anchor_at:
        return Transition(entry)
    due_at = trigger.quiet_for.after(event.at, known.zone)
    last = event.id if event.name in trigger.events else entry.last_event_id
    moved = replace(entry, anchor_at=event.at, due_at=due_at, last_event_id=last)
    return Transition(moved, (Decided(event.at, "restarted", detail={"event": event.name, "due_at": due_at}),))


# ---------------------------------------------------------------- ends


def _ends(campaign: Campaign, entry: Entry, at: datetime, event: EventFact | None, known: Known) -> Transition | None:
    """Return the transition that goal, exit_when or a lost audience brings, in this order (4); None for none.

    An entry whose steps are done but whose last mail has not left still ends so: the mail is called back.
    """
    detail = {"event": event.name} if event is not None else {}
    if entry.state == "waiting":
        if _should_exit(campaign, entry, known, at, event):
            return ended(entry, "exited", "exit_condition", at, detail)
        if campaign.goal is not None and _came_true(campaign, entry, known, at, event):
            # it bought before we ever wrote: nothing to remind of, and no credit to the campaign
            return ended(entry, "exited", "goal_met", at, detail)
        return None
    met = _met_goal(campaign, entry, at, event, known)
    if met is not None:
        return met
    if not (entry.is_open or entry.unsent):
        return None
    if _should_exit(campaign, entry, known, at, event):
        return ended(entry, "exited", "exit_condition", at, detail)
    if entry.unsent and campaign.audience is not None and not known.holds(campaign.audience, at):
        return ended(entry, "exited", "not_in_audience", at, detail)
    return None


def _met_goal(
    campaign: Campaign, entry: Entry, at: datetime, event: EventFact | None, known: Known
) -> Transition | None:
    goal = campaign.goal
    if goal is None or entry.activated_at is None or entry.goal_at is not None or GOAL_STOOD in entry.context:
        return None
    if entry.reason == "merged":  # the other contact's entry goes on, and meets it
        return None
    until = goal.window.after(entry.activated_at, known.zone)
    start = _activation(entry, entry.activated_at)
    if not entry.activated_at <= at <= until or (event is not None and event.order <= start.order):
        return None
    if not _came_true_by(event, goal.when, known, at, start):
        return None
    value = amount(property_at(event, goal.value)) if goal.value and event is not None else None
    met = replace(entry, goal_at=at, goal_value=value)
    detail = {"event": event.name if event is not None else None, "value": value}
    if entry.state == "active" or entry.unsent:
        return ended(met, "goal_met", "goal_met", at, detail)
    return Transition(met, (Decided(at, "goal_met", reason="goal_met", detail=detail),))


def _activation(entry: Entry, at: datetime) -> EventFact:
    """Return the moment from which on events count for the goal."""
    return EventFact(entry.last_event_id or entry.trigger_event_id or AFTER_EVENTS, "", at, {})


def _came_true(campaign: Campaign, entry: Entry, known: Known, at: datetime, event: EventFact | None) -> bool:
    """Say whether the goal came true since the entry was opened: it holds, and did not hold then."""
    goal, opening = campaign.goal, _opening(entry)
    if goal is None or not _came_true_by(event, goal.when, known, at, opening):
        return False
    return not known.holds(goal.when, entry.opened_at, after=opening)


def _should_exit(campaign: Campaign, entry: Entry, known: Known, at: datetime, event: EventFact | None = None) -> bool:
    return campaign.exit_when is not None and _came_true_by(event, campaign.exit_when, known, at, _opening(entry))


def _came_true_by(event: EventFact | None, condition: Condition, known: Known, at: datetime, after: EventFact) -> bool:
    """Say whether the condition holds, counted from `after`; not asked at an event that cannot have made it true."""
    if event is not None and not known.setting.may_bring(condition, event.name):
        return False
    return known.holds(condition, at, after=after)


def _opening(entry: Entry) -> EventFact:
    return EventFact(entry.trigger_event_id or AFTER_EVENTS, "", entry.opened_at, {})
