"""lifecycle.yaml as the plain data that `spec.decode_project` reads."""

from __future__ import annotations

from typing import Any

from lifecycle.spec.decode_project import default_stages
from lifecycle.spec.dump_conditions import condition_data
from lifecycle.spec.dump_values import local_text_data, one_or_more_data, optional, window_data, without_nothing
from lifecycle.spec.model import (
    Brand,
    Gift,
    Policies,
    Project,
    Referrals,
    Sender,
    SendingLimit,
    Stage,
    Survey,
    Tier,
    Topic,
    WarmUp,
    WebhookTarget,
)


def project_data(project: Project) -> dict[str, Any]:
    """Return lifecycle.yaml as data."""
    return without_nothing(
        {
            "project": project.project,
            "brand": brand_data(project.brand),
            "senders": {name: sender_data(sender) for name, sender in project.senders.items()},
            "locales": {"default": project.default_locale, "available": list(project.locales)},
            "timezone": project.timezone,
            "currency": project.currency,
            "topics": {topic.topic: topic_data(topic) for topic in project.topics},
            # the five that a project has without saying so are not said
            "stages": None if project.stages == default_stages() else [stage_data(stage) for stage in project.stages],
            "policies": policies_data(project.policies),
            "events": {
                name: without_nothing({"properties": dict(event.properties), "description": event.description})
                for name, event in project.events.items()
            },
            "contact": {"attributes": dict(project.contact_attributes)},
            "account": {"attributes": dict(project.account_attributes)},
            "rewards": without_nothing({"tiers": [tier_data(tier) for tier in project.rewards.tiers]}),
            "referrals": referrals_data(project.referrals),
            "surveys": {name: survey_data(survey) for name, survey in project.surveys.items()},
            "webhooks": {name: target_data(target) for name, target in project.webhooks.items()},
        }
    )


def brand_data(brand: Brand) -> dict[str, Any]:
    """Return who sends."""
    return without_nothing(
        {
            "name": local_text_data(brand.name),
            "url": brand.url,
            "logo": brand.logo,
            "postal_address": local_text_data(brand.postal_address),
            "colours": dict(brand.colours),
            "fonts": dict(brand.fonts),
        }
    )


def sender_data(sender: Sender) -> dict[str, Any]:
    """Return a From identity."""
    return without_nothing(
        {
            "from": sender.address,
            "name": local_text_data(sender.name),
            "reply_to": sender.reply_to,
            "provider": one_or_more_data(sender.providers) if sender.providers else None,
        }
    )


def topic_data(topic: Topic) -> dict[str, Any]:
    """Return a topic, without its id."""
    return without_nothing(
        {
            "label": local_text_data(topic.label),
            "description": local_text_data(topic.description),
            "default": topic.default,
        }
    )


def stage_data(stage: Stage) -> dict[str, Any]:
    """Return a stage."""
    return without_nothing(
        {
            "stage": stage.stage,
            "label": local_text_data(stage.label),
            "funnel": stage.funnel,
            "needs": list(stage.needs),
            "moment": stage.moment,
            "actions": list(stage.actions),
            "when": condition_data(stage.when),
            "keep_for": optional(str, stage.keep_for),
        }
    )


def policies_data(policies: Policies) -> dict[str, Any]:
    """Return what holds for every marketing mail."""
    return without_nothing(
        {
            "frequency_caps": [
                without_nothing({"at_most": cap.at_most, "per": str(cap.per), "topic": cap.topic})
                for cap in policies.frequency_caps
            ],
            "quiet_hours": optional(
                lambda quiet: {**window_data(quiet.window), "then": quiet.then}, policies.quiet_hours
            ),
            "global_holdout": optional(str, policies.global_holdout),
            "attribution": {"click": str(policies.attribution_click)},
            "consent": policies.consent,
            "utm": dict(policies.utm),
            "sending_limits": [limit_data(limit) for limit in policies.sending_limits],
            "warm_up": [warm_up_data(warm_up) for warm_up in policies.warm_up],
        }
    )


def limit_data(limit: SendingLimit) -> dict[str, Any]:
    """Return a sending limit."""
    about = {"provider": limit.provider, "domains": list(limit.domains)}
    return without_nothing({**about, "at_most": limit.at_most, "per": str(limit.per)})


def warm_up_data(warm_up: WarmUp) -> dict[str, Any]:
    """Return a warm-up."""
    grows = {"from": warm_up.first, "to": warm_up.to, "over": str(warm_up.over)}
    return {"provider": warm_up.provider, "starts": warm_up.starts.isoformat(), **grows}


def tier_data(tier: Tier) -> dict[str, Any]:
    """Return a tier."""
    return {"tier": tier.tier, "from": tier.at_least, "label": local_text_data(tier.label)}


def referrals_data(referrals: Referrals) -> dict[str, Any]:
    """Return what both sides of a referral get."""
    at_once = not referrals.release_after.approximate_s()
    return without_nothing(
        {
            "friend": optional(_gift_data, referrals.friend),
            "advocate": optional(_gift_data, referrals.advocate),
            "release_after": None if at_once else str(referrals.release_after),
        }
    )


def _gift_data(gift: Gift) -> dict[str, Any]:
    expires = optional(str, gift.expires)
    return without_nothing({"percent": gift.percent, "amount": gift.amount, "points": gift.points, "expires": expires})


def survey_data(survey: Survey) -> dict[str, Any]:
    """Return a survey, without its name; the scores of nps are no choice."""
    scale = survey.scale if survey.kind == "csat" else None
    return without_nothing({"kind": survey.kind, "question": local_text_data(survey.question), "scale": scale})


def target_data(target: WebhookTarget) -> dict[str, Any]:
    """Return a webhook, without its name."""
    return without_nothing({"url": target.url, "method": target.method, "headers": dict(target.headers)})
