"""Delivery status notifications: what each recipient's block says. Pure.

Source: RFC 3464 (the report), RFC 3463 (the status), RFC 3461 4 (xtext), RFC 6533 (addresses beyond ASCII).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lifecycle.base.address import address_key
from lifecycle.providers.feedback import Kind, bounce_kind
from lifecycle.providers.mail_parts import Head, Part, blocks, first, one_line

STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
#: Recipients of one report that are looked at.
MAX_RECIPIENTS = 50

_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])", re.ASCII)
_CODE = re.compile(r"(?<![\d.#-])([45]\d\d)(?=[ -])", re.ASCII)
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_EMBEDDED = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_FAILED = {"failed": "failed", "failure": "failed", "delayed": "delayed", "delivered": "delivered"}


@dataclass(frozen=True, slots=True)
class Told:
    """What a report says of one recipient, under all the names that it has for it."""

    kind: Kind
    names: tuple[str, ...]
    enhanced: str
    detail: str
    raw: str


def read_status(part: Part) -> Iterator[Told]:
    """Yield what the blocks tell. The first block is about the whole; `relayed` and `expanded` tell nothing new."""
    for block in blocks(part.text)[: MAX_RECIPIENTS + 1]:
        action = first(block, "action").split(";")[0].strip().lower()
        if not ({"final-recipient", "original-recipient", "x-actual-recipient"} & set(block)):
            continue
        found = _FAILED.get(action) if action else _action_of(first(block, "status"))
        if found is not None:
            yield _told(block, found)


def judged(status: str, diagnostic: str) -> tuple[Kind, str]:
    """Return what a failure means, and the status that says so.

    The status counts, except that a vague one (5.0.0) gives way to one in the diagnostic text, and so does one that
    would suppress to one that would not: servers differ about what they say of the same refusal.
    """
    said = _ENHANCED.search(status)
    quoted = _ENHANCED.search(diagnostic)
    reply = _CODE.search(diagnostic)
    code = int(reply[1]) if reply is not None else 0
    best = said[1] if said is not None else quoted[1] if quoted is not None else ""
    if said is not None and quoted is not None:
        vague = said[1].endswith(".0.0")
        milder = bounce_kind(said[1]) is Kind.HARD and bounce_kind(quoted[1]) is not Kind.HARD
        best = quoted[1] if vague or milder else best
    return bounce_kind(best, code), best


def address_of(value: str) -> str:
    """Return the address of `rfc822; a@b`, `utf-8; …` or `<a@b>`, an empty text when there is none."""
    kind, semicolon, rest = value.partition(";")
    text = rest if semicolon else kind
    if semicolon and kind.strip().lower() == "utf-8":
        text = _EMBEDDED.sub(_character, text)
    bracketed = re.search(r"<([^<>]*)>", text)
    text = one_line(bracketed[1] if bracketed is not None else text, 320).strip('" ')
    return text if "@" in text.strip("@") and " " not in text else ""


def same_address(left: str, right: str) -> bool:
    """Compare as addresses are compared, whatever spelling the domain has."""
    return address_key(left) == address_key(right)


def _told(block: Head, action: str) -> Told:
    diagnostic = " ".join(block.get("diagnostic-code", ()))
    kind, enhanced = judged(first(block, "status"), diagnostic)
    if action != "failed":
        kind = Kind.DELAYED if action == "delayed" else Kind.DELIVERED
    return Told(
        kind, tuple(_names(block)), enhanced, one_line(re.sub(r"^\s*[\w-]{1,20}\s*;", "", diagnostic), 500), _raw(block)
    )


def _names(block: Head) -> Iterator[str]:
    """Yield what the block calls its recipient: as it was first, then as it was in the end, each undone of xtext."""
    for field in ("original-recipient", "final-recipient", "x-actual-recipient"):
        address = address_of(first(block, field))
        if address:
            yield address
            plain = _XTEXT.sub(_character, address)
            if plain != address and address_of(plain):
                yield plain


def _character(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return chr(number) if 32 < number < 0x110000 and not 0xD800 <= number < 0xE000 else ""


def _action_of(status: str) -> str | None:
    """Return what a block without an action (old Exchange) means by its status."""
    return "failed" if status.strip().startswith("5.") else None


def _raw(block: Mapping[str, tuple[str, ...]]) -> str:
    return "\n".join(one_line(f"{name}: {value}", 500) for name, values in block.items() for value in values)[:2000]
