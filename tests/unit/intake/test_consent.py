"""Consent is what was said last; suppression outlives everything."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from arrivals import rows, take

from lifecycle.base.address import address_hash
from lifecycle.base.clock import ManualClock
from lifecycle.intake import consent
from lifecycle.store import tables
from lifecycle.store.engine import Store


def say(said: Any, **more: Any) -> dict[str, Any]:
    """Return an identify of `u` with consent."""
    return {"type": "identify", "userId": "u", "traits": {"consent": said}, "messageId": "i", **more}


def state(store: Store) -> Any:
    """Return the state of consent of the first contact."""
    with store.read() as connection:
        return consent.state(connection, 1)


def test_a_word_is_stored_with_its_time_source_and_text(store: Store, clock: ManualClock) -> None:
    """What is needed to show later that it was given."""
    take(
        store, clock, say({"offers": {"granted": True, "at": "2026-10-01T00:00:00Z", "source": "form", "text": "Yes"}})
    )
    row = rows(store, tables.consents)[0]
    assert (row["granted"], row["source"], row["text"], row["at"].isoformat()) == (
        True, "form", "Yes", "2026-10-01T00:00:00+00:00",
    )  # fmt: skip


def test_the_latest_time_holds_and_not_the_latest_arrival(store: Store, clock: ManualClock) -> None:
    """A withdrawal of yesterday is not undone by a grant of last week that comes today."""
    take(store, clock, say({"offers": {"granted": False, "at": "2026-10-30T00:00:00Z"}}))
    take(store, clock, say({"offers": {"granted": True, "at": "2026-10-20T00:00:00Z"}}))
    assert state(store) == {"offers": False}


def test_the_same_word_is_stored_once(store: Store, clock: ManualClock) -> None:
    """An import that is run again adds nothing."""
    words = say({"offers": {"granted": True, "at": "2026-10-01T00:00:00Z"}, "news": True})
    assert take(store, clock, words, live=False).stored == 1
    clock.advance(timedelta(days=1))
    assert take(store, clock, words, live=False).duplicates == 1
    assert len(rows(store, tables.consents)) == 2


@pytest.mark.parametrize("live", [True, False])
def test_history_without_a_time_never_overrules_a_withdrawal(store: Store, clock: ManualClock, *, live: bool) -> None:
    """An old list says yes; the contact has said no since. Live, yes is a new word."""
    take(store, clock, say({"offers": True}))
    clock.advance(timedelta(days=1))
    with store.write() as connection:
        consent.withdraw(connection, 1, "offers", clock.now(), source="one-click")
    clock.advance(timedelta(days=1))
    take(store, clock, say({"offers": True}), live=live)
    assert state(store) == {"offers": live}


def test_history_without_a_time_can_withdraw(store: Store, clock: ManualClock) -> None:
    """The stricter word always counts."""
    take(store, clock, say({"offers": True}))
    take(store, clock, say({"offers": False}), live=False)
    assert state(store) == {"offers": False}


def test_all_off_withdraws_every_topic(store: Store, clock: ManualClock) -> None:
    """The project's topics, and those that only the contact knows."""
    take(store, clock, say({"old-topic": True}))
    clock.advance(timedelta(minutes=1))
    with store.write() as connection:
        consent.withdraw_all(connection, 1, ["offers"], clock.now(), source="preferences")
    assert state(store) == {"old-topic": False, "offers": False}
    assert rows(store, tables.inbox)[-1] == {
        "id": rows(store, tables.inbox)[-1]["id"],
        "contact_id": 1,
        "event_id": None,
        "what": "consent",
    }


def test_a_suppressed_address_is_suppressed_in_every_spelling_and_keeps_its_first_reason(
    store: Store, clock: ManualClock
) -> None:
    """It is a hash of the compared address."""
    with store.write() as connection:
        assert consent.suppress(connection, "Sara@Shop.Example", "complained", clock.now())
        assert not consent.suppress(connection, "sara@shop.example ", "by_hand", clock.now())
        assert consent.suppression(connection, "SARA@shop.example") == "complained"
    assert rows(store, tables.suppressions)[0]["address_hash"] == address_hash("sara@shop.example")
    with store.write() as connection:
        assert consent.unsuppress(connection, "sara@SHOP.example")
        assert not consent.unsuppress(connection, "sara@shop.example")


def test_a_message_that_comes_again_does_not_speak_again(store: Store, clock: ManualClock) -> None:
    """Also where another word was said at the same instant, as in an export that knows days: that one came later."""
    stamp = {"timestamp": "2026-10-30T00:00:00Z"}
    for granted in (True, False, True):
        take(store, clock, say({"offers": granted}, **stamp))
    assert state(store) == {"offers": False}
