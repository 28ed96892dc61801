"""Tests of a value in SQL: what `audience.values` says in Python, as expressions over a column or a place in JSON.

An expression is NULL where it is not true; only under a NOT is that told apart (`IS NOT TRUE`). So the plain case,
conditions joined by AND and OR, stays bare and an index can serve it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, Exists, String, and_, false, func, literal, not_, or_, true

from lifecycle.audience.expressions import Exact, MoneyOperand, Position, TextInstant
from lifecycle.audience.json_expressions import (
    JsonBoolean,
    JsonExists,
    JsonListHas,
    JsonNumber,
    JsonText,
    json_keys,
    json_scalar,
)
from lifecycle.audience.values import number
from lifecycle.audience.windows import window_start
from lifecycle.spec.conditions import Test
from lifecycle.store.columns import Instant

Bool: TypeAlias = ColumnElement[bool]
Kind: TypeAlias = Literal["text", "instant", "int", "money", "total"]


def is_not_true(condition: Bool) -> Bool:
    """Return whether the condition is false or NULL."""
    # EXISTS is never NULL, and what databases know to do about NOT EXISTS they do not about `IS NOT TRUE`
    return not_(condition) if isinstance(condition, Exists) else condition.is_not(true())


def _exact(value: Decimal) -> ColumnElement[Any]:
    return literal(value, Exact())


@dataclass(frozen=True, slots=True)
class Seen:
    """A value as SQL sees it: one expression for each kind it can be of, None for a kind it never is."""

    exists: Bool
    number: ColumnElement[Any] | None = None
    text: ColumnElement[Any] | None = None
    boolean: Bool | None = None
    instant: ColumnElement[Any] | None = None
    has_item: Callable[[Any], Bool] | None = None
    #: makes what the number is compared with
    operand: Callable[[Decimal], ColumnElement[Any]] = field(default=_exact)


def seen_column(column: ColumnElement[Any], kind: Kind) -> Seen:
    """Return a column, or a scalar subquery, of one kind. `total` is in ten-thousandths (AmountSum)."""
    exists = column.is_not(None)
    match kind:
        case "text":
            return Seen(exists, text=column, instant=TextInstant(column))
        case "instant":
            return Seen(exists, instant=column)
        case "int":
            return Seen(exists, number=column)
        case "money":
            return Seen(exists, number=column, operand=lambda value: literal(value, MoneyOperand()))
        case "total":
            return Seen(exists, number=column, operand=lambda value: _exact(value * 10000))


def seen_json(document: ColumnElement[Any], path: tuple[str, ...]) -> Seen:
    """Return what stands at the path in a JSON document. Raises ContentError for a key that cannot be named."""
    place = (document, *json_keys(path))
    text = JsonText(*place)
    return Seen(
        JsonExists(*place),
        number=JsonNumber(*place),
        text=text,
        boolean=JsonBoolean(*place),
        instant=TextInstant(text),
        has_item=lambda item: JsonListHas(*place, json_scalar(item)),
    )


def all_hold(tests: Iterable[Test], seen: Seen, now: datetime, within: Callable[[Bool], Bool] | None = None) -> Bool:
    """Return whether the value passes every test.

    `within` wraps a condition on a joined row (an EXISTS): tests that a missing value passes stand outside it, negated.
    """
    positive, negative = [], []
    for test in tests:
        if test.operator == "is_not":
            negative.append(_equal(seen, test.value))
        elif test.operator == "exists" and not test.value:
            negative.append(seen.exists)
        else:
            positive.append(holds(test, seen, now))
    if within is None:
        return and_(true(), *positive, *(is_not_true(condition) for condition in negative))
    wrapped = [within(and_(*positive))] if positive else []
    return and_(true(), *wrapped, *(not_(within(condition)) for condition in negative))


def holds(test: Test, seen: Seen, now: datetime) -> Bool:
    """Return whether a value that is there passes the test; never true of one that is missing. Not for is_not, top."""
    wanted = test.value
    match test.operator:
        case "exists":
            return seen.exists
        case "is":
            return _equal(seen, wanted)
        case "in":
            return or_(false(), *(_equal(seen, one) for one in wanted))
        case "not_in":
            return and_(seen.exists, *(is_not_true(_equal(seen, one)) for one in wanted))
        case "contains":
            in_text = _text(seen, wanted, lambda text: Position(text, literal(wanted, String())) > 0)
            return in_text if seen.has_item is None else or_(in_text, seen.has_item(wanted))
        case "starts_with":
            return _text(seen, wanted, lambda text: func.substr(text, 1, len(wanted)) == wanted)
        case "ends_with":
            return _text(
                seen,
                wanted,
                lambda text: and_(
                    func.length(text) >= len(wanted),
                    func.substr(text, func.length(text) - (len(wanted) - 1)) == wanted,
                ),
            )
        case "within":
            if seen.instant is None:
                return false()
            return and_(seen.instant > _instant(window_start(now, wanted)), seen.instant <= _instant(now))
        case "older_than":
            return false() if seen.instant is None else seen.instant <= _instant(window_start(now, wanted))
        case "between":
            low, high = wanted
            return and_(_ordered("at_least", seen, low), _ordered("at_most", seen, high))
        case "is_not" | "top":
            raise AssertionError(f"{test.operator} is compiled where the row is known")
        case operator:
            return _ordered(operator, seen, wanted)


def _instant(value: datetime) -> ColumnElement[Any]:
    return literal(value, Instant())


def _text(seen: Seen, wanted: Any, test: Callable[[ColumnElement[Any]], Bool]) -> Bool:
    return test(seen.text) if seen.text is not None and isinstance(wanted, str) else false()


def _equal(seen: Seen, wanted: Any) -> Bool:
    if isinstance(wanted, bool):
        return false() if seen.boolean is None else seen.boolean.is_(true()) if wanted else seen.boolean.is_(false())
    if isinstance(wanted, str):
        return false() if seen.text is None else seen.text == literal(wanted, String())
    if isinstance(wanted, datetime):
        return false() if seen.instant is None else seen.instant == _instant(wanted)
    exact = number(wanted)
    return false() if seen.number is None or exact is None else seen.number == seen.operand(exact)


def _ordered(operator: str, seen: Seen, wanted: Any) -> Bool:
    exact = number(wanted)
    left: ColumnElement[Any] | None
    if isinstance(wanted, datetime):
        left, right = seen.instant, _instant(wanted)
    elif exact is not None:
        left, right = seen.number, seen.operand(exact)
    else:
        return false()
    if left is None:
        return false()
    match operator:
        case "at_least":
            return left >= right
        case "at_most":
            return left <= right
        case "more_than" | "after":
            return left > right
        case _:  # less_than, before
            return left < right
