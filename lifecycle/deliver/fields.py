"""Header fields that say which campaign a mail is of: the same for one that leaves and one that is only looked at."""

from __future__ import annotations

from lifecycle.spec.model import BroadcastTrigger, Campaign, ManualTrigger, Project, ScheduleTrigger


def list_id(project: Project, topic: str | None, locale: str, domain: str) -> tuple[str, str] | None:
    """Return label and identifier of the topic's list (RFC 2919), None for a topic that is not declared."""
    found = project.topic(topic or "")
    if found is None:
        return None
    return found.label.text(locale, project.default_locale), f"{found.topic}.{project.project}.{domain}"


def feedback_id(project: Project, campaign: str, step: str, about: str) -> str:
    """Return the Feedback-ID; `about` is the topic, or the kind of a mail without one."""
    return f"{campaign}:{step}:{about}:{project.project}"


def is_triggered(campaign: Campaign) -> bool:
    """Say whether its mails are sent because something happened, not to a list at once (RFC 3834)."""
    return not isinstance(campaign.trigger, BroadcastTrigger | ScheduleTrigger | ManualTrigger)
