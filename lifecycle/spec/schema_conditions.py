"""Conditions as JSON Schema definitions: leaves, and the tests of their values."""

from __future__ import annotations

from typing import get_args

from lifecycle.spec.conditions import FACTS, MessageState, Operator
from lifecycle.spec.decode_tests import FITTING
from lifecycle.spec.schema_parts import Schema, choice, listed, mapping, ref, text, whole, yes_or_no

_SCALAR = ref("scalar")


def _number(description: str) -> Schema:
    return {"type": "number", "description": description, "examples": [200]}


def _scalars(description: str) -> Schema:
    return listed(_SCALAR, description, least=1, examples=[["SA", "AE"]])


_OPERATORS: dict[str, Schema] = {
    "is": ref("scalar", "equal to"),
    "is_not": ref("scalar", "not equal to; holds of what is missing, too"),
    "in": _scalars("equal to one of"),
    "not_in": _scalars("equal to none of"),
    "at_least": _number("that much or more"),
    "at_most": _number("that much or less"),
    "more_than": _number("more than that"),
    "less_than": _number("less than that"),
    "between": {
        "type": "array",
        "items": {"type": "number"},
        "minItems": 2,
        "maxItems": 2,
        "description": "from the first to the second, both included",
        "examples": [[100, 200]],
    },
    "contains": ref("scalar", "a text that holds this, or a list with this among its items"),
    "starts_with": text("a text that begins so", examples=["SA"]),
    "ends_with": text("a text that ends so", examples=[".sa"]),
    "exists": yes_or_no("whether there is a value"),
    "before": ref("instant", "earlier than this"),
    "after": ref("instant", "later than this"),
    "within": ref("duration", "at most that long ago"),
    "older_than": ref("duration", "longer ago than that"),
    "top": ref("share", "among the highest of those who have the fact"),
}
assert set(_OPERATORS) == set(get_args(Operator))  # noqa: S101 - the language and its schema grow together

_SPAN: dict[str, Schema] = {
    "within": ref("duration", "a window up to now"),
    "since": ref("instant", "from then on, that instant included"),
    "until": ref("instant", "up to, and not including"),
}
_WHERE = ref("where", "tests of the event's properties, all of which must hold")
_SUMMED: tuple[Operator, ...] = ("at_least", "at_most", "more_than", "less_than", "between")
_TOTAL = mapping(
    {
        "event": ref("events", "the events that are added up"),
        "of": ref("property", "the property that is added up"),
        "where": _WHERE,
        **_SPAN,
        **{name: _number(f"the sum {words}") for name, words in (("is", "is this"), ("is_not", "is not this"))},
        **{name: _OPERATORS[name] for name in _SUMMED},
        "exists": yes_or_no("whether there is anything to add up"),
    },
    "the sum of a property over events",
    ["event", "of"],
    anyOf=[{"required": [test]} for test in (*_SUMMED, "is", "is_not", "exists")],
)
_MESSAGE = mapping(
    {
        "is": choice(get_args(MessageState), "what became of it; opens by machines never count"),
        "campaign": ref("id", "of this campaign; of any, unless said"),
        "step": ref("step_id", "of this step"),
        "within": ref("duration", "became so at most that long ago"),
        "last": whole(1, 1000, "looks only at the last that many sends", examples=[10]),
    },
    "a mail that the contact got",
    ["is"],
    dependencies={"step": ["campaign"]},
)
_STAGES = listed(ref("id"), least=1)
_STAGE = {
    "description": "the contact's stage",
    "anyOf": [
        ref("id"),
        mapping(
            {
                "is": ref("id", "in this stage"),
                "is_not": ref("id", "in another stage, or none"),
                "at_least": ref("id", "in this stage, or a later one in lifecycle.yaml"),
                "at_most": ref("id", "in this stage, or an earlier one in lifecycle.yaml"),
                "in": {"description": "in one of these stages", **_STAGES},
                "not_in": {"description": "in none of these stages", **_STAGES},
                "for": ref("duration", "in it that long or longer"),
            },
            minProperties=1,
        ),
    ],
}
_DATE = mapping(
    {
        "of": ref("attribute", "the attribute that is a date"),
        "every": choice(["year", "month"], "its anniversary counts"),
        "in_next": ref("duration", "it comes in that time, today included"),
        "in_last": ref("duration", "it came in that time, today included"),
    },
    "a date, or its anniversary, that comes or came",
    ["of"],
    oneOf=[{"required": ["in_next"]}, {"required": ["in_last"]}],
)

#: The keys of a condition; a goal has them too, beside its own.
LEAVES: dict[str, Schema] = {
    "all": listed(ref("condition"), "every one holds", least=1),
    "any": listed(ref("condition"), "one or more holds", least=1),
    "not": ref("condition", "it does not hold"),
    "stage": _STAGE,
    "segment": ref("id", "the other segment's condition holds"),
    "event": ref("events", "how often one of them came (once, unless count says more)"),
    "where": _WHERE,
    "count": {"description": "how often", "anyOf": [{"type": "integer", "minimum": 0}, ref("tests")], "examples": [2]},
    **_SPAN,
    "total": _TOTAL,
    "message": _MESSAGE,
    "consent": ref("id", "the contact consents to this topic"),
    "date": _DATE,
    "sample": ref("share", "a stable share of the contacts"),
    "seed": ref("id", "another seed gives another sample"),
    **{fact: ref(f"{kind}_fact", f"a fact ({kind})") for fact, kind in FACTS.items()},
    "points.tier": ref("tier_fact", "the tier that the points reach"),
}
ATTRIBUTES: dict[str, Schema] = {
    r"^(contact|account)\..+": ref("value_or_tests", "an attribute: a value, or tests, all of which must hold")
}
#: What refines a leaf stands beside it.
BESIDE: dict[str, list[str]] = {
    **{key: ["event"] for key in ("where", "count", "within", "since", "until")}, "seed": ["sample"],
}  # fmt: skip


def _fact(kind: str, bare: Schema | None = None) -> Schema:
    """Return the schema of a fact: its bare value, and the tests that fit its type."""
    tests: dict[str, Schema] = {name: _OPERATORS[name] for name in FITTING[kind]}
    if bare is not None and "at_least" in tests:
        tests |= {"is": {**_number("equal to")}, "is_not": {**_number("not equal to")}}
        tests |= {name: {**tests[name], "items": bare, "examples": [[1, 2]]} for name in ("in", "not_in")}
    fitting = mapping(tests, minProperties=1)
    return {"anyOf": [*([bare] if bare else []), fitting], "description": f"a fact ({kind})"}


CONDITIONS: dict[str, Schema] = {
    "tests": mapping(_OPERATORS, "tests, all of which must hold", minProperties=1),
    "value_or_tests": {"anyOf": [_SCALAR, ref("tests")], "description": "a bare value is equality"},
    "int_fact": _fact("int", {"type": "integer"}),
    "number_fact": _fact("number", {"type": "number"}),
    "instant_fact": _fact("instant"),
    "text_fact": _fact("text", text("equal to", examples=["road"])),
    "tier_fact": _fact("text", ref("id")),
    "where": {
        "type": "object",
        "patternProperties": {r"^properties\..+": ref("value_or_tests")},
        "additionalProperties": False,
        "description": "tests of the event's properties",
        "examples": [{"properties.total": {"at_least": 200}}],
    },
    "condition": mapping(
        LEAVES, "leaves, all of which must hold", minProperties=1, patternProperties=ATTRIBUTES, dependencies=BESIDE
    ),
}
