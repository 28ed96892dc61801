"""Whether a column has one of many values, asked so that the statement's text is the same however many they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, any_, literal
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
