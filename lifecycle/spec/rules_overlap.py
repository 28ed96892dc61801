"""LC411: campaigns that mail the same people at the same moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from lifecycle.base.units import Duration
from lifecycle.spec.conditions import AllOf, Condition, ConsentLeaf
from lifecycle.spec.contradiction import Contradictions, clash
from lifecycle.spec.diagnostics import Diagnostic, Rule, Severity
from lifecycle.spec.model import Campaign, Content, EventTrigger, ManualTrigger, Trigger
from lifecycle.spec.place import Place
from lifecycle.spec.rules_campaigns import place_of
from lifecycle.spec.rules_time import sends


class SamePeopleAtOnce(Rule):
    """Another campaign mails the same people at the same moment.

    Two live marketing campaigns begin with the same event, segment, stage or date, their audiences can overlap, and
    they mail after the same time. With a database, `check` says how many people are in both audiences now. Fix: a wait,
    an audience that leaves the other's people out, or a frequency cap and a `priority` for each.
    """

    code = "LC411"
    severity = Severity.WARNING


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two campaigns that can mail the same people at the same moment. `both` is who."""

    first: str
    second: str
    both: Condition
    place: Place
    after: Duration

    def diagnostic(self, people: int | None = None) -> Diagnostic:
        """Return it as a warning at the second campaign, with the number of people if it is known."""
        moment = f"{self.after} after it" if self.after.approximate_s() else "at once"
        known = "" if people is None else f" ({people:,} {'contact is' if people == 1 else 'contacts are'} in both now)"
        message = f'the campaign "{self.first}" has this trigger too, and both mail {moment}{known}'
        hint = "a wait, an audience or a frequency cap keeps them apart"
        return SamePeopleAtOnce.at(self.place, message, hint=hint)


def check_overlaps(content: Content) -> Iterator[Diagnostic]:
    """Yield a warning for each campaign that mails the people of one before it at the same moment."""
    for overlap in overlaps(content):
        yield overlap.diagnostic()


def overlaps(content: Content) -> Iterator[Overlap]:
    """Yield the live marketing campaigns that can mail the people of one before them, by name, at the same moment."""
    logic = Contradictions.of(content)
    groups: dict[Hashable, list[Campaign]] = defaultdict(list)
    for name in sorted(content.campaigns):
        campaign = content.campaigns[name]
        if campaign.kind != "marketing" or campaign.status != "live":
            continue
        found = None
        for after in sorted({int(passage.soonest_s) for passage, _, _ in sends(campaign)}):
            for occasion in _occasions(campaign.trigger):
                group = groups[occasion, after]
                other = next((one for one in group if found is None and not _apart(one, campaign, logic)), None)
                found = _pair(other, campaign, after) if other is not None else found
                group.append(campaign)
        if found is not None:
            yield found


def _pair(first: Campaign, second: Campaign, after: int) -> Overlap:
    both = AllOf((_people(first), _people(second)))
    return Overlap(first.campaign, second.campaign, both, second.trigger.place or place_of(second), Duration(after))


def _occasions(trigger: Trigger) -> Iterator[Hashable]:
    """Yield what sets the trigger off: two triggers that share one can go off together."""
    match trigger:
        case EventTrigger(events=events):
            yield from events
        case ManualTrigger():
            return  # by hand, one after the other
        case _:
            yield trigger


def _apart(first: Campaign, second: Campaign, logic: Contradictions) -> bool:
    """Say whether one person cannot be in both, or one is over before the other begins."""
    for early, late in ((first, second), (second, first)):
        if early.ends is not None and late.starts is not None and early.ends <= late.starts:
            return True
    one, other = first.trigger, second.trigger
    if isinstance(one, EventTrigger) and isinstance(other, EventTrigger):
        for test in one.where:
            if any(test.path == also.path and clash((*test.tests, *also.tests)) for also in other.where):
                return True
    return logic.exclude(_people(first), _people(second))


def _people(campaign: Campaign) -> Condition:
    """Return who can get the campaign's mail: its audience, as far as they agreed to the topic."""
    consent = [ConsentLeaf(campaign.topic)] if campaign.topic else []
    return AllOf((*([campaign.audience] if campaign.audience is not None else []), *consent))
