"""Bounces in prose, from before there was a format: qmail's and Exim's. Pure.

Source: qmail-send(8) and qsbmf (the paragraph form), Exim's deliver.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from lifecycle.providers.dsn import MAX_RECIPIENTS, Told, address_of, judged
from lifecycle.providers.feedback import Kind
from lifecycle.providers.mail_parts import Head, Part, one_line, read_head

_QMAIL = re.compile(r"\s*Hi\. This is the ")
_EXIM = re.compile(r"\s*This message was created automatically by mail delivery software")
_LATE = re.compile(r"has not yet been delivered|No action is required on your part", re.IGNORECASE)
#: Where either begins to quote the mail.
_COPY = re.compile(
    r"^--- (?:Below this line is a copy|Enclosed are the original|Undelivered message follows)[^\n]*$"
    r"|^------ This is a copy of [^\n]*$",
    re.MULTILINE,
)


def read_prose(parts: Sequence[Part], head: Head) -> tuple[list[Told], Head]:
    """Return what the text tells of its recipients, and the head of the mail that it quotes; nothing of other texts."""
    text = next((part.text for part in parts if part.type == "text/plain"), "")
    qmail, exim = _QMAIL.match(text), _EXIM.match(text)
    if not qmail and not exim:
        return [], {}
    copy = _COPY.search(text)
    said = text[: copy.start()] if copy is not None else text[:20_000]
    original = (
        read_head(text[copy.end() :].lstrip("\n")[:200_000].encode("utf-8", "replace")) if copy is not None else {}
    )
    told = list(_qmail(said) if qmail else _exim(said, head))[:MAX_RECIPIENTS]
    if exim and _LATE.search(said):
        told = [replace(one, kind=Kind.DELAYED) for one in told]
    return told, original


def _qmail(text: str) -> Iterator[Told]:
    """Yield the paragraphs that begin with `<address>:`; the reason ends in `(#5.1.1)`."""
    for paragraph in re.split(r"\n[ \t]*\n", text):
        name, colon, reason = paragraph.strip().partition(">:")
        address = address_of(name + ">") if colon and name.startswith("<") else ""
        if address:
            status = re.search(r"#([245]\.\d{1,3}\.\d{1,3})\)", reason, re.ASCII)
            yield _told(address, status[1] if status is not None else "", reason)


def _exim(text: str, head: Head) -> Iterator[Told]:
    """Yield the addresses, indented by two, with the reasons that are indented deeper below them."""
    found: list[tuple[str, list[str]]] = []
    for line in text.split("\n"):
        address = address_of(line.strip().rstrip(":")) if re.match(r"  \S", line) else ""
        if address:
            found.append((address, []))
        elif found and line.startswith("   "):
            found[-1][1].append(line.strip())
    if not found:
        failed = ", ".join(head.get("x-failed-recipients", ())).split(",")
        found = [(address, [one_line(text, 500)]) for each in failed if (address := address_of(each))]
    for address, reasons in found:
        yield _told(address, "", " ".join(reasons))


def _told(address: str, status: str, reason: str) -> Told:
    kind, enhanced = judged(status, reason)
    return Told(kind, (address,), enhanced, one_line(reason, 500), one_line(f"{address}: {reason}", 2000))
