"""Alembic's entry: migrates over the connection that store.migrate hands in, in its transaction."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

from lifecycle.store import columns
from lifecycle.store import tables as _tables  # noqa: F401 - registers the tables for autogenerate


def write_type(kind: str, thing: Any, _context: Any) -> str | Literal[False]:
    """Return how a generated migration spells our column types."""
    if kind != "type":
        return False
    if isinstance(thing, columns.Instant | columns.Money):
        return f"columns.{type(thing).__name__}()"
    if isinstance(thing, AutoString):
        return "sa.String()"
    if thing is columns.Json:
        return "columns.Json"
    return "columns.BigKey" if thing is columns.BigKey else False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_item=write_type,
    transactional_ddl=False,  # the transaction is the caller's
    compare_type=True,
)
context.run_migrations()
