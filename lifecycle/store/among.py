"""How rows of many contacts are asked for, so that the planner has one way to go about it, and goes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    ColumnElement,
    Integer,
    String,
    Text,
    case,
    false,
    literal,
    true,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from lifecycle.store.columns import dumps


class Values(TypeDecorator[Iterable[Any]]):
    """A list of whole numbers or of texts, bound as one value: an array on PostgreSQL, a JSON text on SQLite."""

    impl = String
    cache_ok = True

    def __init__(self, *, whole: bool) -> None:
        super().__init__()
        self.whole = whole

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the type that binds it."""
        array = ARRAY(BigInteger() if self.whole else Text())
        return dialect.type_descriptor(String() if dialect.name == "sqlite" else array)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Make what the driver takes."""
        return dumps(list(value)) if dialect.name == "sqlite" else list(value)


class IsOneOf(FunctionElement[bool]):
    """Whether a column of whole numbers or texts is one of a list, which may be bound when the statement is executed.

    The list travels as one value: a list of marks is another statement for each length, to be taken apart by the driver
    and planned by the server each time, which costs more than the rows do.
    """

    inherit_cache = True
    type = Boolean()
    # or SQLAlchemy writes `(… IN …) = 1`, and SQLite reads the whole table
    _is_implicitly_boolean = True

    def __init__(self, column: ColumnElement[Any], wanted: BindParameter[Any] | Iterable[Any]) -> None:
        kind = Values(whole=isinstance(column.type, Integer))
        bound = type_coerce(wanted, kind) if isinstance(wanted, BindParameter) else literal(list(wanted), kind)
        super().__init__(column, bound)


@compiles(IsOneOf)
def _is_one_of(element: IsOneOf, compiler: SQLCompiler, **kw: Any) -> str:
    column, wanted = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({wanted}))"  # noqa: S608 - compiled parts, the list is bound


@compiles(IsOneOf, "postgresql")
def _is_one_of_pg(element: IsOneOf, compiler: SQLCompiler, **kw: Any) -> str:
    column, wanted = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} = ANY({wanted})"


def beside(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition so that no index serves it: for rows that another condition finds, a few for each contact.

    A planner that has not yet counted a table that is filling takes any index for a good one, and would read all rows
    that are `sent` to find fifty contacts' mails among them.
    """
    return case((condition, true()), else_=false())
