"""Mails that come back, read into the one vocabulary: DSN, ARF, and prose. Pure; nothing is ever answered.

A report counts for the row that our own key signed into the envelope address it came back to; without that it counts
for nobody, so nobody can have somebody else suppressed. What it says beside that is only held against it: another row's
token in the mail that it returns, or other recipients than that mail's, and it is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lifecycle.base.ids import content_hash
from lifecycle.providers.arf import Complaint, read_complaint
from lifecycle.providers.bounce_rows import RowOf, Sent, SentOf, rows_in
from lifecycle.providers.dsn import STATUS_TYPES, Told, address_of, read_status, same_address
from lifecycle.providers.feedback import Feedback, Kind
from lifecycle.providers.mail_parts import Head, first, one_line, read_head, read_parts
from lifecycle.providers.prose_bounce import read_prose

#: Types of the part that holds the mail that comes back, or its head.
_RETURNED = frozenset({"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"})
#: Where servers write for whom a mail came, the surest first.
_CAME_TO = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-rcpt-to", "to", "cc")
_AUTO_REPLY = re.compile(r"auto[-_ ]?repl|auto[-_ ]?notif|vacation", re.IGNORECASE)


class Verdict(StrEnum):
    """What a mail in the bounce box turned out to be."""

    #: it counts
    OURS = "ours"
    #: a report that tells nothing to count: relayed, not spam
    NOTHING_NEW = "nothing_new"
    #: a report without a valid token: about somebody else's mail, or forged
    NOT_OURS = "not_ours"
    #: a report that contradicts itself: two rows of ours, or a recipient that the mail did not have
    CONTRADICTORY = "contradictory"
    #: out of office
    AUTO_REPLY = "auto_reply"
    #: a letter, spam, or octets
    NO_REPORT = "no_report"


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: `feedback` is empty unless the verdict is OURS; `why` is for people."""

    verdict: Verdict
    feedback: tuple[Feedback, ...] = ()
    why: str = ""


def _unknown(_row: int) -> Sent | None:
    return None


def read_bounce(raw: bytes, envelope_row: RowOf, at: datetime, sent_of: SentOf = _unknown) -> list[Feedback]:
    """Return what the mail tells of our mails, once for each recipient, as heard `at`; nothing that is not certain."""
    return list(read_report(raw, envelope_row, at, sent_of).feedback)


def read_report(raw: bytes, row_of: RowOf, at: datetime, sent_of: SentOf = _unknown) -> Reading:
    """Return what the mail is, and what it tells. Any octets give an answer.

    `sent_of` says what the ledger knows of a row: without it, the returned mail is all that a report is held against.
    """
    parts = read_parts(raw)
    head = read_head(raw)
    returned = next((part for part in parts if part.type in _RETURNED), None)
    original = read_head(returned.body.lstrip()) if returned is not None else {}
    complaint = read_complaint(parts, original)
    if complaint is not None:
        return _complaint(complaint, head, original, row_of, at, sent_of)
    status = [part for part in parts if part.type in STATUS_TYPES]
    told = [one for part in status for one in read_status(part)]
    if not told and not status:
        told, original = read_prose(parts, head)
    if told:
        return _bounce(told, head, original, row_of, at, sent_of)
    if status:
        return Reading(Verdict.NOTHING_NEW, why="the report says nothing that counts")
    if _is_auto_reply(head):
        return Reading(Verdict.AUTO_REPLY, why="an automatic answer")
    return Reading(Verdict.NO_REPORT, why="no report that can be read")


def _bounce(told: list[Told], head: Head, original: Head, row_of: RowOf, at: datetime, sent_of: SentOf) -> Reading:
    rows = rows_in(_came_to(head), row_of) or rows_in(original.get("return-path", ()), row_of)
    if not rows:
        return Reading(Verdict.NOT_OURS, why="no valid token in the address that it came back to")
    quoted = rows_in((*original.get("return-path", ()), *original.get("list-unsubscribe", ())), row_of)
    if len(rows | quoted) > 1:
        return Reading(Verdict.CONTRADICTORY, why="it came back for one mail and returns another")
    row = rows.pop()
    sent = sent_of(row)
    if not _returns(original, sent):
        return Reading(Verdict.CONTRADICTORY, why="the mail that it returns is not the one that we sent")
    meant = sent.address if sent is not None and sent.address else address_of(first(original, "to"))
    found = [
        Feedback(
            one.kind, "mail", _event(head, row, one.kind, one.raw), at, row, None, _message_id(original), name or None,
            one.enhanced, one.detail, one.raw,
        )
        for one in told
        if (name := _recipient(one, meant)) is not None
    ]  # fmt: skip
    if not found:
        named = ", ".join(sorted({name for one in told for name in one.names}))
        return Reading(Verdict.CONTRADICTORY, why=f"it is about {one_line(named, 200)}, whom the mail did not go to")
    return Reading(Verdict.OURS, tuple(found))


def _complaint(found: Complaint, head: Head, original: Head, row_of: RowOf, at: datetime, sent_of: SentOf) -> Reading:
    if not found.counts:
        return Reading(Verdict.NOTHING_NEW, why=f"a report of the type {found.type or 'none'} is no complaint")
    rows = rows_in((*found.texts, *_came_to(head)), row_of)
    if not rows:
        return Reading(Verdict.NOT_OURS, why="no valid token in the mail that is complained of")
    if len(rows) > 1:
        return Reading(Verdict.CONTRADICTORY, why="it names several of our mails")
    row, who = rows.pop(), found.recipient or address_of(first(original, "to"))
    if not _returns(original, sent_of(row)):
        return Reading(Verdict.CONTRADICTORY, why="the mail that it returns is not the one that we sent")
    event = content_hash("complaint", str(row), found.type)
    return Reading(
        Verdict.OURS,
        (
            Feedback(
                Kind.COMPLAINED,
                "mail",
                event,
                at,
                row,
                None,
                _message_id(original),
                who or None,
                "",
                found.type,
                found.raw,
            ),
        ),
    )


def _returns(original: Head, sent: Sent | None) -> bool:
    """Say whether the returned mail may be ours: spam under our envelope address bounces to us too."""
    found = _message_id(original)
    return sent is None or found is None or found.partition("@")[0] == sent.message_id.partition("@")[0]


def _recipient(told: Told, meant: str) -> str | None:
    """Return the name under which the mail went to this recipient, None when it went to somebody else.

    Without a returned `To`, or with a recipient that is no address (a file, a mailbox's name), there is nothing to hold
    against the token.
    """
    if not told.names or not meant:
        return told.names[0] if told.names else meant
    return next((name for name in told.names if same_address(name, meant)), None)


def _came_to(head: Head) -> Iterator[str]:
    for name in _CAME_TO:
        yield from head.get(name, ())


def _message_id(original: Head) -> str | None:
    found = re.search(r"<([^<>\s]{1,500})>", first(original, "message-id", "x-original-message-id"))
    return found[1] if found is not None else None


def _event(head: Head, row: int, kind: Kind, raw: str) -> str:
    """Return the report's name: the same for every copy, wherever it was stored or through which servers it came."""
    return content_hash("bounce", str(row), kind, raw, first(head, "message-id"), first(head, "date"))


def _is_auto_reply(head: Head) -> bool:
    """Say whether a machine answers for a person. Source: RFC 3834 5, and what programs wrote before it."""
    submitted = first(head, "auto-submitted").strip().lower()
    if submitted and submitted.split(";")[0].strip() != "no":
        return True
    if set(head) & {"x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-response-suppress"}:
        return True
    return bool(_AUTO_REPLY.search(first(head, "precedence"))) or bool(_AUTO_REPLY.search(first(head, "x-precedence")))
