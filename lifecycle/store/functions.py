"""Functions that PostgreSQL has and SQLite has not; ours on SQLite are the very ones that Python code calls."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

from lifecycle.base.ids import bucket_number
from lifecycle.base.instants import read_date, read_instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def add_functions(connection: sqlite3.Connection) -> None:
    """Add lifecycle_bucket(key, salt), lifecycle_instant(text) and lifecycle_date(text) to a connection."""
    connection.create_function("lifecycle_bucket", 2, bucket_number, deterministic=True)
    connection.create_function("lifecycle_instant", 1, _instant, deterministic=True)
    connection.create_function("lifecycle_date", 1, _date, deterministic=True)


def _instant(value: Any) -> int | None:
    found = read_instant(value) if isinstance(value, str) else None
    return None if found is None else (found - _EPOCH) // timedelta(microseconds=1)


def _date(value: Any) -> str | None:
    return read_date(value) if isinstance(value, str) else None
