"""Who a batch is about whose messages are events of userIds and say no more: nearly every batch of a history.

Nobody is described, renamed or merged by such a batch, so a contact's row number is all that is needed of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from lifecycle.intake.bulk import hold, look_up
from lifecycle.intake.known import Known
from lifecycle.intake.payload import Incoming
from lifecycle.intake.people import People, lock_names
from lifecycle.store import tables

_ALIVE = "t.merged_into IS NULL AND t.erased_at IS NULL"


@dataclass(slots=True)
class Plain:
    """The rows of a batch's contacts by userId, all of them locked; `made` are those that had none."""

    rows: dict[str, int]
    made: set[int] = field(default_factory=set)


def find_plain(connection: Connection, messages: Sequence[Incoming], known: Known) -> Plain | None:
    """Find, lock and make the contacts of the messages; None when it takes more than userIds to know them."""
    if not all(
        message.name and message.names.anonymous_id is None and message.names.email is None for message in messages
    ):
        return None
    users = {message.names.user_id for message in messages if message.names.user_id is not None}
    rows = known.rows(users)
    rows |= _find(connection, users - rows.keys())
    if len(rows) < len(users):
        # what makes contacts waits for others who do, and looks again
        lock_names(connection)
        rows |= _find(connection, users - rows.keys())
    there = set(rows.values())
    if hold(connection, tables.contacts, there, only=_ALIVE) < len(there):
        known.forget()
        return None
    people = People(connection)
    for message in messages if len(rows) < len(users) else ():
        if message.names.user_id not in rows:
            people.resolve(message)
    made = people.number()
    people.write(made)
    fresh = {person.external_id: person.row for person in made if person.external_id is not None}
    return Plain({**rows, **fresh}, set(fresh.values()))


def _find(connection: Connection, users: set[str]) -> dict[str, int]:
    contacts = look_up(
        connection, tables.contacts, ("id", "external_id"), ("external_id",), [(user,) for user in users]
    )
    found = {row.external_id: row.id for row in contacts}
    aliases = [("alias", user) for user in users - found.keys()]
    columns = ("value", "contact_id")
    found.update(map(tuple, look_up(connection, tables.identities, columns, ("kind", "value"), aliases)))
    return found
