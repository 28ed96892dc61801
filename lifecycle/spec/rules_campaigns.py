"""LC4xx: a campaign that reads well and means something that nobody wants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from lifecycle.base.units import Duration
from lifecycle.spec.conditions import Condition
from lifecycle.spec.diagnostics import Diagnostic, Rule, Severity
from lifecycle.spec.model import (
    BroadcastTrigger,
    Campaign,
    Content,
    ManualTrigger,
    ScheduleTrigger,
    Send,
    Trigger,
    walk_steps,
)
from lifecycle.spec.paths import Passage, passages
from lifecycle.spec.place import Place


class CampaignRule(Rule):
    """A rule about one campaign among all the content."""

    rules: ClassVar[list[type[CampaignRule]]] = []

    def __init_subclass__(cls) -> None:
        """Register the rule among those that `check_campaigns` runs."""
        super().__init_subclass__()
        CampaignRule.rules.append(cls)

    @classmethod
    def find(cls, campaign: Campaign, content: Content) -> Iterator[Diagnostic]:
        """Yield this mistake wherever the campaign makes it."""
        raise NotImplementedError


def check_campaigns(content: Content) -> Iterator[Diagnostic]:
    """Yield what every rule finds in every campaign."""
    for campaign in content.campaigns.values():
        for rule in CampaignRule.rules:
            yield from rule.find(campaign, content)
    yield from _check_pairs(content)


def _place(campaign: Campaign) -> Place:
    return campaign.place or Place(f"campaigns/{campaign.campaign}.yaml", 1, 1)


class MarketingWithoutTopic(CampaignRule):
    """A marketing campaign needs a topic: what people consent to and unsubscribe from.

    Consent is by topic, and one-click unsubscribe acts on it. Fix: name one; receipts are `kind: transactional`.
    """

    code = "LC401"

    @classmethod
    def find(cls, campaign: Campaign, content: Content) -> Iterator[Diagnostic]:
        """Look at kind and topic."""
        if campaign.kind == "marketing" and campaign.topic is None:
            topics = ", ".join(topic.topic for topic in content.project.topics[:8])
            hint = f"topic: one of {topics}" if topics else "declare topics: in lifecycle.yaml"
            yield cls.at(_place(campaign), hint=hint)


class NoGoal(CampaignRule):
    """A campaign without a goal cannot say whether it works.

    Reports and lift count goals. Fix: add one.
    """

    code = "LC402"
    severity = Severity.WARNING

    @classmethod
    def find(cls, campaign: Campaign, content: Content) -> Iterator[Diagnostic]:
        """Look for the goal."""
        del content
        if campaign.goal is None:
            yield cls.at(_place(campaign), hint="as goal: {event: Order Completed, within: 5d}")


class UnreachableStep(CampaignRule):
    """No way leads to this step.

    Every way before it ends in `exit`. Fix: take the exit or the step away.
    """

    code = "LC403"

    @classmethod
    def find(cls, campaign: Campaign, content: Content) -> Iterator[Diagnostic]:
        """Look for steps behind an exit, alone or on every arm."""
        del content
        previous = None
        for passage in passages(campaign):
            if not passage.reached and (previous is None or previous.reached):
                yield cls.at(passage.step.place or _place(campaign), hint="every way ends before it")
            previous = passage


class DeadlinePassed(CampaignRule):
    """The waits before this mail are longer than its deadline: it is never sent.

    `deadline` counts from the trigger (or the last event that restarted the clock) and includes the waits before.
    """

    code = "LC404"

    @classmethod
    def find(cls, campaign: Campaign, content: Content) -> Iterator[Diagnostic]:
        """Add up the shortest way to each send."""
        del content
        for passage, deadline, place in _deadlines(campaign):
            if passage.soonest_s > deadline.approximate_s():
                waited = Duration(int(passage.soonest_s))
                message = f"the deadline of {deadline} has passed before this mail: the waits take {waited} or more"
                yield cls.at(place, message)


def _deadlines(campaign: Campaign) -> Iterator[tuple[Passage, Duration, Place]]:
    for passage in passages(campaign):
        step = passage.step
        if isinstance(step, Send) and step.deadline is not None and passage.reached:
            yield passage, step.deadline, step.deadline_place or step.place or _place(campaign)


class QuietPastDeadline(CampaignRule):
    """Quiet hours are longer than the deadline: what falls due as they begin is never sent.

    A mail that falls due in quiet hours is held until they end, and skipped if that is past its deadline.
    """

    code = "LC405"
    severity = Severity.WARNING

    @classmethod
    def find(cls, campaign: Campaign, content: Content) -> Iterator[Diagnostic]:
        """Hold each deadline against the project's quiet hours."""
        quiet = content.project.policies.quiet_hours
        kept = campaign.kind == "marketing" and campaign.send_window.quiet_hours == "keep"
        if quiet is None or not kept or quiet.then != "next":
            return
        start, end = (wall.hour * 3600 + wall.minute * 60 for wall in (quiet.window.start, quiet.window.end))
        length = (end - start) % 86400
        for passage, deadline, place in _deadlines(campaign):
            if passage.soonest_s + length > deadline.approximate_s() >= passage.soonest_s:
                message = f"quiet hours of {Duration(length)} hold this mail past its deadline of {deadline}"
                hint = "send_window: {quiet_hours: ignore} sends it at night too"
                yield cls.at(place, message, hint=hint)


class EndsBeforeStart(Rule):
    """The campaign ends before it starts.

    Dates without an offset are in the project's time zone.
    """

    code = "LC406"


class CouponExpired(CampaignRule):
    """The coupon has expired before the mail that brings it.

    The wait between the coupon and the mail is as long as the coupon is valid, or longer.
    """

    code = "LC407"
    severity = Severity.WARNING

    @classmethod
    def find(cls, campaign: Campaign, content: Content) -> Iterator[Diagnostic]:
        """Add up the waits between each coupon and the sends whose template names it."""
        for passage in passages(campaign):
            if not isinstance(passage.step, Send):
                continue
            for coupon, made_s in passage.coupons:
                age = passage.soonest_s - made_s
                if coupon.expires is None or age < coupon.expires.approximate_s():
                    continue
                if _names(content, passage.step.template, coupon.name):
                    message = f'"{coupon.name}" is valid for {coupon.expires} and mailed {Duration(int(age))} later'
                    yield cls.at(passage.step.place or _place(campaign), message, hint="make it right before the send")


def _names(content: Content, template: str, word: str) -> bool:
    """Say whether a template, in any locale, has the word (layouts and partials aside)."""
    stem = f"templates/{template}."
    return any(f"{word}." in text for path, text in content.files.items() if path.startswith(stem))


class HoldoutIgnored(Rule):
    """Transactional mails have no holdout: everyone gets them.

    Fix: take `holdout` away.
    """

    code = "LC408"
    severity = Severity.WARNING


class OnlyOnce(CampaignRule):
    """With reentry: once, each contact gets only the first one.

    `reentry` is `once` unless said otherwise; a letter that comes each month needs `always`.
    """

    code = "LC409"
    severity = Severity.WARNING

    @classmethod
    def find(cls, campaign: Campaign, content: Content) -> Iterator[Diagnostic]:
        """Look at schedules, and at hand-sent campaigns, which may be sent again."""
        del content
        if isinstance(campaign.trigger, ScheduleTrigger | ManualTrigger) and campaign.reentry.mode == "once":
            place = campaign.reentry.place or campaign.trigger.place or _place(campaign)
            yield cls.at(place, hint="reentry: always")


class NobodyIsInside(Rule):
    """enroll: current_and_future needs a trigger that is a state: a segment or a stage.

    `current_and_future` enrols those who are in the segment or stage when the campaign is applied.
    """

    code = "LC410"


class SamePeopleAtOnce(Rule):
    """Another campaign mails the same people at the same moment.

    Two live marketing campaigns have the same trigger and audience, and a send without a wait before it.
    """

    code = "LC411"
    severity = Severity.WARNING


def _check_pairs(content: Content) -> Iterator[Diagnostic]:
    """Yield each live marketing campaign that mails at once on the trigger and audience of one before it."""
    first: dict[tuple[Trigger, Condition | None], str] = {}
    for name in sorted(content.campaigns):
        campaign = content.campaigns[name]
        if not _mails_at_once(campaign):
            continue
        other = first.setdefault((campaign.trigger, campaign.audience), name)
        if other != name:
            message = f'the campaign "{other}" has this trigger too, and both mail at once'
            hint = "a wait, an audience or a frequency cap keeps them apart"
            yield SamePeopleAtOnce.at(campaign.trigger.place or _place(campaign), message, hint=hint)


def _mails_at_once(campaign: Campaign) -> bool:
    if campaign.kind != "marketing" or campaign.status != "live":
        return False
    if isinstance(campaign.trigger, ManualTrigger | BroadcastTrigger):
        return False
    return any(isinstance(each.step, Send) and each.soonest_s == 0 and each.reached for each in passages(campaign))


class SendsNothing(CampaignRule):
    """The campaign has no send step.

    There are only waits, branches and exits in it.
    """

    code = "LC412"
    severity = Severity.WARNING

    @classmethod
    def find(cls, campaign: Campaign, content: Content) -> Iterator[Diagnostic]:
        """Look for steps that do anything a contact or the shop could notice."""
        del content
        if all(
            type(step).__name__ in {"Wait", "WaitFor", "Branch", "Split", "Exit"} for step in walk_steps(campaign.steps)
        ):
            yield cls.at(_place(campaign), "no step of this campaign does anything")
