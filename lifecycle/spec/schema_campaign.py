"""The JSON Schema of a campaign: its own keys and its triggers. Steps are in `schema_steps`."""

from __future__ import annotations

from lifecycle.spec.schema_conditions import ATTRIBUTES, BESIDE, LEAVES
from lifecycle.spec.schema_parts import Schema, choice, mapping, one_or_more, ref, text, whole

_EVENT_TRIGGER = mapping(
    {
        "event": ref("events", "any of these comes"),
        "where": ref("where", "tests of the event's properties"),
        "quiet_for": ref("duration", "fires once none of them has come for that long"),
        "restart_on": ref("events", "restarts the clock of quiet_for too, but never starts it"),
        "key": ref("property", "one enrolment for each contact and key"),
    },
    "an event comes",
    ["event"],
    dependencies={"restart_on": ["quiet_for"]},
)
_DATE_TRIGGER = mapping(
    {
        "of": ref("attribute", "the attribute that is a date"),
        "every": choice(["year", "month"], "its anniversary counts"),
        "offset": ref("offset", "that long before or after", default="0s"),
        "at": ref("time", "local time of the contact", default="09:00"),
    },
    "a date of the contact comes round",
    ["of"],
)
_SCHEDULE = text(
    "cron, in the project's zone: minute, hour, day, month, weekday",
    pattern=r"^\s*\S+(\s+\S+){4}\s*$",
    examples=["0 9 * * 1"],
)
_AT = text(
    "wall-clock time, without an offset",
    pattern=r"^\s*\d{4}-\d\d-\d\d[T ]\d\d(:?\d\d(:?\d\d(\.\d+)?)?)?\s*$",
    examples=["2026-12-01T09:00"],
)
_TRIGGER: Schema = {
    "description": "what starts the campaign for a contact",
    "anyOf": [
        _EVENT_TRIGGER,
        mapping({"segment_entered": ref("id", "the segment")}, "the contact enters a segment", ["segment_entered"]),
        mapping({"segment_left": ref("id", "the segment")}, "the contact leaves a segment", ["segment_left"]),
        mapping({"stage_entered": ref("id", "the stage")}, "the contact enters a stage", ["stage_entered"]),
        mapping({"date": _DATE_TRIGGER}, "a date comes round", ["date"]),
        mapping({"schedule": _SCHEDULE}, "a broadcast each time", ["schedule"]),
        mapping(
            {"at": _AT, "timezone": choice(["contact", "project"], "whose clocks show it", "project")},
            "one broadcast",
            ["at"],
        ),
        {"type": "string", "enum": ["manual"], "description": "lifecycle send, and nothing else"},
    ],
    "examples": [{"event": "Order Completed"}, "manual"],
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
    dependencies={key: needed for key, needed in BESIDE.items() if key != "within"},
    minProperties=1,
)
_REENTRY: Schema = {
    "description": "whether a contact may enter again",
    "anyOf": [
        choice(["once", "always"]),
        mapping({"after": ref("duration", "that long since the last activation")}, "", ["after"]),
    ],
    "default": "once",
}
_SEND_WINDOW = mapping(
    {
        "quiet_hours": choice(["keep", "ignore"], "the project's", "keep"),
        "hours": ref("hours", "only at these hours, in the contact's zone"),
        "weekdays": one_or_more(ref("weekday"), "only on these days", examples=[["sun", "mon"]]),
        "then": choice(["next", "skip"], "outside of it: wait, or give up", "next"),
    },
    "when it may mail",
)

CAMPAIGN = mapping(
    {
        "campaign": ref("id", "as the file is called"),
        "label": ref("local_text", "a name for people"),
        "status": choice(["live", "draft"], "draft switches it off", "live"),
        "stage": ref("id", "a stage of lifecycle.yaml"),
        "topic": ref("id", "what people consent to and unsubscribe from; required for marketing"),
        "kind": choice(
            ["marketing", "transactional"], "transactional needs no consent, and knows no caps", "marketing"
        ),
        "priority": whole(0, 100, "who is claimed first under a frequency cap", default=50),
        "starts": ref("instant", "nobody enters before"),
        "ends": ref("instant", "nobody is mailed from then on"),
        "trigger": _TRIGGER,
        "audience": ref("condition", "who may be inside; looked at again before each mail"),
        "reentry": _REENTRY,
        "enroll": choice(["future", "current_and_future"], "current: who is in the segment or stage already", "future"),
        "exit_when": ref("condition", "ends it at once, from the trigger on"),
        "goal": _GOAL,
        "holdout": ref("share", "who gets nothing, to compare with"),
        "send_window": _SEND_WINDOW,
        "on_change": choice(["keep", "migrate", "restart", "exit"], "what an edit does to those inside", "keep"),
        "steps": ref("steps", "what happens, in order"),
    },
    "a campaign",
    ["campaign", "stage", "trigger", "steps"],
)
