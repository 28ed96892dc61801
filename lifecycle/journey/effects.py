"""Steps that are no mails, carried out once: each row they make is named by its enrolment and step."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_never

from sqlalchemy import Connection, insert, select, update

from lifecycle.intake.inbox import leave_word
from lifecycle.journey.entry import Act, Entry
from lifecycle.rewards.coupons import store_coupon
from lifecycle.rewards.points import give
from lifecycle.spec.model import Coupon, Emit, Points, Project, Ticket, Update, Webhook
from lifecycle.store.once import add_once
from lifecycle.store.tables import contacts, events, inbox, tickets, webhook_calls


def carry_out(connection: Connection, entry: Entry, act: Act, project: Project, now: datetime) -> None:
    """Do what the step says, unless it was done before."""
    name = f"{entry.campaign}:{entry.contact_id}:{entry.occurrence}:{act.step.id}"
    contact_id = entry.contact_id
    match act.step:
        case Update(attributes=attributes):
            _update(connection, contact_id, attributes)
        case Points(reason=reason):
            amount, words = int(act.made["points"]), reason or entry.campaign
            if give(connection, contact_id, name, amount, at=act.at, reason=words, rewards=project.rewards):
                leave_word(connection, [contact_id], "reward")
        case Coupon():
            store_coupon(connection, contact_id, entry.campaign, act.made, at=act.at)
        case Emit(event=event, properties=properties):
            row = {"message_id": act.made["message_id"], "contact_id": contact_id, "name": event, "at": act.at}
            row |= {"received_at": now, "properties": dict(properties), "live": True}
            event_id = add_once(connection, events, row)
            if event_id is not None:
                connection.execute(insert(inbox).values(contact_id=contact_id, event_id=event_id))
        case Webhook(webhook=webhook, payload=payload):
            call = {"entry": name, "webhook": webhook, "payload": dict(payload), "state": "queued", "due_at": now}
            add_once(connection, webhook_calls, {**call, "attempts": 0})
        case Ticket(subject=subject, note=text):
            row = {"contact_id": contact_id, "entry": name, "subject": subject, "note": text, "opened_at": act.at}
            add_once(connection, tickets, {**row, "state": "open"})
        case _:
            assert_never(act.step)


def _update(connection: Connection, contact_id: int, attributes: Mapping[str, Any]) -> None:
    standing = connection.execute(select(contacts.c.attributes).where(contacts.c.id == contact_id)).scalar() or {}
    changed = {**standing, **attributes}
    if changed != standing:
        connection.execute(update(contacts).where(contacts.c.id == contact_id).values(attributes=changed))
        leave_word(connection, [contact_id], "attribute")
