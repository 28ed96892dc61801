"""Single values as the plain data that `spec.decode_values` reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time
from typing import Any

from lifecycle.base.units import LocalWindow
from lifecycle.spec.model import LocalText


def without_nothing(data: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not set: None, and empty text, tuples and mappings."""
    return {key: value for key, value in data.items() if value is not None and value not in ("", (), [], {})}


def optional(write: Callable[[Any], Any], value: Any) -> Any:
    """Return what `write` makes of the value, None when it is None."""
    return None if value is None else write(value)


def local_text_data(text: LocalText) -> Any:
    """Return text for people as one text, or a mapping by locale."""
    return dict(text.by_locale) if text.everywhere is None else text.everywhere


def instant_data(value: datetime) -> str:
    """Return an aware instant in ISO 8601."""
    return value.isoformat()


def time_data(value: time) -> str:
    """Return a time of day."""
    return f"{value:%H:%M}"


def window_data(window: LocalWindow) -> dict[str, str]:
    """Return local hours."""
    return {"from": time_data(window.start), "to": time_data(window.end)}


def one_or_more_data(names: Sequence[str]) -> Any:
    """Return one name, or a list of several."""
    return names[0] if len(names) == 1 else list(names)


def below_properties(path: Sequence[str]) -> str:
    """Return a path of the event's properties as it is written."""
    return ".".join(("properties", *path))
