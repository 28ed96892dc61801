"""What a mail shows of views is read from a few events, and is what the whole history says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from ledger import add_contacts
from lifecycle.intake.viewed import MOST, last_viewed
from lifecycle.journey import load_viewed
from lifecycle.journey.load import load_states
from lifecycle.journey.load_for_mail import load_for_mail
from lifecycle.store.engine import Store
from lifecycle.store.tables import events

START = datetime(2026, 10, 1, tzinfo=UTC)
#: contact, minute and product; few minutes, so that views stand at one instant
views = st.lists(
    st.tuples(
        st.integers(1, 2), st.integers(0, 6), st.sampled_from(["a", "a", "a", 7, None, *"bcdefghijklm"])
    ), max_size=40,
)  # fmt: skip


def rows(told: list[tuple[int, int, Any]]) -> list[dict[str, Any]]:
    """Return the views, some of which name no product, as rows of `events`."""
    return [
        {
            "message_id": f"m{number}", "contact_id": contact, "name": "Product Viewed", "live": True,
            "at": START + timedelta(minutes=minute), "received_at": START, "properties": {"product_id": product},
        }
        for number, (contact, minute, product) in enumerate(told)
    ]  # fmt: skip


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=views, first=st.integers(1, 5))
def test_few_events_tell_what_the_whole_history_tells(
    store: Store, told: list[tuple[int, int, Any]], first: int
) -> None:
    """However few are read at once, and of those contacts alone whose mails show them."""
    with pytest.MonkeyPatch.context() as patch, store.engine.connect() as connection:
        patch.setattr(load_viewed, "FIRST", first)
        if not load_states(connection, [2]):
            connection.rollback()
            add_contacts(store, 3)
        connection.execute(delete(events))
        if told:
            connection.execute(insert(events), rows(told))
        whole, brief = load_states(connection, [1, 2, 3]), load_for_mail(connection, [1, 2, 3], ())
        load_viewed.load_viewed(connection, brief, {1, 3, 99})
        assert last_viewed(reversed(brief[1].events)) == last_viewed(reversed(whole[1].events))
        assert (brief[2].events, brief[3].events) == ([], [])
        assert len(brief[1].events) <= MOST
        connection.rollback()
