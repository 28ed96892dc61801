"""What PostgreSQL's planner may not do for a query, where it is known to guess wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from sqlalchemy import Connection, text


@contextmanager
def without(connection: Connection, method: Literal["hashagg", "seqscan"]) -> Iterator[None]:
    """Let PostgreSQL's planner do without a method until the body ends. SQLite's is left alone."""
    if connection.dialect.name != "postgresql":
        yield
        return
    connection.execute(text(f"SET LOCAL enable_{method} = off"))
    yield
    # not after an error: the transaction is over then, and the setting with it
    connection.execute(text(f"SET LOCAL enable_{method} TO DEFAULT"))
