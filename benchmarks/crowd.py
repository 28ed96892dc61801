"""A shop's worth of contacts for benchmarks, made inside the database: the same on SQLite and PostgreSQL, any size.

Events are stored in the order of time, as they come to a shop, so that those of one contact lie far apart: what a
query costs here is what it costs there. Facts are written by one statement; a sample of them is held against the fold
over the events.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template

from sqlalchemy import Connection, select, text
from sqlmodel import SQLModel

from lifecycle.intake import rollup
from lifecycle.store.engine import Store
from lifecycle.store.tables import facts

NOW = datetime(2026, 11, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
EVENTS_EACH = 20
#: Contacts whose facts are held against the fold.
_SAMPLE = 300
_COLUMNS = (
    "orders_count", "orders_total", "orders_net", "orders_refunded", "orders_first_at", "orders_last_at", "cart",
    "cart_total", "cart_items",
)  # fmt: skip


def fill(store: Store, size: int) -> None:
    """Make the tables anew, with `size` contacts and EVENTS_EACH times as many events over the year before NOW."""
    SQLModel.metadata.drop_all(store.engine)
    SQLModel.metadata.create_all(store.engine)
    many = size * EVENTS_EACH
    numbers = {
        "size": size, "many": many, "start": int((NOW - YEAR).timestamp()),
        "step": int(YEAR.total_seconds() * 1_000_000) // many,
    }  # fmt: skip
    script = Path(__file__).with_name(f"crowd.{store.dialect}.sql").read_text(encoding="utf-8")
    for statement in Template(script).substitute(numbers).split(";\n"):
        if statement.strip():
            with store.write() as connection:
                if not store.is_sqlite:
                    connection.execute(text("SET LOCAL work_mem = '256MB'"))
                # a colon is a parameter to SQLAlchemy, and these statements have none
                connection.execute(text(statement.replace(":M", "\\:M").replace(":S", "\\:S")))
    settle(store)
    with store.write() as connection:
        _compare(connection, range(1, size, max(1, size // _SAMPLE)))


def settle(store: Store) -> None:
    """Let the database catch up with what was written: statistics, and what would else be paid for later."""
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in ("ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)") if store.is_sqlite else ("VACUUM ANALYZE",):
            connection.execute(text(statement))


def _compare(connection: Connection, sample: range) -> None:
    """Hold the facts of some contacts against the fold over their events. Raises AssertionError."""
    columns = [facts.c[name] for name in ("contact_id", *_COLUMNS)]
    query = select(*columns).where(facts.c.contact_id.in_(sample)).order_by(facts.c.contact_id)
    made = connection.execute(query).all()
    rollup.fold_again(connection, sample)
    folded = connection.execute(query.where(facts.c.folded_at.is_not(None))).all()
    assert made == folded, next(pair for pair in zip(made, folded, strict=False) if pair[0] != pair[1])
