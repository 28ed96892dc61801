"""How values of many rows travel to the database, a column at a time: bound, as the text of a COPY, or as JSON.

A column is one call into C where a value would be a call of ours each: five thousand events have forty thousand values.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import Connection, Table
from sqlalchemy.types import JSON, Boolean, Integer, TypeEngine

from lifecycle.store.columns import EPOCH, MICROSECOND, Instant, Money, loads

Rows: TypeAlias = "Sequence[tuple[Any, ...]]"
#: The values of rows by column.
Columns: TypeAlias = "Mapping[str, Sequence[Any]]"
#: Rows that are written at a time, while the server reads those before.
_BLOCK = 1_000
#: What COPY calls NULL.
_NULL = "\\N"
#: What COPY reads otherwise than it is written, the backslash first. Source: PostgreSQL's COPY, text format.
_ESCAPES = (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))
_FOUR_PLACES = Decimal("0.0001")
_ZONE = attrgetter("tzinfo")


def bound(connection: Connection, table: Table, columns: Columns) -> Rows:
    """Return rows with each value as SQLite's driver takes it. Raises ValueError for a naive datetime."""
    return list(zip(*_written(connection, table, columns), strict=True))


def copied(connection: Connection, table: Table, columns: Columns) -> Iterator[str]:
    """Yield rows as PostgreSQL's COPY reads them, some at a time. Raises ValueError for a naive datetime."""
    kinds = [table.c[name].type for name in columns]
    written = list(_written(connection, table, columns))
    for begin in range(0, len(written[0]), _BLOCK):
        texts = map(_text, (column[begin : begin + _BLOCK] for column in written), kinds)
        yield "\n".join(map("\t".join, zip(*texts, strict=True))) + "\n"


def as_json(connection: Connection, table: Table, columns: Columns) -> list[str]:
    """Return each column as the text of a JSON array. Raises ValueError for a naive datetime."""
    return [_json(column) for column in _written(connection, table, columns)]


def found(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Any]) -> Sequence[Any]:
    """Return rows as the driver gave them as named tuples, each value as the column's type has it."""
    made = _row_type(tuple(columns))
    sqlite = connection.dialect.name == "sqlite"
    read = [_read(table.c[name].type, sqlite=sqlite) for name in columns]
    if not any(read):
        return list(map(made, rows))
    values = [
        column if convert is None else [None if value is None else convert(value) for value in column]
        for convert, column in zip(read, zip(*rows, strict=True), strict=False)
    ]
    return list(map(made, zip(*values, strict=True)))


@cache
def _row_type(columns: tuple[str, ...]) -> Any:
    # the columns are known when it runs; calling the class would check each tuple again
    return partial(tuple.__new__, namedtuple("Row", columns))  # noqa: PYI024


def _read(kind: TypeEngine[Any], *, sqlite: bool) -> Callable[[Any], Any] | None:
    """Return what makes the driver's value the type's; None where it is that already."""
    if isinstance(kind, Instant):
        return _from_microseconds if sqlite else _in_utc
    if sqlite and isinstance(kind, Money):
        return _from_ten_thousandths
    if sqlite and isinstance(kind, JSON):
        return loads
    return bool if sqlite and isinstance(kind, Boolean) else None


def _from_microseconds(value: int) -> datetime:
    return EPOCH + timedelta(microseconds=value)


def _in_utc(value: datetime) -> datetime:
    return value if value.tzinfo is UTC else value.astimezone(UTC)


def _from_ten_thousandths(value: int) -> Decimal:
    return Decimal(value).scaleb(-4)


def _written(connection: Connection, table: Table, columns: Columns) -> Iterator[Sequence[Any]]:
    """Yield the columns, each value as the database has it."""
    sqlite = connection.dialect.name == "sqlite"
    for name, column in columns.items():
        kind = table.c[name].type
        # the types' own ways, a value at a time, cost a third of a bulk insert
        if isinstance(kind, Instant):
            if None in map(_ZONE, (value for value in column if value is not None) if None in column else column):
                raise ValueError("a naive datetime was about to be stored")
            yield [None if value is None else (value - EPOCH) // MICROSECOND for value in column] if sqlite else column
        elif isinstance(kind, Money):
            exact = [None if value is None else value.quantize(_FOUR_PLACES) for value in column]
            yield [None if value is None else int(value.scaleb(4)) for value in exact] if sqlite else exact
        else:
            yield column


def _text(column: Sequence[Any], kind: TypeEngine[Any]) -> Sequence[str]:
    if isinstance(kind, Instant):
        # ISO 8601 needs no escape, and written as JSON it is ten times as fast as one at a time
        present = [value for value in column if value is not None]
        return _with_gaps(column, _json(present)[2:-2].split('","') if present else [])
    if isinstance(kind, Integer | Boolean | Money):
        return (
            [_NULL if value is None else str(value) for value in column] if None in column else list(map(str, column))
        )
    written = [value for value in column if value is not None]
    whole = "".join(written)
    for special, escape in _ESCAPES:
        if special in whole:
            written = [value.replace(special, escape) for value in written]
    return _with_gaps(column, written)


def _with_gaps(column: Sequence[Any], written: Sequence[str]) -> Sequence[str]:
    """Return what was written with a NULL wherever the column has None."""
    if len(written) == len(column):
        return written
    following = iter(written)
    return [_NULL if value is None else next(following) for value in column]


def _json(column: Sequence[Any]) -> str:
    return msgspec.json.encode(column).decode()
