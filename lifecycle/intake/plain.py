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
from lifecycle.intake.tracks import Tracks
from lifecycle.store import tables

_ALIVE = "t.merged_into IS NULL AND t.erased_at IS NULL"


@dataclass(slots=True)
class Plain:
    """The contact of each message, all of them locked; the rows of userIds that were `new` to us, or `made`."""

    contacts: list[int]
    new: dict[str, int] = field(default_factory=dict)
    made: set[int] = field(default_factory=set)


def find_plain(connection: Connection, messages: Sequence[Incoming], known: Known) -> Plain | None:
    """Find, lock and make the contacts of the messages; None when it takes more than userIds to know them."""
    users = messages.users if isinstance(messages, Tracks) else _users(messages)
    if users is None:
        return None
    contacts = known.rows(users)
    gaps = None in contacts
    missing = {user for user, contact in zip(users, contacts, strict=True) if contact is None} if gaps else set[str]()
    new = _search(connection, missing, known) if missing else {}
    there = {*filter(None, contacts), *new.values()}  # no row has the number 0
    if hold(connection, tables.contacts, there, only=_ALIVE) < len(there):
        known.forget()
        return None
    strangers = missing - new.keys()
    made = _make(connection, [each for each in messages if each.names.user_id in strangers]) if strangers else {}
    new |= made
    filled = [new[user] if contact is None else contact for user, contact in zip(users, contacts, strict=True)]
    return Plain(filled, new, set(made.values()))


def _users(messages: Sequence[Incoming]) -> list[str] | None:
    users: list[str] = []
    for message in messages:
        user, anonymous_id, email = message.names
        if user is None or anonymous_id is not None or email is not None or not message.name:
            return None
        users.append(user)
    return users


def _search(connection: Connection, users: set[str], known: Known) -> dict[str, int]:
    """Return the rows of those who have one. Who has none can be made: whoever makes contacts waits for us."""
    locked = known.makes
    if locked:
        lock_names(connection)
    found = find_users(connection, users)
    known.makes = len(found) < len(users)
    if known.makes and not locked:
        lock_names(connection)
        found |= find_users(connection, users - found.keys())
    return found


def _make(connection: Connection, messages: Sequence[Incoming]) -> dict[str, int]:
    people = People(connection)
    for message in messages:
        people.resolve(message)
    made = people.number()
    people.write(made)
    return {person.external_id: person.row for person in made if person.external_id is not None}


def find_users(connection: Connection, users: set[str]) -> dict[str, int]:
    """Return the row of each contact that has one of the userIds, or had it before an alias; those that exist."""
    contacts = look_up(
        connection, tables.contacts, ("id", "external_id"), ("external_id",), [(user,) for user in users]
    )
    found = {row.external_id: row.id for row in contacts}
    aliases = [("alias", user) for user in users - found.keys()]
    columns = ("value", "contact_id")
    found.update(map(tuple, look_up(connection, tables.identities, columns, ("kind", "value"), aliases)))
    return found
