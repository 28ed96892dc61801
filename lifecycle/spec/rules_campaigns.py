"""LC4xx: a campaign that reads well and means something that nobody wants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from lifecycle.spec.diagnostics import Diagnostic, Rule, Severity
from lifecycle.spec.model import (
    Campaign,
    Content,
    DateTrigger,
    ManualTrigger,
    ScheduleTrigger,
    walk_steps,
)
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


def place_of(campaign: Campaign) -> Place:
    """Return where the campaign stands."""
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
            yield cls.at(place_of(campaign), hint=hint)


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
            yield cls.at(place_of(campaign), hint="as goal: {event: Order Completed, within: 5d}")


class EndsBeforeStart(Rule):
    """The campaign ends before it starts.

    Dates without an offset are in the project's time zone.
    """

    code = "LC406"


class HoldoutIgnored(Rule):
    """Transactional mails have no holdout: everyone gets them.

    Fix: take `holdout` away.
    """

    code = "LC408"
    severity = Severity.WARNING


class OnlyOnce(CampaignRule):
    """With reentry: once, each contact gets only the first one.

    `reentry` is `once` unless said otherwise; a letter that comes each month, or a birthday's, needs `always`.
    """

    code = "LC409"
    severity = Severity.WARNING

    @classmethod
    def find(cls, campaign: Campaign, content: Content) -> Iterator[Diagnostic]:
        """Look at schedules, and at hand-sent campaigns, which may be sent again."""
        del content
        trigger = campaign.trigger
        yearly = isinstance(trigger, DateTrigger) and trigger.every is not None
        if (yearly or isinstance(trigger, ScheduleTrigger | ManualTrigger)) and campaign.reentry.mode == "once":
            place = campaign.reentry.place or campaign.trigger.place or place_of(campaign)
            yield cls.at(place, hint="reentry: always")


class NobodyIsInside(Rule):
    """enroll: current_and_future needs a trigger that is a state: a segment or a stage.

    `current_and_future` enrols those who are in the segment or stage when the campaign is applied.
    """

    code = "LC410"


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
            yield cls.at(place_of(campaign), "no step of this campaign does anything")
