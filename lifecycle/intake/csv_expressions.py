"""What a map file writes for a value: text with `{Column}` in it, a number, or `{sum: Quantity * UnitPrice}`.

An expression is a product of columns and numbers, with a minus in front if it must be. Amounts are exact decimals until
they become JSON. Sums run over the rows of one group.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Protocol, TypeAlias

from lifecycle.intake.payload import Refused
from lifecycle.spec.conditions import Test

#: A row by the names of its columns.
Cells: TypeAlias = "dict[str, str]"

_COLUMN = re.compile(r"\{([^{}]*)\}")


class Value(Protocol):
    """Something that can be computed of the rows of a group."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that it reads."""
        ...

    def of(self, rows: Sequence[Cells]) -> Any:
        """Return the value; of what is not summed the first row decides. Raises Refused."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """The same for every row."""

    value: Any
    columns: tuple[str, ...] = ()

    def of(self, rows: Sequence[Cells]) -> Any:
        """Return it."""
        del rows
        return self.value


@dataclass(frozen=True, slots=True)
class Text:
    """Text with columns in it: `c{CustomerID}@example.com`. None when a column in it is empty."""

    #: fixed text and columns by turns: fixed, column, fixed, …
    parts: tuple[str, ...]
    columns: tuple[str, ...]

    @classmethod
    def parse(cls, template: str) -> Text:
        """Read the text. Raises ValueError for a brace without its other."""
        if re.search(r"[{}]", _COLUMN.sub("", template)):
            raise ValueError("a column stands in braces, as {CustomerID}")
        return cls(tuple(_COLUMN.split(template)), tuple(_COLUMN.findall(template)))

    def of(self, rows: Sequence[Cells]) -> str | None:
        """Return the text with the columns of the first row."""
        cells = rows[0]
        if len(self.parts) == 3:  # one column: nearly all of them
            before, column, after = self.parts
            found = cells[column].strip()
            return before + found + after if found else None
        filled = [cells[part].strip() if place % 2 else part for place, part in enumerate(self.parts)]
        return "".join(filled) if all(filled[1::2]) else None


@dataclass(frozen=True, slots=True)
class Product:
    """`Quantity * UnitPrice`, `-Quantity`: of the first row, or summed over all."""

    factor: Decimal
    columns: tuple[str, ...]
    summed: bool = False

    @classmethod
    def parse(cls, text: str, *, summed: bool) -> Product:
        """Read the expression. Raises ValueError."""
        factor, columns = Decimal(1), []
        body = text.strip()
        if body.startswith("-"):
            factor, body = Decimal(-1), body[1:]
        for part in body.split("*"):
            name = part.strip()
            if not name:
                raise ValueError("an expression is columns and numbers with * between them, as Quantity * UnitPrice")
            try:
                factor *= Decimal(name)
            except InvalidOperation:
                columns.append(name)
        return cls(factor, tuple(columns), summed)

    def of(self, rows: Sequence[Cells]) -> int | float:
        """Return the product or the sum, as JSON has numbers."""
        total = sum(map(self._one, rows), Decimal(0)) if self.summed else self._one(rows[0])
        return int(total) if total == total.to_integral_value() else float(total)

    def _one(self, cells: Cells) -> Decimal:
        found: Decimal | None = None if self.factor == 1 else self.factor
        for name in self.columns:
            value = decimal(cells[name])
            if value is None:
                raise Refused(f'{name}: "{cells[name][:40]}" is no number')
            found = value if found is None else found * value
        return self.factor if found is None else found


@lru_cache(maxsize=65_536)
def decimal(text: str) -> Decimal | None:
    """Return the cell as a number of a reasonable size, None when it is none. Prices repeat, so they are remembered."""
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() and -18 < found.adjusted() < 18 else None


def _measure(text: str) -> float | None:
    """Return the cell as a number to compare, None when it is none: quicker than `decimal`, and near enough."""
    try:
        return float(text)
    except ValueError:
        return None


Check: TypeAlias = Callable[[Cells], bool]


def check(column: str, tests: Sequence[Test]) -> Check:
    """Return what says whether every test holds of the column. A cell that is no number fails each test of numbers."""
    each = [_test(test) for test in tests]
    if len(each) == 1:
        only = each[0]
        return lambda cells: only(cells[column].strip())
    return lambda cells: all(holds(cells[column].strip()) for holds in each)


def _test(test: Test) -> Callable[[str], bool]:
    wanted = test.value
    match test.operator:
        case "is":
            return lambda cell: _equal(cell, wanted)
        case "is_not":
            return lambda cell: not _equal(cell, wanted)
        case "in":
            return lambda cell: any(_equal(cell, each) for each in wanted)
        case "not_in":
            return lambda cell: not any(_equal(cell, each) for each in wanted)
        case "contains":
            return lambda cell: str(wanted) in cell
        case "starts_with":
            return lambda cell: cell.startswith(str(wanted))
        case "ends_with":
            return lambda cell: cell.endswith(str(wanted))
        case "exists":
            return lambda cell: (cell != "") is wanted
        case "between":
            low, high = (float(each) for each in wanted)
            return lambda cell: (found := _measure(cell)) is not None and low <= found <= high
        case _:
            return _compare(test.operator, float(wanted))


def _compare(operator: str, limit: float) -> Callable[[str], bool]:
    compare: Callable[[float], bool] = {
        "at_least": limit.__le__, "at_most": limit.__ge__, "more_than": limit.__lt__, "less_than": limit.__gt__,
    }[operator]  # fmt: skip
    return lambda cell: (found := _measure(cell)) is not None and compare(found)


def _equal(cell: str, wanted: Any) -> bool:
    if isinstance(wanted, bool):
        return cell.lower() == str(wanted).lower()
    if isinstance(wanted, int | float):
        return _measure(cell) == wanted
    return cell == str(wanted)


#: The tests that a map file may use.
OPERATORS = frozenset(
    {
        "is", "is_not", "in", "not_in", "contains", "starts_with", "ends_with", "exists", "between",
        "at_least", "at_most", "more_than", "less_than",
    }
)  # fmt: skip
