"""What the webhooks of all providers have in common: the protocol, and how JSON from outside is read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from lifecycle.base.errors import GarbledError
from lifecycle.providers.feedback import Feedback, Kind

#: Policy, routing and system size are never the address's fault, whatever class a provider puts the bounce in.
_NOT_THEIRS = re.compile(r"\b5\.(?:7\.\d{1,3}|4\.\d{1,3}|3\.4)\b")
#: A full mailbox, and whatever is temporary.
_FOR_NOW = re.compile(r"\b(?:4\.\d{1,3}\.\d{1,3}|5\.2\.2)\b")
#: What of a posted event is kept for people, in characters.
_MAX_RAW = 16_384
#: Half a character, which JSON can say and nothing can store.
_HALF = re.compile("[\ud800-\udfff]")
_FRACTION = re.compile(r"(\.\d{6})\d+")


class Hook(Protocol):
    """A webhook of one provider, ready to verify and read what is posted to it. Thread-safe."""

    def read_events(self, body: bytes, headers: Mapping[str, str]) -> list[Feedback]:
        """Return what the request tells, nothing for what we do not follow; header names are in lower case.

        Raises ForgedError for what the provider did not send, GarbledError for what cannot be read, UnverifiedError
        when it cannot be told just now.
        """
        ...


def read_object(text: str | bytes, what: str) -> dict[str, Any]:
    """Return a JSON object. Raises GarbledError."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise GarbledError(f"{what} is no JSON") from error
    if not isinstance(found, dict):
        raise GarbledError(f"{what} is no JSON object")
    return found


def object_in(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the object under a name, {} when there is none. Raises GarbledError when it is something else."""
    found = data.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise GarbledError(f"{name} is no object")
    return found


def text_in(data: Mapping[str, Any], name: str) -> str:
    """Return the text under a name, "" when there is none. Raises GarbledError when it is something else."""
    found = data.get(name)
    if found is None:
        return ""
    if not isinstance(found, str) or _HALF.search(found):
        raise GarbledError(f"{name} is no text")
    return found.replace("\0", "")


def time_in(data: Mapping[str, Any], name: str, otherwise: datetime | None = None) -> datetime:
    """Return the instant under a name as aware UTC, `otherwise` when there is none. Raises GarbledError."""
    found = text_in(data, name)
    if not found and otherwise is not None:
        return otherwise
    try:
        instant = datetime.fromisoformat(_FRACTION.sub(r"\1", found))
        return instant.replace(tzinfo=instant.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise GarbledError(f"{name} is no time") from error


def hard_unless(status: str) -> Kind:
    """Return `hard` for what a provider calls so, unless the status in it (RFC 3463) says that it is not for ever."""
    if _NOT_THEIRS.search(status):
        return Kind.BLOCKED
    return Kind.SOFT if _FOR_NOW.search(status) else Kind.HARD


def kept(text: str) -> str:
    """Return of a posted event what is kept for people."""
    return text.replace("\0", "")[:_MAX_RAW]
