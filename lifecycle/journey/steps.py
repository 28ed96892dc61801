"""Passing steps: from where an enrolment stands until it must wait or ends. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, assert_never

from lifecycle.base.ids import bucket, content_hash, keyed_hash
from lifecycle.base.units import on_date, parse_instant
from lifecycle.intake.properties import amount
from lifecycle.journey import paths
from lifecycle.journey.entry import Act, Decided, Effect, Entry, PassOver, Reach, Transition, ended
from lifecycle.journey.known import Known
from lifecycle.journey.matching import property_at
from lifecycle.journey.policy import ENDS_THAT_CANCEL
from lifecycle.spec.model import (
    WEEKDAYS,
    Branch,
    Campaign,
    Coupon,
    Emit,
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
#: Steps that one stimulus may pass; more is a loop in our own code.
STEP_LIMIT = 10_000


def run(
    campaign: Campaign, entry: Entry, known: Known, at: datetime, now: datetime, effects: list[Effect]
) -> Transition:
    """Pass steps from the entry's position until it must wait or ends; add what they ask for to `effects`.

    Conditions are asked at `at`, the logical instant. Waits begin then too, unless the engine is late: then at `now`.
    """
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
                if campaign.audience is not None and not known.holds(campaign.audience, at):
                    left = ended(entry, "exited", "not_in_audience", at, {"step": step.id})
                    return Transition(left.entry, (*effects, PassOver(step, at, "not_in_audience"), *left.effects))
                reached = _reach(campaign, step, entry, known, at)
                effects.append(reached)
                entry = replace(passed, unsent=True) if isinstance(reached, Reach) else passed
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
                index, why = _variant(campaign, step, known)
                name = step.variants[index].variant
                effects.append(Decided(at, "split", step.id, why, {"variant": name}))
                variants = {**entry.variants, step.id: name}
                entry = replace(entry, variants=variants, position=(*entry.position, index, 0))
            case Exit():
                # its own mails still leave: it must not read like an end that calls them back
                reason = step.reason if step.reason and step.reason not in ENDS_THAT_CANCEL else "exit_step"
                gone = replace(entry, state="exited", reason=reason, ended_at=start, due_at=None, position=())
                return Transition(gone, (*effects, Decided(at, "exited", step.id, reason)))
            case Update() | Points() | Coupon() | Emit() | Webhook() | Ticket():
                made = _make(step, entry, known, at)
                effects += [Act(step, at, made), Decided(at, "did", step.id, detail=made)]
                if isinstance(step, Update | Points):
                    known = known.after_step(step, made)
                if isinstance(step, Coupon):
                    passed = replace(passed, context={**entry.context, "coupons": {**coupons(entry), step.name: made}})
                entry = passed
            case _:
                assert_never(step)
    raise AssertionError("a campaign's steps came to no end")


def coupons(entry: Entry) -> dict[str, Any]:
    """Return the coupons that the enrolment has made, by name."""
    return dict(entry.context.get("coupons", {}))


def _reach(campaign: Campaign, step: Send, entry: Entry, known: Known, at: datetime) -> Reach | PassOver:
    variant = _last_variant(campaign, entry)
    if step.skip_if is not None and known.holds(step.skip_if, at):
        return PassOver(step, at, "skip_if", variant)
    deadline_at = step.deadline.after(entry.anchor_at, known.zone) if step.deadline is not None else None
    return Reach(step, at, deadline_at, variant)


def _last_variant(campaign: Campaign, entry: Entry) -> str | None:
    """Return the variant of the split that was taken last: splits are taken in the order of writing."""
    taken = [entry.variants[step.id] for step in walk_steps(campaign.steps) if step.id in entry.variants]
    return taken[-1] if taken else None


def _choose(step: Branch, known: Known, at: datetime) -> int | None:
    for index, arm in enumerate(step.arms):
        if arm.when is None or known.holds(arm.when, at):
            return index
    return None


def _variant(campaign: Campaign, step: Split, known: Known) -> tuple[int, str]:
    names = [variant.variant for variant in step.variants]
    winner = known.winners.get((campaign.campaign, step.id))
    if winner in names:
        return names.index(winner), "winner"
    total = sum(variant.weight for variant in step.variants)
    point = bucket(known.state.identifier, f"split:{campaign.campaign}:{step.id}") * total
    reached = 0
    for index, variant in enumerate(step.variants):
        reached += variant.weight
        if point < reached:
            return index, ""
    return len(names) - 1, ""


def _make(step: Step, entry: Entry, known: Known, at: datetime) -> dict[str, Any]:
    name = (entry.campaign, str(entry.contact_id), entry.occurrence, step.id)
    match step:
        case Coupon():
            expires_at = step.expires.after(at, known.zone) if step.expires is not None else None
            return {
                "code": keyed_hash(known.key, "coupon", *name)[:10].upper(),
                "percent": step.percent,
                "amount": step.amount,
                "expires_at": expires_at.isoformat() if expires_at else None,
            }
        case Points(takes_all=True):
            return {"points": -max(int(known.state.kept.get("points.balance") or 0), 0)}
        case Points(per=per) if per is not None:
            event = known.event(entry.trigger_event_id)
            times = amount(property_at(event, per)) if event is not None else None
            return {"points": int((times or 0) * (step.give or 1))}
        case Points():
            return {"points": step.give}
        case Emit():
            # short whatever it is a consequence of: emitted events can emit
            return {"message_id": f"emit:{content_hash(*name)}"}
        case _:
            return {}


def wait_until(step: Wait, entry: Entry, known: Known, start: datetime) -> datetime:
    """Return the instant at which a wait that starts at `start` is over; `start` itself when it is over already."""
    if step.duration is not None:
        return step.duration.after(start, known.zone)
    if step.date is not None:
        event = known.event(entry.trigger_event_id)
        value = property_at(event, step.date) if event is not None else None
        try:
            base = parse_instant(str(value), known.zone)
            return max(start, step.offset.after(base, known.zone))
        except (ValueError, OverflowError):
            return start  # the event has no such date: there is nothing to wait for
    if step.until is None:
        return start
    today: date = start.astimezone(known.zone).date()
    for days in range(9):  # today, a week, and a day in hand for a change of clocks
        day = today + timedelta(days=days)
        candidate = on_date(day, step.until, known.zone)
        if candidate >= start and (not step.weekdays or WEEKDAYS[day.weekday()] in step.weekdays):
            return candidate
    raise AssertionError("a weekday comes within nine days")
