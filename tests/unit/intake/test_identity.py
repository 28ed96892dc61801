"""Names lead to one contact each; two that turn out to be one become one, with all that they had."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from arrivals import enrol, identify, rows, take, track

from lifecycle.base.clock import ManualClock
from lifecycle.intake import consent
from lifecycle.intake.erase import erase
from lifecycle.intake.export import export, overview
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


def alias(user: str, previous: str) -> dict[str, Any]:
    """Return an alias."""
    return {"type": "alias", "userId": user, "previousId": previous, "messageId": f"a-{user}-{previous}"}


def sign_up(email: str, **traits: Any) -> dict[str, Any]:
    """Return the identify of a form, which knows an address and nothing else."""
    return {"type": "identify", "messageId": f"s-{email}", "traits": {"email": email, **traits}}


@pytest.mark.parametrize(
    ("spelled", "again"),
    [
        ("SARA@Shop.Example", "sara@shop.example"),
        ("sara@مثال.إختبار", "Sara@xn--mgbh0fb.xn--kgbechtv"),
        ("قلم@موقع.example", "قلم@xn--4gbrim.example"),
        (" sara@BÜCHER.example ", "sara@xn--bcher-kva.example"),
    ],
)
def test_two_spellings_of_an_address_are_one_contact(
    store: Store, clock: ManualClock, spelled: str, again: str
) -> None:
    """Upper case, domains in their own script and as A-labels, local parts in Arabic."""
    take(store, clock, sign_up(spelled), sign_up(again), identify("u", email=again))
    assert len(rows(store, tables.contacts)) == 1
    with store.read() as connection:
        assert (
            find_contact(connection, spelled) == find_contact(connection, again) == find_contact(connection, "u") == 1
        )


def test_dots_and_tags_make_other_addresses(store: Store, clock: ManualClock) -> None:
    """What a provider does with them is its own affair: two people may have them."""
    take(store, clock, *(sign_up(f"{name}@shop.example") for name in ("sara.a", "saraa", "sara.a+news")))
    assert len(rows(store, tables.contacts)) == 3


@pytest.mark.parametrize("address", ["Sara <sara@shop.example>", "sara@shop.example.", "sara@shop", "sara@@x.example"])
def test_what_is_no_plain_address_is_refused_with_its_reason(store: Store, clock: ManualClock, address: str) -> None:
    """And nobody is made of it."""
    assert "is not an e-mail address" in take(store, clock, sign_up(address)).rejected[0].reason
    assert rows(store, tables.contacts) == []


def test_the_stricter_consent_counts_within_one_batch_too(store: Store, clock: ManualClock) -> None:
    """One was refused, the other granted later, and then they turn out to be one: whoever of them had a row before."""
    take(store, clock, identify("old", email="a@shop.example", consent={"offers": False}))
    clock.advance(timedelta(minutes=1))
    take(
        store, clock,
        identify("new", consent={"offers": True}), identify("new", email="a@shop.example"),
        identify("x", consent={"offers": False}), identify("y", consent={"offers": True}), alias("x", "y"),
    )  # fmt: skip
    with store.read() as connection:
        assert [consent.state(connection, find_contact(connection, name)) for name in ("new", "y")] == [
            {"offers": False},
            {"offers": False},
        ]


def test_a_word_that_comes_with_the_merge_or_after_it_counts(store: Store, clock: ManualClock) -> None:
    """Who signs up anew, under an address that once refused, has the last word; sent again it is no new word."""
    take(store, clock, identify("old", email="a@shop.example", consent={"offers": False}))
    take(store, clock, identify("new", consent={"offers": False}))
    clock.advance(timedelta(minutes=5))
    stamp = (clock.now() - timedelta(seconds=5)).isoformat()
    agreed = {**identify("new", email="a@shop.example", consent={"offers": True}), "timestamp": stamp}
    take(store, clock, agreed)
    with store.write() as connection:
        assert consent.state(connection, 1) == {"offers": True}
        consent.withdraw(connection, 1, "offers", clock.now(), source="one-click")
    take(store, clock, agreed)
    with store.read() as connection:
        assert consent.state(connection, 1) == {"offers": False}


def test_a_form_with_a_former_address_turns_nobodys_mail_aside(store: Store, clock: ManualClock) -> None:
    """The address leads to who had it, for what he did and said; his mail still goes where he moved."""
    take(store, clock, identify("u", email="old@shop.example"), identify("u", email="new@shop.example"))
    take(store, clock, sign_up("old@shop.example", consent={"offers": False}))
    assert [row["email"] for row in rows(store, tables.contacts)] == ["new@shop.example"]
    with store.read() as connection:
        assert consent.state(connection, 1) == {"offers": False}
    take(store, clock, identify("u", email="old@shop.example"))
    assert [row["email"] for row in rows(store, tables.contacts)] == ["old@shop.example"]  # he says so himself


def test_who_gave_an_address_up_is_not_merged_with_who_has_it_now(store: Store, clock: ManualClock) -> None:
    """An old message that comes again, or late, must not make one of two; an alias that knows better can."""
    first = identify("u", email="old@shop.example")
    take(store, clock, first, identify("u", email="new@shop.example"))
    take(store, clock, identify("w", email="old@shop.example"))
    take(store, clock, first)
    assert [row["email"] for row in rows(store, tables.contacts)] == ["new@shop.example", "old@shop.example"]
    take(store, clock, alias("u", "w"))
    assert [row["merged_into"] for row in rows(store, tables.contacts)] == [None, 1]


def test_an_address_typed_on_a_shared_device_merges_no_two_known_users(store: Store, clock: ManualClock) -> None:
    """It is said of whoever has the address, and the device stays with whom it was."""
    take(store, clock, {**identify("u", email="u@shop.example"), "anonymousId": "v"})
    take(store, clock, identify("w", email="w@shop.example"))
    take(store, clock, {**sign_up("w@shop.example", city="Riyadh"), "anonymousId": "v"})
    found = rows(store, tables.contacts)
    assert [(row["email"], row["attributes"]) for row in found] == [
        ("u@shop.example", {}),
        ("w@shop.example", {"city": "Riyadh"}),
    ]
    take(store, clock, {"type": "track", "anonymousId": "v", "event": "Seen", "messageId": "m"})
    assert rows(store, tables.events)[0]["contact_id"] == 1


def test_an_alias_may_come_before_what_it_names(store: Store, clock: ManualClock) -> None:
    """Messages overtake each other: a visitor, a user or an address of that name is the contact from then on."""
    take(store, clock, alias("u", "v"), alias("u", "sara@shop.example"))
    take(store, clock, {"type": "track", "anonymousId": "v", "event": "Seen", "messageId": "m"})
    take(store, clock, track("v", "Seen", "n"), sign_up("Sara@shop.example"))
    assert [row["email"] for row in rows(store, tables.contacts)] == ["Sara@shop.example"]
    assert {row["contact_id"] for row in rows(store, tables.events)} == {1}


def test_an_alias_of_an_address_joins_who_has_it(store: Store, clock: ManualClock) -> None:
    """Clients that knew people by their addresses name them so."""
    take(store, clock, sign_up("sara@shop.example", city="Riyadh"), alias("u", "SARA@shop.example"))
    alive = [row for row in rows(store, tables.contacts) if row["merged_into"] is None]
    assert [(row["external_id"], row["email"], row["attributes"]) for row in alive] == [
        ("u", "sara@shop.example", {"city": "Riyadh"})
    ]


@pytest.mark.parametrize("one_batch", [True, False])
def test_aliases_in_a_chain_and_in_a_circle_lead_to_one(store: Store, clock: ManualClock, *, one_batch: bool) -> None:
    """A is b, b is c, c is a; and everybody is himself."""
    told = [alias("a", "a"), alias("b", "a"), alias("c", "b"), alias("a", "c"), identify("d"), alias("d", "c")]
    told += [track(name, "Seen", name) for name in "abcd"]
    for batch in [told] if one_batch else [[each] for each in told]:
        take(store, clock, *batch)
    assert len({row["contact_id"] for row in rows(store, tables.events)}) == 1
    assert len([row for row in rows(store, tables.contacts) if row["merged_into"] is None]) == 1


def test_an_erased_contacts_names_raise_nobody_from_the_dead(store: Store, clock: ManualClock) -> None:
    """Merged or not, each name that comes back is somebody new, without a past, whose addresses stay suppressed."""
    take(
        store, clock, identify("u", email="a@shop.example", city="Riyadh"), identify("w", email="b@shop.example"),
        {**identify("w"), "anonymousId": "v"}, track("w", "Order Completed", "o", properties={"total": 5}),
    )  # fmt: skip
    take(store, clock, alias("u", "w"))
    with store.write() as connection:
        erase(connection, 1, clock.now())
    take(store, clock, identify("w", email="A@shop.example"), sign_up("b@shop.example", consent={"offers": True}))
    take(store, clock, alias("u", "w"), {"type": "track", "anonymousId": "v", "event": "Seen", "messageId": "m"})
    found = rows(store, tables.contacts)
    assert [row["attributes"] for row in found] == [{}] * len(found)
    assert [row["external_id"] for row in found[:2]] == [None, None]
    assert [row["contact_id"] for row in rows(store, tables.events)] == [1, len(found)]
    assert len(rows(store, tables.orders)) == 1
    with store.read() as connection:
        for address in ("a@shop.example", "b@shop.example"):
            assert consent.suppression(connection, address) == "erased"
            assert find_contact(connection, address) > 2


def test_it_is_written_down_who_was_merged_when_by_what_and_for_good(store: Store, clock: ManualClock) -> None:
    """Also of those who were merged before into one who is merged now; erasure leaves the rows without a word."""
    for name in ("a", "b", "c", "d"):
        take(store, clock, identify(name, email=f"{name}@shop.example"))
    take(store, clock, {"type": "track", "anonymousId": "v", "event": "Seen", "messageId": "s"})
    take(store, clock, {**identify("d"), "anonymousId": "v", "messageId": "m1"})
    clock.advance(timedelta(days=1))
    take(store, clock, {**identify("d", email="C@shop.example"), "messageId": "m2"})
    clock.advance(timedelta(days=1))
    take(store, clock, {**alias("b", "c"), "messageId": "m3"})
    days = [clock.now() - timedelta(days=2 - day) for day in range(3)]
    told = [(5, 4, "anonymous_id", "m1"), (4, 3, "email", "m2"), (3, 2, "alias", "m3")]
    assert sorted(tuple(row.values()) for row in rows(store, tables.merges)) == sorted(
        (goes, stays, at, cause, message) for (goes, stays, cause, message), at in zip(told, days, strict=True)
    )
    with store.write() as connection:
        shown = overview(connection, 2)["merged"]
        assert [(each["contact"], each["at"], each["cause"], each["message_id"]) for each in shown] == [
            ("v", days[0], "anonymous_id", "m1"), ("d", days[1], "email", "m2"), ("c", days[2], "alias", "m3"),
        ]  # fmt: skip
        assert export(connection, 2)["merged"] == shown
        assert overview(connection, 1)["merged"] == []
        erase(connection, 2, clock.now())
    assert {row["message_id"] for row in rows(store, tables.merges)} == {""}


def test_a_name_that_is_an_alias_and_anothers_device_leads_to_the_alias(store: Store, clock: ManualClock) -> None:
    """People name contacts by userIds, and never mean a device."""
    take(store, clock, identify("other"), identify("u"))
    with store.write() as connection:
        connection.execute(tables.identities.insert().values(kind="anonymous_id", value="y", contact_id=1))
        connection.execute(tables.identities.insert().values(kind="alias", value="y", contact_id=2))
        assert find_contact(connection, "y") == 2
