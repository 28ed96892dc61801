"""One suite over every provider: whatever it speaks, it keeps the contract of `providers.base`."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from lifecycle.base.errors import MisconfiguredError, SettingsError
from lifecycle.providers.base import Ending, Outgoing, Provider
from lifecycle.providers.folder import FolderProvider
from lifecycle.providers.memory import MemoryProvider
from lifecycle.providers.smtp import SmtpProvider, SmtpUrl
from mail_apis import MailApi, postmark, ses
from sendable import always, outgoing
from servers import Rule, Sink


class Box:
    """A provider and a way to read what it accepted: (Message-ID, recipient, bytes of the mail)."""

    def __init__(self, provider: Provider, folder: Path, sink: Sink | None = None) -> None:
        self.provider = provider
        self.folder = folder
        self.sink = sink

    def accepted(self) -> list[bytes]:
        """Return the accepted mails."""
        if isinstance(self.provider, MemoryProvider):
            return [mail.data for mail in self.provider.accepted]
        return [path.read_bytes() for path in sorted(self.folder.glob("*.eml"))]


@pytest.fixture(params=["memory", "folder", "smtp", "smtp-pipelined", "ses", "postmark"])
def box(request: Any, tmp_path: Path) -> Iterator[Box]:
    """Yield each provider in turn, with a real server behind SMTP and HTTP."""
    match request.param:
        case "memory":
            yield Box(MemoryProvider(), tmp_path)
        case "folder":
            yield Box(FolderProvider(tmp_path), tmp_path)
        case "ses" | "postmark":
            with MailApi(tmp_path) as api:
                http = ses(api) if request.param == "ses" else postmark(api)
                yield Box(http, tmp_path)
                http.close()
        case _:
            with Sink(tmp_path, keep=True, pipelining=request.param == "smtp-pipelined") as sink:
                provider = SmtpProvider(sink.url)
                yield Box(provider, tmp_path, sink)
                provider.close()


def test_each_mail_gets_one_outcome_in_order(box: Box) -> None:
    """Three mails, three outcomes, for the same rows in the same order."""
    outcomes = box.provider.send([outgoing(row) for row in (3, 1, 2)], always)
    assert [(one.row, one.ending) for one in outcomes] == [(row, Ending.ACCEPTED) for row in (3, 1, 2)]
    assert len(box.accepted()) == 3


def test_mail_arrives_as_it_was_built(box: Box) -> None:
    """Lines that begin with a dot, Arabic, and an empty line at the end come through."""
    text = ".one\n..two\n.\nثلاثة\n\n"
    box.provider.send([outgoing(1, text=text)], always)
    parsed: Any = message_from_bytes(box.accepted()[0], policy=default)
    assert parsed.get_body(("plain",)).get_content().replace("\r\n", "\n") == text
    assert parsed["Subject"] == "مرحبا"
    assert parsed["From"].addresses[0].display_name == "رحلة"


def test_what_may_not_begin_is_not_sent(box: Box) -> None:
    """When the lease is lost after the first mail, the others are handed back unsent."""
    asked = iter([True, True, False, False])
    outcomes = box.provider.send([outgoing(row) for row in (1, 2, 3)], lambda: next(asked))
    endings = [one.ending for one in outcomes]
    assert endings[0] is Ending.ACCEPTED
    assert endings[-1] is Ending.NOT_BEGUN
    assert len(box.accepted()) == endings.count(Ending.ACCEPTED)


def test_closing_is_not_the_end(box: Box) -> None:
    """A closed provider opens again when it is used again."""
    box.provider.send([outgoing(1)], always)
    box.provider.close()
    assert box.provider.send([outgoing(2)], always)[0].ending is Ending.ACCEPTED
    box.provider.check()


def test_reference_is_the_providers_own_name_for_the_mail(box: Box) -> None:
    """Where there is one: SMTP servers give none."""
    outcomes = box.provider.send([outgoing(1), outgoing(2)], always)
    refs = {one.ref for one in outcomes}
    assert refs == {None} if box.provider.name == "smtp" else len(refs - {None}) == 2


def test_name_is_what_a_sender_chooses_by(box: Box, request: pytest.FixtureRequest) -> None:
    """`senders.NAME.provider` is the name of the file."""
    assert box.provider.name == request.node.callspec.params["box"].removesuffix("-pipelined")
    assert type(box.provider).__module__ == f"lifecycle.providers.{box.provider.name}"


def test_threads_share_a_provider(box: Box) -> None:
    """Four threads at once: each mail is accepted once."""
    with ThreadPoolExecutor(4) as pool:
        batches = [[outgoing(first + row) for row in range(5)] for first in (10, 20, 30, 40)]
        outcomes = [one for each in pool.map(lambda batch: box.provider.send(batch, always), batches) for one in each]
    assert [one.ending for one in outcomes] == [Ending.ACCEPTED] * 20
    assert len(box.accepted()) == 20


def test_empty_batch_is_no_work(box: Box) -> None:
    """No mails, no outcomes."""
    assert box.provider.send([], always) == []


def test_resend_is_visible_in_a_folder(tmp_path: Path) -> None:
    """A second mail of one Message-ID never replaces the first."""
    provider = FolderProvider(tmp_path)
    provider.send([outgoing(1), outgoing(1)], always)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["id1@shop.example.2.eml", "id1@shop.example.eml"]


def test_folder_that_cannot_be_written_is_misconfigured(tmp_path: Path) -> None:
    """A file where the folder should be: nothing is sent, nothing is lost, the error names the place."""
    place = tmp_path / "mails"
    place.write_text("in the way")
    outcomes = FolderProvider(place).send([outgoing(1), outgoing(2)], always)
    assert [one.ending for one in outcomes] == [Ending.MISCONFIGURED] * 2
    assert "mails" in outcomes[0].detail


@pytest.mark.parametrize("pipelining", [False, True])
@pytest.mark.parametrize("at", ["mail", "rcpt", "data", "dot"])
@pytest.mark.parametrize(
    ("answer", "ending"),
    [
        ("451 4.3.0 later", Ending.DEFERRED), ("550 5.1.1 no such user", Ending.REJECTED),
        ("421 4.3.2 going down", Ending.DEFERRED),
    ],
)  # fmt: skip
def test_refusal_is_classified_and_the_neighbours_pass(
    tmp_path: Path, at: str, answer: str, ending: Ending, *, pipelining: bool
) -> None:
    """4xx and 5xx at every stage decide about one mail; those before and after it arrive."""
    match = "bounce+2" if at == "mail" else "c2@"
    with Sink(tmp_path, Rule(at, answer, match=match), pipelining=pipelining) as sink:
        provider = SmtpProvider(sink.url)
        outcomes = provider.send([outgoing(row) for row in (1, 2, 3)], always)
        provider.close()
        assert [one.ending for one in outcomes] == [Ending.ACCEPTED, ending, Ending.ACCEPTED]
        assert outcomes[1].code == int(answer[:3])
        assert outcomes[1].enhanced == answer[4:9]
        assert [mail.recipients for mail in sink.accepted()] == [["c1@example.org"], ["c3@example.org"]]


@pytest.mark.parametrize("pipelining", [False, True])
@pytest.mark.parametrize("at", ["mail", "rcpt", "data"])
def test_connection_lost_before_the_content_is_no_acceptance(tmp_path: Path, at: str, *, pipelining: bool) -> None:
    """A server that hangs up on the envelope accepted nothing; the mail may go again."""
    match = "bounce+1" if at == "mail" else "c1@"
    with Sink(tmp_path, Rule(at, "drop", match=match), pipelining=pipelining) as sink:
        provider = SmtpProvider(sink.url)
        outcomes = provider.send([outgoing(1), outgoing(2)], always)
        provider.close()
        assert [one.ending for one in outcomes] == [Ending.DEFERRED, Ending.ACCEPTED]
        assert len(sink.accepted()) == 1


@pytest.mark.parametrize("keep", [False, True])
def test_connection_lost_after_the_dot_is_unknown(tmp_path: Path, *, keep: bool) -> None:
    """Whether the server kept it or not, it cannot be told; the provider never tries again by itself."""
    with Sink(tmp_path, Rule("dot", "drop", match="c1@", keep=keep)) as sink:
        provider = SmtpProvider(sink.url)
        outcomes = provider.send([outgoing(1), outgoing(2)], always)
        provider.close()
        assert [one.ending for one in outcomes] == [Ending.UNKNOWN, Ending.ACCEPTED]
        assert len(sink.accepted()) == 1 + keep


def test_idle_connection_that_died_is_opened_again(tmp_path: Path) -> None:
    """The server hung up between two batches: the next mail goes over a new connection and nobody notices."""
    with Sink(tmp_path, Rule("mail", "421 4.4.2 idle too long", match="bounce+2", times=1)) as sink:
        provider = SmtpProvider(sink.url)
        provider.send([outgoing(1)], always)
        assert provider.send([outgoing(2)], always)[0].ending is Ending.ACCEPTED
        provider.close()


def test_wrong_port_is_misconfigured_and_says_so(tmp_path: Path) -> None:
    """Nothing listens there: every mail comes back, with a message that names the server and a hint."""
    with Sink(tmp_path) as sink:
        port = sink.port
    provider = SmtpProvider(f"smtp://127.0.0.1:{port}")
    outcomes = provider.send([outgoing(1), outgoing(2)], always)
    assert [one.ending for one in outcomes] == [Ending.MISCONFIGURED] * 2
    assert f"127.0.0.1:{port}" in outcomes[0].detail
    assert "LIFECYCLE_SMTP_URL" in outcomes[0].detail
    with pytest.raises(MisconfiguredError):
        provider.check()


def test_authentication_that_is_not_offered_is_misconfigured(tmp_path: Path) -> None:
    """A password for a server that takes none is an operator's mistake, not the mails'."""
    with Sink(tmp_path) as sink:
        provider = SmtpProvider(f"smtp://user:secret@127.0.0.1:{sink.port}")
        outcomes = provider.send([outgoing(1)], always)
        assert outcomes[0].ending is Ending.MISCONFIGURED
        assert "secret" not in outcomes[0].detail


def test_internationalised_address_is_sent_with_smtputf8(tmp_path: Path) -> None:
    """An Arabic local part passes where the server takes it; an IDN domain passes anywhere, as A-labels."""
    with Sink(tmp_path) as sink:
        provider = SmtpProvider(sink.url)
        outcomes = provider.send([outgoing(1, "سارة@example.org"), outgoing(2, "a@مثال.example")], always)
        provider.close()
        assert [one.ending for one in outcomes] == [Ending.ACCEPTED] * 2
        assert [mail.recipients[0] for mail in sink.accepted()] == ["سارة@example.org", "a@xn--mgbh0fb.example"]


def test_line_break_in_an_address_reaches_no_server(tmp_path: Path) -> None:
    """One envelope recipient, ever: an address cannot smuggle a second command."""
    with Sink(tmp_path) as sink:
        provider = SmtpProvider(sink.url)
        good = outgoing(1)
        bad = Outgoing(2, "id2@x", good.envelope_sender, "a@b.example>\r\nRCPT TO:<evil@b.example", good.data)
        assert [one.ending for one in provider.send([bad, good], always)] == [Ending.REJECTED, Ending.ACCEPTED]
        provider.close()
        assert [mail.recipients for mail in sink.accepted()] == [["c1@example.org"]]


@pytest.mark.parametrize("url", ["http://x", "smtp://", "smtp://host:port", "nonsense"])
def test_url_that_cannot_be_read_is_a_settings_error(url: str) -> None:
    """A mistyped URL says what one looks like."""
    with pytest.raises(SettingsError) as caught:
        SmtpUrl.parse(url)
    assert "smtps://" in caught.value.hint


def test_url_hides_the_password() -> None:
    """The URL as text, which goes into logs, has no credentials."""
    parsed = SmtpUrl.parse("smtps://me%40x:p%3Aw@mail.example")
    assert (parsed.user, parsed.password, parsed.port) == ("me@x", "p:w", 465)
    assert str(parsed) == "smtps://mail.example:465"
    assert "p:w" not in repr(parsed)
