"""Which campaigns send a template, and after which steps."""

from __future__ import annotations

from lifecycle.spec.model import Campaign, Content, Send, walk_steps


def campaigns_of(content: Content, template: str) -> list[Campaign]:
    """Return the campaigns that send the template, by name."""
    return sorted(
        (campaign for campaign in content.campaigns.values() if sends(campaign, template)),
        key=lambda found: found.campaign,
    )


def sends(campaign: Campaign, template: str) -> list[Send]:
    """Return the steps of a campaign that send the template."""
    return [step for step in walk_steps(campaign.steps) if isinstance(step, Send) and step.template == template]
