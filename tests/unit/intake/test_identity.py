"""Names lead to one contact each; two that turn out to be one become one, with all that they had."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from arrivals import enrol, identify, rows, take, track

from lifecycle.base.clock import ManualClock
from lifecycle.store import tables
from lifecycle.store.contacts import find_contact
from lifecycle.store.engine import Store


def test_a_visitor_who_identifies_himself_keeps_his_past(store: Store, clock: ManualClock) -> None:
    """The anonymous contact is the known one: no second row, and the first identifier stays."""
    take(store, clock, {"type": "track", "anonymousId": "v", "event": "Seen", "messageId": "m"})
    take(store, clock, {**identify("u"), "anonymousId": "v"})
    found = rows(store, tables.contacts)
    assert [(row["identifier"], row["external_id"]) for row in found] == [("v", "u")]


def test_a_visitor_and_a_known_contact_are_merged_within_one_batch(store: Store, clock: ManualClock) -> None:
    """What the batch stored of the visitor a moment ago belongs to the contact."""
    take(store, clock, identify("u", email="a@shop.example"))
    take(
        store, clock,
        {"type": "track", "anonymousId": "v", "event": "Seen", "messageId": "m"},
        {**identify("u"), "anonymousId": "v"},
    )  # fmt: skip
    assert [row["contact_id"] for row in rows(store, tables.events)] == [1]
    assert len(rows(store, tables.contacts)) == 1


def test_two_known_users_on_one_device_stay_two(store: Store, clock: ManualClock) -> None:
    """An anonymous id that belongs to somebody with a userId is a shared computer, and proves nothing."""
    take(store, clock, {**identify("u"), "anonymousId": "v"}, {**identify("w"), "anonymousId": "v"})
    assert [row["merged_into"] for row in rows(store, tables.contacts)] == [None, None]


def test_addresses_are_compared_without_case_and_as_idn(store: Store, clock: ManualClock) -> None:
    """One address, one contact, however it is spelled."""
    take(store, clock, {"type": "identify", "messageId": "a", "traits": {"email": "Sara@BÜCHER.example"}})
    take(store, clock, {"type": "identify", "messageId": "b", "traits": {"email": "sara@xn--bcher-kva.example"}})
    assert len(rows(store, tables.contacts)) == 1


def test_a_merge_carries_history_facts_and_the_stricter_consent(store: Store, clock: ManualClock) -> None:
    """An address that a second user brings makes the two one: the older stays, under both names."""
    take(
        store, clock,
        identify("old", email="a@shop.example", consent={"offers": True, "news": False}),
        track("old", "Order Completed", "o1", properties={"order_id": 1, "total": 10}),
        identify("new", first_name="Sara", consent={"offers": False, "news": True}),
        track("new", "Order Completed", "o2", properties={"order_id": 2, "total": 5}),
    )  # fmt: skip
    clock.advance(timedelta(minutes=1))
    take(store, clock, identify("new", email="A@shop.example"))
    old, new = rows(store, tables.contacts)
    assert (old["external_id"], old["attributes"], new["merged_into"], new["email"]) == (
        "old",
        {"first_name": "Sara"},
        1,
        None,
    )
    assert {row["contact_id"] for row in rows(store, tables.events)} == {1}
    facts = rows(store, tables.facts)
    assert [(row["contact_id"], row["orders_count"], row["orders_total"]) for row in facts] == [(1, 2, Decimal(15))]
    with store.read() as connection:
        from lifecycle.intake.consent import state

        assert state(connection, 1) == {"offers": False, "news": False}
        assert find_contact(connection, "new") == find_contact(connection, "old") == 1
    take(store, clock, track("new", "Seen", "later"))
    assert rows(store, tables.events)[-1]["contact_id"] == 1


def test_of_two_open_enrolments_the_furthest_stays(store: Store, clock: ManualClock) -> None:
    """The other ends, and what it had queued is not sent."""
    take(store, clock, identify("old", email="a@shop.example"), identify("new"))
    behind, ahead = enrol(store, clock, 1, "active", [1]), enrol(store, clock, 2, "active", [3], arm="held_out")
    with store.write() as connection:
        message = {
            "campaign": "cart", "step": "s", "contact_id": 1, "occurrence": "o1", "enrolment_id": behind,
            "version": "v",
            "kind": "marketing", "template": "t", "state": "queued", "reason": "", "reached_at": clock.now(),
            "due_at": clock.now(), "message_id": "x", "data": {}, "links": {}, "priority": 50, "fence": 0, "crashes": 0,
            "attempts": 0, "detail": "",
        }  # fmt: skip
        connection.execute(tables.messages.insert().values(**message))
    take(store, clock, identify("new", email="a@shop.example"))
    found = {row["id"]: row for row in rows(store, tables.enrolments)}
    assert (found[behind]["state"], found[behind]["reason"]) == ("exited", "merged")
    assert (found[ahead]["state"], found[ahead]["contact_id"]) == ("active", 1)
    assert all(row["context"] == {"merged_across_arms": True} for row in found.values())
    queued = rows(store, tables.messages)[0]
    assert (queued["state"], queued["reason"], queued["contact_id"]) == ("cancelled", "duplicate", 1)


def test_an_alias_names_the_contact_from_then_on(store: Store, clock: ManualClock) -> None:
    """Both when the former name is unknown and when it has a contact of its own."""
    take(store, clock, identify("u"), {"type": "alias", "userId": "u", "previousId": "before", "messageId": "a"})
    take(store, clock, track("before", "Seen", "m"))
    take(store, clock, identify("w"), {"type": "alias", "userId": "u", "previousId": "w", "messageId": "b"})
    take(store, clock, track("w", "Seen", "n"))
    assert {row["contact_id"] for row in rows(store, tables.events)} == {1}


def test_a_changed_address_leads_to_the_contact_until_somebody_else_has_it(store: Store, clock: ManualClock) -> None:
    """Old addresses are remembered as names, and are never a reason to merge."""
    take(store, clock, identify("u", email="old@shop.example"), identify("u", email="new@shop.example"))
    with store.read() as connection:
        assert find_contact(connection, "old@shop.example") == 1
    take(store, clock, identify("w", email="old@shop.example"))
    assert [row["email"] for row in rows(store, tables.contacts)] == ["new@shop.example", "old@shop.example"]
