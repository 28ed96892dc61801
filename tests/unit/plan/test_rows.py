"""Rows of a rehearsal: in the order of time however they come, in memory or on disk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.plan import rows as module
from lifecycle.plan.rows import Row, Rows

START = datetime(2026, 11, 1, tzinfo=UTC)

_row = st.builds(
    lambda minute, campaign, contact, number: Row(
        START + timedelta(minutes=minute), campaign, "step", contact, "sent", str(number)
    ),
    st.integers(0, 5), st.sampled_from("ab"), st.sampled_from("xy"), st.integers(0, 9),
)  # fmt: skip


@given(st.lists(_row, max_size=60), st.integers(1, 7))
def test_rows_come_in_their_order_and_those_of_one_order_as_they_came(added: list[Row], held: int) -> None:
    """Whatever waits on disk; as often as asked, and with more added in between."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_HELD", held)
        patch.setattr(module, "_BLOCK", 2)
        rows = Rows()
        for row in added[:-3]:
            rows.add(row)
        assert list(rows) == sorted(added[:-3], key=lambda row: row.order)
        for row in added[-3:]:
            rows.add(row)
        assert list(rows) == sorted([*added[:-3], *added[-3:]], key=lambda row: row.order)
        assert len(rows) == len(added[:-3]) + len(added[-3:])
