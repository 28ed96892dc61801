"""One stream of messages, by every door: HTTP one by one, in a batch, as history, and from a file. The same people."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from journey_worlds import content_of
from lifecycle.audience.touched import refresh_touched
from lifecycle.intake.importing import Import
from lifecycle.store.engine import Store
from lifecycle.store.tables import accounts, consents, contacts, events, facts, identities, memberships, orders
from website import START, WRITE_KEY, Website

CONTENT = content_of(
    segments={
        "pro-deciders": "{contact.role: {in: [buyer, owner]}, account.plan: pro}",
        "spenders": "{orders.total: {at_least: 100}}",
    }
)
#: A visitor who becomes a customer, a colleague, a second userId of the same address, a rename, a change of the plan.
STREAM: list[dict[str, Any]] = [
    {"type": "track", "anonymousId": "v1", "event": "Checkout Started", "properties": {"cart_id": "c"}},
    {"type": "identify", "userId": "sara", "traits": {"email": "Sara@BÜCHER.example", "consent": {"offers": False}}},
    {"type": "identify", "userId": "sara", "anonymousId": "v1"},
    {"type": "group", "userId": "sara", "groupId": "acme", "traits": {"name": "Acme", "plan": "free", "role": "buyer"}},
    {"type": "identify", "userId": "crm-7", "traits": {"vip": True, "consent": {"offers": True}}},
    {"type": "track", "userId": "crm-7", "event": "Order Completed", "properties": {"order_id": "1", "total": 120}},
    {"type": "identify", "userId": "omar", "traits": {"email": "omar@acme.example"}},
    {"type": "group", "userId": "omar", "groupId": "acme", "context": {"traits": {"role": "owner"}}},
    {"type": "identify", "userId": "crm-7", "traits": {"email": "sara@xn--bcher-kva.example"}},
    {"type": "alias", "userId": "omar-2", "previousId": "omar"},
    {"type": "page", "userId": "omar-2", "name": "Prices"},
    {"type": "group", "userId": "omar-2", "groupId": "acme", "traits": {"plan": "pro"}},
]
MESSAGES = [
    {**message, "messageId": f"m{number}", "timestamp": START.replace(hour=8, minute=number).isoformat()}
    for number, message in enumerate(STREAM)
]


def post(site: Website, path: str, body: Any) -> None:
    """Send one request of the API."""
    answer = site.browser.post(f"/v1/{path}", json=body, auth=(WRITE_KEY, ""))
    assert answer.json() == {"success": True}


def each_to_its_route(site: Website, _folder: Path) -> None:
    """As a client without a queue."""
    for message in MESSAGES:
        post(site, message["type"], message)


def in_a_batch(site: Website, _folder: Path) -> None:
    """As a stock client."""
    post(site, "batch", {"batch": MESSAGES})


def as_history(site: Website, _folder: Path) -> None:
    """As a backfill over HTTP."""
    post(site, "import", {"batch": MESSAGES})


def from_a_file(site: Website, folder: Path) -> None:
    """As `lifecycle import`."""
    path = folder / "stream.ndjson"
    path.write_text("\n".join(json.dumps(message) for message in MESSAGES), encoding="utf-8")
    done = Import("contacts", path, site.store, site.clock, CONTENT).run()
    assert (done.stored, done.rejected) == (len(MESSAGES), 0)
    with site.store.write() as connection:
        refresh_touched(connection, CONTENT, site.clock.now())


def people(store: Store) -> Any:
    """Return who is who and what is known of each, without what only counts rows."""
    with store.read() as connection:

        def rows(table: Any, *columns: str) -> list[Any]:
            return sorted(tuple(row) for row in connection.execute(select(*(table.c[name] for name in columns))))

        called = {row.id: row.external_id for row in connection.execute(select(contacts)) if row.merged_into is None}
        companies = {row.id: row.external_id for row in connection.execute(select(accounts))}
        alive = [
            (row.external_id, row.identifier, row.email, row.attributes, row.created_at, companies[row.account_id])
            for row in connection.execute(select(contacts).order_by(contacts.c.external_id))
            if row.merged_into is None
        ]
        owned = [
            (table.name, [(called[row[0]], *row[1:]) for row in rows(table, "contact_id", *columns)])
            for table, columns in (
                (identities, ("kind", "value")), (events, ("message_id", "name", "at")),
                (consents, ("topic", "granted", "at", "source")), (orders, ("order_id", "total")),
                (facts, ("orders_count", "orders_total")),
            )
        ]  # fmt: skip
        return alive, [(name, sorted(found)) for name, found in owned], rows(accounts, "external_id")


@pytest.mark.parametrize("door", [each_to_its_route, in_a_batch, as_history, from_a_file])
def test_the_same_messages_make_the_same_people_by_every_door(
    store: Store, door: Callable[[Website, Path], None], tmp_path: Path
) -> None:
    """Names, addresses, attributes, companies, roles, events, facts and the stricter consent."""
    with Website(store, content=CONTENT) as site:
        door(site, tmp_path)
    alive, owned, _ = people(store)
    assert [(row[0], row[2], row[3], row[5]) for row in alive] == [
        ("omar", "omar@acme.example", {"role": "owner"}, "acme"),
        ("sara", "sara@bücher.example", {"role": "buyer", "vip": True}, "acme"),
    ]
    told = dict(owned)
    assert told["identities"] == [
        ("omar", "alias", "omar-2"), ("omar", "anonymous_id", "omar"), ("sara", "alias", "crm-7"),
        ("sara", "anonymous_id", "v1"),
    ]  # fmt: skip
    assert [(row[0], row[1]) for row in told["events"]] == [("omar", "m10"), ("sara", "m0"), ("sara", "m5")]
    said = [(name, granted, at.minute, source) for name, _, granted, at, source in told["consents"]]
    assert said == [("sara", False, 1, ""), ("sara", False, 8, "merge"), ("sara", True, 4, "")]
    assert [row[1:] for row in told["facts"] if row[0] == "sara"] == [(1, 120)]


@pytest.mark.parametrize("door", [as_history, from_a_file])
def test_history_brings_the_segments_up_by_every_door(
    store: Store, door: Callable[[Website, Path], None], tmp_path: Path
) -> None:
    """Whoever is concerned is in its segments at once, although nothing is triggered."""
    with Website(store, content=CONTENT) as site:
        door(site, tmp_path)
    with store.read() as connection:
        found = connection.execute(
            select(memberships.c.segment, contacts.c.external_id, memberships.c.cause)
            .join(contacts, contacts.c.id == memberships.c.contact_id)
            .where(memberships.c.left_at.is_(None))
        )
        assert sorted(tuple(row) for row in found if not row[0].startswith("stage:")) == [
            ("pro-deciders", "omar", "import"), ("pro-deciders", "sara", "import"), ("spenders", "sara", "import"),
        ]  # fmt: skip
