"""What comes back about a mail that was accepted: delivered, bounced, complained. Pure; whoever told it.

Providers' webhooks and bounce mails are read into these, and `deliver.feedback` writes them down.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

#: The address does not exist, or never will again. Source: RFC 3463, and what the large providers mean by it.
_HARD = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
#: A full mailbox: permanent to the server, and not to us.
_FULL = frozenset({"5.2.2"})
_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")


class Kind(StrEnum):
    """What happened to the mail."""

    DELIVERED = "delivered"
    #: the address is no good: never again
    HARD = "hard"
    #: this time it did not work; seven in a row suppress
    SOFT = "soft"
    #: it bounced, and the address is not to blame: policy, content, routing
    BLOCKED = "blocked"
    #: it is late, and may still come
    DELAYED = "delayed"
    COMPLAINED = "complained"


@dataclass(frozen=True, slots=True)
class Feedback:
    """One thing that somebody told of one mail.

    Which mail: `row` (messages.id, from our own envelope address), else `ref` (the name that `provider` gave the mail
    when it took it), else `message_id` (without angle brackets). `recipient` is whom it is about, None when that was
    not told. `event` names this telling, so that it counts once however often it comes. `raw` is kept for people.
    """

    kind: Kind
    provider: str
    event: str
    at: datetime
    row: int | None = None
    ref: str | None = None
    message_id: str | None = None
    recipient: str | None = None
    enhanced: str = ""
    detail: str = ""
    raw: str = ""


def bounce_kind(enhanced: str, code: int = 0) -> Kind:
    """Return what a failure's status means: `enhanced` as "5.1.1" (RFC 3463), else the reply `code` (550).

    What is not known to be the address's fault never suppresses it.
    """
    found = _ENHANCED.search(enhanced)
    if found is None:
        return Kind.SOFT if 400 <= code < 500 else Kind.BLOCKED
    status = ".".join(str(int(part)) for part in found.groups())
    if status in _HARD:
        return Kind.HARD
    if status.startswith("4.") or status in _FULL:
        return Kind.SOFT
    return Kind.BLOCKED
