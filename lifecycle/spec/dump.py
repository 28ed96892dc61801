"""The model as YAML that loads back equal; the inverse of the decoders, for generated content and for tests.

`*_data` functions return plain data in the order in which a person would write it; `as_yaml` makes it text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time
from typing import Any

import yaml

from lifecycle.base.units import LocalWindow
from lifecycle.spec.dump_conditions import condition_data, property_tests_data
from lifecycle.spec.model import (
    BroadcastTrigger,
    Campaign,
    DateTrigger,
    EventTrigger,
    Goal,
    LocalText,
    ManualTrigger,
    Project,
    Reentry,
    ScheduleTrigger,
    Segment,
    SegmentTrigger,
    SendWindow,
    StageTrigger,
    Trigger,
)


def as_yaml(data: Mapping[str, Any]) -> str:
    """Return plain data as YAML without anchors, tags or aliases; what our scalars would read otherwise is quoted."""
    return yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)


class _Dumper(yaml.SafeDumper):
    """PyYAML quotes by YAML 1.1, which quotes more than 1.2 needs; never less of what matters here."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out."""
        del data
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    # always in double quotes, unless it is a plain word: what 1.1 and 1.2 read differently cannot arise
    plain = value.isidentifier() and value.isascii() and value.lower() not in _SPECIAL
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain else '"')


_SPECIAL = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
_Dumper.add_representer(str, _text)


def without_nothing(data: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not set: None, and empty text, tuples and mappings."""
    return {key: value for key, value in data.items() if value is not None and value not in ("", (), [], {})}


def optional(write: Callable[[Any], Any], value: Any) -> Any:
    """Return what `write` makes of the value, None when it is None."""
    return None if value is None else write(value)


def local_text_data(text: LocalText) -> Any:
    """Return text for people as one text, or a mapping by locale."""
    return dict(text.by_locale) if text.everywhere is None else text.everywhere


def instant_data(value: datetime) -> str:
    """Return an aware instant in ISO 8601."""
    return value.isoformat()


def time_data(value: time) -> str:
    """Return a time of day."""
    return f"{value:%H:%M}"


def window_data(window: LocalWindow) -> dict[str, str]:
    """Return local hours."""
    return {"from": time_data(window.start), "to": time_data(window.end)}


def one_or_more_data(names: Sequence[str]) -> Any:
    """Return one name, or a list of several."""
    return names[0] if len(names) == 1 else list(names)


def below_properties(path: Sequence[str]) -> str:
    """Return a path of the event's properties as it is written."""
    return ".".join(("properties", *path))


# ---------------------------------------------------------------- files


def segment_data(segment: Segment) -> dict[str, Any]:
    """Return segments/NAME.yaml as data."""
    return without_nothing(
        {
            "segment": segment.segment,
            "label": local_text_data(segment.label),
            "description": local_text_data(segment.description),
            "where": condition_data(segment.where),
        }
    )


def campaign_data(campaign: Campaign) -> dict[str, Any]:
    """Return campaigns/NAME.yaml as data."""
    from lifecycle.spec.dump_steps import step_data

    return without_nothing(
        {
            "campaign": campaign.campaign,
            "label": local_text_data(campaign.label),
            "status": campaign.status,
            "stage": campaign.stage,
            "topic": campaign.topic,
            "kind": campaign.kind,
            "priority": campaign.priority,
            "starts": optional(instant_data, campaign.starts),
            "ends": optional(instant_data, campaign.ends),
            "trigger": trigger_data(campaign.trigger),
            "audience": optional(condition_data, campaign.audience),
            "reentry": _reentry_data(campaign.reentry),
            "enroll": campaign.enroll,
            "exit_when": optional(condition_data, campaign.exit_when),
            "goal": optional(_goal_data, campaign.goal),
            "holdout": optional(str, campaign.holdout),
            "send_window": _window_data(campaign.send_window),
            "on_change": campaign.on_change,
            "steps": [step_data(step) for step in campaign.steps],
        }
    )


def _reentry_data(reentry: Reentry) -> Any:
    return {"after": str(reentry.after)} if reentry.mode == "after" else reentry.mode


def _goal_data(goal: Goal) -> dict[str, Any]:
    data = {
        "when": condition_data(goal.when),
        "within": optional(str, goal.within),
        "value": optional(below_properties, goal.value),
    }
    return without_nothing(data)


def _window_data(window: SendWindow) -> dict[str, Any]:
    return without_nothing(
        {
            "quiet_hours": window.quiet_hours,
            "hours": optional(window_data, window.hours),
            "weekdays": list(window.weekdays),
            "then": window.then,
        }
    )


def trigger_data(trigger: Trigger) -> Any:
    """Return what starts a campaign as data."""
    match trigger:
        case ManualTrigger():
            return "manual"
        case EventTrigger():
            return without_nothing(
                {
                    "event": one_or_more_data(trigger.events),
                    "where": property_tests_data(trigger.where),
                    "quiet_for": optional(str, trigger.quiet_for),
                    "restart_on": list(trigger.restart_on),
                    "key": optional(below_properties, trigger.key),
                }
            )
        case SegmentTrigger():
            return {f"segment_{trigger.edge}": trigger.segment}
        case StageTrigger():
            return {"stage_entered": trigger.stage}
        case DateTrigger():
            date = {
                "of": ".".join((trigger.owner, *trigger.path)),
                "every": trigger.every,
                "offset": str(trigger.offset),
                "at": time_data(trigger.at),
            }
            return {"date": without_nothing(date)}
        case ScheduleTrigger():
            return {"schedule": trigger.cron}
        case BroadcastTrigger():
            return {"at": trigger.at.isoformat(), "timezone": trigger.timezone}


def project_data(project: Project) -> dict[str, Any]:
    """Return lifecycle.yaml as data."""
    brand, policies = project.brand, project.policies
    return without_nothing(
        {
            "project": project.project,
            "brand": without_nothing(
                {
                    "name": local_text_data(brand.name),
                    "url": brand.url,
                    "logo": brand.logo,
                    "postal_address": local_text_data(brand.postal_address),
                    "colours": dict(brand.colours),
                    "fonts": dict(brand.fonts),
                }
            ),
            "senders": {
                name: without_nothing(
                    {
                        "from": sender.address,
                        "name": local_text_data(sender.name),
                        "reply_to": sender.reply_to,
                        "provider": sender.provider,
                    }
                )
                for name, sender in project.senders.items()
            },
            "locales": {"default": project.default_locale, "available": list(project.locales)},
            "timezone": project.timezone,
            "currency": project.currency,
            "topics": {
                topic.topic: without_nothing(
                    {
                        "label": local_text_data(topic.label),
                        "description": local_text_data(topic.description),
                        "default": topic.default,
                    }
                )
                for topic in project.topics
            },
            "stages": [
                without_nothing(
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
                for stage in project.stages
            ],
            "policies": without_nothing(
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
                }
            ),
            "events": {
                name: without_nothing({"properties": dict(event.properties), "description": event.description})
                for name, event in project.events.items()
            },
            "contact": {"attributes": dict(project.contact_attributes)},
            "account": {"attributes": dict(project.account_attributes)},
            "rewards": dict(project.rewards),
            "referrals": dict(project.referrals),
            "surveys": dict(project.surveys),
            "webhooks": dict(project.webhooks),
        }
    )
