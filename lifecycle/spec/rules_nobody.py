"""Rules about conditions that leave nobody, steps that nobody reaches, and consent that nobody can give."""

from __future__ import annotations

from collections.abc import Iterator

from lifecycle.spec.chosen import conditions_of
from lifecycle.spec.conditions import (
    AllOf,
    AnyOf,
    Condition,
    ConsentLeaf,
    EventLeaf,
    FactLeaf,
    Negation,
    SegmentLeaf,
    StageLeaf,
    Test,
)
from lifecycle.spec.contradiction import Contradictions
from lifecycle.spec.diagnostics import Diagnostic, Rule, Severity
from lifecycle.spec.model import (
    Branch,
    BroadcastTrigger,
    Campaign,
    Content,
    DateTrigger,
    EventTrigger,
    ManualTrigger,
    ScheduleTrigger,
    SegmentTrigger,
    Send,
    StageTrigger,
    Trigger,
    WaitFor,
    walk_steps,
)
from lifecycle.spec.paths import longest_s, passages
from lifecycle.spec.place import Place
from lifecycle.spec.rules_campaigns import CampaignRule, place_of
from lifecycle.spec.rules_conditions import ImpossibleTest


def check_people(content: Content) -> Iterator[Diagnostic]:
    """Yield the conditions of all files that contradict themselves, and double consent without a mail that asks."""
    logic = Contradictions.of(content)
    for condition in conditions_of(content):
        for second in logic.within(condition):
            if second.place is not None:
                message = "nobody passes both this and what stands before it in the list"
                yield ImpossibleTest.at(second.place, message, hint="any: instead of all: asks for one of them")
    yield from _confirmation(content)


class UnreachableStep(CampaignRule):
    """No way leads to this step.

    Every way before it ends in `exit`; or an arm before it in the branch has the same condition; or the event it waits
    for ends the journey first (goal and `exit_when` come before `wait_for`). Fix: take one of the two away.
    """

    code = "LC403"

    @classmethod
    def find(cls, campaign: Campaign, content: Content) -> Iterator[Diagnostic]:
        """Look for steps behind an exit, arms that repeat one, and events that end the journey."""
        del content
        previous = None
        for passage in passages(campaign):
            if not passage.reached and (previous is None or previous.reached):
                yield cls.at(passage.step.place or place_of(campaign), hint="every way ends before it")
            previous = passage
        for step in walk_steps(campaign.steps):
            if isinstance(step, Branch):
                yield from cls._repeated(step)
            elif isinstance(step, WaitFor) and step.then:
                yield from cls._overtaken(campaign, step)

    @classmethod
    def _repeated(cls, branch: Branch) -> Iterator[Diagnostic]:
        seen: list[Condition] = []
        for arm in branch.arms:
            if arm.when is not None and arm.when in seen and arm.when.place is not None:
                yield cls.at(arm.when.place, "nobody comes here: an arm above has the same condition")
            elif arm.when is not None:
                seen.append(arm.when)

    @classmethod
    def _overtaken(cls, campaign: Campaign, step: WaitFor) -> Iterator[Diagnostic]:
        # once its time is over, a goal ends no journey
        watched = campaign.goal is not None and longest_s(campaign) <= campaign.goal.window.approximate_s()
        goal = campaign.goal.when if campaign.goal is not None and watched else None
        for name, condition in (("goal", goal), ("exit_when", campaign.exit_when)):
            if condition is not None and all(_met_by(condition, event) for event in step.events):
                place = step.then[0].place or place_of(campaign)
                yield cls.at(place, f"no way leads to this step: {name} ends the journey before wait_for sees it")
                return


def _met_by(condition: Condition, event: str) -> bool:
    """Say whether any event of that name, whatever its properties, meets the condition as it comes."""
    match condition:
        case EventLeaf(events=events, where=(), count=()) if condition.span.until is None:
            return event in events
        case AnyOf(parts=parts):
            return any(_met_by(part, event) for part in parts)
        case AllOf(parts=parts):
            return bool(parts) and all(_met_by(part, event) for part in parts)
        case _:
            return False


class NobodyQualifies(CampaignRule):
    """Nobody can be in the audience.

    The audience contradicts the trigger (entering a segment, and not being in it; an event, and its never having come:
    the one that triggers has come) or the topic's consent; or `skip_if` holds for all of it. Fix: look which of the two
    is meant.
    """

    code = "LC418"

    @classmethod
    def find(cls, campaign: Campaign, content: Content) -> Iterator[Diagnostic]:
        """Hold the audience, and what skips a mail, against what must hold anyway."""
        yield from cls._skipped(campaign, content)
        if campaign.audience is None:
            return
        logic, place = Contradictions.of(content), campaign.audience.place or place_of(campaign)
        state = _state_after(campaign.trigger)
        if state is not None and logic.exclude(state, campaign.audience):
            yield cls.at(place, "nobody is left: the audience contradicts the trigger")
        elif campaign.kind == "marketing" and logic.exclude(ConsentLeaf(campaign.topic or ""), campaign.audience):
            message = f'nobody is left: marketing goes only to those who consent to "{campaign.topic}"'
            yield cls.at(place, message)

    @classmethod
    def _skipped(cls, campaign: Campaign, content: Content) -> Iterator[Diagnostic]:
        consent = ConsentLeaf(campaign.topic) if campaign.kind == "marketing" and campaign.topic else None
        for step in walk_steps(campaign.steps):
            if isinstance(step, Send) and step.skip_if is not None and step.skip_if.place is not None:
                others = Negation(step.skip_if)
                if Contradictions.of(content).exclude(campaign.audience, consent, others):
                    yield cls.at(step.skip_if.place, "nobody is left: skip_if holds for the whole audience")


def _state_after(trigger: Trigger) -> Condition | None:
    """Return what holds of a contact for whom the trigger has just gone off."""
    match trigger:
        case SegmentTrigger(segment=segment, edge="entered"):
            return SegmentLeaf(segment)
        case SegmentTrigger(segment=segment):
            return Negation(SegmentLeaf(segment))
        case StageTrigger(stage=stage):
            return StageLeaf("is", stage)
        case EventTrigger(events=("Order Completed",) as events):
            return AllOf((EventLeaf(events), FactLeaf("orders.count", (Test("at_least", 1),))))
        case EventTrigger(events=events):
            return EventLeaf(events)
        case DateTrigger() | ScheduleTrigger() | BroadcastTrigger() | ManualTrigger():
            return None


class AllHeldOut(CampaignRule):
    """Everybody is held out: the campaign mails nobody.

    A holdout of 5% to 20% leaves enough people on both sides. Fix: lower it, or `status: draft`.
    """

    code = "LC420"
    severity = Severity.WARNING

    @classmethod
    def find(cls, campaign: Campaign, content: Content) -> Iterator[Diagnostic]:
        """Look at the campaign's share."""
        del content
        if campaign.holdout is not None and campaign.holdout.fraction == 1:
            yield cls.at(place_of(campaign), hint="5% to 20% is usual")


class NobodyCanConfirm(Rule):
    """Consent is double, and no live campaign sends a mail with the link that confirms.

    With `consent: double` nobody counts as subscribed before they follow `confirm_url` in a mail. Fix: a transactional
    campaign on `Subscription Requested` that sends one, or `consent: single`.
    """

    code = "LC417"
    severity = Severity.WARNING


def _confirmation(content: Content) -> Iterator[Diagnostic]:
    policies = content.project.policies
    if policies.consent != "double":
        return
    for campaign in content.campaigns.values():
        asks = isinstance(campaign.trigger, EventTrigger) and "Subscription Requested" in campaign.trigger.events
        if asks and campaign.kind == "transactional" and campaign.status == "live":
            return
    place = policies.place or content.project.place or Place("lifecycle.yaml", 1, 1)
    yield NobodyCanConfirm.at(place, hint="a transactional campaign on Subscription Requested")
