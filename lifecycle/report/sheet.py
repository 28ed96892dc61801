"""A report as data: headline figures, tables, charts and notes, which terminal, CSV and HTML each show in their way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["text", "count", "share", "points", "money", "whole_money", "number", "probability", "length"]

#: Longer tables are cut for people.
MOST_ROWS = 60
#: What stands where there is no number; not a zero.
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a sheet: `key` in the rows, what it is called, and how its values are written."""

    key: str
    label: str
    kind: Kind = "count"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table. Rows hold raw values by key: counts, fractions, Decimals, seconds; None for nothing to tell."""

    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Mapping[str, Any]]

    @property
    def shown(self) -> Sequence[Mapping[str, Any]]:
        """Return the rows that people are shown; CSV and JSON have all."""
        return self.rows[:MOST_ROWS]

    @property
    def more(self) -> str:
        """Return what is said below a table that was cut, else ""."""
        left = len(self.rows) - MOST_ROWS
        return f"and {left:,} more rows: --csv has them all" if left > 0 else ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One headline number; `note` says over what."""

    label: str
    value: Any
    kind: Kind = "count"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """Values by label: horizontal `bars`, or a `line` over days."""

    title: str
    points: Sequence[tuple[str, float]]
    kind: Literal["bars", "line"] = "bars"
    value_kind: Kind = "count"


@dataclass(frozen=True, slots=True)
class Report:
    """A finished report. `data` is its JSON, `listing` (else the first of `sheets`) its CSV."""

    title: str
    period: str
    currency: str
    data: Mapping[str, Any]
    sheets: tuple[Sheet, ...] = ()
    listing: Sheet | None = None
    figures: tuple[Figure, ...] = ()
    charts: tuple[Chart, ...] = ()
    notes: tuple[str, ...] = ()
    #: what makes the numbers above it doubtful, or asks for action; shown first
    alarms: tuple[str, ...] = ()
    #: what to do first, where there is nothing to report yet
    nothing_yet: str = ""
    #: what only the page and the terminal of this report show, by name
    extras: Mapping[str, Any] = field(default_factory=dict)


def number(value: Decimal | float | None) -> float | int | None:
    """Return an amount as JSON has it: a whole number where it is one."""
    if value is None:
        return None
    exact = round(Decimal(str(value)), 6)
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def written(value: Any, kind: Kind, currency: str) -> str:
    """Return a value as people read it: 1,234 · 12.3% · SAR 1,234.50 · 2.5 d; an en dash for None."""
    if value is None:
        return NOTHING
    match kind:
        case "text":
            return f"{value:%Y-%m-%d}" if isinstance(value, date | datetime) else str(value)
        case "count":
            return f"{value:,}"
        case "share":
            return percent(value)
        case "points":
            return f"{value * 100:+.2f} pp"
        case "money":
            return money(value, currency)
        case "whole_money":
            return money(value, currency, decimals=0)
        case "number":
            return f"{value:,.2f}"
        case "probability":
            return "< 0.001" if value < 0.001 else f"{value:.3f}"
        case "length":
            return length(value)


def money(value: Decimal | float, currency: str, decimals: int | None = None) -> str:
    """Return an amount behind its currency, with the decimals that currency has unless told otherwise."""
    from babel.numbers import get_currency_precision

    digits = get_currency_precision(currency) if decimals is None else decimals
    return f"{'-' if value < 0 else ''}{currency} {abs(value):,.{digits}f}"


def percent(fraction: float) -> str:
    """Return a share with as many decimals as it needs to be told from nothing."""
    return f"{fraction * 100:.1f}%" if fraction == 0 or abs(fraction) >= 0.01 else f"{fraction * 100:.2f}%"


def length(seconds: float) -> str:
    """Return a stretch of time in its largest fitting unit."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
