"""Every key that a JSON Schema knows, wherever it is nested."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def properties_of(node: Any, path: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, key and schema of each property, as project.brand.name; a definition's path begins with its name."""
    if isinstance(node, list):
        for value in node:
            yield from properties_of(value, path)
    elif isinstance(node, dict):
        for keyword in ("properties", "definitions"):
            for name, value in node.get(keyword, {}).items():
                where = name if keyword == "definitions" else f"{path}.{name}"
                if keyword == "properties":
                    yield where, name, value
                yield from properties_of(value, where)
        for keyword in ("items", "additionalProperties", "anyOf", "allOf"):
            yield from properties_of(node.get(keyword), path)
        for value in node.get("patternProperties", {}).values():
            yield from properties_of(value, path)
