"""What the JSON Schemas share: small constructors, single values, conditions. JSON Schema draft-07.

Source: yaml-language-server documents draft-07; `markdownDescription` is its own key, so only `description` is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, get_args

from lifecycle.spec.conditions import FACTS, MessageState, Operator

Schema: TypeAlias = dict[str, Any]


def ref(name: str, description: str = "") -> Schema:
    """Return a reference to a definition; draft-07 ignores what stands beside $ref, so a description wraps it."""
    pointer = {"$ref": f"#/definitions/{name}"}
    return {"description": description, "allOf": [pointer]} if description else pointer


def text(description: str = "", **more: Any) -> Schema:
    """Return the schema of a text that is not empty."""
    return _described({"type": "string", "minLength": 1, **more}, description)


def choice(options: Sequence[str], description: str = "", default: str | None = None) -> Schema:
    """Return the schema of one of these words."""
    more = {} if default is None else {"default": default}
    return _described({"type": "string", "enum": list(options), **more}, description)


def whole(low: int, high: int, description: str = "", **more: Any) -> Schema:
    """Return the schema of a whole number in [low, high]."""
    return _described({"type": "integer", "minimum": low, "maximum": high, **more}, description)


def listed(items: Schema, description: str = "", least: int = 0) -> Schema:
    """Return the schema of a list."""
    return _described({"type": "array", "items": items, **({"minItems": least} if least else {})}, description)


def one_or_more(items: Schema, description: str = "") -> Schema:
    """Return the schema of one value, or a list of some."""
    return _described({"anyOf": [items, listed(items, least=1)]}, description)


def mapping(
    properties: Mapping[str, Schema], description: str = "", required: Sequence[str] = (), **more: Any
) -> Schema:
    """Return the schema of a mapping that has these keys and no others."""
    made: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False, **more}
    if required:
        made["required"] = list(required)
    return _described(made, description)


def by_name(values: Schema, description: str = "", least: int = 0) -> Schema:
    """Return the schema of a mapping by free names."""
    more = {"minProperties": least} if least else {}
    return _described({"type": "object", "additionalProperties": values, **more}, description)


def anything(description: str) -> Schema:
    """Return the schema of a mapping that is handed on as it is."""
    return _described({"type": "object"}, description)


def _described(schema: Schema, description: str) -> Schema:
    return {"description": description, **schema} if description else schema


_WITH_UNITS = {"type": "string", "pattern": r"^[+-]?\d{1,6}(mo|[smhdwy])$"}
_MOMENT = "a date, or an instant; without an offset it is in the project's zone"

#: Definitions that every kind of file may refer to.
VALUES: dict[str, Schema] = {
    "id": {"type": ["string", "integer"], "description": "letters, digits, - _ . of the Latin alphabet"},
    "step_id": {"type": ["string", "integer"], "description": "letters, digits, - _ . / of the Latin alphabet"},
    "duration": {
        "type": "string",
        "pattern": r"^\+?\d{1,6}(mo|[smhdwy])$",
        "description": "90s, 15m, 3h, 7d, 2w exactly; 1mo, 1y by the calendar",
        "examples": ["1h", "3d", "2w", "1mo"],
    },
    "offset": {**_WITH_UNITS, "description": "a duration; with - before, with + after", "examples": ["-7d", "+2h"]},
    "share": {"type": "string", "pattern": r"^\d{1,3}(\.\d{1,4})?%$", "examples": ["10%", "0.5%"]},
    "time": {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$", "examples": ["09:00"]},
    "instant": {"type": "string", "description": _MOMENT, "examples": ["2026-12-01", "2026-12-01T09:00:00Z"]},
    "weekday": choice(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
    "url": {"type": "string", "pattern": "^https?://", "examples": ["https://shop.example"]},
    "local_text": {
        "description": "text for people: one for all, or one by locale",
        "anyOf": [
            {"type": "string", "minLength": 1},
            {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": False,
                "patternProperties": {r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$": {"type": "string", "minLength": 1}},
            },
        ],
    },
    "hours": mapping({"from": ref("time"), "to": ref("time")}, "local wall-clock time", ["from", "to"]),
    "events": one_or_more(text("the name of an event, as Order Completed")),
    "property": {"type": "string", "pattern": r"^properties\..+", "examples": ["properties.total"]},
    "attribute": {"type": "string", "pattern": r"^(contact|account)\..+", "examples": ["contact.birthday"]},
    "scalar": {"type": ["string", "number", "boolean"]},
}

_SCALAR = ref("scalar")
_NUMBER: Schema = {"type": "number"}
_OPERATORS: dict[str, Schema] = {
    "is": _SCALAR, "is_not": _SCALAR,
    "in": listed(_SCALAR, least=1), "not_in": listed(_SCALAR, least=1),
    "at_least": _NUMBER, "at_most": _NUMBER, "more_than": _NUMBER, "less_than": _NUMBER,
    "between": {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2},
    "contains": _SCALAR, "starts_with": text(), "ends_with": text(),
    "exists": {"type": "boolean"},
    "before": ref("instant"), "after": ref("instant"),
    "within": ref("duration", "at most that long ago"), "older_than": ref("duration", "longer ago than that"),
    "top": ref("share", "among the highest of those who have the fact"),
}  # fmt: skip
assert set(_OPERATORS) == set(get_args(Operator))  # noqa: S101 - the language and its schema grow together

_SPAN: dict[str, Schema] = {
    "within": ref("duration", "a window up to now"),
    "since": ref("instant"),
    "until": ref("instant", "up to, and not including"),
}
_TOTAL = mapping(
    {
        "event": ref("events"),
        "of": ref("property", "the property that is added up"),
        "where": ref("where"),
        **_SPAN,
        **{name: _OPERATORS[name] for name in ("is", "is_not", "at_least", "at_most", "more_than", "less_than")},
        "between": _OPERATORS["between"],
        "exists": _OPERATORS["exists"],
    },
    "the sum of a property over events",
    ["event", "of"],
)
_MESSAGE = mapping(
    {
        "is": choice(get_args(MessageState), "opens by machines never count"),
        "campaign": ref("id"),
        "step": ref("step_id"),
        "within": ref("duration"),
        "last": whole(1, 1000, "looks only at the last that many sends"),
    },
    "a mail that the contact got",
    ["is"],
)
_STAGE = {
    "description": "the contact's stage",
    "anyOf": [
        ref("id"),
        mapping(
            {
                **{name: ref("id") for name in ("is", "is_not", "at_least", "at_most")},
                "in": listed(ref("id"), least=1),
                "not_in": listed(ref("id"), least=1),
                "for": ref("duration", "in it that long or longer"),
            }
        ),
    ],
}
_DATE = mapping(
    {
        "of": ref("attribute"),
        "every": choice(["year", "month"]),
        "in_next": ref("duration"),
        "in_last": ref("duration"),
    },
    "a date, or its anniversary, that comes or came",
    ["of"],
)

#: The keys of a condition; a goal has them too, beside its own.
LEAVES: dict[str, Schema] = {
    "all": listed(ref("condition"), "every one holds", least=1),
    "any": listed(ref("condition"), "one or more holds", least=1),
    "not": ref("condition", "it does not hold"),
    "stage": _STAGE,
    "segment": ref("id", "the other segment's condition holds"),
    "event": ref("events", "how often one of them came (once, unless count says more)"),
    "where": ref("where"),
    "count": {"description": "how often", "anyOf": [{"type": "integer"}, ref("tests")]},
    **_SPAN,
    "total": _TOTAL,
    "message": _MESSAGE,
    "consent": ref("id", "the contact consents to this topic"),
    "date": _DATE,
    "sample": ref("share", "a stable share of the contacts"),
    "seed": ref("id", "another seed gives another sample"),
    **{fact: ref("value_or_tests", f"a fact ({kind})") for fact, kind in FACTS.items()},
}
ATTRIBUTES: dict[str, Schema] = {r"^(contact|account)\..+": ref("value_or_tests")}

CONDITIONS: dict[str, Schema] = {
    "tests": mapping(_OPERATORS, "tests, all of which must hold", minProperties=1),
    "value_or_tests": {"anyOf": [_SCALAR, ref("tests")], "description": "a bare value is equality"},
    "where": {
        "type": "object",
        "patternProperties": {r"^properties\..+": ref("value_or_tests")},
        "additionalProperties": False,
        "description": "tests of the event's properties",
        "examples": [{"properties.total": {"at_least": 200}}],
    },
    "condition": mapping(LEAVES, "leaves, all of which must hold", minProperties=1, patternProperties=ATTRIBUTES),
}
