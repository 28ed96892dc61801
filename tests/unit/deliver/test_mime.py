"""Mails as bytes: what the standard library reads back is what was put in."""

from __future__ import annotations

import binascii
import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lifecycle.base.errors import RenderError
from lifecycle.deliver.body import _line
from lifecycle.deliver.mime import Mail, build

MAIL = Mail(
    message_id="abc@rihla.example",
    date=datetime(2026, 11, 1, 9, 30, tzinfo=UTC),
    sender_name="رحلة",
    sender_address="hello@rihla.example",
    recipient="sara@example.org",
    reply_to="help@rihla.example",
    subject="سلتك بانتظارك",
    html="<html dir='rtl'><p>مرحبا</p></html>",
    text="مرحبا\n",
    unsubscribe_url="https://rihla.example/u/" + "a" * 120,
    list_id=("عروض", "offers.shop.rihla.example"),
    feedback_id="cart:reminder:offers:shop",
)

#: Text as people write it: any script, emoji, spaces; no control characters (headers refuse them).
words = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\x85"), max_size=120)
bodies = st.text(st.characters(codec="utf-8"), max_size=2000)


def parse(data: bytes) -> Any:
    """Read the mail as the standard library does."""
    return message_from_bytes(data, policy=policy.default)


def body(parsed: Any, kind: str) -> str:
    """Return the text of one alternative, its line ends being line feeds."""
    raw = parsed.get_body((kind,)).get_payload(decode=True).decode()
    return str(raw.replace("\r\n", "\n"))


def display_name(data: bytes) -> str:
    """Return the sender's name. The newer parser keeps the space between two encoded words, against RFC 2047 6.2."""
    raw = message_from_bytes(data, policy=policy.compat32)["From"].rpartition("<")[0].strip()
    return (
        str(make_header(decode_header(raw)))
        if raw.startswith("=?")
        else str(parse(data)["From"].addresses[0].display_name)
    )


def normal(text: str) -> str:
    """Return the text with line feeds as line ends, which is all that building may change."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


@given(subject=words, name=words, text=bodies, html=bodies)
def test_mail_reads_back_as_it_was(subject: str, name: str, text: str, html: str) -> None:
    """Any subject, name and body survive, and no line is longer than the standard allows."""
    data = build(replace(MAIL, subject=subject, sender_name=name, text=text, html=html))
    parsed = parse(data)
    assert not parsed.defects
    assert body(parsed, "plain").rstrip("\n") == normal(text).rstrip("\n")
    assert body(parsed, "html").rstrip("\n") == normal(html).rstrip("\n")
    assert parsed["Subject"] == subject
    assert parsed["From"].addresses[0].addr_spec == "hello@rihla.example"
    assert display_name(data) == " ".join(name.split())
    lines = data.split(b"\r\n")
    assert all(len(line) <= 998 for line in lines)
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    assert all(len(word) <= 75 for word in re.findall(rb"=\?utf-8\?b\?[^?]*\?=", data))


@given(text=bodies)
@example(text="مرحبا \n\n \n\t\n" + "é" * 80 + " \n" + "x" * 76 + "\n.\n" + "=" * 75 + "\n")
def test_quoted_printable_line_by_line_is_that_of_the_whole(text: str) -> None:
    """Each line is encoded by itself and remembered; Python's own encoder on all of it gives the same octets."""
    lines = normal(text).split("\n")
    whole = binascii.b2a_qp(normal(text).encode("utf-8", "replace"), istext=True).replace(b"\n", b"\r\n")
    assert b"\r\n".join(_line(line).quoted for line in lines) == whole


@given(subject=words, text=bodies)
def test_mail_parses_equal_to_the_library_s_own(subject: str, text: str) -> None:
    """`EmailMessage` given the same values parses to the same headers and the same body."""
    own = EmailMessage(policy=policy.SMTP)
    own["Subject"] = subject
    own["From"] = "Rihla <hello@rihla.example>"
    own["To"] = "sara@example.org"
    own.set_content(normal(text))
    ours = parse(build(replace(MAIL, sender_name="Rihla", subject=subject, text=text)))
    theirs = parse(own.as_bytes())
    for name in ("From", "To"):
        assert ours[name] == theirs[name]
    assert ours["Subject"].strip() == str(theirs["Subject"]).strip() or "�" in str(theirs["Subject"])
    assert body(ours, "plain").rstrip("\n") == normal(text).rstrip("\n")


def test_headers_of_marketing_mail() -> None:
    """Everything that one-click, lists and loops need is there, and nothing is encoded that must be raw."""
    data = build(MAIL)
    parsed = parse(data)
    assert parsed["List-Unsubscribe"] == f"<{MAIL.unsubscribe_url}>"
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert b"<https://rihla.example/u/" + b"a" * 120 + b">" in data
    assert str(parsed["List-Id"]).endswith("<offers.shop.rihla.example>")
    assert parsed["Feedback-ID"] == "cart:reminder:offers:shop"
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsed["Message-ID"] == "<abc@rihla.example>"
    assert parsed["Date"].datetime == MAIL.date
    assert parsed["Reply-To"].addresses[0].addr_spec == "help@rihla.example"
    assert [part.get_content_type() for part in parsed.iter_parts()] == ["text/plain", "text/html"]


def test_transactional_mail_has_no_unsubscribe() -> None:
    """A receipt cannot be unsubscribed from."""
    parsed = parse(build(replace(MAIL, unsubscribe_url=None, list_id=None, auto_submitted=False)))
    for name in ("List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Auto-Submitted"):
        assert parsed[name] is None


def test_arabic_bodies_are_base64_and_english_ones_readable() -> None:
    """The shorter encoding is taken, and ASCII is left alone."""
    arabic = parse(build(MAIL)).get_body(("html",))
    english = parse(build(replace(MAIL, html="<p>Hi</p>", text="Hi"))).get_body(("plain",))
    mixed = parse(build(replace(MAIL, text="a long English text with one é in it"))).get_body(("plain",))
    assert arabic["Content-Transfer-Encoding"] == "base64"
    assert english["Content-Transfer-Encoding"] == "7bit"
    assert mixed["Content-Transfer-Encoding"] == "quoted-printable"


@pytest.mark.parametrize("bad", ["a\nBcc: x@y.example", "a\rb", "a\x00b", "a\u2028b", "a\x85b"])
@pytest.mark.parametrize("where", ["subject", "sender_name", "recipient", "unsubscribe_url", "feedback_id", "reply_to"])
def test_line_break_in_a_header_is_refused(where: str, bad: str) -> None:
    """No value can begin a header of its own."""
    values: Any = {where: bad if where not in {"recipient", "reply_to"} else f"{bad}@example.org"}
    with pytest.raises(RenderError):
        build(replace(MAIL, **values))


def test_idn_domain_is_written_in_ascii() -> None:
    """A mail to a domain in Arabic needs no SMTPUTF8."""
    data = build(replace(MAIL, recipient="sara@مثال.example"))
    assert b"To: sara@xn--mgbh0fb.example\r\n" in data


def test_lone_surrogates_do_not_stop_the_mail() -> None:
    """Broken Unicode in a body becomes a question mark; in a header it is this recipient's error."""
    assert "?" in body(parse(build(replace(MAIL, text="a\ud800b"))), "plain")
    with pytest.raises(RenderError):
        build(replace(MAIL, subject="a\ud800b"))
