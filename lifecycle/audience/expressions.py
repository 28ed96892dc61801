"""The few SQL expressions that SQLite and PostgreSQL spell differently, each with one meaning. Values are bound.

What stands in JSON has a module of its own, json_expressions.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Numeric, String
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from lifecycle.base.instants import DATE_PATTERN, NAIVE_PATTERN, ZONED_PATTERN
from lifecycle.store.columns import Instant, Money


class Exact(TypeDecorator[Decimal]):
    """A number as it is written: numeric on PostgreSQL, an integer or a double on SQLite."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the type that binds it."""
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else Numeric())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Make what the driver takes."""
        if value is None or dialect.name != "sqlite":
            return value
        whole = value == value.to_integral_value() and abs(value) < 2**63
        return int(value) if whole else float(value)


class MoneyOperand(TypeDecorator[Decimal]):
    """A number that is compared with a Money column, without being rounded to its 4 decimals."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the type that binds it."""
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else Numeric())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Make what the driver takes."""
        return Exact().process_bind_param(value * 10000 if dialect.name == "sqlite" else value, dialect)


class TextInstant(FunctionElement[Any]):
    """The instant that a text is (base.instants), NULL when it is none."""

    inherit_cache = True
    type = Instant()


@compiles(TextInstant)
def _text_instant(element: TextInstant, compiler: SQLCompiler, **kw: Any) -> str:
    return f"lifecycle_instant({compiler.process(element.clauses, **kw)})"


@compiles(TextInstant, "postgresql")
def _text_instant_pg(element: TextInstant, compiler: SQLCompiler, **kw: Any) -> str:
    text = compiler.process(element.clauses, **kw)
    cut = f"regexp_replace({text}, '(\\.[0-9]{{6}})[0-9]+', '\\1')"
    return (
        f"CASE WHEN ({text}) ~ '{ZONED_PATTERN}' THEN {cut}::timestamptz"
        f" WHEN ({text}) ~ '{NAIVE_PATTERN}' THEN {cut}::timestamp AT TIME ZONE 'UTC' END"
    )


class TextDate(FunctionElement[Any]):
    """The date as it is written in a text (base.instants), as YYYY-MM-DD; NULL when there is none."""

    inherit_cache = True
    type = String()


@compiles(TextDate)
def _text_date(element: TextDate, compiler: SQLCompiler, **kw: Any) -> str:
    return f"lifecycle_date({compiler.process(element.clauses, **kw)})"


@compiles(TextDate, "postgresql")
def _text_date_pg(element: TextDate, compiler: SQLCompiler, **kw: Any) -> str:
    text = compiler.process(element.clauses, **kw)
    return f"CASE WHEN ({text}) ~ '{DATE_PATTERN}' THEN substr({text}, 1, 10) END"


class InstantDate(FunctionElement[Any]):
    """The UTC date of an instant column, as YYYY-MM-DD."""

    inherit_cache = True
    type = String()


@compiles(InstantDate)
def _instant_date(element: InstantDate, compiler: SQLCompiler, **kw: Any) -> str:
    return f"strftime('%Y-%m-%d', {compiler.process(element.clauses, **kw)} / 1000000, 'unixepoch')"


@compiles(InstantDate, "postgresql")
def _instant_date_pg(element: InstantDate, compiler: SQLCompiler, **kw: Any) -> str:
    return f"to_char({compiler.process(element.clauses, **kw)} AT TIME ZONE 'UTC', 'YYYY-MM-DD')"


class Position(FunctionElement[Any]):
    """Where the second text stands in the first, counted from 1; 0 when it does not. Case counts."""

    inherit_cache = True
    type = BigInteger()


@compiles(Position)
def _position(element: Position, compiler: SQLCompiler, **kw: Any) -> str:
    return f"instr({compiler.process(element.clauses, **kw)})"


@compiles(Position, "postgresql")
def _position_pg(element: Position, compiler: SQLCompiler, **kw: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **kw)})"


class AmountSum(FunctionElement[Any]):
    """The sum of amounts in ten-thousandths (store.amounts), each rounded to that as in leaves.total_of; NULL for none.

    On SQLite the sum is a double, exact up to 2**53; an integer there would fail on overflow.
    """

    inherit_cache = True
    type = Exact()


@compiles(AmountSum)
def _amount_sum(element: AmountSum, compiler: SQLCompiler, **kw: Any) -> str:
    amount = compiler.process(element.clauses, **kw)
    return f"CASE WHEN count({amount}) > 0 THEN total({amount}) END"


@compiles(AmountSum, "postgresql")
def _amount_sum_pg(element: AmountSum, compiler: SQLCompiler, **kw: Any) -> str:
    return f"sum({compiler.process(element.clauses, **kw)})"


class Bucket(FunctionElement[Any]):
    """base.ids.bucket_number of the first argument, salted with the second."""

    inherit_cache = True
    type = BigInteger()


@compiles(Bucket)
def _bucket(element: Bucket, compiler: SQLCompiler, **kw: Any) -> str:
    return f"lifecycle_bucket({compiler.process(element.clauses, **kw)})"


@compiles(Bucket, "postgresql")
def _bucket_pg(element: Bucket, compiler: SQLCompiler, **kw: Any) -> str:
    key, salt = (compiler.process(clause, **kw) for clause in element.clauses)
    data = f"convert_to({salt}, 'UTF8') || '\\x00'::bytea || convert_to({key}, 'UTF8')"
    return f"(('x' || encode(substr(sha256({data}), 1, 7), 'hex'))::bit(56)::bigint >> 3)"


class PlaceOf(FunctionElement[Any]):
    """boundary.place_of a column of `facts`: the negated value as SQLite stores it."""

    inherit_cache = True
    type = BigInteger()


@compiles(PlaceOf)
def _place_of(element: PlaceOf, compiler: SQLCompiler, **kw: Any) -> str:
    return f"-({compiler.process(element.clauses, **kw)})"


@compiles(PlaceOf, "postgresql")
def _place_of_pg(element: PlaceOf, compiler: SQLCompiler, **kw: Any) -> str:
    (column,) = element.clauses
    value = compiler.process(column, **kw)
    match column.type:
        case Instant():
            return f"-(extract(epoch FROM {value}) * 1000000)::bigint"
        case Money():
            return f"-({value} * 10000)::bigint"
        case _:
            return f"-({value})::bigint"


class Earliest(FunctionElement[Any]):
    """The earliest of some instants, those that are NULL left out; NULL without any."""

    inherit_cache = True
    type = Instant()


@compiles(Earliest)
def _earliest(element: Earliest, compiler: SQLCompiler, **kw: Any) -> str:
    parts = [compiler.process(clause, **kw) for clause in element.clauses]
    if len(parts) == 1:
        return parts[0]
    never = "9223372036854775807"
    return f"nullif(min({', '.join(f'coalesce({part}, {never})' for part in parts)}), {never})"


@compiles(Earliest, "postgresql")
def _earliest_pg(element: Earliest, compiler: SQLCompiler, **kw: Any) -> str:
    return f"least({compiler.process(element.clauses, **kw)})"


class InstantLater(FunctionElement[Any]):
    """An instant moved on by whole seconds, and not before the last argument; NULL for NULL."""

    inherit_cache = True
    type = Instant()


@compiles(InstantLater)
def _later(element: InstantLater, compiler: SQLCompiler, **kw: Any) -> str:
    moment, seconds, least = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"max({moment} + {seconds} * 1000000, {least})"


@compiles(InstantLater, "postgresql")
def _later_pg(element: InstantLater, compiler: SQLCompiler, **kw: Any) -> str:
    moment, seconds, least = (compiler.process(clause, **kw) for clause in element.clauses)
    moved = f"{moment} + {seconds}::double precision * interval '1 second'"
    return f"CASE WHEN {moment} IS NOT NULL THEN greatest({moved}, {least}) END"
