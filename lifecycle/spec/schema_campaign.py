"""The JSON Schema of a campaign: triggers and steps."""

from __future__ import annotations

from lifecycle.spec.schema_parts import (
    ATTRIBUTES,
    LEAVES,
    Schema,
    anything,
    choice,
    listed,
    mapping,
    one_or_more,
    ref,
    text,
    whole,
)

_EVENT_TRIGGER = mapping(
    {
        "event": ref("events", "any of these comes"),
        "where": ref("where"),
        "quiet_for": ref("duration", "fires once none of them has come for that long"),
        "restart_on": ref("events", "restarts the clock of quiet_for too, but never starts it"),
        "key": ref("property", "one enrolment for each contact and key"),
    },
    "an event comes",
    ["event"],
)
_DATE_TRIGGER = mapping(
    {
        "of": ref("attribute"),
        "every": choice(["year", "month"]),
        "offset": ref("offset", "that long before or after"),
        "at": ref("time", "local time of the contact; 09:00 unless said otherwise"),
    },
    "a date of the contact comes round",
    ["of"],
)
_TRIGGER: Schema = {
    "description": "what starts the campaign for a contact",
    "anyOf": [
        _EVENT_TRIGGER,
        mapping({"segment_entered": ref("id")}, "the contact enters a segment", ["segment_entered"]),
        mapping({"segment_left": ref("id")}, "the contact leaves a segment", ["segment_left"]),
        mapping({"stage_entered": ref("id")}, "the contact enters a stage", ["stage_entered"]),
        mapping({"date": _DATE_TRIGGER}, "a date comes round", ["date"]),
        mapping({"schedule": text("cron, as 0 9 * * 1, in the project's zone")}, "a broadcast each time", ["schedule"]),
        mapping(
            {
                "at": text("wall-clock time, as 2026-12-01T09:00"),
                "timezone": choice(["contact", "project"], "", "project"),
            },
            "one broadcast",
            ["at"],
        ),
        {"const": "manual", "description": "lifecycle send, and nothing else"},
    ],
}

_UNITS = ("seconds", "minutes", "hours", "days", "weeks", "months", "years")
_WAIT: Schema = {
    "anyOf": [
        ref("duration"),
        mapping({unit: whole(1, 999_999) for unit in _UNITS}, "a length", minProperties=1),
        mapping(
            {"until": ref("time"), "weekdays": one_or_more(ref("weekday"))},
            "until clocks of the contact show it, on one of the weekdays",
            ["until"],
        ),
        mapping(
            {"until": ref("property"), "offset": ref("offset")},
            "until a date among the properties of the trigger's event",
            ["until"],
        ),
    ]
}
_BY_EVENT: dict[str, Schema] = {
    "where": ref("where"),
    "timeout": ref("duration", "how long at most"),
    "then": ref("steps", "when it came"),
    "on_timeout": ref("steps", "when it did not"),
}
_ARM: Schema = {
    "anyOf": [
        mapping({"when": ref("condition"), "steps": ref("steps")}, "taken when the condition holds", ["when", "steps"]),
        mapping({"otherwise": ref("steps")}, "taken when no other is", ["otherwise"]),
    ]
}
_WEIGHT: Schema = {"anyOf": [whole(0, 1_000_000), ref("share")], "default": 1}
_VARIANT = mapping({"variant": ref("id"), "weight": _WEIGHT, "steps": ref("steps")}, "", ["variant", "steps"])
_NAMED_VARIANT = mapping({"weight": _WEIGHT, "steps": ref("steps")}, "", ["steps"])
_POINTS: Schema = {
    "anyOf": [
        whole(-1_000_000, 1_000_000, "so many; negative takes them"),
        mapping(
            {
                "give": whole(-1_000_000, 1_000_000),
                "per": ref("property", "as many as the property says"),
                "reason": text(),
            }
        ),
    ]
}
_COUPON = mapping(
    {
        "percent": whole(1, 100),
        "amount": whole(1, 1_000_000_000, "in the project's currency"),
        "expires": ref("duration"),
        "as": ref("id", "the name under which templates see it; coupon unless said otherwise"),
    },
    "a code of this contact's own",
)


def _step(kind: str, value: Schema, description: str, **beside: Schema) -> Schema:
    return mapping({kind: value, **beside, "id": ref("step_id")}, description, [kind])


_STEPS: tuple[Schema, ...] = (
    _step(
        "send",
        text("a template, as cart/reminder"),
        "send a mail",
        deadline=ref("duration", "later than that after the trigger it is skipped"),
        skip_if=ref("condition"),
        sender=ref("id"),
        data=anything("data.NAME in the template"),
    ),
    _step("wait", _WAIT, "wait"),
    _step("wait_for", ref("events"), "wait for an event", **_BY_EVENT),
    _step("wait_for", mapping({"event": ref("events"), **_BY_EVENT}, "", ["event", "timeout"]), "wait for an event"),
    _step("branch", listed(_ARM, least=1), "the first arm whose condition holds"),
    _step(
        "split",
        {
            "anyOf": [
                listed(_VARIANT, least=2),
                {"type": "object", "minProperties": 2, "additionalProperties": _NAMED_VARIANT},
            ]
        },
        "weighted variants, by a stable hash of the contact",
        winner=mapping(
            {"metric": choice(["conversion", "value", "clicked", "opened"]), "after": ref("duration")},
            "the best variant takes all after that long",
            ["metric", "after"],
        ),
    ),
    _step("update", {"type": "object", "minProperties": 1}, "set attributes of the contact"),
    _step("points", _POINTS, "give or take points", reason=text()),
    _step("coupon", _COUPON, "make a coupon"),
    _step("emit", text("the event's name"), "record an event", properties=anything("its properties")),
    _step(
        "emit",
        mapping({"event": text(), "properties": anything("its properties")}, "", ["event"]),
        "record an event",
    ),
    _step("webhook", ref("id"), "call a webhook of lifecycle.yaml", payload=anything("what it gets")),
    _step(
        "webhook",
        mapping({"name": ref("id"), "payload": anything("what it gets")}, "", ["name"]),
        "call a webhook of lifecycle.yaml",
    ),
    _step("ticket", text("its subject"), "open a ticket for the team", note=text()),
    _step("ticket", mapping({"subject": text(), "note": text()}, "", ["subject"]), "open a ticket for the team"),
    _step("exit", {"type": ["string", "null"]}, "end the enrolment here"),
    {"const": "exit"},
)

#: Definitions that steps need.
STEPS: dict[str, Schema] = {
    "steps": listed(ref("step"), least=1),
    "step": {"anyOf": list(_STEPS)},
}

_GOAL = mapping(
    {
        **LEAVES,
        "when": ref("condition", "the condition, where it needs a within of its own"),
        "within": ref("duration", "how long after the activation"),
        "value": ref("property", "revenue: a property of the event that meets the goal"),
    },
    "what the campaign is for",
    patternProperties=ATTRIBUTES,
)

CAMPAIGN = mapping(
    {
        "campaign": ref("id", "as the file is called"),
        "label": ref("local_text"),
        "status": choice(["live", "draft"], "draft switches it off", "live"),
        "stage": ref("id", "a stage of lifecycle.yaml"),
        "topic": ref("id", "what people consent to and unsubscribe from; required for marketing"),
        "kind": choice(["marketing", "transactional"], "", "marketing"),
        "priority": whole(0, 100, "who is claimed first under a frequency cap", default=50),
        "starts": ref("instant"),
        "ends": ref("instant"),
        "trigger": _TRIGGER,
        "audience": ref("condition", "who may be inside; looked at again before each mail"),
        "reentry": {
            "description": "whether a contact may enter again",
            "anyOf": [choice(["once", "always"]), mapping({"after": ref("duration")}, "", ["after"])],
            "default": "once",
        },
        "enroll": choice(["future", "current_and_future"], "", "future"),
        "exit_when": ref("condition", "ends it at once, from the trigger on"),
        "goal": _GOAL,
        "holdout": ref("share", "who gets nothing, to compare with"),
        "send_window": mapping(
            {
                "quiet_hours": choice(["keep", "ignore"], "the project's", "keep"),
                "hours": ref("hours"),
                "weekdays": one_or_more(ref("weekday")),
                "then": choice(["next", "skip"], "outside of it: wait, or give up", "next"),
            },
            "when it may mail",
        ),
        "on_change": choice(["keep", "migrate", "restart", "exit"], "what an edit does to those inside", "keep"),
        "steps": ref("steps"),
    },
    "a campaign",
    ["campaign", "stage", "trigger", "steps"],
)
