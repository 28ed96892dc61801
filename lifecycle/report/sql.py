"""The few expressions that the two databases spell differently."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Float, Text, case, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

_QUARTER = timedelta(minutes=15)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class QuarterHour(FunctionElement[int]):
    """The number of the quarter of an hour, since 1970, in which an Instant column lies.

    Every zone in use today is a whole number of quarters from UTC, so days of any zone can be summed from these.
    """

    name = "quarter_hour"
    type = BigInteger()
    inherit_cache = True


class ElapsedS(FunctionElement[float]):
    """The seconds from the second Instant to the first."""

    name = "elapsed_s"
    type = Float()
    inherit_cache = True


class MailDomain(FunctionElement[str]):
    """The part of an address behind the first @, lower-case; "" where there is no address."""

    name = "mail_domain"
    type = Text()
    inherit_cache = True


def instant_of(quarter: int) -> datetime:
    """Return the start of a QuarterHour, aware UTC."""
    return _EPOCH + quarter * _QUARTER


def count_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """Count the rows for which the condition holds; 0 over no rows."""
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _parts(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> list[str]:
    return [compiler.process(part, **options) for part in element.clauses]


@compiles(QuarterHour, "sqlite")
def _quarter_sqlite(element: QuarterHour, compiler: SQLCompiler, **options: Any) -> str:
    return f"({_parts(element, compiler, **options)[0]} / 900000000)"  # an Instant is whole microseconds there


@compiles(QuarterHour, "postgresql")
def _quarter_postgresql(element: QuarterHour, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST(FLOOR(EXTRACT(EPOCH FROM {_parts(element, compiler, **options)[0]}) / 900) AS BIGINT)"


@compiles(ElapsedS, "sqlite")
def _elapsed_sqlite(element: ElapsedS, compiler: SQLCompiler, **options: Any) -> str:
    later, earlier = _parts(element, compiler, **options)
    return f"(({later} - {earlier}) / 1000000.0)"


@compiles(ElapsedS, "postgresql")
def _elapsed_postgresql(element: ElapsedS, compiler: SQLCompiler, **options: Any) -> str:
    later, earlier = _parts(element, compiler, **options)
    return f"CAST(EXTRACT(EPOCH FROM ({later} - {earlier})) AS DOUBLE PRECISION)"


@compiles(MailDomain, "sqlite")
def _domain_sqlite(element: MailDomain, compiler: SQLCompiler, **options: Any) -> str:
    address = _parts(element, compiler, **options)[0]
    return (
        f"CASE WHEN INSTR(COALESCE({address}, ''), '@') > 0"
        f" THEN LOWER(SUBSTR({address}, INSTR({address}, '@') + 1)) ELSE '' END"
    )


@compiles(MailDomain, "postgresql")
def _domain_postgresql(element: MailDomain, compiler: SQLCompiler, **options: Any) -> str:
    return f"LOWER(SPLIT_PART(COALESCE({_parts(element, compiler, **options)[0]}, ''), '@', 2))"
