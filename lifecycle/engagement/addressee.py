"""Whom a mail went to: the ledger row that a token names, and the contact behind it today."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from lifecycle.store.tables import contacts, messages

#: How often contacts may have been merged, one into the next, before the trail is given up.
_MOST_MERGES = 32


@dataclass(frozen=True, slots=True)
class Addressee:
    """A row of `messages` and the row of `contacts` that stands for its recipient now."""

    message: Row[Any]
    contact: Row[Any]

    @property
    def contact_id(self) -> int:
        """Return contacts.id."""
        return int(self.contact.id)


def addressee(connection: Connection, message_row: int, *, lock: bool = False) -> Addressee | None:
    """Return the message and its contact, None when either is gone.

    `lock` holds the contact's row until the commit, as claims do: what is acknowledged after that prevents every mail
    that is not yet in `sending`.
    """
    message = connection.execute(select(messages).where(messages.c.id == message_row)).one_or_none()
    if message is None:
        return None
    contact = living_contact(connection, message.contact_id, lock=lock)
    return None if contact is None else Addressee(message, contact)


def living_contact(connection: Connection, contact_id: int, *, lock: bool = False) -> Row[Any] | None:
    """Return the contact, or the one it was merged into; None when there is none. SQLite's writers hold every row."""
    query = select(contacts)
    if lock:
        query = query.with_for_update()
    for _ in range(_MOST_MERGES):
        contact = connection.execute(query.where(contacts.c.id == contact_id)).one_or_none()
        if contact is None or contact.merged_into is None:
            return contact
        contact_id = contact.merged_into
    return None
