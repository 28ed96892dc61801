"""Complaints: abuse reports of the feedback loops (ARF), and Outlook's older form without a report in it. Pure.

Source: RFC 5965; RFC 6591 (auth-failure, which is no complaint); what Yahoo and Outlook's JMRP send.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lifecycle.providers.dsn import address_of
from lifecycle.providers.mail_parts import Head, Part, blocks, first, one_line, read_head

REPORT_TYPE = "message/feedback-report"
#: Where Outlook writes who complained, in the head of the mail that it returns.
_OUTLOOK = "x-hmxmroriginalrecipient"
#: What a person means who presses the button; `not-spam` is the opposite, `auth-failure` is about the server.
_COMPLAINTS = frozenset({"abuse", "fraud", "virus", "opt-out", "opt-out-list", "miscategorized", "other"})


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a report says: of which type, about whose mail, and the texts that may name it."""

    type: str
    recipient: str
    texts: tuple[str, ...]
    raw: str

    @property
    def counts(self) -> bool:
        """Say whether somebody complained."""
        return self.type in _COMPLAINTS


def read_complaint(parts: Sequence[Part], original: Head) -> Complaint | None:
    """Return the complaint among the parts, None when there is none."""
    report = next((part for part in parts if part.type == REPORT_TYPE), None)
    if report is not None:
        return _reported(report, original)
    outer = [head for part in parts[:1] for head in (part.head, read_head(part.body))]
    for head in (original, *outer):
        if _OUTLOOK in head:
            who = address_of(first(head, _OUTLOOK))
            return Complaint("abuse", who, _texts(head) + _texts(original), "")
    return None


def _reported(report: Part, original: Head) -> Complaint:
    fields = next(iter(blocks(report.text)), {})
    kind = one_line(first(fields, "feedback-type"), 40).lower()
    recipient = address_of(first(fields, "original-rcpt-to", "removal-recipient")) or address_of(
        first(original, _OUTLOOK)
    )
    texts = (*fields.get("original-mail-from", ()), *_texts(original))
    raw = "\n".join(one_line(f"{name}: {value}", 500) for name, values in fields.items() for value in values)
    return Complaint(kind, recipient, texts, raw[:2000])


def _texts(head: Head) -> tuple[str, ...]:
    """Return what of the returned mail may carry a token of ours: its envelope, its unsubscribe link."""
    names = ("return-path", "x-original-mail-from", "x-sid-pra", "list-unsubscribe", "x-envelope-from")
    return tuple(value for name in names for value in head.get(name, ()))
