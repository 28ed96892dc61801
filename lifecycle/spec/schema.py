"""JSON Schemas for the four kinds of file, so that editors complete and check while a person types.

They are laxer than `lifecycle check`: names, types and the meaning of a campaign are its business.
"""

from __future__ import annotations

import json
from typing import Any

from lifecycle.spec.schema_campaign import CAMPAIGN
from lifecycle.spec.schema_conditions import CONDITIONS
from lifecycle.spec.schema_parts import Schema, anything, by_name, listed, mapping, ref, text, whole
from lifecycle.spec.schema_project import PROJECT
from lifecycle.spec.schema_steps import STEPS
from lifecycle.spec.schema_values import VALUES

_SEGMENT = mapping(
    {
        "segment": ref("id", "as the file is called"),
        "label": ref("local_text", "as reports call it; the id, unless said otherwise"),
        "description": ref("local_text", "who is in it, in words"),
        "where": ref("condition", "who is in it"),
    },
    "a segment",
    ["segment", "where"],
)
_AT = ref("after", "how long after the start of the test")
_GIVEN_EVENT = mapping(
    {
        "at": _AT,
        "event": text("what they do", examples=["Order Completed"]),
        "properties": anything("what comes with it", examples=[{"total": 300}]),
    },
    "",
    ["at", "event"],
)
_EXPECTED = mapping(
    {
        "at": _AT,
        "send": ref("step_id", "a step's id, or its template"),
        "to": text("the address that it goes to", examples=["sara@example.com"]),
        "where": anything("what the ledger's row must say", examples=[{"variant": "short"}]),
    },
    "",
    ["at", "send"],
)
_JOURNEY = mapping(
    {
        "test": text("what must be so, as a sentence", examples=["Whoever orders gets no reminder"]),
        "campaign": ref("id", "the campaign that is tested"),
        "given": mapping(
            {
                "contact": mapping(
                    {"consent": by_name({"type": ["boolean", "object"]}, "by topic", examples=[{"offers": True}])},
                    "who it is: traits, and what they consent to",
                    additionalProperties=True,
                    examples=[{"email": "sara@example.com", "locale": "ar", "consent": {"offers": True}}],
                ),
                "events": listed(_GIVEN_EVENT, "what they do, and when"),
                "start": ref("instant", "when the test begins; any day unless said"),
                "points": whole(0, 1_000_000_000, "the balance of points at the start", examples=[640]),
            },
            "what is so at the start, and what happens",
        ),
        "expect": {
            "description": "the mails, in order, and no others",
            "anyOf": [{"type": "string", "enum": ["nothing"]}, listed(_EXPECTED, least=1)],
        },
    },
    "a journey test",
    ["test", "campaign", "expect"],
)

#: By the name of the schema's file, NAME.schema.json.
_FILES: dict[str, tuple[str, Schema, dict[str, Schema]]] = {
    "project": ("lifecycle.yaml", PROJECT, VALUES | CONDITIONS),
    "segment": ("segments/NAME.yaml", _SEGMENT, VALUES | CONDITIONS),
    "campaign": ("campaigns/NAME.yaml", CAMPAIGN, VALUES | CONDITIONS | STEPS),
    "journey": ("tests/journeys/NAME.yaml", _JOURNEY, VALUES),
}


def schemas() -> dict[str, Schema]:
    """Return each schema by the name of its file: project, segment, campaign, journey."""
    return {name: _whole(*parts) for name, parts in _FILES.items()}


def _whole(title: str, schema: Schema, definitions: dict[str, Schema]) -> Schema:
    head: dict[str, Any] = {"$schema": "http://json-schema.org/draft-07/schema#", "title": title}
    return {**head, **schema, "definitions": definitions}


def as_json(schema: Schema) -> str:
    """Return a schema as its file holds it."""
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"
