"""Which campaigns send a template, and after which steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lifecycle.spec.model import Campaign, Content, Coupon, Send, walk_steps


@dataclass(frozen=True, slots=True)
class _Usage:
    """Who sends what in a version's campaigns. They are held, so that no other map can take their identity."""

    campaigns: Mapping[str, Campaign]
    senders: Mapping[str, list[Campaign]]
    coupons: frozenset[str]


_last = _Usage({}, {}, frozenset())


def campaigns_of(content: Content, template: str) -> list[Campaign]:
    """Return the campaigns that send the template, by name."""
    return list(_usage(content).senders.get(template, ()))


def coupon_names(content: Content) -> frozenset[str]:
    """Return the names that the content's steps give to coupons."""
    return _usage(content).coupons


def _usage(content: Content) -> _Usage:
    global _last  # noqa: PLW0603 - each template of a version asks the same; two threads at worst both work it out
    found = _last
    if found.campaigns is not content.campaigns:
        found = _last = _worked_out(content.campaigns)
    return found


def _worked_out(campaigns: Mapping[str, Campaign]) -> _Usage:
    senders: dict[str, list[Campaign]] = {}
    coupons: set[str] = set()
    for campaign in sorted(campaigns.values(), key=lambda each: each.campaign):
        steps = list(walk_steps(campaign.steps))
        for template in dict.fromkeys(step.template for step in steps if isinstance(step, Send)):
            senders.setdefault(template, []).append(campaign)
        coupons |= {step.name for step in steps if isinstance(step, Coupon)}
    return _Usage(campaigns, senders, frozenset(coupons))


def sends(campaign: Campaign, template: str) -> list[Send]:
    """Return the steps of a campaign that send the template."""
    return [step for step in walk_steps(campaign.steps) if isinstance(step, Send) and step.template == template]
