"""Which campaigns send a template, and after which steps."""

from __future__ import annotations

from collections.abc import Mapping

from lifecycle.spec.model import Campaign, Content, Send, walk_steps

#: the campaigns that were asked about last, and who sends what there; held, so that no other map can take its identity
_last: tuple[Mapping[str, Campaign], Mapping[str, list[Campaign]]] = ({}, {})


def campaigns_of(content: Content, template: str) -> list[Campaign]:
    """Return the campaigns that send the template, by name."""
    global _last  # noqa: PLW0603 - each template of a version asks the same; two threads at worst both work it out
    campaigns, senders = _last
    if campaigns is not content.campaigns:
        senders = _senders(content.campaigns)
        _last = (content.campaigns, senders)
    return list(senders.get(template, ()))


def _senders(campaigns: Mapping[str, Campaign]) -> Mapping[str, list[Campaign]]:
    found: dict[str, list[Campaign]] = {}
    for campaign in sorted(campaigns.values(), key=lambda each: each.campaign):
        for template in dict.fromkeys(step.template for step in walk_steps(campaign.steps) if isinstance(step, Send)):
            found.setdefault(template, []).append(campaign)
    return found


def sends(campaign: Campaign, template: str) -> list[Send]:
    """Return the steps of a campaign that send the template."""
    return [step for step in walk_steps(campaign.steps) if isinstance(step, Send) and step.template == template]
