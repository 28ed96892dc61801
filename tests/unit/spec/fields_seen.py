"""Which fields of which dataclasses a run has seen with a value that says something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any


class FieldsSeen:
    """Collects fields, as `Campaign.topic`, that held another value than their default."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def note(self, value: Any) -> None:
        """Take in a value and all that it is made of."""
        if is_dataclass(value):
            for each in fields(value):
                inner = getattr(value, each.name)
                if inner != _default(each):
                    self.names.add(f"{type(value).__name__}.{each.name}")
                self.note(inner)
        elif isinstance(value, Mapping):
            for inner in value.values():
                self.note(inner)
        elif isinstance(value, tuple | list):
            for inner in value:
                self.note(inner)


def _default(each: Field[Any]) -> Any:
    return each.default_factory() if each.default_factory is not MISSING else each.default


def names_of(kind: type[Any]) -> set[str]:
    """Return the fields of a dataclass that are compared, as FieldsSeen names them."""
    return {f"{kind.__name__}.{each.name}" for each in fields(kind) if each.compare}
