"""Two campaigns for the same people: said with how many they are, where there is a database, and only read there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert

from lifecycle.plan.overlap import with_people
from lifecycle.spec.project import load
from lifecycle.store.engine import Store
from lifecycle.store.tables import consents, contacts

NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)
PROJECT = """project: shop
brand: {name: Shop, url: https://shop.example}
senders: {shop: {from: a@shop.example, name: Shop}}
topics: {offers: {label: Offers}, news: {label: News}}
contact: {attributes: {country: text}}
"""
CAMPAIGN = """campaign: NAME
stage: awareness
topic: TOPIC
trigger: {event: Signed Up}
audience: {contact.country: COUNTRY}
goal: {event: Order Completed, within: 5d}
steps:
  - send: hello
"""


def project(one: str = "SA", other: str = "{in: [SA, AE]}") -> dict[str, str]:
    """Return two campaigns that mail when somebody signs up."""
    filled = CAMPAIGN.replace("NAME", "one").replace("TOPIC", "offers").replace("COUNTRY", one)
    return {
        "lifecycle.yaml": PROJECT,
        "templates/hello.mjml": "Hello",
        "campaigns/one.yaml": filled,
        "campaigns/two.yaml": CAMPAIGN.replace("NAME", "two").replace("TOPIC", "news").replace("COUNTRY", other),
    }


def person(store: Store, name: str, country: str, *topics: str) -> None:
    """Store a contact who consents to the topics."""
    with store.write() as connection:
        made = connection.execute(
            insert(contacts).values(
                identifier=name, email=f"{name}@x.example", attributes={"country": country}, created_at=NOW
            )
        ).inserted_primary_key
        assert made is not None
        for topic in topics:
            connection.execute(
                insert(consents).values(contact_id=made[0], topic=topic, granted=True, at=NOW, source="form")
            )


def messages(files: dict[str, str], url: str) -> list[str]:
    """Return what check says of the two."""
    loaded = load(files)
    found = with_people(loaded.diagnostics, loaded.partial, url, NOW)
    return [each.message for each in found if each.code == "LC411"]


def test_the_warning_says_how_many_are_in_both(store: Store) -> None:
    """Those in both audiences who consent to both topics; the rest cannot get both."""
    person(store, "sara", "SA", "offers", "news")
    person(store, "omar", "SA", "offers")
    person(store, "lina", "AE", "offers", "news")
    said = messages(project(), store.engine.url.render_as_string(hide_password=False))
    assert said == ['the campaign "one" has this trigger too, and both mail at once (1 contact is in both now)']


def test_people_who_cannot_be_the_same_are_no_warning(store: Store) -> None:
    """One country or the other."""
    assert messages(project("SA", "AE"), store.engine.url.render_as_string(hide_password=False)) == []


def test_without_a_database_the_warning_stands_alone(tmp_path: Path) -> None:
    """And none is made by asking; nor does one that is no database stop a check."""
    absent = tmp_path / "lifecycle.db"
    plain = ['the campaign "one" has this trigger too, and both mail at once']
    assert messages(project(), f"sqlite:///{absent}") == plain
    assert not absent.exists()
    absent.write_text("no database")
    assert messages(project(), f"sqlite:///{absent}") == plain
