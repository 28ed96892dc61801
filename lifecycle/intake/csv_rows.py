"""Rows of a CSV file as Segment messages, when no map says otherwise: the header's names decide.

Cells are text. A column whose attribute or property is declared in lifecycle.yaml becomes the declared type; an empty
cell says nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any

from lifecycle.base.errors import UsageError
from lifecycle.base.units import parse_instant
from lifecycle.intake.payload import Refused, payload_id
from lifecycle.intake.rejects import REJECT_COLUMNS
from lifecycle.spec.diagnostics import did_you_mean
from lifecycle.spec.model import Content, PropertyType

#: What columns may be called, and what each means.
_IDENTIFIERS = {
    "external_id": "userId", "user_id": "userId", "userId": "userId", "anonymous_id": "anonymousId",
    "anonymousId": "anonymousId", "email": "email", "contact": "contact",
}  # fmt: skip
_TRAITS = {"locale": "locale", "timezone": "timezone", "created_at": "createdAt", "createdAt": "createdAt"}
_EVENT = {
    "event": "event", "timestamp": "timestamp", "at": "timestamp", "message_id": "messageId", "messageId": "messageId",
}  # fmt: skip
_YES = frozenset({"true", "yes", "y", "1", "granted", "on"})
_NO = frozenset({"false", "no", "n", "0", "denied", "withdrawn", "off"})

Cell = Callable[[str], Any]


class ContactRows:
    """Rows of `import contacts`: each becomes an identify."""

    def __init__(self, header: Sequence[str], content: Content | None) -> None:
        """Raises UsageError when the columns name no contact."""
        self._header = _checked(header, _IDENTIFIERS)
        declared = content.project.contact_attributes if content is not None else {}
        self._types = {name: converter(declared.get(name, "text")) for name in self._header}
        self._zone = zone_of(content)

    def payload(self, cells: Sequence[str]) -> dict[str, Any]:
        """Return the message of one row. Raises Refused."""
        who: dict[str, str] = {}
        traits: dict[str, Any] = {}
        consent: dict[str, dict[str, Any]] = {}
        for name, cell in zip(self._header, cells, strict=True):
            text = cell.strip()
            if not text or name in REJECT_COLUMNS:
                continue
            if name in _IDENTIFIERS:
                who[_IDENTIFIERS[name]] = text
            elif name.startswith("consent."):
                _, topic, *field = name.split(".", 2)
                consent.setdefault(topic, {})[field[0] if field else "granted"] = self._consent(name, text, field)
            elif name in _TRAITS:
                traits[_TRAITS[name]] = instant(text, name, self._zone) if _TRAITS[name] == "createdAt" else text
            else:
                traits[name] = convert(self._types[name], name, text)
        if consent:
            traits["consent"] = {topic: said for topic, said in consent.items() if "granted" in said}
        message: dict[str, Any] = {"type": "identify", "traits": traits, **_named(who, traits)}
        return {**message, "messageId": payload_id(message)}

    def _consent(self, name: str, text: str, field: Sequence[str]) -> Any:
        if not field:
            return yes_or_no(text, name)
        return instant(text, name, self._zone) if field[0] == "at" else text


class EventRows:
    """Rows of `import events` without a map: each becomes a track."""

    def __init__(self, header: Sequence[str], content: Content | None) -> None:
        """Raises UsageError for columns without a meaning, or without a contact or an event."""
        self._header = _checked(header, _IDENTIFIERS)
        if "event" not in self._header:
            raise UsageError('no column "event"', hint="a file of another shape needs --map FILE (docs/importing.md)")
        known = [*_IDENTIFIERS, *_EVENT, *REJECT_COLUMNS]
        for name in self._header:
            if name not in known and not name.startswith("properties."):
                hint = did_you_mean(name, known) or f"call it properties.{name}, or use --map FILE"
                raise UsageError(f'the column "{name}" has no meaning in a file of events', hint=hint)
        self._content = content
        self._zone = zone_of(content)

    def payload(self, cells: Sequence[str]) -> dict[str, Any]:
        """Return the message of one row. Raises Refused."""
        row = {name: text for name, cell in zip(self._header, cells, strict=True) if (text := cell.strip())}
        who = {_IDENTIFIERS[name]: text for name, text in row.items() if name in _IDENTIFIERS}
        message: dict[str, Any] = {"type": "track"}
        for name, text in row.items():
            if name in _EVENT:
                message[_EVENT[name]] = instant(text, name, self._zone) if _EVENT[name] == "timestamp" else text
        types = property_types(self._content, message.get("event", ""))
        properties: dict[str, Any] = {}
        for name, text in row.items():
            if name.startswith("properties."):
                path = name.removeprefix("properties.")
                put(properties, path, convert(converter(types.get(path, "text")), name, text))
        told: dict[str, Any] = {}
        message |= {"properties": properties, **_named(who, told)}
        if told:
            message["context"] = {"traits": told}
        return message if "messageId" in message else {**message, "messageId": payload_id(message)}


def _checked(header: Sequence[str], identifiers: Mapping[str, str]) -> list[str]:
    names = [name.strip() for name in header]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f'the column "{twice}" stands in the header twice')
    if not any(name in identifiers for name in names):
        raise UsageError(
            f"no column names the contact; the file has: {', '.join(names[:12])}",
            hint="one of external_id, email, anonymous_id is needed; another shape needs --map FILE",
        )
    return names


def _named(who: dict[str, str], traits: dict[str, Any]) -> dict[str, str]:
    """Return userId and anonymousId; an address goes into `traits`. `contact` is an address where it has an @."""
    contact = who.pop("contact", "")
    if contact:
        who.setdefault("email" if "@" in contact else "userId", contact)
    if "email" in who:
        traits["email"] = who.pop("email")
    return who


def zone_of(content: Content | None) -> tzinfo:
    """Return the zone of times without an offset: the project's."""
    from lifecycle.base.units import parse_zone

    return UTC if content is None else parse_zone(content.project.timezone)


def property_types(content: Content | None, event: str) -> Mapping[str, PropertyType]:
    """Return the declared types of the event's properties by path."""
    schema = content.project.events.get(event) if content is not None else None
    return schema.properties if schema is not None else {}


def instant(text: str, where: str, zone: tzinfo) -> str:
    """Return the instant as a message has it: ISO 8601 with its offset. Raises Refused."""
    try:
        return parse_instant(text, zone).isoformat()
    except (ValueError, OverflowError) as error:
        raise Refused(f"{where}: {error}") from None


def yes_or_no(text: str, where: str) -> bool:
    """Read a cell as a bool. Raises Refused."""
    folded = text.strip().lower()
    if folded not in _YES | _NO:
        raise Refused(f'{where}: "{text[:40]}" is neither yes nor no')
    return folded in _YES


def convert(cell: Cell, where: str, text: str) -> Any:
    """Return the cell's value. Raises Refused with the column's name."""
    try:
        return cell(text)
    except Refused as refusal:
        raise Refused(f"{where}: {refusal}") from None


def converter(kind: PropertyType) -> Cell:
    """Return what makes a cell a value of the declared type; it raises Refused."""
    return {"number": number, "int": _int, "bool": _bool, "list": _json, "object": _json}.get(kind, str)


def number(text: str) -> int | float:
    """Read a number with a decimal point. Raises Refused."""
    try:
        return int(text) if text.lstrip("+-").isdigit() and len(text) < 18 else _finite(float(text))
    except (ValueError, OverflowError):
        raise Refused(f'"{text[:40]}" is no number') from None


def _finite(value: float) -> float:
    if value - value != 0:
        raise ValueError
    return value


def _int(text: str) -> int:
    found = number(text)
    if found != int(found):
        raise Refused(f'"{text[:40]}" is no whole number')
    return int(found)


def _bool(text: str) -> bool:
    folded = text.lower()
    if folded not in _YES | _NO:
        raise Refused(f'"{text[:40]}" is neither yes nor no')
    return folded in _YES


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Refused("no JSON") from None


def put(target: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a dotted path, making objects on the way. Raises Refused where something else is in the way."""
    *above, last = path.split(".")
    for key in above:
        target = target.setdefault(key, {})
        if not isinstance(target, dict):
            raise Refused(f"properties.{path}: another column says that this is no object")
    target[last] = value
