"""One test of one value: `{at_least: 200}` of 249.5. Never raises: what cannot be compared fails the test.

`audience.compile_tests` says the same in SQL. Numbers are compared exactly as they are written (15 significant digits;
SQLite knows no more); texts exactly, case included; a number is never a text, and true is never 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from lifecycle.audience.windows import window_leave, window_start
from lifecycle.base.instants import read_instant
from lifecycle.spec.conditions import CLOCKED_OPERATORS, Test


def at_path(data: Any, path: Iterable[str]) -> Any:
    """Return what stands at the path below `data`; None when nothing does. Lists are not walked into."""
    for key in path:
        if not isinstance(data, Mapping):
            return None
        data = data.get(key)
    return data


def number(value: Any) -> Decimal | None:
    """Return a number exactly, None for anything else (true and false are no numbers)."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    found = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return found if found.is_finite() else None


def instant(value: Any) -> datetime | None:
    """Return an instant, or the one that a text is in ISO 8601; None for anything else."""
    if isinstance(value, datetime):
        return value
    return read_instant(value) if isinstance(value, str) else None


def equal(value: Any, wanted: Any) -> bool:
    """Say whether a value is the wanted scalar: of one kind, and the same."""
    if isinstance(wanted, bool):
        return isinstance(value, bool) and value is wanted
    if isinstance(wanted, str):
        return isinstance(value, str) and value == wanted
    if isinstance(wanted, datetime):
        return instant(value) == wanted
    found = number(value)
    return found is not None and found == number(wanted)


def passes_all(tests: Iterable[Test], value: Any, now: datetime) -> bool:
    """Say whether the value passes every test."""
    for test in tests:  # noqa: SIM110 - a generator takes twice as long, and conditions are asked by the million
        if not passes(test, value, now):
            return False
    return True


def passes(test: Test, value: Any, now: datetime) -> bool:
    """Say whether the value, None when it is missing, passes the test at `now`. `top` is no test of a value alone."""
    wanted = test.value
    if test.operator == "at_least" and type(value) is int and type(wanted) is int:
        return value >= wanted  # a count: what is asked most often by far
    match test.operator:
        case "exists":
            return (value is not None) is bool(wanted)
        case "is_not":
            return not equal(value, wanted)
        case _ if value is None:
            return False
        case "is":
            return equal(value, wanted)
        case "in":
            return any(equal(value, one) for one in wanted)
        case "not_in":
            return not any(equal(value, one) for one in wanted)
        case "contains":
            if isinstance(value, list | tuple):
                return any(equal(item, wanted) for item in value)
            return isinstance(value, str) and isinstance(wanted, str) and wanted in value
        case "starts_with":
            return isinstance(value, str) and value.startswith(str(wanted))
        case "ends_with":
            return isinstance(value, str) and value.endswith(str(wanted))
        case "within":
            found = instant(value)
            return found is not None and window_start(now, wanted) < found <= now
        case "older_than":
            found = instant(value)
            return found is not None and found <= window_start(now, wanted)
        case "between":
            low, high = wanted
            return _ordered("at_least", value, low) and _ordered("at_most", value, high)
        case "top":
            return False
        case operator:
            return _ordered(operator, value, wanted)


def _ordered(operator: str, value: Any, wanted: Any) -> bool:
    left: Any
    right: Any
    if isinstance(wanted, datetime):
        left, right = instant(value), wanted
    else:
        left, right = number(value), number(wanted)
    if left is None or right is None:
        return False
    match operator:
        case "at_least":
            return bool(left >= right)
        case "at_most":
            return bool(left <= right)
        case "more_than" | "after":
            return bool(left > right)
        case _:  # less_than, before
            return bool(left < right)


def flips_at(tests: Iterable[Test], value: Any, now: datetime) -> datetime | None:
    """Return the first instant after `now` at which the passing of time changes a test of this value; None: never."""
    moments: list[datetime] = []
    for test in tests:
        found = instant(value) if test.operator in CLOCKED_OPERATORS else None
        if found is not None:
            moments += [moment for moment in (found, window_leave(found, test.value)) if moment > now]
    return min(moments, default=None)


def is_clocked(tests: Iterable[Test]) -> bool:
    """Say whether the passing of time can change one of the tests."""
    return any(test.operator in CLOCKED_OPERATORS for test in tests)
