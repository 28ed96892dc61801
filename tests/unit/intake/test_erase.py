"""Erasure leaves numbers and a hash, and nothing that says who it was."""

from __future__ import annotations

import json

from arrivals import enrol, identify, rows, take, track

from lifecycle.base.clock import ManualClock
from lifecycle.cli.output import plain
from lifecycle.intake import consent
from lifecycle.intake.erase import erase
from lifecycle.intake.export import export
from lifecycle.intake.rebuild import rebuild
from lifecycle.store import tables
from lifecycle.store.engine import Store

SECRETS = ("sara", "Sara", "Riyadh", "visitor-7", "madar", "أحذية")


def everything(store: Store) -> str:
    """Return the whole database as text."""
    from sqlmodel import SQLModel

    return json.dumps(
        [plain(row) for table in SQLModel.metadata.sorted_tables for row in rows(store, table)],
        ensure_ascii=False, default=str,
    )  # fmt: skip


def test_nothing_of_an_erased_contact_can_be_read_again(store: Store, clock: ManualClock) -> None:
    """Names, addresses (former ones too), attributes, properties: searched for in every table."""
    take(
        store, clock,
        {**identify("sara", email="old-sara@shop.example", city="Riyadh"), "anonymousId": "visitor-7"},
        identify("sara", email="sara@shop.example"),
        track("sara", "Order Completed", "m1", properties={"order_id": 1, "total": 10, "to": "Sara"}),
        track("sara", "Product Added", "m2", properties={"name": "Sara's shoe", "quantity": 1}),
        track("sara", "Product Viewed", "m3", properties={"product_id": "madar", "category": "أحذية"}),
    )  # fmt: skip
    enrol(store, clock, 1, "active", [0])
    assert any(secret in everything(store) for secret in SECRETS)
    with store.write() as connection:
        erase(connection, 1, clock.now())
    found = everything(store)
    assert [secret for secret in SECRETS if secret in found] == []
    assert {row["reason"] for row in rows(store, tables.suppressions)} == {"erased"}
    assert len(rows(store, tables.suppressions)) == 2
    enrolment = rows(store, tables.enrolments)[0]
    assert (enrolment["state"], enrolment["reason"]) == ("exited", "erased")
    facts = rows(store, tables.facts)[0]
    assert (facts["orders_count"], facts["orders_average"], facts["views_count"]) == (1, 10, 1)
    assert rebuild(store).contacts == 0
    assert rows(store, tables.facts) == [facts]


def test_an_erased_contact_who_comes_back_is_a_new_one_and_is_not_mailed(store: Store, clock: ManualClock) -> None:
    """The hash of the address outlives the contact."""
    take(store, clock, identify("sara", email="sara@shop.example"))
    with store.write() as connection:
        erase(connection, 1, clock.now())
    take(store, clock, identify("sara", email="Sara@shop.example"))
    assert [row["external_id"] for row in rows(store, tables.contacts)] == [None, "sara"]
    with store.read() as connection:
        assert consent.suppression(connection, "sara@shop.example") == "erased"


def test_an_address_that_another_has_now_is_not_suppressed(store: Store, clock: ManualClock) -> None:
    """The erased one had given it up: whoever has it since is mailed as before."""
    take(store, clock, identify("sara", email="shared@shop.example"), identify("sara", email="sara@shop.example"))
    take(store, clock, identify("omar", email="shared@shop.example"))
    with store.write() as connection:
        erase(connection, 1, clock.now())
        assert consent.suppression(connection, "shared@shop.example") is None
        assert consent.suppression(connection, "sara@shop.example") == "erased"


def test_an_export_holds_everything_that_is_about_the_contact(store: Store, clock: ManualClock) -> None:
    """As JSON, and of nobody else."""
    take(
        store,
        clock,
        identify("u", email="u@shop.example", consent={"offers": True}),
        identify("w", email="w@shop.example"),
    )
    take(store, clock, track("u", "Seen", "m", properties={"page": "/"}), track("w", "Seen", "n"))
    with store.read() as connection:
        found = export(connection, 1)
    assert found["consent"] == {"offers": True}
    assert [event["properties"] for event in found["events"]] == [{"page": "/"}]
    assert "w@shop.example" not in json.dumps(plain(found))
