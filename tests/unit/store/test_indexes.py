"""Indexes that are there for one question, and must not answer another."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Select, select, text

from lifecycle.journey.openings import of_names
from lifecycle.store.engine import Store
from lifecycle.store.tables import events

_AT = datetime(2026, 1, 1, tzinfo=UTC)


def _plan(store: Store, query: Select[tuple[int]]) -> str:
    explain = "EXPLAIN QUERY PLAN " if store.is_sqlite else "EXPLAIN "
    with store.write() as connection:
        if not store.is_sqlite:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        sql = query.compile(connection, compile_kwargs={"literal_binds": True, "render_postcompile": True})
        return "\n".join(str(row) for row in connection.exec_driver_sql(explain + str(sql)))


def test_events_are_found_by_name_and_time_only_by_whoever_says_so(store: Store) -> None:
    """`send --since` goes by the index; what is asked of one contact does not, however little PostgreSQL expects."""
    openings = _plan(store, select(events.c.id).where(of_names(["Product Added"]), events.c.at >= _AT))
    assert "events_by_name" in openings
    one = select(events.c.id).where(
        events.c.contact_id == 1, events.c.name.in_(["a", "b", "c"]), events.c.at > _AT, events.c.at <= _AT
    )
    assert "events_by_contact" in _plan(store, one)
    assert "events_by_name" not in _plan(store, one)
