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
from lifecycle.intake.tracks import Fields, fields_of
from lifecycle.intake.views import Viewed
from lifecycle.store import tables

_EVENTS = tables.events
#: Columns of `events`, and the fields of a message that they come from.
_COLUMNS = {"message_id": "message_id", "name": "name", "at": "at", "properties": "properties_json", "live": "live"}


@dataclass(frozen=True, slots=True)
class Fresh:
    """New events by their fields, with the row of each and that of its contact, in the order of arrival."""

    fields: Fields
    contacts: Sequence[int]
    ids: Sequence[int]

    def storing(self, connection: Connection, now: datetime) -> AbstractContextManager[None]:
        """Return what inserts the events, and may take its time while the connection is not used."""
        columns: dict[str, Sequence[Any]] = {"id": self.ids, "contact_id": self.contacts}
        columns |= {column: self.fields[name] for column, name in _COLUMNS.items()}
        columns["received_at"] = [now] * len(self.ids)
        return inserting(connection, _EVENTS, columns)

    def facts(self) -> Mapping[int, list[EventFact]]:
        """Return those that change facts, by contact."""
        found: dict[int, list[EventFact]] = {}
        names, ats, properties, lives, keys = (
            self.fields[name] for name in ("name", "at", "properties", "live", "message_id")
        )
        for place, name in enumerate(names):
            if name in FACT_EVENTS:
                fact = EventFact(self.ids[place], name, ats[place], properties[place], lives[place], keys[place])
                found.setdefault(self.contacts[place], []).append(fact)
        return found

    def views(self) -> Iterator[Viewed]:
        """Yield those that are views."""
        names, ats, properties = (self.fields[name] for name in ("name", "at", "properties"))
        for place, name in enumerate(names):
            if name == VIEW_EVENT:
                yield Viewed(self.contacts[place], ats[place], self.ids[place], properties[place])


def find_fresh(connection: Connection, messages: Sequence[Incoming], contacts: Sequence[int], known: Known) -> Fresh:
    """Return the events among the messages that are not stored yet; of those with one messageId the first."""
    fields = fields_of(messages)
    keys = fields["message_id"]
    if all(fields["name"]) and not known.expects_duplicates and len(set(keys)) == len(keys):
        return Fresh(fields, contacts, allocate(connection, _EVENTS, len(keys)))
    first: dict[str, int] = {}
    for place, (key, name) in enumerate(zip(keys, fields["name"], strict=True)):
        if name:
            first.setdefault(key, place)
    if known.expects_duplicates:
        there = look_up(connection, _EVENTS, ("message_id",), ("message_id",), [(key,) for key in first])
        for row in there:
            del first[row.message_id]
        known.met(len(there))
    places = list(first.values())
    chosen = {name: [column[place] for place in places] for name, column in fields.items() if name != "names"}
    return Fresh(chosen, [contacts[place] for place in places], allocate(connection, _EVENTS, len(places)))
