"""What the content asks of contacts: every condition in it, and by what one campaign chooses its people."""

from __future__ import annotations

from lifecycle.spec.conditions import Condition, EventLeaf, FactLeaf, SegmentLeaf, StageLeaf, TotalLeaf, walk
from lifecycle.spec.model import Branch, Campaign, Content, SegmentTrigger, Send, StageTrigger, walk_steps


def conditions_of(content: Content) -> list[Condition]:
    """Return every condition that the content asks of contacts: stages, segments, and those in campaigns."""
    found: list[Condition | None] = [stage.when for stage in content.project.stages]
    found += [segment.where for segment in content.segments.values()]
    for campaign in content.campaigns.values():
        found += [campaign.audience, campaign.exit_when, campaign.goal.when if campaign.goal else None]
        for step in walk_steps(campaign.steps):
            match step:
                case Send(skip_if=skip_if):
                    found.append(skip_if)
                case Branch(arms=arms):
                    found += [arm.when for arm in arms]
                case _:
                    pass
    return [condition for condition in found if condition is not None]


def chosen_by(campaign: Campaign, content: Content) -> tuple[set[str], set[str]]:
    """Return the facts and events that choose who gets the campaign's mail, through segments and stages.

    Looks at the trigger, the audience and the branches: whoever comes to a mail has passed those.
    """
    waiting: list[Condition] = [campaign.audience] if campaign.audience is not None else []
    for step in walk_steps(campaign.steps):
        if isinstance(step, Branch):
            waiting += [arm.when for arm in step.arms if arm.when is not None]
    match campaign.trigger:
        case SegmentTrigger(segment=segment):
            waiting.append(SegmentLeaf(segment))
        case StageTrigger(stage=name):
            waiting.append(StageLeaf("is", name))
        case _:
            pass
    facts, events, seen = set[str](), set[str](), set[str]()
    stages = {stage.stage: stage.when for stage in content.project.stages}
    while waiting:
        for part in walk(waiting.pop()):
            match part:
                case FactLeaf(fact=fact):
                    facts.add(fact)
                case EventLeaf(events=names) | TotalLeaf(events=names):
                    events |= set(names)
                case SegmentLeaf(segment=segment) if segment in content.segments and segment not in seen:
                    seen.add(segment)
                    waiting.append(content.segments[segment].where)
                case StageLeaf(value=str(name)) if name in stages and f"stage {name}" not in seen:
                    seen.add(f"stage {name}")
                    waiting.append(stages[name])
                case _:
                    pass
    return facts, events
