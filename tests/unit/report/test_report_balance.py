"""The ledger adds up, or says that it does not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, insert

from lifecycle.report.balance import OPEN_STATES, REASONS, balance
from lifecycle.report.window import Window
from lifecycle.store.engine import Store
from lifecycle.store.tables import messages

ENDS = ("sent", "delivered", "bounced", "rejected", "failed", "unknown")
STATES = (*OPEN_STATES, *ENDS, "skipped", "cancelled")


def test_every_outcome_is_a_term_of_the_sum(store: Store, pen: Any) -> None:
    """One row in each state, two skipped for one reason: each is counted where it belongs, and the sum is whole."""
    contact = pen.contact()
    for state in (*OPEN_STATES, *ENDS):
        pen.message(contact, state)
    pen.message(contact, "skipped", reason="frequency_capped")
    pen.message(contact, "skipped", reason="frequency_capped")
    pen.message(contact, "skipped", reason="not_consented")
    pen.message(contact, "cancelled", reason="goal_met")
    with store.read() as connection:
        found = balance(connection)
    assert (found.selected, found.open, found.accepted) == (14, 4, 3)
    assert (found.rejected, found.failed, found.unknown) == (1, 1, 1)
    assert found.skipped == {"frequency_capped": 2, "not_consented": 1}
    assert found.cancelled == {"goal_met": 1}
    assert found.adds_up


def test_a_campaign_and_a_window_have_their_own_balance(store: Store, pen: Any) -> None:
    """Rows of other campaigns, and rows reached at the window's end, stay out."""
    contact = pen.contact()
    pen.message(contact, "sent", hour=0)
    pen.message(contact, "sent", hour=1)
    pen.message(contact, "sent", hour=2)
    pen.message(contact, "sent", campaign="spring", hour=1)
    with store.read() as connection:
        found = balance(connection, "welcome", window=Window(pen.at(1), pen.at(2)))
    assert found.selected == found.sent == 1


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        ("skipped", "", "skipped, reason missing"),
        ("skipped", "whim", "skipped, reason whim"),
        ("lost", "", "state lost"),
    ],
)
def test_a_row_outside_the_lists_breaks_the_sum(store: Store, pen: Any, state: str, reason: str, said: str) -> None:
    """A skipped row without a reason of the closed list, or a state nobody knows, is named and not counted."""
    contact = pen.contact()
    pen.message(contact, "sent")
    pen.message(contact, state, reason=reason)
    with store.read() as connection:
        found = balance(connection)
    assert not found.adds_up
    assert found.astray == {said: 1}
    assert (found.selected, found.explained) == (2, 1)


def test_an_empty_ledger_adds_up(store: Store) -> None:
    """Nothing is nothing."""
    with store.read() as connection:
        assert balance(connection).adds_up


@given(st.lists(st.tuples(st.sampled_from(STATES), st.sampled_from(sorted(REASONS)), st.integers(0, 3)), max_size=40))
def test_any_ledger_of_known_states_adds_up(rows: list[tuple[str, str, int]]) -> None:
    """Whatever the outcomes, the terms sum to what was selected, for all campaigns and for each."""
    engine = create_engine("sqlite://")
    messages.metadata.create_all(engine, tables=[messages])
    instant = datetime(2026, 11, 1, tzinfo=UTC)
    with engine.connect() as connection:
        for serial, (state, reason, campaign) in enumerate(rows):
            connection.execute(
                insert(messages).values(
                    campaign=f"c{campaign}", step="s", contact_id=1, occurrence=str(serial), version="v",
                    kind="marketing", template="t", state=state, message_id="m", reached_at=instant, due_at=instant,
                    reason=reason if state in {"skipped", "cancelled"} else "", data={}, links={},
                )
            )  # fmt: skip
        whole = balance(connection)
        parts = [balance(connection, f"c{campaign}") for campaign in range(4)]
    assert whole.adds_up
    assert whole.selected == len(rows)
    assert all(part.adds_up for part in parts)
    assert sum(part.selected for part in parts) == len(rows)
