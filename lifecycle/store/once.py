"""Inserting a row unless its name is taken: how everything that must happen once, happens once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_once(connection: Connection, table: Table) -> Any:
    """Return an INSERT that leaves an existing row alone."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing()


def add_once(connection: Connection, table: Table, row: Mapping[str, Any]) -> Any:
    """Insert the row and return its key; None when a row of that name was there already, and stays as it was."""
    key = next(iter(table.primary_key.columns))
    return connection.execute(insert_once(connection, table).values(row).returning(key)).scalar()
