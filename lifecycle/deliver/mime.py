"""Mails as bytes, by splicing: what is the same for every recipient is encoded once.

multipart/alternative, text first. Source: RFC 5322, 2045 to 2047, 2369, 2919, 3834, 8058.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from lifecycle.base.errors import RenderError
from lifecycle.base.ids import content_hash
from lifecycle.deliver.body import body
from lifecycle.deliver.header import HARD_LIMIT, address_spec, checked, mailbox, phrase, unstructured


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail as values; `build` makes it bytes."""

    #: with angle brackets or without
    message_id: str
    date: datetime
    sender_name: str
    sender_address: str
    recipient: str
    subject: str
    html: str
    text: str
    reply_to: str | None = None
    #: the one HTTPS address that unsubscribes at once (RFC 8058); None for transactional mail
    unsubscribe_url: str | None = None
    #: (label, identifier) of the list (RFC 2919)
    list_id: tuple[str, str] | None = None
    feedback_id: str | None = None
    #: sent because something happened, not to a list at once (RFC 3834)
    auto_submitted: bool = True
    #: the version of the template that the bodies were made from, "" where no other mail is like this one
    template: str = ""
    #: finds, as its one group, what stands in the bodies of this mail alone: its links
    own: re.Pattern[str] | None = None


def build(mail: Mail) -> bytes:
    """Return the mail as RFC 5322 with CRLF. Raises RenderError for a header value with a line break."""
    boundary = b"=_" + content_hash(mail.message_id).encode()
    text_of = f"{mail.template}.text" if mail.template else ""
    return b"".join((
        _headers(mail),
        b'Content-Type: multipart/alternative;\r\n boundary="', boundary, b'"\r\n\r\n--', boundary,
        b'\r\nContent-Type: text/plain; charset="utf-8"\r\n', body(mail.text, template=text_of, own=mail.own),
        b"\r\n--", boundary,
        b'\r\nContent-Type: text/html; charset="utf-8"\r\n', body(mail.html, template=mail.template, own=mail.own),
        b"\r\n--", boundary, b"--\r\n",
    ))  # fmt: skip


def _headers(mail: Mail) -> bytes:
    lines = [
        b"MIME-Version: 1.0\r\nDate: ", _date(mail.date),
        b"\r\nMessage-ID: ", _bracketed(mail.message_id),
        b"\r\nFrom: ", mailbox(mail.sender_name, mail.sender_address, "From"),
        b"\r\nTo: ", address_spec(mail.recipient, "To"),
        b"\r\nSubject: ", unstructured(mail.subject, "Subject"),
    ]  # fmt: skip
    if mail.reply_to:
        lines += [b"\r\nReply-To: ", mailbox("", mail.reply_to, "Reply-To")]
    if mail.unsubscribe_url is not None:
        lines += [
            b"\r\nList-Unsubscribe: ", _raw_uri(mail.unsubscribe_url),
            b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click",
        ]  # fmt: skip
    if mail.list_id is not None:
        label, identifier = mail.list_id
        lines += [b"\r\nList-Id: ", phrase(label, "List-Id") if label else b"", b"\r\n <", _token(identifier), b">"]
    if mail.feedback_id is not None:
        lines += [b"\r\nFeedback-ID: ", _token(mail.feedback_id)]
    if mail.auto_submitted:
        lines.append(b"\r\nAuto-Submitted: auto-generated")
    lines.append(b"\r\n")
    return b"".join(lines)


@lru_cache(maxsize=64)
def _date(date: datetime) -> bytes:
    """Return the date as a header has it; the mails of a batch share it."""
    return format_datetime(date).encode()


def _bracketed(identifier: str) -> bytes:
    return b"<" + _token(identifier.strip("<>")) + b">"


def _token(value: str) -> bytes:
    """Return a value that stands in the header as it is: visible ASCII."""
    if not value.isascii() or not checked(value, "header").isprintable() or " " in value:
        raise RenderError("an identifier in the header is not plain ASCII")
    return value.encode()


def _raw_uri(url: str) -> bytes:
    """Return `<URL>`, never encoded, never folded (there is no `>, <` to fold at): a changed one breaks one-click."""
    if any(found in url for found in "<>, "):
        raise RenderError("the unsubscribe address contains a character that ends it")
    raw = _token(url)
    if len(raw) + len("List-Unsubscribe: <>") > HARD_LIMIT:
        raise RenderError("the unsubscribe address is longer than a header line")
    return b"<" + raw + b">"
