"""Erase a contact: what says who it was is gone, what adds up (the ledger, orders, counts) stays without a name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, null, select, update

from lifecycle.intake import consent
from lifecycle.intake.inbox import leave_word
from lifecycle.store import tables

#: Columns that hold words of, or about, the contact, and what stands there afterwards.
_EMPTIED: tuple[tuple[Table, dict[str, Any]], ...] = (
    (tables.events, {"properties": {}}),
    (tables.messages, {"address": None, "data": {}, "links": {}, "detail": ""}),
    (tables.enrolments, {"context": {}}),
    (tables.decisions, {"detail": {}}),
    (tables.consents, {"text": ""}),
    (tables.hits, {"ip": "", "user_agent": ""}),
    (tables.tickets, {"subject": "erased", "note": ""}),
    (
        tables.facts,
        {
            "cart": null(),
            "cart_total": None,
            "cart_items": None,
            "nps_score": None,
            "views_last_product": None,
            "views_last_category": None,
        },
    ),
)
#: Ledger rows that nobody has begun to send. One in `sending` is beyond recall; its outcome is still recorded.
_UNSENT = ("queued", "deferred", "claimed")


def erase(connection: Connection, contact_id: int, now: datetime) -> None:
    """Erase the contact and suppress its addresses by their hashes, so that no list can bring them back.

    Ledger rows keep their ids and outcomes; open ones are cancelled and open enrolments exited, reason `erased`.
    Contacts that were merged into this one are erased with it.
    """
    consent.lock_contact(connection, contact_id)
    merged = select(tables.contacts.c.id).where(tables.contacts.c.merged_into == contact_id)
    everybody = [contact_id, *connection.execute(merged).scalars()]
    for row in everybody:
        _erase_one(connection, row, now)
    told = update(tables.merges).where(tables.merges.c.goes.in_(everybody))
    connection.execute(told.values(message_id=""))


def _erase_one(connection: Connection, contact_id: int, now: datetime) -> None:
    contacts, identities = tables.contacts, tables.identities
    email = connection.execute(select(contacts.c.email).where(contacts.c.id == contact_id)).scalar()
    # an address that he gave up and another has now is that one's: it is not ours to suppress
    others = select(contacts.c.id).where(contacts.c.address_key == identities.c.value, contacts.c.id != contact_id)
    before = select(identities.c.value).where(
        identities.c.contact_id == contact_id, identities.c.kind == "email", ~others.exists()
    )
    addresses = [*([email] if email else []), *connection.execute(before).scalars()]
    consent.suppress_all(connection, [consent.Barred(address, "erased", now, "erase") for address in addresses])
    _stop(connection, contact_id, now)
    for table, values in _EMPTIED:
        connection.execute(update(table).where(table.c.contact_id == contact_id).values(**values))
    for table in (identities, tables.inbox):
        connection.execute(delete(table).where(table.c.contact_id == contact_id))
    members = tables.memberships
    left = update(members).where(members.c.contact_id == contact_id, members.c.left_at.is_(None))
    connection.execute(left.values(left_at=now))
    gone: dict[str, Any] = dict.fromkeys(
        ("external_id", "email", "address_key", "locale", "timezone", "account_id", "stage", "review_at", "wake_at")
    )
    gone |= {"flips": None, "holding": None, "attributes": {}, "identifier": f"erased:{contact_id}", "erased_at": now}
    connection.execute(update(contacts).where(contacts.c.id == contact_id).values(**gone))
    leave_word(connection, [contact_id], None)  # whoever was behind in a ranking moves up


def _stop(connection: Connection, contact_id: int, now: datetime) -> None:
    messages, enrolments = tables.messages, tables.enrolments
    unsent = update(messages).where(messages.c.contact_id == contact_id, messages.c.state.in_(_UNSENT))
    connection.execute(unsent.values(state="cancelled", reason="erased", lease_until_at=None))
    inside = update(enrolments).where(
        enrolments.c.contact_id == contact_id, enrolments.c.state.in_(("waiting", "active"))
    )
    connection.execute(inside.values(state="exited", reason="erased", ended_at=now, due_at=None))
