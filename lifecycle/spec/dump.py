"""The model as YAML that loads back equal; the inverse of the decoders, for generated content and for tests.

`*_data` functions return plain data in the order in which a person would write it; `as_yaml` makes it text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from lifecycle.spec.dump_conditions import condition_data, property_tests_data
from lifecycle.spec.dump_project import project_data
from lifecycle.spec.dump_steps import step_data
from lifecycle.spec.dump_values import (
    below_properties,
    instant_data,
    local_text_data,
    one_or_more_data,
    optional,
    time_data,
    window_data,
    without_nothing,
)
from lifecycle.spec.model import (
    BroadcastTrigger,
    Campaign,
    DateTrigger,
    EventTrigger,
    Goal,
    ManualTrigger,
    Reentry,
    ScheduleTrigger,
    Segment,
    SegmentTrigger,
    SendWindow,
    StageTrigger,
    Trigger,
)

__all__ = ["as_yaml", "campaign_data", "project_data", "segment_data", "trigger_data"]


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
