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
    """The contact of each message, all of them locked, and all by userId; `made` are those that were not there."""

    contacts: list[int]
    rows: dict[str, int]
    made: set[int] = field(default_factory=set)


def find_plain(connection: Connection, messages: Sequence[Incoming], known: Known) -> Plain | None:
    """Find, lock and make the contacts of the messages; None when it takes more than userIds to know them."""
    users: list[str] = []
    for message in messages:
        user, anonymous_id, email = message.names
        if user is None or anonymous_id is not None or email is not None or not message.name:
            return None
        users.append(user)
    rows = known.rows(users)
    missing = set(users).difference(rows) if len(rows) < len(messages) else set[str]()
    locked = known.makes and bool(missing)
    if locked:
        lock_names(connection)
    rows |= _find(connection, missing)
    known.makes = bool(missing - rows.keys())
    if known.makes and not locked:
        # what makes contacts waits for others who do, and looks again
        lock_names(connection)
        rows |= _find(connection, missing - rows.keys())
    there = set(rows.values())
    if hold(connection, tables.contacts, there, only=_ALIVE) < len(there):
        known.forget()
        return None
    made = _make(connection, [message for message in messages if message.names.user_id not in rows]) if missing else {}
    rows |= made
    return Plain([rows[user] for user in users], rows, set(made.values()))


def _make(connection: Connection, messages: Sequence[Incoming]) -> dict[str, int]:
    people = People(connection)
    for message in messages:
        people.resolve(message)
    made = people.number()
    people.write(made)
    return {person.external_id: person.row for person in made if person.external_id is not None}


def _find(connection: Connection, users: set[str]) -> dict[str, int]:
    contacts = look_up(
        connection, tables.contacts, ("id", "external_id"), ("external_id",), [(user,) for user in users]
    )
    found = {row.external_id: row.id for row in contacts}
    aliases = [("alias", user) for user in users - found.keys()]
    columns = ("value", "contact_id")
    found.update(map(tuple, look_up(connection, tables.identities, columns, ("kind", "value"), aliases)))
    return found
