"""JSON Schemas for the four kinds of file, so that editors complete and check while a person types.

They are laxer than `lifecycle check`: names, types and the meaning of a campaign are its business.
"""

from __future__ import annotations

import json
from typing import Any

from lifecycle.spec.schema_campaign import CAMPAIGN, STEPS
from lifecycle.spec.schema_parts import (
    CONDITIONS,
    VALUES,
    Schema,
    anything,
    by_name,
    choice,
    listed,
    mapping,
    ref,
    text,
    whole,
)

_TYPES = choice(["text", "number", "int", "bool", "instant", "date", "list", "object"])
_TYPED = by_name(_TYPES, "types by dotted path; [] marks the items of a list")
_ATTRIBUTES = mapping({"attributes": _TYPED})
_EMAIL: Schema = {"type": "string", "pattern": "^[^@<>\\s]+@[^@<>\\s]+$", "examples": ["hello@shop.example"]}

_BRAND = mapping(
    {
        "name": ref("local_text"),
        "url": ref("url"),
        "logo": ref("url"),
        "postal_address": ref("local_text", "marketing mails must carry it"),
        "colours": by_name(text(), "brand.colours.NAME in templates"),
        "fonts": by_name(text(), "brand.fonts.NAME in templates"),
    },
    "who sends",
    ["name", "url"],
)
_SENDER = mapping(
    {"from": _EMAIL, "name": ref("local_text"), "reply_to": _EMAIL, "provider": ref("id")}, "", ["from", "name"]
)
_STAGE = mapping(
    {
        "stage": ref("id"),
        "label": ref("local_text"),
        "funnel": choice(["tofu", "mofu", "bofu", "post"]),
        "needs": listed(text(), "what the contact needs here"),
        "moment": text("what the moment looks like"),
        "actions": listed(text(), "how the team serves it"),
        "when": ref("condition", "a contact is in the last stage whose condition holds"),
        "keep_for": ref("duration", "kept that long after the condition stops holding"),
    },
    "",
    ["stage", "funnel", "when"],
)
_CAP = mapping({"at_most": whole(0, 1_000_000), "per": ref("duration"), "topic": ref("id")}, "", ["at_most", "per"])
_QUIET = mapping(
    {"from": ref("time"), "to": ref("time"), "then": choice(["next", "skip"], "", "next")},
    "local hours",
    ["from", "to"],
)
_POLICIES = mapping(
    {
        "frequency_caps": listed(_CAP, "rolling windows"),
        "quiet_hours": _QUIET,
        "global_holdout": ref("share"),
        "attribution": mapping({"click": ref("duration")}, "", ["click"]),
        "consent": choice(["single", "double"], "double asks by mail", "single"),
        "utm": mapping({name: text() for name in ("source", "medium", "term", "id")}, "added to each link"),
    },
    "what holds for every marketing mail",
)
_PROJECT = mapping(
    {
        "project": ref("id"),
        "brand": _BRAND,
        "senders": by_name(_SENDER, "From identities; the first is the default", least=1),
        "locales": mapping({"default": text(), "available": listed(text(), least=1)}, "", ["default"]),
        "timezone": text("as Asia/Riyadh", default="UTC"),
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "default": "USD", "examples": ["SAR"]},
        "topics": by_name(
            mapping(
                {
                    "label": ref("local_text"),
                    "description": ref("local_text"),
                    "default": choice(["granted", "denied"], "", "denied"),
                }
            ),
            "what people consent to and unsubscribe from",
        ),
        "stages": listed(_STAGE, "in order", least=1),
        "policies": _POLICIES,
        "events": by_name(mapping({"properties": _TYPED, "description": text()}), "events and their properties"),
        "contact": _ATTRIBUTES,
        "account": _ATTRIBUTES,
        "rewards": anything("points and tiers"),
        "referrals": anything("what both sides get"),
        "surveys": anything("surveys"),
        "webhooks": anything("webhooks by name"),
    },
    "the project",
    ["project", "brand", "senders"],
)
_SEGMENT = mapping(
    {
        "segment": ref("id", "as the file is called"),
        "label": ref("local_text"),
        "description": ref("local_text"),
        "where": ref("condition", "who is in it"),
    },
    "a segment",
    ["segment", "where"],
)
_AT = ref("duration", "after the start, as +40m")
_JOURNEY = mapping(
    {
        "test": text("what must be so, as a sentence"),
        "campaign": ref("id"),
        "given": mapping(
            {
                "contact": anything("traits, and consent: {TOPIC: true}"),
                "events": listed(
                    mapping({"at": _AT, "event": text(), "properties": anything("")}, "", ["at", "event"])
                ),
                "start": ref("instant", "when the test begins; any day unless said"),
            }
        ),
        "expect": {
            "description": "the mails, in order, and no others",
            "anyOf": [
                {"const": "nothing"},
                listed(
                    mapping(
                        {
                            "at": _AT,
                            "send": text("a step's id, or its template"),
                            "to": text(),
                            "where": anything("what the ledger's row must say"),
                        },
                        "",
                        ["at", "send"],
                    ),
                    least=1,
                ),
            ],
        },
    },
    "a journey test",
    ["test", "campaign", "expect"],
)

#: By the name of the schema's file, NAME.schema.json.
_FILES: dict[str, tuple[str, Schema, dict[str, Schema]]] = {
    "project": ("lifecycle.yaml", _PROJECT, VALUES | CONDITIONS),
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
