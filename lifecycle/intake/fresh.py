"""The events of a batch that are not stored yet: told from those that are, numbered, and stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from lifecycle.intake.bulk import allocate, inserting, look_up
from lifecycle.intake.facts import FACT_EVENTS, VIEW_EVENT, EventFact
from lifecycle.intake.known import Known
from lifecycle.intake.payload import Incoming
from lifecycle.intake.views import Viewed
from lifecycle.store import tables

_EVENTS = tables.events
#: Columns of `events`, and the fields of a message that they come from.
_FIELDS = {"message_id": "message_id", "name": "name", "at": "at", "properties": "properties_json", "live": "live"}
_PLACES = {column: Incoming._fields.index(name) for column, name in _FIELDS.items()}


@dataclass(frozen=True, slots=True)
class Fresh:
    """New events, with the row of each and that of its contact, in the order of arrival."""

    messages: Sequence[Incoming]
    contacts: Sequence[int]
    ids: Sequence[int]

    def storing(self, connection: Connection, now: datetime) -> AbstractContextManager[None]:
        """Return what inserts the events, and may take its time while the connection is not used."""
        told = list(zip(*self.messages, strict=True))
        columns: dict[str, Sequence[Any]] = {"id": self.ids, "contact_id": self.contacts}
        columns |= {column: told[place] for column, place in _PLACES.items()} if told else {}
        columns["received_at"] = [now] * len(self.messages)
        return inserting(connection, _EVENTS, columns)

    def facts(self) -> Mapping[int, list[EventFact]]:
        """Return those that change facts, by contact."""
        found: dict[int, list[EventFact]] = {}
        for message, contact, number in zip(self.messages, self.contacts, self.ids, strict=True):
            if message.name in FACT_EVENTS:
                fact = EventFact(number, message.name, message.at, message.properties, message.live, message.message_id)
                found.setdefault(contact, []).append(fact)
        return found

    def views(self) -> Iterator[Viewed]:
        """Yield those that are views."""
        for message, contact, number in zip(self.messages, self.contacts, self.ids, strict=True):
            if message.name == VIEW_EVENT:
                yield Viewed(contact, message.at, number, message.properties)


def find_fresh(connection: Connection, messages: Sequence[Incoming], contacts: Sequence[int], known: Known) -> Fresh:
    """Return the events among the messages that are not stored yet; of those with one messageId the first."""
    first: dict[str, int] = {}
    for place, message in enumerate(messages):
        if message.name:
            first.setdefault(message.message_id, place)
    if known.expects_duplicates:
        there = look_up(connection, _EVENTS, ("message_id",), ("message_id",), [(key,) for key in first])
        for row in there:
            del first[row.message_id]
        known.met(len(there))
    numbers = allocate(connection, _EVENTS, len(first))
    if len(first) == len(messages):
        return Fresh(messages, contacts, numbers)
    places = first.values()
    return Fresh([messages[place] for place in places], [contacts[place] for place in places], numbers)
