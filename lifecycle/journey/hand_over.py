"""What came for a contact a moment after it was merged: it goes to the one whom the contact became."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update

from lifecycle.journey.entry import OPEN_STATES
from lifecycle.store.tables import contacts, enrolments, inbox


def hand_over(connection: Connection, ids: Sequence[int], now: datetime) -> list[int]:
    """Return those of the locked contacts who have turns. Who was merged has none: his inbox goes to whom he became.

    A merge takes everything along; what came a moment later, from somebody who still saw two, is found here.
    """
    merged = select(contacts.c.id, contacts.c.merged_into).where(
        contacts.c.id.in_(ids), contacts.c.merged_into.is_not(None)
    )
    gone = {row.id: row.merged_into for row in connection.execute(merged)}
    for contact_id, stays in gone.items():
        connection.execute(update(inbox).where(inbox.c.contact_id == contact_id).values(contact_id=stays))
    if gone:
        theirs = enrolments.c.contact_id.in_(list(gone)), enrolments.c.state.in_(sorted(OPEN_STATES))
        ended = {"state": "exited", "reason": "merged", "ended_at": now, "due_at": None}
        connection.execute(update(enrolments).where(*theirs).values(**ended))
        connection.execute(update(contacts).where(contacts.c.id.in_(list(gone))).values(review_at=None, wake_at=None))
    return [contact_id for contact_id in ids if contact_id not in gone]
