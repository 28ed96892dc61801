"""The journey machine: (definition, enrolment, facts, now) → transition. Pure: no clock, no dice, no SQL.

A stimulus is an event, a timer or a change of what is known. `at` is the logical instant of the stimulus, `now` the
instant at which it is handled: they differ only when the engine was late, and then waits start at `now`, so that mails
never bunch up. DESIGN section 4, "What campaigns mean", is the law; its numbers stand in the comments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any, assert_never

from lifecycle.audience.evaluate import evaluate
from lifecycle.audience.setting import Setting
from lifecycle.audience.state import ContactState
from lifecycle.base.ids import bucket, keyed_hash
from lifecycle.base.units import Duration, at_local, parse_instant
from lifecycle.intake.facts import EventFact, amount
from lifecycle.journey import paths
from lifecycle.journey.entry import (
    AFTER_EVENTS,
    Act,
    CancelOpen,
    Decided,
    Effect,
    Entry,
    EntryState,
    PassOver,
    Reach,
    Transition,
)
from lifecycle.journey.matching import matches, property_at
from lifecycle.spec.model import (
    Branch,
    Campaign,
    Coupon,
    Emit,
    EventTrigger,
    Exit,
    Points,
    Send,
    Split,
    Step,
    Ticket,
    Update,
    Wait,
    WaitFor,
    Webhook,
    walk_steps,
)

#: A stimulus handled within this of its instant counts as on time, and waits keep its exact time of day.
LATE_AFTER = timedelta(minutes=1)
#: How long a goal without `within` is watched for, from the activation.
GOAL_WINDOW = Duration(30 * 86400)
#: Steps that one stimulus may pass; more is a loop in our own code.
STEP_LIMIT = 10_000

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Known:
    """What a decision may look at: the contact, the content its enrolment is pinned to, its zone, a key for codes."""

    state: ContactState
    setting: Setting
    zone: tzinfo
    key: bytes = b"rehearsal"


# ---------------------------------------------------------------- activation


def activate(campaign: Campaign, entry: Entry, known: Known, at: datetime, now: datetime) -> Transition:
    """Let a new or waiting entry in: eligibility, then the holdouts (6), then its first steps."""
    if campaign.audience is not None and not evaluate(campaign.audience, known.state, known.setting, at):
        return _refuse(entry, "not_in_audience", at)
    arm = holdout_arm(campaign, known)
    entry = replace(
        entry, activated_at=at, arm=arm, due_at=None, last_event_id=_last_event_id(campaign, entry), state="active"
    )
    if arm != "treated":
        held = replace(entry, state="held_out", reason="held_out", ended_at=at)
        effects: list[Effect] = [Decided(at, "held_out", reason="held_out", detail={"arm": arm})]
        first = next((step for step in walk_steps(campaign.steps) if isinstance(step, Send)), None)
        if first is not None:
            effects.append(PassOver(first, at, "held_out"))
        return Transition(held, tuple(effects))
    entry = replace(entry, position=(0,))
    return _run(campaign, entry, known, at, now, [Decided(at, "activated")])


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


def _refuse(entry: Entry, reason: str, at: datetime) -> Transition:
    refused = replace(entry, state="refused", reason=reason, ended_at=at, due_at=None)
    return Transition(refused, (Decided(at, "refused", reason=reason),))


# ---------------------------------------------------------------- stimuli


def on_event(campaign: Campaign, entry: Entry, event: EventFact, known: Known, now: datetime) -> Transition:
    """Handle an event of the contact, for an entry that was open or watched before it: goal, exit, wait_for (4)."""
    if entry.state == "waiting":
        return _on_event_while_waiting(campaign, entry, event, known)
    goal = _met_goal(campaign, entry, event, known)
    if goal is not None:
        return goal
    if entry.state != "active":
        return Transition(entry)
    if _should_exit(campaign, entry, known, event.at):
        return _end(entry, "exited", "exit_condition", event.at, {"event": event.name})
    step = paths.step_at(campaign.steps, entry.position)
    if (
        isinstance(step, WaitFor)
        and event.name in step.events
        and event.at >= _reached_at(entry)
        and matches(step.where, event)
    ):
        decided = Decided(event.at, "came", step.id, detail={"event": event.name})
        inner = replace(entry, due_at=None, position=(*entry.position, 0, 0), last_event_id=event.id)
        return _run(campaign, inner, known, event.at, now, [decided])
    return Transition(entry)


def on_change(campaign: Campaign, entry: Entry, known: Known, at: datetime) -> Transition:
    """Handle a change that is no event (an attribute, a consent, an open): it may meet `exit_when`."""
    if entry.is_open and _should_exit(campaign, entry, known, at):
        return _end(entry, "exited", "exit_condition", at, {})
    return Transition(entry)


def on_timer(campaign: Campaign, entry: Entry, known: Known, now: datetime) -> Transition:
    """Handle the entry's timer at its own due instant: the quiet time is over, the wait is over, or it timed out."""
    if entry.due_at is None or not entry.is_open:
        return Transition(entry)
    at = entry.due_at
    if _should_exit(campaign, entry, known, at):
        return _end(entry, "exited", "exit_condition", at, {})
    if entry.state == "waiting":
        return activate(campaign, entry, known, at, now)
    step = paths.step_at(campaign.steps, entry.position)
    entry = replace(entry, due_at=None)
    if isinstance(step, WaitFor):
        inner = replace(entry, position=(*entry.position, 1, 0))
        return _run(campaign, inner, known, at, now, [Decided(at, "timed_out", step.id)])
    passed = replace(entry, position=paths.after(entry.position))
    return _run(campaign, passed, known, at, now, [])


def end(entry: Entry, reason: str, at: datetime) -> Transition:
    """End an open entry from outside: its campaign ended, or somebody cancelled it."""
    return _end(entry, "exited", reason, at, {})


def _on_event_while_waiting(campaign: Campaign, entry: Entry, event: EventFact, known: Known) -> Transition:
    if _should_exit(campaign, entry, known, event.at):
        return _end(entry, "exited", "exit_condition", event.at, {"event": event.name})
    if campaign.goal is not None and evaluate(
        campaign.goal.when, known.state, known.setting, event.at, after=_opening(entry)
    ):
        # it bought before we ever wrote: nothing to remind of, and no credit to the campaign
        return _end(entry, "exited", "goal_met", event.at, {"event": event.name})
    trigger = campaign.trigger
    if not isinstance(trigger, EventTrigger) or trigger.quiet_for is None:
        return Transition(entry)
    restarts = event.name in trigger.restart_on or (event.name in trigger.events and matches(trigger.where, event))
    if not restarts or event.at < entry.anchor_at:
        return Transition(entry)
    due_at = trigger.quiet_for.after(event.at, known.zone)
    last = event.id if event.name in trigger.events else entry.last_event_id
    moved = replace(entry, anchor_at=event.at, due_at=due_at, last_event_id=last)
    return Transition(moved, (Decided(event.at, "restarted", detail={"event": event.name, "due_at": due_at}),))


def _met_goal(campaign: Campaign, entry: Entry, event: EventFact, known: Known) -> Transition | None:
    goal = campaign.goal
    if goal is None or entry.activated_at is None or entry.goal_at is not None:
        return None
    until = (goal.within or GOAL_WINDOW).after(entry.activated_at, known.zone)
    start = EventFact(entry.last_event_id or entry.trigger_event_id or AFTER_EVENTS, "", entry.activated_at, {})
    if not entry.activated_at <= event.at <= until or event.order <= start.order:
        return None
    if not evaluate(goal.when, known.state, known.setting, event.at, after=start):
        return None
    value = amount(property_at(event, goal.value)) if goal.value else None
    met = replace(entry, goal_at=event.at, goal_value=value)
    detail = {"event": event.name, "value": value}
    if entry.state == "active":
        return _end(met, "goal_met", "goal_met", event.at, detail)
    return Transition(met, (Decided(event.at, "goal_met", reason="goal_met", detail=detail),))


def _should_exit(campaign: Campaign, entry: Entry, known: Known, at: datetime) -> bool:
    if campaign.exit_when is None:
        return False
    return evaluate(campaign.exit_when, known.state, known.setting, at, after=_opening(entry))


def _opening(entry: Entry) -> EventFact:
    return EventFact(entry.trigger_event_id or AFTER_EVENTS, "", entry.opened_at, {})


def _end(entry: Entry, state: EntryState, reason: str, at: datetime, detail: Mapping[str, Any]) -> Transition:
    ended = replace(entry, state=state, reason=reason, ended_at=at, due_at=None)
    return Transition(ended, (Decided(at, state, reason=reason, detail=detail), CancelOpen(reason)))


def _reached_at(entry: Entry) -> datetime:
    return parse_instant(entry.context["reached_at"])


# ---------------------------------------------------------------- steps


def _run(
    campaign: Campaign, entry: Entry, known: Known, at: datetime, now: datetime, effects: list[Effect]
) -> Transition:
    """Pass steps from the entry's position until it must wait or ends."""
    start = now if now - at > LATE_AFTER else at
    for _ in range(STEP_LIMIT):
        step = paths.step_at(campaign.steps, entry.position)
        if step is None:
            outer = paths.leave(entry.position)
            if outer is None:
                done = replace(entry, state="completed", reason="completed", ended_at=start, due_at=None, position=())
                return Transition(done, (*effects, Decided(at, "completed", reason="completed")))
            entry = replace(entry, position=outer)
            continue
        passed = replace(entry, position=paths.after(entry.position))
        match step:
            case Send():
                if campaign.audience is not None and not evaluate(campaign.audience, known.state, known.setting, at):
                    ended = _end(entry, "exited", "not_in_audience", at, {"step": step.id})
                    return Transition(ended.entry, (*effects, PassOver(step, at, "not_in_audience"), *ended.effects))
                effects.append(_reach(campaign, step, entry, known, at))
                entry = passed
            case Wait():
                due_at = wait_until(step, entry, known, start)
                effects.append(Decided(at, "waits", step.id, detail={"due_at": due_at}))
                if due_at > start:
                    return Transition(replace(entry, due_at=due_at), tuple(effects))
                entry = passed
            case WaitFor():
                due_at = step.timeout.after(start, known.zone)
                context = {**entry.context, "reached_at": at.isoformat()}
                effects.append(Decided(at, "waits_for", step.id, detail={"events": step.events, "due_at": due_at}))
                return Transition(replace(entry, due_at=due_at, context=context), tuple(effects))
            case Branch():
                arm = _choose(step, known, at)
                effects.append(Decided(at, "branched", step.id, detail={"arm": arm}))
                entry = passed if arm is None else replace(entry, position=(*entry.position, arm, 0))
            case Split():
                index = _variant(campaign, step, known)
                name = step.variants[index].variant
                effects.append(Decided(at, "split", step.id, detail={"variant": name}))
                variants = {**entry.variants, step.id: name}
                entry = replace(entry, variants=variants, position=(*entry.position, index, 0))
            case Exit():
                left = replace(entry, state="exited", reason=step.reason or "exit_step", ended_at=start, due_at=None)
                return Transition(left, (*effects, Decided(at, "exited", step.id, left.reason)))
            case Update() | Points() | Coupon() | Emit() | Webhook() | Ticket():
                made = _make(step, entry, known, at)
                effects += [Act(step, at, made), Decided(at, "did", step.id, detail=made)]
                if isinstance(step, Coupon):
                    passed = replace(passed, context={**entry.context, "coupons": {**coupons(entry), step.name: made}})
                entry = passed
            case _:
                assert_never(step)
    raise AssertionError("a campaign's steps came to no end")


def coupons(entry: Entry) -> Mapping[str, Any]:
    """Return the coupons that the enrolment has made, by name."""
    found: Mapping[str, Any] = entry.context.get("coupons", {})
    return found


def _reach(campaign: Campaign, step: Send, entry: Entry, known: Known, at: datetime) -> Effect:
    variant = list(entry.variants.values())[-1] if entry.variants else None
    if step.skip_if is not None and evaluate(step.skip_if, known.state, known.setting, at):
        return PassOver(step, at, "skip_if", variant)
    del campaign
    deadline_at = step.deadline.after(entry.anchor_at, known.zone) if step.deadline is not None else None
    return Reach(step, at, deadline_at, variant)


def _choose(step: Branch, known: Known, at: datetime) -> int | None:
    for index, arm in enumerate(step.arms):
        if arm.when is None or evaluate(arm.when, known.state, known.setting, at):
            return index
    return None


def _variant(campaign: Campaign, step: Split, known: Known) -> int:
    total = sum(variant.weight for variant in step.variants)
    point = bucket(known.state.identifier, f"split:{campaign.campaign}:{step.id}") * total
    reached = 0
    for index, variant in enumerate(step.variants):
        reached += variant.weight
        if point < reached:
            return index
    return len(step.variants) - 1


def _make(step: Step, entry: Entry, known: Known, at: datetime) -> dict[str, Any]:
    match step:
        case Coupon():
            code = keyed_hash(known.key, "coupon", entry.campaign, str(entry.contact_id), entry.occurrence, step.id)
            expires_at = step.expires.after(at, known.zone) if step.expires is not None else None
            return {
                "code": code[:10].upper(),
                "percent": step.percent,
                "amount": step.amount,
                "expires_at": expires_at.isoformat() if expires_at else None,
            }
        case Points(per=per) if per is not None:
            event = next((found for found in known.state.events if found.id == entry.trigger_event_id), None)
            times = amount(property_at(event, per)) if event is not None else None
            return {"points": int((times or 0) * (step.give or 1))}
        case Points():
            return {"points": step.give}
        case _:
            return {}


def wait_until(step: Wait, entry: Entry, known: Known, start: datetime) -> datetime:
    """Return the instant at which a wait that starts at `start` is over; `start` itself when it is over already."""
    if step.duration is not None:
        return step.duration.after(start, known.zone)
    if step.date is not None:
        event = next((found for found in known.state.events if found.id == entry.trigger_event_id), None)
        value = property_at(event, step.date) if event is not None else None
        try:
            base = parse_instant(str(value), known.zone)
        except ValueError:
            return start  # the event has no such date: there is nothing to wait for
        return max(start, step.offset.after(base, known.zone))
    if step.until is None:
        return start
    day = start
    for _ in range(9):  # today, a week, and a day in hand for a change of clocks
        candidate = at_local(day, step.until, known.zone)
        weekday = WEEKDAYS[candidate.astimezone(known.zone).weekday()]
        if candidate >= start and (not step.weekdays or weekday in step.weekdays):
            return candidate
        day += timedelta(days=1)
    raise AssertionError("a weekday comes within nine days")
