"""What reports take from the content: names for people, the order of things, triggers in words."""

from __future__ import annotations

from lifecycle.spec.model import (
    BroadcastTrigger,
    Campaign,
    Content,
    DateTrigger,
    EventTrigger,
    ManualTrigger,
    ScheduleTrigger,
    SegmentTrigger,
    StageTrigger,
)


def campaign_label(content: Content, name: str) -> str:
    """Return the campaign's label in the project's language, else its name."""
    campaign = content.campaigns.get(name)
    locale = content.project.default_locale
    return (campaign.label.text(locale, locale) if campaign is not None else "") or name


def stage_labels(content: Content) -> dict[str, str]:
    """Return the stages' labels in the project's language, in their order."""
    locale = content.project.default_locale
    return {stage.stage: stage.label.text(locale, locale) or stage.stage for stage in content.project.stages}


def campaign_order(content: Content, seen: set[str]) -> list[str]:
    """Return the campaigns of the content by stage and name, then those that only the ledger still knows."""
    rank = {stage.stage: index for index, stage in enumerate(content.project.stages)}
    known = sorted(content.campaigns.values(), key=lambda each: (rank.get(each.stage, len(rank)), each.campaign))
    return [campaign.campaign for campaign in known] + sorted(seen - set(content.campaigns))


def trigger_words(campaign: Campaign) -> str:
    """Return what starts the campaign, in words."""
    match campaign.trigger:
        case EventTrigger(events=events, quiet_for=quiet):
            words = "after " + " or ".join(events)
            return f"{words}, once quiet for {quiet}" if quiet is not None else words
        case SegmentTrigger(segment=segment, edge=edge):
            return f"on {'entering' if edge == 'entered' else 'leaving'} segment {segment}"
        case StageTrigger(stage=stage):
            return f"on entering stage {stage}"
        case DateTrigger(owner=owner, path=path, every=every, at=at):
            rhythm = f"every {every} on " if every else "on "
            return f"{rhythm}{owner}.{'.'.join(path)} at {at:%H:%M}"
        case ScheduleTrigger(cron=cron):
            return f"on the schedule {cron}"
        case BroadcastTrigger(at=at):
            return f"once, at {at:%Y-%m-%d %H:%M}"
        case ManualTrigger():
            return "by hand"
