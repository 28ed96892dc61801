"""The JSON Schema of a campaign's steps."""

from __future__ import annotations

from lifecycle.spec.schema_parts import (
    Schema,
    anything,
    by_name,
    choice,
    listed,
    mapping,
    one_or_more,
    ref,
    text,
    whole,
)

_UNITS = ("seconds", "minutes", "hours", "days", "weeks", "months", "years")
_WAIT: Schema = {
    "description": "how long, or until when",
    "anyOf": [
        ref("duration"),
        mapping(
            {unit: whole(1, 999_999, f"so many {unit}", examples=[3]) for unit in _UNITS},
            "a length: the sum of these",
            minProperties=1,
        ),
        mapping(
            {
                "until": ref("time", "the contact's clocks show it"),
                "weekdays": one_or_more(ref("weekday"), "on one of these days", examples=[["sun", "mon"]]),
            },
            "until clocks of the contact show it, on one of the weekdays",
            ["until"],
        ),
        mapping(
            {
                "until": ref("property", "a date of the event"),
                "offset": ref("offset", "that long before or after", default="0s"),
            },
            "until a date among the properties of the trigger's event",
            ["until"],
        ),
    ],
}
_BY_EVENT: dict[str, Schema] = {
    "where": ref("where", "tests of the event's properties"),
    "timeout": ref("duration", "how long at most"),
    "then": ref("steps", "when it came"),
    "on_timeout": ref("steps", "when it did not"),
}
_ARM: Schema = {
    "anyOf": [
        mapping(
            {"when": ref("condition", "taken when it holds"), "steps": ref("steps", "what happens then")},
            "taken when the condition holds",
            ["when", "steps"],
        ),
        mapping({"otherwise": ref("steps", "what happens then")}, "taken when no other is", ["otherwise"]),
    ]
}
_WEIGHT: Schema = {
    "description": "its part of the sum of the weights",
    "anyOf": [whole(0, 1_000_000), ref("share")],
    "default": 1,
}
_WAY: dict[str, Schema] = {"weight": _WEIGHT, "steps": ref("steps", "what happens to those who take it")}
_VARIANT = mapping({"variant": ref("id", "its id"), **_WAY}, "", ["variant", "steps"])
_SPLIT: Schema = {
    "description": "the variants",
    "anyOf": [listed(_VARIANT, least=2), by_name(mapping(_WAY, "", ["steps"]), least=2)],
}
_WINNER = mapping(
    {
        "metric": choice(["conversion", "value", "clicked", "opened"], "what is best"),
        "after": ref("duration", "when it is decided"),
    },
    "the best variant takes all after that long",
    ["metric", "after"],
)
_REASON = text("why, for the ledger", examples=["Thank you"])
_GIVE = whole(-1_000_000, 1_000_000, "so many; negative takes them", examples=[100])
_PER = ref("property", "as many as the property says")
_TAKE = choice(("all",), "every point there is")
_COUPON_PARTS: dict[str, Schema] = {
    "expires": ref("duration", "how long it is good"),
    "as": ref("id", "the name under which templates see it", default="coupon"),
}
_COUPON: Schema = {
    "description": "a code of this contact's own",
    "anyOf": [
        mapping({"percent": whole(1, 100, "percent off", examples=[10]), **_COUPON_PARTS}, "", ["percent"]),
        mapping(
            {"amount": whole(1, 1_000_000_000, "in the project's currency", examples=[50]), **_COUPON_PARTS},
            "",
            ["amount"],
        ),
    ],
    "examples": [{"percent": 10, "expires": "48h"}],
}
_VALUE: Schema = {"type": ["string", "number", "boolean", "array", "null"]}
_EVENT = text("the event's name", examples=["Became Loyal"])
_PROPERTIES = anything("its properties", examples=[{"level": 2}])
_PAYLOAD = anything("what it gets", examples=[{"stage": "loyal"}])
_SUBJECT = text("its subject", examples=["Call this customer"])
_NOTE = text("what the team should know", examples=["Scored us 3"])


def _step(kind: str, value: Schema, description: str, needs: tuple[str, ...] = (), **beside: Schema) -> Schema:
    own = ref("step_id", "its id, when it should have another than its template, or kind and ordinal")
    return mapping({kind: value, **beside, "id": own}, description, [kind, *needs])


_STEPS: tuple[Schema, ...] = (
    _step(
        "send",
        text("a template", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*(?<!\.mjml)$",
             examples=["cart/reminder"]),
        "send a mail",
        deadline=ref("duration", "later than that after the trigger it is skipped"),
        skip_if=ref("condition", "not to those for whom it holds"),
        sender=ref("id", "a sender of lifecycle.yaml; the first, unless said"),
        data=anything("data.NAME in the template", examples=[{"colour": "red"}]),
    ),
    _step("wait", _WAIT, "wait"),
    _step("wait_for", ref("events", "the event, or several"), "wait for an event", ("timeout",), **_BY_EVENT),
    _step(
        "wait_for",
        mapping(
            {"event": ref("events", "the event, or several"), **_BY_EVENT},
            "the event, and what becomes of it",
            ["event", "timeout"],
        ),
        "wait for an event",
    ),
    _step("branch", listed(_ARM, "the arms; the first whose condition holds is taken", least=1), "take one way"),
    _step("split", _SPLIT, "weighted variants, by a stable hash of the contact", winner=_WINNER),
    _step(
        "update",
        by_name(_VALUE, "attributes of the contact; null takes one away", least=1, examples=[{"vip": True}]),
        "set attributes of the contact",
    ),
    _step("points", _GIVE, "give or take points", reason=_REASON),
    _step(
        "points",
        {
            "description": "how many",
            "anyOf": [
                mapping({"give": _GIVE, "reason": _REASON}, "", ["give"]),
                mapping({"per": _PER, "reason": _REASON}, "", ["per"]),
                mapping({"take": _TAKE, "reason": _REASON}, "", ["take"]),
            ],
        },
        "give or take points",
    ),
    _step("coupon", _COUPON, "make a coupon"),
    _step("emit", _EVENT, "record an event of our own", properties=_PROPERTIES),
    _step(
        "emit",
        mapping({"event": _EVENT, "properties": _PROPERTIES}, "the event", ["event"]),
        "record an event of our own",
    ),
    _step("webhook", ref("id", "its name in lifecycle.yaml"), "call a webhook", payload=_PAYLOAD),
    _step(
        "webhook",
        mapping({"name": ref("id", "its name in lifecycle.yaml"), "payload": _PAYLOAD}, "the call", ["name"]),
        "call a webhook",
    ),
    _step("ticket", _SUBJECT, "open a ticket for the team", note=_NOTE),
    _step(
        "ticket",
        mapping({"subject": _SUBJECT, "note": _NOTE}, "the ticket", ["subject"]),
        "open a ticket for the team",
    ),
    _step(
        "exit",
        {"type": ["string", "null"], "description": "why, for the ledger", "examples": ["Not for us"]},
        "end the enrolment here",
    ),
    {"type": "string", "enum": ["exit"], "description": "end the enrolment here"},
)  # fmt: skip

#: Definitions that steps need.
STEPS: dict[str, Schema] = {
    "steps": listed(ref("step"), "steps, in order", least=1),
    "step": {"description": "one step; its key says what it does", "anyOf": list(_STEPS)},
}
