"""Rows of a foreign CSV file made into messages by a map: filtered, told apart, grouped, computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, TypeAlias

from lifecycle.base.ids import content_hash
from lifecycle.intake.csv_map import Case, CsvMap
from lifecycle.intake.csv_rows import instant, put
from lifecycle.intake.payload import Refused, payload_id

#: Rows that go into one message: line numbers and cells.
Rows: TypeAlias = "list[tuple[int, list[str]]]"

#: Contacts whose last description is remembered, so that it is not stored with each event of a run.
_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class Messages:
    """What a group of rows says: an event, before it the contact where there is something new about it."""

    event: dict[str, Any]
    contact: dict[str, Any] | None


class MappedRows:
    """Applies one map to the rows of one file with this header."""

    def __init__(self, csv_map: CsvMap, header: Sequence[str], zone: tzinfo) -> None:
        """Raises ContentError where the map names a column that the file does not have."""
        self._header = [name.strip() for name in header]
        csv_map.hold_against(self._header)
        self._map = csv_map
        self._zone = csv_map.zone or zone
        self._described: dict[str, str] = {}

    def key(self, line: int, row: Sequence[str]) -> str | None:
        """Return what rows of one message have in common; None for a row that is left out."""
        cells = dict(zip(self._header, row, strict=True))
        if self._map.skip.fits(cells):
            return None
        case = self._case(cells)
        if case is None:
            return None
        if self._map.group_by is None:
            return f"{case}:{line}"
        user_id, email = self._names([cells])
        return f"{case}:{cells[self._map.group_by].strip()}\x1f{user_id or email or ''}"

    def _case(self, cells: dict[str, str]) -> int | None:
        for place, case in enumerate(self._map.cases):
            if case.when is None or case.when.fits(cells):
                return place
        return None

    def messages(self, key: str, rows: Rows) -> Messages:
        """Return what the rows of one key say. Raises Refused."""
        case = self._map.cases[int(key.partition(":")[0])]
        table = [dict(zip(self._header, row, strict=True)) for _, row in rows]
        user_id, email = self._names(table)
        if user_id is None and email is None:
            raise Refused("the row names no contact")
        stamp = self._map.timestamp.of(table)
        if stamp is None:
            raise Refused("the row has no time")
        at = instant(str(stamp), "timestamp", self._zone)
        event: dict[str, Any] = {
            "type": "track", "event": case.event, "timestamp": at, "properties": self._properties(case, table),
        }  # fmt: skip
        if user_id is not None:
            event["userId"] = user_id
        else:
            event["context"] = {"traits": {"email": email}}
        event["messageId"] = self._message_id(key, table, event)
        return Messages(event, self._describe(user_id, email, at, table))

    def _names(self, table: list[dict[str, str]]) -> tuple[str | None, str | None]:
        contact = self._map.contact
        user_id = contact.external_id.of(table) if contact.external_id is not None else None
        email = contact.email.of(table) if contact.email is not None else None
        return None if user_id is None else str(user_id), None if email is None else str(email)

    def _properties(self, case: Case, table: list[dict[str, str]]) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        for path, value in case.properties.items():
            found = value.of(table)
            if found is not None:
                put(properties, path, found)
        for name, columns in self._map.items.items():
            properties[name] = [
                {key: found for key, value in columns.items() if (found := value.of([cells])) is not None}
                for cells in table
            ]
        return properties

    def _message_id(self, key: str, table: list[dict[str, str]], event: dict[str, Any]) -> str:
        if self._map.message_id is not None:
            found = self._map.message_id.of(table)
            if found is not None:
                return str(found)
        if self._map.group_by is None:
            return payload_id(event)
        # by what the group is called, not by what it holds: an order exported again is the same order
        return "map:" + content_hash(event["event"], self._map.group_by, key.partition(":")[2])

    def _describe(self, user_id: str | None, email: str | None, at: str, table: list[dict[str, str]]) -> Any:
        contact = self._map.contact
        traits = {name: found for name, value in contact.traits.items() if (found := value.of(table)) is not None}
        if email is not None:
            traits["email"] = email
        if contact.consent:
            traits["consent"] = dict(contact.consent)
        who = user_id or email or ""
        said = content_hash(repr(sorted(traits.items(), key=lambda item: item[0])))
        if not traits or self._described.get(who) == said:
            return None
        if len(self._described) >= _REMEMBERED:
            self._described.clear()
        self._described[who] = said
        named = {} if user_id is None else {"userId": user_id}
        return {"type": "identify", **named, "timestamp": at, "traits": traits, "messageId": f"map:{said}"}
