"""How rows of many contacts are asked for, so that the planner has one way to go about it, and goes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, any_, bindparam, case, false, literal, true
from sqlalchemy.dialects.postgresql import ARRAY


def among(connection: Connection, column: ColumnElement[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """Return whether `column` is one of `values`, which are of its type.

    On PostgreSQL they travel as one array: an IN list is another statement for each length, to be taken apart by the
    driver and planned by the server each time, which cost more than the rows did.
    """
    wanted = list(values)
    if connection.dialect.name == "sqlite":
        return column.in_(wanted)
    return column == any_(literal(wanted, ARRAY(column.type)))


def one_of(dialect: str, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Return the same of a list that is bound as `name` when the statement is executed.

    For statements that are made once: making one takes longer than fifty rows do.
    """
    if dialect == "sqlite":
        return column.in_(bindparam(name, expanding=True))
    return column == any_(bindparam(name, type_=ARRAY(column.type)))


def beside(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition so that no index serves it: for rows that another condition finds, a few for each contact.

    A planner that has not yet counted a table that is filling takes any index for a good one, and would read all rows
    that are `sent` to find fifty contacts' mails among them.
    """
    return case((condition, true()), else_=false())
