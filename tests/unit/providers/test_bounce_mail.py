"""Reports of many servers, as they really look, read to the right row; whatever else a bounce box is sent, to none."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.base.tokens import Purpose, Tokens
from lifecycle.providers.bounce_mail import Verdict, read_bounce, read_report
from lifecycle.providers.bounce_rows import Sent, rows_by_token
from lifecycle.providers.dsn import address_of
from lifecycle.providers.feedback import Feedback, Kind
from lifecycle.providers.mail_parts import MAX_OCTETS

AT = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
TOKENS = Tokens(b"a key of tests, long enough")
ROW_OF = rows_by_token(TOKENS)
CORPUS = sorted((Path(__file__).resolve().parents[2] / "golden" / "bounces").glob("*.eml"))
BY_NAME = {path.stem: path.read_bytes() for path in CORPUS}
#: fields that the expectations state
STATED = ("kind", "row", "recipient", "enhanced", "message_id", "detail")
SENT = Sent("9f0c5a71d3e84b26a1c7", "sara@customer.example")


def told(found: Feedback) -> dict[str, object]:
    """Return what the expectations state of it."""
    return {name: getattr(found, name) for name in STATED}


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_report_is_read_as_its_expectation_says(path: Path) -> None:
    """Verdict, and for each recipient the kind, the row, the status and the words."""
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    found = read_report(path.read_bytes(), ROW_OF, AT)
    assert found.verdict == expected["verdict"], found.why
    assert [told(one) for one in found.feedback] == expected["feedback"]
    assert bool(found.feedback) == (found.verdict is Verdict.OURS)
    assert found.why or found.feedback


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_line_ends_do_not_matter(path: Path) -> None:
    """A Maildir has bare line feeds, the wire has CRLF: the same is read."""
    unix = path.read_bytes().replace(b"\r\n", b"\n")
    ways = [read_bounce(unix, ROW_OF, AT), read_bounce(unix.replace(b"\n", b"\r\n"), ROW_OF, AT)]
    assert ways[0] == ways[1]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_without_our_key_nothing_ever_counts(path: Path) -> None:
    """The same reports, read by somebody with another key: not one of them suppresses anybody."""
    stranger = rows_by_token(Tokens(b"another key, just as long"))
    assert read_bounce(path.read_bytes(), stranger, AT) == []


def test_corpus_is_large_enough() -> None:
    """At least 25 reports, and each has its expectation."""
    assert len(CORPUS) >= 25
    assert all(path.with_suffix(".json").exists() for path in CORPUS)


def test_spam_under_our_envelope_address_suppresses_nobody() -> None:
    """Somebody sends spam with a bounce address of ours: what bounces is not the mail that the ledger knows."""
    raw = BY_NAME["postfix-unknown"]
    assert read_bounce(raw, ROW_OF, AT, lambda _row: SENT)
    other = raw.replace(SENT.message_id.encode(), b"1234")
    assert read_report(other, ROW_OF, AT, lambda _row: SENT).verdict is Verdict.CONTRADICTORY
    whom = raw.replace(b"sara@customer.example", b"omar@customer.example")
    assert read_report(whom, ROW_OF, AT, lambda _row: SENT).verdict is Verdict.CONTRADICTORY
    arf = BY_NAME["yahoo-arf"].replace(SENT.message_id.encode(), b"1234")
    assert read_report(arf, ROW_OF, AT, lambda _row: SENT).verdict is Verdict.CONTRADICTORY


def test_report_has_one_name_however_it_came() -> None:
    """Stored twice, or through another server: the event is the same; another report has another."""
    raw = BY_NAME["postfix-unknown"]
    (once,) = read_bounce(raw, ROW_OF, AT)
    (again,) = read_bounce(b"Received: from backup.rihla.example\r\n" + raw, ROW_OF, AT)
    (later,) = read_bounce(raw.replace(b"4Zq1xZ0Gk2z1c@", b"4Zq1xZ0Gk2z1d@"), ROW_OF, AT)
    assert once.event == again.event != later.event
    several = read_bounce(BY_NAME["postfix-several"], ROW_OF, AT)
    assert len({one.event for one in several}) == 2


def test_token_of_another_purpose_is_no_envelope() -> None:
    """The token of a click link, which everybody sees who is shown the link, names no row here."""
    click = TOKENS.make(Purpose.CLICK, "4711")
    assert ROW_OF(f"bounce+{click}@rihla.example") is None
    assert ROW_OF(f"https://x.example/u/{click}") is None
    envelope = TOKENS.make(Purpose.ENVELOPE, "4711")
    assert ROW_OF(f"<bounce+{envelope}@rihla.example>") == 4711
    assert ROW_OF(f'"bounce+{envelope}"@rihla.example') == 4711
    assert ROW_OF(f"SRS0=hash=tt=rihla.example=bounce+{envelope}@forwarder.example") == 4711
    assert ROW_OF(f"bounce+{envelope}x@rihla.example") is None
    assert ROW_OF(f"bounce+{TOKENS.make(Purpose.ENVELOPE, 'contact')}@rihla.example") is None


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("rfc822; sara@x.example", "sara@x.example"),
        ("RFC822;<sara@x.example>", "sara@x.example"),
        (r"utf-8; \x{0633}\x{0627}@x.example", "سا@x.example"),
        ("rfc822; /var/mail/sara", ""),
        (r"utf-8; a\x{000A}Bcc: b@x.example", ""),
        ("rfc822; a@x.example, b@x.example", ""),
        ("", ""),
    ],
)
def test_address_of_a_report_is_one_address(text: str, address: str) -> None:
    """With its type, in brackets, with characters written as numbers; nothing that is not exactly one address."""
    assert address_of(text) == address


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=4000))
def test_any_octets_give_a_list(raw: bytes) -> None:
    """No exception, and nothing that counts."""
    assert read_bounce(raw, ROW_OF, AT) == []


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_broken_report_gives_a_list_and_never_another_row(data: st.DataObject) -> None:
    """A real report with octets cut out, put in and doubled: no exception, and only the row that the token names."""
    raw = bytearray(data.draw(st.sampled_from(sorted(BY_NAME.items())))[1])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw)))
        to = min(len(raw), at + data.draw(st.integers(0, 300)))
        raw[at:to] = data.draw(st.one_of(st.binary(max_size=30), st.just(bytes(raw[at:to]) * 3)))
    for found in read_bounce(bytes(raw), ROW_OF, AT):
        assert found.row in {4711, 4712}
        assert isinstance(found.kind, Kind)
        assert "\n" not in (found.recipient or "") + found.detail


def hostile() -> dict[str, bytes]:
    """Return mails that hang or break parsers, a megabyte each."""
    many = b"".join(b"--b\nContent-Type: message/delivery-status\n\nAction: failed\n\n" for _ in range(10_000))
    nested = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(10_000))
    mixed = b"Content-Type: multipart/mixed; boundary=b\n\n"
    status = b"Content-Type: message/delivery-status\n\n"
    return {
        "parts": mixed + many,
        "nested": nested + b"\n" * 500_000,
        "same boundary in itself": (mixed + b"--b\n") * 15_000,
        "lone boundaries": mixed + b"--b\n" * 250_000,
        "header lines": b"X: y\n" * 200_000,
        "folded": b"X: y\n" + b" \n" * 500_000,
        "one header": b"To: " + b"bounce+" * 140_000,
        "quotes": b"Content-Type: multipart/mixed" + b';boundary="' * 90_000,
        "blocks": status + b"Final-Recipient: rfc822; a@b\n\n" * 30_000,
        "recipient": status + b"Final-Recipient: rfc822; " + b"<" * 900_000 + b"@\nAction: failed\n",
        "nothing but NULs": b"\0" * MAX_OCTETS,
        "qmail": b"\nHi. This is the qmail-send program\n\n" + b"<a@b>:\n\n" * 120_000,
        "exim": b"\nThis message was created automatically by mail delivery software\n" + b"  a@b\n" * 160_000,
        "base64": status.replace(b"\n\n", b"\nContent-Transfer-Encoding: base64\n\n") + b"=" * 900_000,
        "spaces": b"\n".join([b" " * 1000] * 1000),
        "endless": b"A" * 3 * MAX_OCTETS,
    }


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", sorted(hostile()))
def test_hostile_mail_takes_no_time(name: str) -> None:
    """A megabyte of what hangs parsers gives an answer; the time limit is the assertion."""
    assert read_report(hostile()[name], ROW_OF, AT).feedback == ()
