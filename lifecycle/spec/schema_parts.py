"""What the JSON Schemas are made of: small constructors. JSON Schema draft-07.

Source: yaml-language-server documents draft-07; `markdownDescription` is its own key, so only `description` is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]


def ref(name: str, description: str = "", **more: Any) -> Schema:
    """Return a reference to a definition; draft-07 ignores what stands beside $ref, so a description wraps it."""
    pointer = {"$ref": f"#/definitions/{name}"}
    return {"description": description, "allOf": [pointer], **more} if description else pointer


def text(description: str = "", **more: Any) -> Schema:
    """Return the schema of a text that is not blank."""
    return _described({"type": "string", "pattern": r"\S", **more}, description)


def choice(options: Sequence[str], description: str = "", default: str | None = None) -> Schema:
    """Return the schema of one of these words."""
    more = {} if default is None else {"default": default}
    return _described({"type": "string", "enum": list(options), **more}, description)


def yes_or_no(description: str) -> Schema:
    """Return the schema of true or false."""
    return _described({"type": "boolean"}, description)


def whole(low: int, high: int, description: str = "", **more: Any) -> Schema:
    """Return the schema of a whole number in [low, high]."""
    return _described({"type": "integer", "minimum": low, "maximum": high, **more}, description)


def listed(items: Schema, description: str = "", least: int = 0, **more: Any) -> Schema:
    """Return the schema of a list."""
    least_items = {"minItems": least} if least else {}
    return _described({"type": "array", "items": items, **least_items, **more}, description)


def one_or_more(items: Schema, description: str = "", **more: Any) -> Schema:
    """Return the schema of one value, or a list of some."""
    return _described({"anyOf": [items, listed(items, least=1)], **more}, description)


def mapping(
    properties: Mapping[str, Schema], description: str = "", required: Sequence[str] = (), **more: Any
) -> Schema:
    """Return the schema of a mapping that has these keys and no others."""
    made: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False, **more}
    if required:
        made["required"] = list(required)
    return _described(made, description)


def by_name(values: Schema, description: str = "", least: int = 0, **more: Any) -> Schema:
    """Return the schema of a mapping by free names."""
    least_names = {"minProperties": least} if least else {}
    return _described({"type": "object", "additionalProperties": values, **least_names, **more}, description)


def anything(description: str, **more: Any) -> Schema:
    """Return the schema of a mapping that is handed on as it is."""
    return _described({"type": "object", **more}, description)


def _described(schema: Schema, description: str) -> Schema:
    return {"description": description, **schema} if description else schema
