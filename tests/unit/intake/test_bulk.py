"""Rows written many at a time end up as one at a time would, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ledger import add_contacts, add_rows, rows_of, states
from lifecycle.intake import bulk
from lifecycle.store.among import IsOneOf
from lifecycle.store.engine import Store
from lifecycle.store.tables import decisions, messages

NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)


def _decision(contact: int, **values: Any) -> dict[str, Any]:
    return {"contact_id": contact, "campaign": "news", "version": "v", "at": NOW, "decision": "opened", **values}


def test_what_is_left_out_has_the_tables_default(store: Store) -> None:
    """`add` fills in what `insert` would: a reason of "", a detail of {}; and numbers the rows."""
    add_contacts(store, 2)
    with store.write() as connection:
        bulk.add(connection, decisions, [_decision(1), _decision(2)])
    with store.read() as connection:
        rows = connection.execute(select(decisions).order_by(decisions.c.id)).all()
    assert [(row.contact_id, row.reason, row.detail, row.at) for row in rows] == [(1, "", {}, NOW), (2, "", {}, NOW)]


def test_json_is_stored_as_it_was_given(store: Store) -> None:
    """Objects, empty and not, with what COPY would take for its own signs."""
    details: list[Any] = [{}, {"why": "أ\tb\\n\n"}, {"list": [1, None]}]
    add_contacts(store, 1)
    with store.write() as connection:
        bulk.add(connection, decisions, [_decision(1, detail=detail) for detail in details])
    with store.read() as connection:
        found = list(connection.execute(select(decisions.c.detail).order_by(decisions.c.id)).scalars())
    assert found == details


def test_a_row_that_is_there_already_stays_as_it_is(store: Store) -> None:
    """With `once`; without it, it is an error."""
    people = add_contacts(store, 2)
    add_rows(store, people[:1])
    with store.read() as connection:
        again = [dict(row._mapping) for row in connection.execute(select(messages))]
    again = [{**row, "id": row["id"] + 1, "contact_id": person, "priority": 7} for row in again for person in people]
    again[1]["id"] += 1
    with store.write() as connection:
        bulk.add(connection, messages, again, once=True)
    assert [row.priority for row in rows_of(store)] == [50, 7]
    with pytest.raises((bulk.RacedError, IntegrityError)), store.write() as connection:
        bulk.add(connection, messages, again)


def test_an_update_is_held_to_what_a_row_must_have(store: Store) -> None:
    """The row's own guard, and the one for all; what is not theirs is neither written nor counted."""
    add_rows(store, add_contacts(store, 4))
    with store.write() as connection:
        connection.execute(messages.update().where(messages.c.id == 2).values(fence=3))
        connection.execute(messages.update().where(messages.c.id == 4).values(state="sent"))
        written = bulk.update(
            connection, messages, "id", ("detail", "sent_at"), [(row, f"row {row}", NOW, 0) for row in (1, 2, 3, 4)],
            held="fence", also="state = 'sending', attempts = t.attempts + 1", only="t.state = 'queued'",
        )  # fmt: skip
    assert written == 2
    assert states(store) == {"sending": 2, "queued": 1, "sent": 1}
    assert [(row.detail, row.attempts) for row in rows_of(store)] == [("row 1", 1), ("", 0), ("row 3", 1), ("", 0)]


def test_one_of_many_is_asked_with_one_text(store: Store) -> None:
    """`IsOneOf` finds what an IN list finds, with the same statement for one and for a thousand."""
    people = add_contacts(store, 3)
    add_rows(store, people)
    texts = set()
    with store.read() as connection:
        for wanted in ([], [2], [1, 3, *range(10, 1000)]):
            query = select(messages.c.id).where(IsOneOf(messages.c.contact_id, wanted))
            assert sorted(connection.execute(query).scalars()) == [found for found in wanted if found <= 3]
            texts.add(str(query.compile(connection.engine, compile_kwargs={"render_postcompile": True})))
        kinds = IsOneOf(messages.c.kind, ["marketing", "other"])
        assert len(connection.execute(select(messages.c.id).where(kinds)).all()) == 3
    assert len(texts) == 1
