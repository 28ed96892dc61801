"""Steps that are no mails, carried out once: each row they make is named by its enrolment and step."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_never

from sqlalchemy import Connection, Table, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from lifecycle.base.units import parse_instant
from lifecycle.journey.entry import Act, Entry
from lifecycle.spec.model import Coupon, Emit, Points, Ticket, Update, Webhook
from lifecycle.store.tables import contacts, coupons, events, facts, inbox, points, tickets, webhook_calls


def carry_out(connection: Connection, entry: Entry, act: Act, now: datetime) -> None:
    """Do what the step says, unless it was done before."""
    name = f"{entry.campaign}:{entry.contact_id}:{entry.occurrence}:{act.step.id}"
    contact_id = entry.contact_id
    match act.step:
        case Update(attributes=attributes):
            _update(connection, contact_id, attributes)
        case Points(reason=reason):
            row = {"contact_id": contact_id, "entry": name, "at": act.at, "reason": reason or entry.campaign}
            if _once(connection, points, {**row, "points": act.made["points"]}):
                _balance(connection, contact_id)
        case Coupon():
            made = act.made
            expires_at = parse_instant(made["expires_at"]) if made["expires_at"] else None
            row = {"code": made["code"], "contact_id": contact_id, "campaign": entry.campaign, "made_at": act.at}
            row |= {"percent": made["percent"], "amount": made["amount"], "expires_at": expires_at}
            _once(connection, coupons, row)
        case Emit(event=event, properties=properties):
            row = {"message_id": f"emit:{name}", "contact_id": contact_id, "name": event, "at": act.at}
            row |= {"received_at": now, "properties": dict(properties), "live": True}
            event_id = _once(connection, events, row)
            if event_id is not None:
                connection.execute(insert(inbox).values(contact_id=contact_id, event_id=event_id))
        case Webhook(webhook=webhook, payload=payload):
            call = {"entry": name, "webhook": webhook, "payload": dict(payload), "state": "queued", "due_at": now}
            _once(connection, webhook_calls, {**call, "attempts": 0})
        case Ticket(subject=subject, note=text):
            row = {"contact_id": contact_id, "entry": name, "subject": subject, "note": text, "opened_at": act.at}
            _once(connection, tickets, {**row, "state": "open"})
        case _:
            assert_never(act.step)


def _once(connection: Connection, table: Table, row: Mapping[str, Any]) -> Any:
    """Insert the row unless its name is taken; return its key, None when it was there."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    key = next(iter(table.primary_key.columns))
    statement = dialect.insert(table).values(row).on_conflict_do_nothing().returning(key)
    return connection.execute(statement).scalar()


def _update(connection: Connection, contact_id: int, attributes: Mapping[str, Any]) -> None:
    standing = connection.execute(select(contacts.c.attributes).where(contacts.c.id == contact_id)).scalar() or {}
    changed = {**standing, **attributes}
    if changed != standing:
        connection.execute(update(contacts).where(contacts.c.id == contact_id).values(attributes=changed))
        connection.execute(insert(inbox).values(contact_id=contact_id, event_id=None))


def _balance(connection: Connection, contact_id: int) -> None:
    total = connection.execute(select(func.sum(points.c.points)).where(points.c.contact_id == contact_id)).scalar()
    connection.execute(_facts_row(connection, contact_id))
    connection.execute(update(facts).where(facts.c.contact_id == contact_id).values(points_balance=int(total or 0)))
    connection.execute(insert(inbox).values(contact_id=contact_id, event_id=None))


def _facts_row(connection: Connection, contact_id: int) -> Any:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(facts).values(contact_id=contact_id, orders_count=0).on_conflict_do_nothing()
