"""What is said to a mail server, line by line, and what each answer comes to. The server is scripted."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lifecycle.base.clock import ManualClock
from lifecycle.base.errors import MisconfiguredError
from lifecycle.providers import smtp, smtp_session
from lifecycle.providers.base import Ending, Outcome, Outgoing
from lifecycle.providers.feedback import Kind, bounce_kind
from lifecycle.providers.smtp import IDLE_S, SmtpProvider, SmtpUrl
from sendable import always, outgoing
from smtp_script import MUTE, ScriptedSmtp
from terminal import eventually

#: A name of this machine to which a password is never sent in the clear.
ELSEWHERE = "127.0.0.2"


def made_certificate(folder: Path, name: str) -> ssl.SSLContext:
    """Write a certificate that signs itself to `FOLDER/NAME.pem`, and return a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    try:
        also: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        also = x509.DNSName(name)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2050, 1, 1, tzinfo=dt.UTC))
        .add_extension(x509.SubjectAlternativeName([also]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    kinds = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(key.private_bytes(*kinds))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Return a server's context whose certificate this process trusts, for ELSEWHERE alone."""
    context = made_certificate(tmp_path, ELSEWHERE)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / f"{ELSEWHERE}.pem"))
    return context


def send(server: ScriptedSmtp, *mails: Outgoing, url: str = "") -> list[Outcome]:
    """Send them, one by default, over one connection."""
    provider = SmtpProvider((url or "smtp://127.0.0.1:{}").format(server.port), helo="shop.example")
    try:
        return provider.send(mails or [outgoing(1)], always)
    finally:
        provider.close()


@pytest.fixture
def server() -> Iterator[ScriptedSmtp]:
    """Yield a server that offers nothing."""
    with ScriptedSmtp() as made:
        yield made


def test_one_mail_is_these_lines(server: ScriptedSmtp) -> None:
    """Without extensions no option is used and each answer is waited for; it ends with QUIT."""
    assert send(server, outgoing(1), outgoing(2))[1].ending is Ending.ACCEPTED
    assert server.told == [
        "ehlo shop.example",
        "MAIL FROM:<bounce+1@shop.example>", "RCPT TO:<c1@example.org>", "DATA",
        "MAIL FROM:<bounce+2@shop.example>", "RCPT TO:<c2@example.org>", "DATA",
        "quit",
    ]  # fmt: skip
    assert (server.early, server.connections) == (False, 1)
    assert server.mails[0] == outgoing(1).data


def test_offered_pipelining_is_used() -> None:
    """The three commands of a mail leave together: this server answers none of them before it has all."""
    with ScriptedSmtp("PIPELINING") as server:
        assert [one.ending for one in send(server, outgoing(1), outgoing(2))] == [Ending.ACCEPTED] * 2
        assert len(server.mails) == 2


def test_size_is_declared_and_a_mail_too_large_is_refused_before_its_content() -> None:
    """Where SIZE is offered, MAIL says how many bytes come; nobody's address is to blame for the refusal."""
    mail = outgoing(1)
    with ScriptedSmtp("SIZE 100", answers={"MAIL": ["552 5.3.4 too large", "250 ok"]}) as server:
        first, second = send(server, mail, outgoing(2))
        assert server.told[1] == f"MAIL FROM:<bounce+1@shop.example> SIZE={len(mail.data)}"
        assert (first.ending, second.ending) == (Ending.REJECTED, Ending.ACCEPTED)
        assert bounce_kind(first.enhanced, first.code) is Kind.BLOCKED
        assert len(server.mails) == 1


ARABIC = outgoing(1, "سارة@example.org")
EIGHT_BIT = replace(outgoing(1), data="Subject: ملا\r\n\r\nx\r\n".encode())


@pytest.mark.parametrize(
    ("mail", "offers", "ending", "options"),
    [
        (outgoing(1), ("8BITMIME", "SMTPUTF8"), Ending.ACCEPTED, ""),
        (ARABIC, ("8BITMIME", "SMTPUTF8"), Ending.ACCEPTED, " SMTPUTF8 BODY=8BITMIME"),
        (ARABIC, ("8BITMIME",), Ending.REJECTED, None),
        (ARABIC, ("SMTPUTF8",), Ending.REJECTED, None),
        (EIGHT_BIT, ("8BITMIME",), Ending.ACCEPTED, " BODY=8BITMIME"),
        (EIGHT_BIT, (), Ending.REJECTED, None),
    ],
)
def test_extensions_are_used_when_they_are_needed_and_offered(
    mail: Outgoing, offers: tuple[str, ...], ending: Ending, options: str | None
) -> None:
    """Our mails are 7-bit. What is not goes only to a server that says it takes it; the others hear nothing of it."""
    with ScriptedSmtp(*offers) as server:
        outcome = send(server, mail)[0]
        said = [line.partition(">")[2] for line in server.told if line.startswith("MAIL")]
    assert outcome.ending is ending
    assert said == ([] if options is None else [options])


@pytest.mark.parametrize(
    ("answer", "ending", "kind"),
    [
        ("450 4.2.1 busy", Ending.DEFERRED, Kind.SOFT), ("452 4.2.2 mailbox full", Ending.DEFERRED, Kind.SOFT),
        ("451 4.7.1 greylisted", Ending.DEFERRED, Kind.SOFT), ("451 4.4.1 no answer", Ending.DEFERRED, Kind.SOFT),
        ("450 later", Ending.DEFERRED, Kind.SOFT), ("550 5.1.1 no such user", Ending.REJECTED, Kind.HARD),
        ("550 5.1.10 null MX", Ending.REJECTED, Kind.HARD), ("550 5.2.1 disabled", Ending.REJECTED, Kind.HARD),
        ("552 5.2.2 mailbox full", Ending.REJECTED, Kind.SOFT), ("550 5.7.1 policy", Ending.REJECTED, Kind.BLOCKED),
        ("554 5.7.26 no DMARC", Ending.REJECTED, Kind.BLOCKED), ("550 5.4.1 no route", Ending.REJECTED, Kind.BLOCKED),
        ("550 no", Ending.REJECTED, Kind.BLOCKED), ("553 5.1.3 syntax", Ending.REJECTED, Kind.HARD),
        ("530 5.7.0 log in first", Ending.MISCONFIGURED, Kind.BLOCKED),
        ("550-5.7.1 in three\n550-5.7.1 lines of\n550 5.7.1 words", Ending.REJECTED, Kind.BLOCKED),
    ],
)  # fmt: skip
def test_answer_to_the_recipient_is_classified(answer: str, ending: Ending, kind: Kind) -> None:
    """The reply code decides about the mail, the enhanced one about the address."""
    with ScriptedSmtp(answers={"RCPT": [answer, "250 ok"]}) as server:
        outcome = send(server, outgoing(1), outgoing(2))[0]
        assert (outcome.ending, outcome.code) == (ending, int(answer[:3]))
        assert bounce_kind(outcome.enhanced, outcome.code) is kind
        assert len(server.mails) == (0 if ending is Ending.MISCONFIGURED else 1)
        if "lines" in answer:
            assert "in three 5.7.1 lines of 5.7.1 words" in outcome.detail


@pytest.mark.parametrize("answers", [{"GREETING": "421 4.3.2 busy"}, {"GREETING": "554 no"}, {"EHLO": "421 4.3.2 no"}])
def test_server_that_does_not_let_us_begin_is_nobodys_mail(answers: dict[str, str]) -> None:
    """At the greeting or EHLO: every mail comes back untouched, and the provider pauses."""
    with ScriptedSmtp(answers=answers) as server:
        outcomes = send(server, outgoing(1), outgoing(2))
        assert [one.ending for one in outcomes] == [Ending.MISCONFIGURED] * 2
        assert server.mails == []


@pytest.mark.parametrize("answer", ["250 2.0.0 taken!", "421 4.7.0 enough for one connection"])
def test_server_that_ends_the_connection_after_some_mails_gets_the_next_over_a_new_one(answer: str) -> None:
    """It hangs up after its answer to the dot, or says 421 at the next MAIL: no mail is lost, none is sent twice."""
    script: dict[str, list[str]] = {".": ["250 2.0.0 taken", answer, "250 2.0.0 taken"]}
    if answer.startswith("421"):
        script = {"MAIL": ["250 ok", "250 ok", answer, "250 ok"]}
    with ScriptedSmtp(answers=script) as server:
        assert [one.ending for one in send(server, *map(outgoing, (1, 2, 3)))] == [Ending.ACCEPTED] * 3
        assert (len(server.mails), server.connections) == (3, 2)


def test_idle_connection_is_left_before_the_server_ends_it(server: ScriptedSmtp, clock: ManualClock) -> None:
    """After a minute it is closed with QUIT, and the next mail takes a new one."""
    provider = SmtpProvider(f"smtp://127.0.0.1:{server.port}", clock=clock)
    for seconds, connections in ((0, 1), (IDLE_S, 1), (IDLE_S + 1, 2)):
        clock.advance(dt.timedelta(seconds=seconds))
        assert provider.send([outgoing(1)], always)[0].ending is Ending.ACCEPTED
        assert server.connections == connections
    provider.close()
    assert server.verbs().count("QUIT") == 2


def test_waits_are_those_of_the_rfc() -> None:
    """Source: RFC 5321 4.5.3.2. None is shorter than it asks for; TCP itself is not its business."""
    assert smtp.GREETING_TIMEOUT_S >= 300
    assert smtp_session.COMMAND_TIMEOUT_S >= 300
    assert smtp_session.DOT_TIMEOUT_S >= 600


def test_greeting_is_waited_for_longer_than_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that looks us up first is slow to greet, and is no dead one."""
    monkeypatch.setattr(smtp, "CONNECT_TIMEOUT_S", 0.1)
    with ScriptedSmtp(late_s=0.3) as server:
        assert send(server)[0].ending is Ending.ACCEPTED


@pytest.mark.parametrize(
    ("verb", "ending"),
    [
        ("GREETING", Ending.MISCONFIGURED), ("EHLO", Ending.MISCONFIGURED), ("MAIL", Ending.DEFERRED),
        ("RCPT", Ending.DEFERRED), ("DATA", Ending.DEFERRED), (".", Ending.UNKNOWN),
    ],
)  # fmt: skip
def test_answer_that_does_not_come_in_time(verb: str, ending: Ending, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the dot has left nothing was accepted; after it nobody knows."""
    for module, name in (
        (smtp, "GREETING_TIMEOUT_S"),
        (smtp_session, "COMMAND_TIMEOUT_S"),
        (smtp_session, "DOT_TIMEOUT_S"),
    ):
        monkeypatch.setattr(module, name, 0.1)
    with ScriptedSmtp(answers={verb: MUTE}) as server:
        assert send(server)[0].ending is ending


@pytest.mark.parametrize(
    ("verb", "ending"),
    [
        ("GREETING", Ending.MISCONFIGURED), ("MAIL", Ending.NOT_BEGUN), ("DATA", Ending.NOT_BEGUN),
        (".", Ending.UNKNOWN),
    ],
)  # fmt: skip
def test_hanging_up_ends_every_wait(verb: str, ending: Ending) -> None:
    """From another thread, when the process is told to end: what was not accepted is as if it had not begun."""
    with ScriptedSmtp(answers={verb: MUTE}) as server:
        provider = SmtpProvider(f"smtp://127.0.0.1:{server.port}")
        outcomes: list[Outcome] = []
        sending = threading.Thread(target=lambda: outcomes.extend(provider.send([outgoing(1)], always)))
        sending.start()
        eventually(
            lambda: (
                server.mails if verb == "." else verb in server.verbs() or (verb == "GREETING" and server.connections)
            )
        )
        while sending.is_alive():  # a connection that is just being made is cut the next time
            provider.hang_up()
            sending.join(0.05)
        provider.close()
        assert [one.ending for one in outcomes] == [ending]


# ---------------------------------------------------------------- TLS and passwords


@pytest.mark.parametrize("scheme", ["smtp", "smtp+starttls", "smtps"])
def test_password_goes_over_tls(scheme: str, trusted: ssl.SSLContext) -> None:
    """STARTTLS where it is offered or insisted on, TLS from the start; EHLO again inside; then AUTH."""
    offers = () if scheme == "smtps" else ("STARTTLS",)
    with ScriptedSmtp(
        *offers, "AUTH PLAIN", tls=trusted, tls_at_once=scheme == "smtps", password="p:w", host=ELSEWHERE
    ) as server:
        url = f"{scheme}://me%40shop:p%3Aw@{ELSEWHERE}:{{}}"
        assert send(server, url=url)[0].ending is Ending.ACCEPTED
        begin = ["EHLO", "AUTH"] if scheme == "smtps" else ["EHLO", "STARTTLS", "EHLO", "AUTH"]
        assert server.verbs() == [*begin, "MAIL", "RCPT", "DATA", "QUIT"]


@pytest.mark.parametrize(
    ("scheme", "offers", "words"),
    [("smtp+starttls", (), "offers no STARTTLS"), ("smtp", (), "offers no encryption"), ("smtp", ("STARTTLS",), "454")],
)
def test_password_never_goes_in_the_clear(scheme: str, offers: tuple[str, ...], words: str) -> None:
    """Not offered, or refused when asked for: the mails wait, and the server has heard no password."""
    with ScriptedSmtp(*offers, "AUTH PLAIN", answers={"STARTTLS": "454 4.7.0 not now"}, host=ELSEWHERE) as server:
        outcome = send(server, url=f"{scheme}://me:secret@{ELSEWHERE}:{{}}")[0]
        assert outcome.ending is Ending.MISCONFIGURED
        assert words in outcome.detail
        assert "AUTH" not in server.verbs()


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
@pytest.mark.parametrize("fault", ["another name", "not trusted"])
def test_certificate_that_is_not_the_servers_is_refused(
    scheme: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody is in between: neither password nor mail."""
    name = "mail.example" if fault == "another name" else ELSEWHERE
    context = made_certificate(tmp_path, name)
    if fault == "another name":
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / f"{name}.pem"))
    with ScriptedSmtp("STARTTLS", "AUTH PLAIN", tls=context, tls_at_once=scheme == "smtps", host=ELSEWHERE) as server:
        outcome = send(server, url=f"{scheme}://me:secret@{ELSEWHERE}:{{}}")[0]
        assert outcome.ending is Ending.MISCONFIGURED
        assert "certificate" in outcome.detail
        assert "AUTH" not in server.verbs()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
@pytest.mark.parametrize("password", ["right", "wrong"])
def test_login(mechanism: str, password: str) -> None:
    """By what the server offers. A wrong password is an operator's mistake: nothing is lost, nothing is shown of it."""
    with ScriptedSmtp(f"AUTH {mechanism}", password="right") as server:
        outcomes = send(server, outgoing(1), outgoing(2), url=f"smtp://me:{password}@127.0.0.1:{{}}")
        right = password == "right"
        assert [one.ending for one in outcomes] == [Ending.ACCEPTED if right else Ending.MISCONFIGURED] * 2
        assert right or ("535" in outcomes[0].detail and "wrong" not in outcomes[0].detail)
        assert len(server.mails) == (2 if right else 0)


def test_check_says_why_it_cannot_get_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """`doctor` waits for a mute server too, but not for as long as the RFC lets a mail wait."""
    monkeypatch.setattr(smtp, "CHECK_TIMEOUT_S", 0.1)
    with ScriptedSmtp(answers={"GREETING": MUTE}) as server, pytest.raises(MisconfiguredError, match="timed out"):
        SmtpProvider(f"smtp://127.0.0.1:{server.port}").check()


def test_address_of_the_sixth_version() -> None:
    """Brackets in the URL and in what is shown."""
    url = SmtpUrl.parse("smtps://me:p%40ss%2Fw%5Bo%5Drd@[2001:db8::1]:2465")
    assert (url.host, url.port, url.password, str(url)) == (
        "2001:db8::1", 2465, "p@ss/w[o]rd", "smtps://[2001:db8::1]:2465",
    )  # fmt: skip
    try:
        server = ScriptedSmtp(host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        assert send(server, url="smtp://[::1]:{}")[0].ending is Ending.ACCEPTED
