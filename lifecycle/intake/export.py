"""Everything stored of one contact, as data: for the contact who asks, and for people who help him."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, select

from lifecycle.intake import consent
from lifecycle.store import tables

#: What a full export holds beside the contact itself, by its name in the export.
_PARTS: dict[str, Table] = {
    "events": tables.events, "orders": tables.orders, "consents": tables.consents, "messages": tables.messages,
    "hits": tables.hits, "enrolments": tables.enrolments, "decisions": tables.decisions,
    "memberships": tables.memberships, "stages": tables.stage_transitions, "points": tables.points,
    "coupons": tables.coupons, "tickets": tables.tickets, "referrals": tables.referrals,
}  # fmt: skip
#: Columns that are about our machinery, and nobody's data.
_HIDDEN = frozenset({
    "contact_id", "worker", "fence", "crashes", "lease_until_at", "review_at", "wake_at", "views_last_event", "worth",
    "rating",
})  # fmt: skip


def overview(connection: Connection, contact_id: int) -> dict[str, Any]:
    """Return who the contact is: names, merges, attributes, account, stage, consent, suppression, facts, segments."""
    contact = _row(connection, tables.contacts, tables.contacts.c.id == contact_id)
    account = None
    if contact["account_id"] is not None:
        account = _row(connection, tables.accounts, tables.accounts.c.id == contact["account_id"])
        account.pop("id")
    table = tables.memberships
    stays = select(table.c.segment).where(table.c.contact_id == contact_id, table.c.left_at.is_(None))
    gone, merges = tables.contacts, tables.merges
    merged = (
        select(gone.c.identifier.label("contact"), merges.c.at, merges.c.cause, merges.c.message_id)
        .outerjoin_from(gone, merges, merges.c.goes == gone.c.id)
        .where(gone.c.merged_into == contact_id)
        .order_by(merges.c.at, gone.c.id)
    )
    names = tables.identities
    identities = select(names.c.kind, names.c.value).where(names.c.contact_id == contact_id).order_by(names.c.value)
    email = contact["email"]
    for column in ("account_id", "address_key", "merged_into"):
        contact.pop(column)
    return {
        **contact,
        "identities": [dict(row) for row in connection.execute(identities).mappings()],
        "merged": [dict(row) for row in connection.execute(merged).mappings()],
        "account": account,
        "consent": consent.state(connection, contact_id),
        "suppressed": consent.suppression(connection, email) if email else None,
        "segments": sorted(name for name in connection.execute(stays).scalars() if not name.startswith("stage:")),
        "facts": _row(connection, tables.facts, tables.facts.c.contact_id == contact_id),
    }


def export(connection: Connection, contact_id: int) -> dict[str, Any]:
    """Return `overview` and every row that is about the contact, oldest first."""
    found: dict[str, Any] = overview(connection, contact_id)
    for name, table in _PARTS.items():
        theirs = select(table).where(table.c.contact_id == contact_id).order_by(*_age(table))
        rows = connection.execute(theirs).mappings()
        found[name] = [_shown(dict(row)) for row in rows]
    return found


def _age(table: Table) -> Sequence[ColumnElement[Any]]:
    """Return what the rows of one contact are ordered by: numbers rise with time, and stays have none."""
    if table is tables.memberships:
        return table.c.entered_at, table.c.segment
    return (table.c.id,) if "id" in table.c else tuple(table.primary_key)


def _row(connection: Connection, table: Table, which: Any) -> dict[str, Any]:
    row = connection.execute(select(table).where(which)).mappings().first()
    return {} if row is None else _shown(dict(row))


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _HIDDEN}
