"""What an event says it came to, `properties.total`, and how it rates, as columns that the database keeps by itself.

Both are asked of a contact's events again and again, and its events lie far apart. So they stand in the index by which
these are found, and a sum reads nothing else. On SQLite they are stored nowhere but in that index.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import BigInteger, ColumnElement, Computed, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import DDLCompiler, SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from lifecycle.base.units import MAX_AMOUNT

#: The properties that are kept, keys of `properties`.
AMOUNT_OF = "total"
RATING_OF = "rating"


class InTenThousandths(FunctionElement[Any]):
    """A number in ten-thousandths, rounded in double precision, away from zero; NULL for one beyond ±MAX_AMOUNT."""

    inherit_cache = True
    type = BigInteger()


@compiles(InTenThousandths)
def _lite(element: InTenThousandths, compiler: SQLCompiler, **kw: Any) -> str:
    value, most = compiler.process(element.clauses, **kw), f"{MAX_AMOUNT:.0f}"
    return (
        f"CASE WHEN {value} BETWEEN 0 AND {most} THEN CAST({value} * 10000.0 + 0.5 AS INTEGER)"
        f" WHEN {value} BETWEEN -{most} AND 0 THEN -CAST(-({value}) * 10000.0 + 0.5 AS INTEGER) END"
    )


@compiles(InTenThousandths, "postgresql")
def _postgresql(element: InTenThousandths, compiler: SQLCompiler, **kw: Any) -> str:
    value, most = compiler.process(element.clauses, **kw), f"{MAX_AMOUNT:.0f}"
    double = f"abs({value})::double precision * 10000.0::double precision + 0.5::double precision"
    return f"CASE WHEN {value} BETWEEN -{most} AND {most} THEN sign({value}) * trunc({double})::bigint END"


class _KeptNumber(Computed):
    """A number that stands in `properties`, NULL for anything else: computed on SQLite at each reading of a row."""

    inherit_cache = True
    key: ClassVar[str]

    def __init__(self) -> None:
        super().__init__("")

    def kept(self, number: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return what is kept of the number."""
        return number


class KeptRating(_KeptNumber):
    """What the database puts into `events.rating` when a row is stored: the number as it stands there."""

    key = RATING_OF


class KeptAmount(_KeptNumber):
    """What the database puts into `events.worth` when a row is stored."""

    key = AMOUNT_OF

    def kept(self, number: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return it in ten-thousandths."""
        return InTenThousandths(number)


@compiles(_KeptNumber)
def _kept_lite(element: _KeptNumber, compiler: DDLCompiler, **_kw: Any) -> str:
    at = f"properties, '$.{element.key}'"
    kept = compiler.sql_compiler.process(element.kept(literal_column(f"json_extract({at})")))
    return f"GENERATED ALWAYS AS (CASE WHEN json_type({at}) IN ('integer', 'real') THEN {kept} END) VIRTUAL"


@compiles(_KeptNumber, "postgresql")
def _kept_postgresql(element: _KeptNumber, compiler: DDLCompiler, **_kw: Any) -> str:
    at = f"(properties -> '{element.key}')"
    kept = compiler.sql_compiler.process(element.kept(literal_column(f"{at}::numeric")))
    return f"GENERATED ALWAYS AS (CASE WHEN jsonb_typeof{at} = 'number' THEN {kept} END) STORED"
