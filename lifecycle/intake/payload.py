"""One Segment message, read and checked: a mapping from outside becomes an `Incoming`, or a reason for refusing it.

Source: Segment's Spec (identify, track, page, screen, group, alias) and its HTTP API.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from lifecycle.base.address import address_key, parse_address
from lifecycle.base.errors import UsageError
from lifecycle.base.ids import content_hash
from lifecycle.base.units import parse_instant, parse_zone

#: An event that comes later than this after it happened feeds facts and triggers nothing.
LATE_AFTER = timedelta(hours=24)
#: The longest identifier or name, in characters: they stand in indexes.
MAX_NAME_LENGTH = 500

#: What each type of message is stored as; None is no event.
_EVENT_NAMES = {"track": "", "page": "Page Viewed", "screen": "Screen Viewed"}
TYPES = frozenset({*_EVENT_NAMES, "identify", "group", "alias"})

#: The trait of a `group` message that is about the person: what he is at the company. It is a contact's attribute.
ROLE = "role"

#: Traits that are columns of the contact, or say something other than an attribute.
_RESERVED = frozenset({"email", "locale", "timezone", "createdAt", "created_at", "consent"})

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False).encode
_encode_fast = msgspec.json.Encoder(order="sorted").encode
#: A name that is taken as it is written: printable ASCII without spaces at its ends.
_plain: Callable[[Any], Any] = re.compile(f"[!-~](?:[ -~]{{0,{MAX_NAME_LENGTH - 2}}}[!-~])?").fullmatch
#: What a message says that says nothing; shared, so never changed.
_NOTHING: Mapping[str, Any] = {}


class Refused(Exception):  # noqa: N818 - it is a verdict on a payload, never an error of ours
    """The payload cannot be stored; its text says why, for the one who sent it."""


class Word(NamedTuple):
    """What a message says about consent to one topic. `at` is None when it does not say when."""

    topic: str
    granted: bool
    at: datetime | None
    source: str
    text: str


class Names(NamedTuple):
    """By what names a message calls its contact; each is None when it does not use it."""

    user_id: str | None
    anonymous_id: str | None
    email: str | None

    @property
    def key(self) -> str | None:
        """Return the address as it is compared."""
        return None if self.email is None else address_key(self.email)


@dataclass(frozen=True, slots=True)
class Traits:
    """What an identify says of a contact. `attributes` with None are removed; columns are absent when not said."""

    attributes: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, str | None] = field(default_factory=dict)
    created_at: datetime | None = None
    consent: tuple[Word, ...] = ()


class Incoming(NamedTuple):
    """A message that can be stored. `name` is "" for what is no event; `properties_json` is its properties as text."""

    #: where it stands among the payloads of its batch, from 0
    place: int
    type: str
    names: Names
    message_id: str
    at: datetime
    #: whether it said itself when it happened
    timed: bool
    live: bool
    name: str = ""
    properties: Mapping[str, Any] = _NOTHING
    properties_json: str = "{}"
    traits: Traits | None = None
    #: the company of a `group` message; "" when the person leaves the one it was at
    group_id: str | None = None
    group_traits: Mapping[str, Any] = _NOTHING
    previous_id: str | None = None
    #: what of it lifecycle.yaml does not declare
    undeclared: tuple[str, ...] = ()

    @property
    def previous_key(self) -> str | None:
        """Return the previous name as an address is compared; None where it is none."""
        return address_key(self.previous_id) if self.previous_id is not None and "@" in self.previous_id else None


def payload_id(payload: Mapping[str, Any]) -> str:
    """Return the messageId that a payload without one gets: the same for the same content, for ever. Raises Refused."""
    return "hash:" + content_hash(_checked(_json_strictly(payload, "payload"), "payload"))


def read_message(payload: Any, index: int, received_at: datetime, *, live: bool) -> Incoming:
    """Read one message. Raises Refused with what is wrong and where."""
    if not isinstance(payload, dict | Mapping):
        raise Refused("a message is a JSON object")
    kind = payload.get("type")
    if kind == "track" and (plain := _plain_track(payload, index, received_at, live=live)) is not None:
        return plain
    if kind not in TYPES:
        raise Refused(f'type: "{kind}" is none of {", ".join(sorted(TYPES))}' if kind else "type is missing")
    stamp = payload.get("timestamp")
    at = received_at if stamp is None else min(_instant(stamp, "timestamp"), received_at)
    names = _names(payload, kind)
    message_id = _name(payload.get("messageId"), "messageId")
    if message_id is None:
        # without a time, two equal payloads are two events: only the arrival tells them apart
        message_id = (
            payload_id(payload) if stamp is not None else f"{payload_id(payload)}:{received_at.isoformat()}:{index}"
        )
    on_time = live and received_at - at <= LATE_AFTER
    if kind in _EVENT_NAMES:
        name, properties = _event(payload, kind)
        text = _json(properties, "properties")
        return Incoming(index, kind, names, message_id, at, stamp is not None, on_time, name, properties, text)
    traits = _mapping(payload, "traits")
    common: dict[str, Any] = {"place": index, "type": kind, "names": names, "message_id": message_id, "at": at}
    match kind:
        case "identify":
            return Incoming(**common, timed=stamp is not None, live=live, traits=_traits(traits, received_at))
        case "group":
            group_id, company, person = _group(payload, traits)
            return Incoming(
                **common, timed=stamp is not None, live=live, group_id=group_id, group_traits=company, traits=person
            )
        case _:
            previous = _name(payload.get("previousId"), "previousId")
            if previous is None or names.user_id is None:
                raise Refused("an alias has a previousId and a userId")
            return Incoming(**common, timed=stamp is not None, live=live, previous_id=previous)


def _plain_track(payload: Mapping[str, Any], place: int, received_at: datetime, *, live: bool) -> Incoming | None:
    """Read the message that a history has most of, in half the time; None for one that wants a closer look."""
    if "anonymousId" in payload or "context" in payload:
        return None
    told: tuple[Any, Any, Any] = payload.get("userId"), payload.get("messageId"), payload.get("event")
    user_id, message_id, name = told
    properties = payload.get("properties", _NOTHING)
    try:
        if not (_plain(user_id) and _plain(message_id) and _plain(name)) or type(properties) is not dict:
            return None
        at = datetime.fromisoformat(payload["timestamp"])
        if at.tzinfo is None:
            return None
        at = min(at.astimezone(UTC), received_at)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    text = _json(properties, "properties")
    on_time = live and received_at - at <= LATE_AFTER
    return Incoming(place, "track", Names(user_id, None, None), message_id, at, True, on_time, name, properties, text)  # noqa: FBT003


def _event(payload: Mapping[str, Any], kind: str) -> tuple[str, Mapping[str, Any]]:
    properties: Mapping[str, Any] = _mapping(payload, "properties")
    if kind == "track":
        name = _name(payload.get("event"), "event")
        if name is None:
            raise Refused("event is missing")
        return name, properties
    told = {key: payload[key] for key in ("name", "category") if isinstance(payload.get(key), str)}
    return _EVENT_NAMES[kind], {**told, **properties}


def _group(payload: Mapping[str, Any], traits: Mapping[str, Any]) -> tuple[str, Mapping[str, Any], Traits]:
    """Return the company, what is said of it, and what of the person's role in it."""
    group_id = _name(payload.get("groupId"), "groupId")
    if group_id is None:
        # only who says so leaves: a key that a client forgot, or filled with nothing, is a mistake
        if "groupId" in payload and payload["groupId"] is None:
            return "", {}, Traits()
        raise Refused("groupId is missing; null says that the person is at no company any more")
    _json(traits, "traits")
    told = {**_context_traits(payload), **traits}
    role = {ROLE: told[ROLE]} if ROLE in told else {}
    _json(role, "context.traits")
    return group_id, {name: value for name, value in traits.items() if name != ROLE}, Traits(attributes=role)


def _context_traits(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    context = payload.get("context")
    traits = context.get("traits") if isinstance(context, Mapping) else None
    return traits if isinstance(traits, Mapping) else {}


def _names(payload: Mapping[str, Any], kind: str) -> Names:
    user_id = _name(payload.get("userId"), "userId")
    anonymous_id = _name(payload.get("anonymousId"), "anonymousId")
    email = None
    if kind == "identify":
        traits = payload.get("traits")
        email = traits.get("email") if isinstance(traits, Mapping) else None
    else:
        context = payload.get("context")
        if context is not None and isinstance(context, Mapping) and isinstance(context.get("traits"), Mapping):
            email = context["traits"].get("email")
    if email is not None and email != "":
        email = _address(email)
    if not (user_id or anonymous_id or email):
        raise Refused("nobody is named: userId, anonymousId or an email is needed")
    return Names(user_id, anonymous_id, email or None)


def _traits(traits: Mapping[str, Any], received_at: datetime) -> Traits:
    columns: dict[str, str | None] = {}
    if "email" in traits:
        columns["email"] = None if traits["email"] is None or traits["email"] == "" else _address(traits["email"])
    for name in ("locale", "timezone"):
        if name in traits:
            columns[name] = _name(traits[name], f"traits.{name}")
    if columns.get("timezone"):
        _check_zone(columns["timezone"] or "")
    created = traits.get("createdAt", traits.get("created_at"))
    attributes = {key: value for key, value in traits.items() if key not in _RESERVED}
    _json(attributes, "traits")
    return Traits(
        attributes=attributes,
        columns=columns,
        created_at=None if created is None else min(_instant(created, "traits.createdAt"), received_at),
        consent=_consent(traits.get("consent"), received_at),
    )


def _consent(said: Any, received_at: datetime) -> tuple[Word, ...]:
    if said is None:
        return ()
    if not isinstance(said, Mapping):
        raise Refused("traits.consent: an object by topic, as {offers: {granted: true, at, source, text}}")
    words = []
    for topic, value in said.items():
        where = f"traits.consent.{topic}"
        told: Mapping[str, Any] = value if isinstance(value, Mapping) else {"granted": value}
        granted = told.get("granted")
        if not isinstance(granted, bool):
            raise Refused(f"{where}: true or false, or an object with granted: true or false")
        at = None if told.get("at") is None else min(_instant(told["at"], f"{where}.at"), received_at)
        source, text = (_clean(told.get(key) or "", f"{where}.{key}") for key in ("source", "text"))
        words.append(Word(_clean(topic, where), granted, at, source, text))
    return tuple(words)


def _check_zone(name: str) -> None:
    try:
        parse_zone(name)
    except ValueError as error:
        raise Refused(f"traits.timezone: {error}") from None


def _address(value: Any) -> str:
    if not isinstance(value, str):
        raise Refused("email: a text")
    try:
        return parse_address(value)
    except UsageError as error:
        raise Refused(f'email: "{value[:100]}" is {error.message}') from None


def _instant(value: Any, where: str) -> datetime:
    if not isinstance(value, str):
        raise Refused(f"{where}: an ISO 8601 text, as 2026-12-01T09:00:00Z")
    try:
        return parse_instant(value)
    except (ValueError, OverflowError) as error:
        raise Refused(f"{where}: {error}") from None


def _mapping(payload: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = payload.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict | Mapping):  # a dict, nearly always, and an abstract class is slow to ask
        raise Refused(f"{key}: an object")
    return found


def _name(value: Any, where: str) -> str | None:
    """Return an identifier as text, None when it is missing or empty. Numbers are taken as they are written."""
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**100:
        return str(value)
    text = _clean(value, where).strip()
    if len(text) > MAX_NAME_LENGTH:
        raise Refused(f"{where}: longer than {MAX_NAME_LENGTH} characters")
    return text or None


def _clean(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise Refused(f"{where}: a text")
    if not value.isascii() or "\0" in value:
        _check_text(value, where)
    return value


def _json(value: Any, where: str) -> str:
    """Return the value as JSON text that both databases can store. Raises Refused."""
    try:
        text = _encode_fast(value).decode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        text = _json_strictly(value, where)  # whole numbers of more than 64 bits; or it says what is wrong
    # the fast one writes NaN as null
    return _checked(_json_strictly(value, where) if "null" in text else text, where)


def _json_strictly(value: Any, where: str) -> str:
    try:
        return _encode(value)
    except RecursionError:
        raise Refused(f"{where}: nested too deeply") from None
    except (ValueError, TypeError) as error:
        raise Refused(f"{where}: no JSON: {error}") from None


def _checked(text: str, where: str) -> str:
    if not text.isascii():
        _check_text(text, where)
    if "\\u0000" in text and "\\u0000" in text.replace("\\\\", ""):
        raise Refused(f"{where}: a NUL character")
    return text


def _check_text(text: str, where: str) -> None:
    if "\0" in text:
        raise Refused(f"{where}: a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused(f"{where}: half a surrogate pair, which is no character") from None
