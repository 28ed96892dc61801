"""Single values as JSON Schema definitions, which every kind of file refers to."""

from __future__ import annotations

from lifecycle.spec.schema_parts import Schema, choice, mapping, one_or_more, ref, text

_MOMENT = "a date, or an instant; without an offset it is in the project's zone"
_LOCALE = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"
_NONZERO = r"0*[1-9]\d*"


def _id(signs: str, examples: list[str]) -> Schema:
    return {
        "description": f"letters, digits and {' '.join(signs)} of the Latin alphabet",
        "type": ["string", "number", "boolean"],  # 12, 1e3 and true are ids, too
        "pattern": f"^[A-Za-z0-9][A-Za-z0-9{signs}]*$",
        "examples": examples,
    }


#: Definitions that every kind of file may refer to.
VALUES: dict[str, Schema] = {
    "id": _id("_.-", ["cart-abandonment"]),
    "step_id": _id("/_.-", ["cart/reminder", "wait-2"]),
    "duration": {
        "type": "string",
        "pattern": rf"^\s*\+?(?=\d{{1,6}}\D){_NONZERO}(mo|[smhdwy])\s*$",
        "description": "90s, 15m, 3h, 7d, 2w exactly; 1mo, 1y by the calendar",
        "examples": ["1h", "3d", "2w", "1mo"],
    },
    "after": {
        "type": "string",
        "pattern": r"^\s*\+?\d{1,6}(mo|[smhdwy])\s*$",
        "description": "a duration, or +0m",
        "examples": ["+0m", "+40m", "+2d"],
    },
    "offset": {
        "type": "string",
        "pattern": r"^\s*[+-]?\d{1,6}(mo|[smhdwy])\s*$",
        "description": "a duration; with - before, with + after",
        "examples": ["-7d", "+2h"],
    },
    "share": {
        "type": "string",
        "pattern": r"^\s*(0{0,2}\d|0?\d\d|100(?!\.0*[1-9]))(\.\d{1,4})?%\s*$",
        "description": "a percentage from 0% to 100%",
        "examples": ["10%", "0.5%"],
    },
    "time": {
        "type": "string",
        "pattern": r"^\s*([01]\d|2[0-3]):[0-5]\d\s*$",
        "description": "a time of day, of 24 hours",
        "examples": ["09:00"],
    },
    "instant": {"type": "string", "description": _MOMENT, "examples": ["2026-12-01", "2026-12-01T09:00:00Z"]},
    "weekday": choice(["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "a day of the week"),
    "url": {
        "type": "string",
        "pattern": '^https?://[^\\s<>"]+$',
        "description": "a web address",
        "examples": ["https://shop.example"],
    },
    "local_text": {
        "description": "text for people: one for all, or one by locale",
        "anyOf": [
            text(),
            {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": False,
                "patternProperties": {_LOCALE: text()},
            },
        ],
        "examples": ["Welcome", {"en": "Welcome", "ar": "أهلاً"}],
    },
    "hours": mapping(
        {"from": ref("time", "when they begin"), "to": ref("time", "when they end")},
        "local wall-clock time",
        ["from", "to"],
    ),
    "events": one_or_more(text("the name of an event"), "one event, or a list", examples=["Order Completed"]),
    "property": {
        "type": "string",
        "pattern": r"^properties\..+",
        "description": "a property of the event, by its dotted path",
        "examples": ["properties.total"],
    },
    "attribute": {
        "type": "string",
        "pattern": r"^(contact|account)\..+",
        "description": "an attribute of the contact, or of its account",
        "examples": ["contact.birthday"],
    },
    "scalar": {
        "type": ["string", "number", "boolean"],
        "description": "text, a number, true or false",
        "examples": ["SA", 200, True],
    },
}
