"""A database in memory for one world after the other, copied from one that has every table: a millisecond each."""

from __future__ import annotations

import sqlite3
from functools import lru_cache

from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool
from sqlmodel import SQLModel

from lifecycle.store import tables as _tables  # noqa: F401 - registers the tables
from lifecycle.store.columns import dumps, loads
from lifecycle.store.engine import Store, _tune_sqlite


@lru_cache(maxsize=1)
def _store() -> tuple[Store, sqlite3.Connection]:
    """Return the store, whose threads share one connection, and the empty database."""
    store = Store("sqlite://")
    store.engine = create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False},
        json_serializer=dumps, json_deserializer=loads,
    )  # fmt: skip
    _tune_sqlite(store.engine)
    SQLModel.metadata.create_all(store.engine)
    empty = sqlite3.connect(":memory:", check_same_thread=False)
    _driver(store).backup(empty)
    return store, empty


def _driver(store: Store) -> sqlite3.Connection:
    with store.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        return driver


def fresh() -> Store:
    """Return the store, emptied. The world before is over then."""
    store, empty = _store()
    empty.backup(_driver(store))
    return store
