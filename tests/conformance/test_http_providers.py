"""SES and Postmark before a server that speaks their recorded answers: what each answer, and each silence, means."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from lifecycle.base.clock import ManualClock, SystemClock
from lifecycle.base.errors import MisconfiguredError, SettingsError
from lifecycle.deliver.mime import Mail, build
from lifecycle.deliver.sign import Signer
from lifecycle.providers.base import Ending, Outgoing, Provider
from lifecycle.providers.http_session import IDLE_S, fetch
from lifecycle.providers.postmark import PostmarkProvider, as_json
from mail_apis import MailApi, Reply, postmark, ses
from sendable import always, outgoing
from sns import certificate, key

Make = Callable[..., Provider]
BOTH = pytest.mark.parametrize("make", [ses, postmark])

#: Status and names as in SES's documentation (API v2 "SendEmail, Errors", "Common errors", Developer Guide "Amazon SES
#: email sending errors"); some words are abridged.
SES_ANSWERS = [
    (429, "TooManyRequestsException", "Maximum sending rate exceeded.", Ending.DEFERRED),
    (400, "ThrottlingException", "Maximum sending rate exceeded.", Ending.DEFERRED),
    (400, "TooManyRequestsException", "Daily message quota exceeded.", Ending.MISCONFIGURED),
    (400, "LimitExceededException", "Daily message quota exceeded.", Ending.MISCONFIGURED),
    (503, "ServiceUnavailable", "Service is temporarily unavailable.", Ending.DEFERRED),
    (400, "MessageRejected", "Transaction failed: Message contains a virus", Ending.REJECTED),
    (400, "BadRequestException", "Illegal address", Ending.REJECTED),
    (
        400, "MessageRejected", ("Email address is not verified. The following identities failed the check in region "
        "EU-WEST-1: hello@shop.example"), Ending.MISCONFIGURED,
    ),
    (400, "MailFromDomainNotVerifiedException", "The MAIL FROM domain is not verified.", Ending.MISCONFIGURED),
    (400, "AccountSuspendedException", "Account is suspended.", Ending.MISCONFIGURED),
    (400, "MessageRejected", "Sending suspended for this account.", Ending.MISCONFIGURED),
    (400, "SendingPausedException", "Email sending is disabled for your account.", Ending.MISCONFIGURED),
    (404, "NotFoundException", "Configuration set <shop> does not exist.", Ending.MISCONFIGURED),
    (403, "InvalidClientTokenId", "The security token included in the request is invalid.", Ending.MISCONFIGURED),
    (403, "SignatureDoesNotMatch", "Signature expired: 20261101T000000Z is now earlier.", Ending.MISCONFIGURED),
    (500, "InternalFailure", "The request processing has failed because of an unknown error.", Ending.UNKNOWN),
    (502, "", "<html>Bad Gateway</html>", Ending.UNKNOWN),
    (503, "", "<html>Service Unavailable</html>", Ending.UNKNOWN),
]  # fmt: skip

#: Status and codes as in Postmark's documentation ("HTTP response codes", "API error codes"); some words are abridged.
POSTMARK_ANSWERS = [
    (429, 0, "Rate limit exceeded", Ending.DEFERRED),
    (503, 100, "The Postmark API is offline for maintenance.", Ending.DEFERRED),
    (422, 300, "Invalid 'To' address: 'c2@example.org'.", Ending.REJECTED),
    (422, 300, "Invalid 'From' address: 'hello@shop.example'.", Ending.MISCONFIGURED),
    (
        422, 406, ("You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: "
        "c2@example.org. Inactive recipients are ones that have generated a hard bounce, a spam complaint, or a manual "
        "suppression."), Ending.REJECTED,
    ),
    (401, 10, "Bad or missing API token", Ending.MISCONFIGURED),
    (422, 400, "The 'From' address you supplied is not a Sender Signature.", Ending.MISCONFIGURED),
    (422, 401, "The 'From' address you supplied is not confirmed.", Ending.MISCONFIGURED),
    (422, 405, "Not allowed to send: you have run out of credits.", Ending.MISCONFIGURED),
    (422, 412, "Account is pending approval.", Ending.MISCONFIGURED),
    (422, 1235, "The stream provided: 'outbound' does not exist on this server.", Ending.MISCONFIGURED),
    (413, 0, "Payload Too Large", Ending.REJECTED),
    (500, 0, "Internal Server Error", Ending.UNKNOWN),
    (504, 0, "<html>Gateway Timeout</html>", Ending.UNKNOWN),
]  # fmt: skip


def endings(provider: Provider, *rows: int) -> list[Ending]:
    """Send mails and return how they ended."""
    found = [one.ending for one in provider.send([outgoing(row) for row in rows], always)]
    provider.close()
    return found


@pytest.mark.parametrize(("status", "error", "message", "ending"), SES_ANSWERS)
def test_each_refusal_of_ses_is_told_apart(
    tmp_path: Path, status: int, error: str, message: str, ending: Ending
) -> None:
    """One mail is refused; its neighbours arrive, unless it is nobody's fault: then the rest waits."""
    body = {"message": message} if error else message
    with MailApi(tmp_path, Reply(status, body, match="c2@", error=error)) as api:
        provider = ses(api)
        outcomes = provider.send([outgoing(row) for row in (1, 2, 3)], always)
        last = Ending.MISCONFIGURED if ending is Ending.MISCONFIGURED else Ending.ACCEPTED
        assert [one.ending for one in outcomes] == [Ending.ACCEPTED, ending, last]
        assert (outcomes[1].code, len(api.requests)) == (status, 2 if last is Ending.MISCONFIGURED else 3)
        if error:
            assert message in outcomes[1].detail
        provider.close()


@pytest.mark.parametrize(("status", "code", "message", "ending"), POSTMARK_ANSWERS)
def test_each_refusal_of_postmark_is_told_apart(
    tmp_path: Path, status: int, code: int, message: str, ending: Ending
) -> None:
    """One mail is refused; its neighbours arrive, unless it is nobody's fault: then the rest waits."""
    body = {"ErrorCode": code, "Message": message} if code else message
    with MailApi(tmp_path, Reply(status, body, match="c2@")) as api:
        provider = postmark(api)
        outcomes = provider.send([outgoing(row) for row in (1, 2, 3)], always)
        last = Ending.MISCONFIGURED if ending is Ending.MISCONFIGURED else Ending.ACCEPTED
        assert [one.ending for one in outcomes] == [Ending.ACCEPTED, ending, last]
        assert (outcomes[1].code, len(api.requests)) == (status, 2 if last is Ending.MISCONFIGURED else 3)
        provider.close()


@BOTH
@pytest.mark.parametrize("keep", [False, True])
def test_request_without_an_answer_is_unknown(tmp_path: Path, make: Make, *, keep: bool) -> None:
    """Whether the service kept it or not, it cannot be told; nothing is tried again, the next mail goes on."""
    with MailApi(tmp_path, Reply(match="c1@", keep=keep)) as api:
        assert endings(make(api), 1, 2) == [Ending.UNKNOWN, Ending.ACCEPTED]
        assert (len(api.requests), len(api.mails)) == (2, 1 + keep)


@BOTH
def test_answer_that_comes_too_late_is_unknown(tmp_path: Path, make: Make) -> None:
    """The answer to the first mail is never taken for the answer to the second."""
    with MailApi(tmp_path, Reply(match="c1@", late_s=30, keep=True)) as api:
        assert endings(make(api, answer_timeout_s=4), 1, 2) == [Ending.UNKNOWN, Ending.ACCEPTED]
        assert len(api.requests) == 2


@BOTH
def test_late_answer_in_time_is_an_answer(tmp_path: Path, make: Make) -> None:
    """Slow is not broken."""
    with MailApi(tmp_path, Reply(match="c1@", late_s=0.2, closes=True)) as api:
        assert endings(make(api), 1) == [Ending.ACCEPTED]


@BOTH
def test_connection_that_breaks_before_the_body_has_left_is_no_acceptance(tmp_path: Path, make: Make) -> None:
    """Half a request is none: a large mail, and a server that hangs up at its headers."""
    text = "a line of a very long mail\n" * 2_000_000
    with MailApi(tmp_path, Reply(at="headers", times=1)) as api:
        provider = make(api)
        outcomes = provider.send([outgoing(1, text=text), outgoing(2)], always)
        provider.close()
        assert [one.ending for one in outcomes] == [Ending.DEFERRED, Ending.ACCEPTED]
        assert len(api.mails) == 1


@BOTH
def test_connections_are_kept_and_idle_ones_that_died_are_opened_again(tmp_path: Path, make: Make) -> None:
    """Three mails, one connection; the server hangs up between two batches: no mail is lost on the dead one."""
    with MailApi(tmp_path) as api:
        provider = make(api)
        provider.send([outgoing(row) for row in (1, 2, 3)], always)
        assert api.connections == 1
        api.hang_up()
        assert [one.ending for one in provider.send([outgoing(4)], always)] == [Ending.ACCEPTED]
        assert api.connections == 2
        provider.close()


def test_connection_that_was_idle_for_long_is_not_trusted(tmp_path: Path) -> None:
    """A router between forgets it without a word: it is opened anew."""
    clock = ManualClock(datetime(2026, 11, 1, tzinfo=UTC))
    with MailApi(tmp_path) as api:
        provider = ses(api, clock=clock)
        provider.send([outgoing(1)], always)
        clock.advance(timedelta(seconds=IDLE_S + 1))
        provider.send([outgoing(2)], always)
        assert (api.connections, len(api.mails)) == (2, 2)
        provider.close()


@BOTH
def test_nobody_there_is_misconfigured_and_says_so(tmp_path: Path, make: Make) -> None:
    """Nothing listens: every mail comes back, with the address and the setting."""
    with MailApi(tmp_path) as api:
        provider = make(api)
    outcomes = provider.send([outgoing(1), outgoing(2)], always)
    assert [one.ending for one in outcomes] == [Ending.MISCONFIGURED] * 2
    assert api.url.removeprefix("http://") in outcomes[0].detail
    assert "LIFECYCLE_" in outcomes[0].detail
    with pytest.raises(MisconfiguredError):
        provider.check()


@BOTH
def test_server_without_a_certificate_that_we_trust_gets_nothing(tmp_path: Path, make: Make) -> None:
    """Neither a mail nor a key: somebody is in between."""
    pem, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    pem.write_bytes(certificate())
    kinds = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key_file.write_bytes(key().private_bytes(*kinds))
    with MailApi(tmp_path, certificate=(pem, key_file)) as api:
        provider = make(api)
        outcome = provider.send([outgoing(1)], always)[0]
        assert (outcome.ending, api.requests) == (Ending.MISCONFIGURED, [])
        assert "certificate" in outcome.detail
        with pytest.raises(OSError, match="certificate"):
            fetch(f"{api.url}/cert.pem")


@BOTH
@pytest.mark.parametrize(
    "recipient", ["سارة@example.org", "a@b.example, c@d.example", "a <b@c.example>", "a\r\n@b.c", "a@خ..م"]
)
def test_what_is_not_one_plain_address_is_refused(tmp_path: Path, make: Make, recipient: str) -> None:
    """Neither takes SMTPUTF8, which is said; and one recipient, ever: no address smuggles another in."""
    good = outgoing(1)
    smtputf8 = not recipient.rpartition("@")[0].isascii()
    bad = Outgoing(2, "id2@shop.example", good.envelope_sender, recipient, good.data, smtputf8)
    with MailApi(tmp_path) as api:
        provider = make(api)
        outcomes = provider.send([bad, good], always)
        provider.close()
        assert [one.ending for one in outcomes] == [Ending.REJECTED, Ending.ACCEPTED]
        assert ("SMTPUTF8" in outcomes[0].detail) == smtputf8
        assert len(api.requests) == 1


@BOTH
def test_international_domain_goes_as_a_labels(tmp_path: Path, make: Make) -> None:
    """Any server takes those."""
    with MailApi(tmp_path) as api:
        provider = make(api)
        assert provider.send([outgoing(1, "a@مثال.example")], always)[0].ending is Ending.ACCEPTED
        provider.close()
        request = api.requests[0]
        assert (request.get("To") or request["Destination"]["ToAddresses"][0]) == "a@xn--mgbh0fb.example"


class TestSes:
    """What is SES's own."""

    def test_bytes_are_ours_but_for_the_signature(self, tmp_path: Path) -> None:
        """SES replaces Message-ID and Date, so a signature over them would fail: it is left to SES."""
        mail = outgoing(1)
        signed = Outgoing(1, mail.message_id, mail.envelope_sender, mail.recipient, sign(mail.data))
        with MailApi(tmp_path) as api:
            provider = ses(api)
            provider.send([signed], always)
            provider.close()
            request = api.requests[0]
        assert signed.data.startswith(b"DKIM-Signature:")
        assert base64.b64decode(request["Content"]["Raw"]["Data"]) == mail.data
        assert request["FromEmailAddress"] == "hello@shop.example"
        assert request["Destination"] == {"ToAddresses": ["c1@example.org"]}

    def test_failures_come_by_mail_unless_a_topic_or_a_configuration_set_tells_them(self, tmp_path: Path) -> None:
        """Forwarding needs a verified envelope address, so it is asked for only where nothing else tells."""
        with MailApi(tmp_path) as api:
            for options in ({}, {"has_topic": True}, {"configuration_set": "shop"}):
                provider = ses(api, **options)
                provider.send([outgoing(1)], always)
                provider.close()
        first, second, third = api.requests
        assert first["FeedbackForwardingEmailAddress"] == "bounce+1@shop.example"
        assert "FeedbackForwardingEmailAddress" not in second | third
        assert third["ConfigurationSetName"] == "shop"

    @pytest.mark.parametrize(
        ("account", "words"),
        [
            ({"SendingEnabled": False, "ProductionAccessEnabled": True}, "does not let this account send"),
            ({"SendingEnabled": True, "ProductionAccessEnabled": False}, "sandbox"),
        ],
    )
    def test_check_sees_an_account_that_cannot_mail_everybody(
        self, tmp_path: Path, account: dict[str, Any], words: str
    ) -> None:
        """Paused, or still in the sandbox."""
        with MailApi(tmp_path) as api:
            api.account = account
            provider = ses(api)
            with pytest.raises(MisconfiguredError, match=words):
                provider.check()
            provider.close()

    def test_wrong_key_is_misconfigured_and_stays_secret(self, tmp_path: Path) -> None:
        """Neither the outcome nor any repr shows it."""
        with MailApi(tmp_path) as api:
            provider = ses(api, secret_key="not-the-secret")
            outcome = provider.send([outgoing(1)], always)[0]
            with pytest.raises(MisconfiguredError, match="SignatureDoesNotMatch"):
                provider.check()
            provider.close()
        assert outcome.ending is Ending.MISCONFIGURED
        assert "not-the-secret" not in repr(outcome) + repr(provider) + repr(vars(provider))


class TestPostmark:
    """What is Postmark's own."""

    def test_every_header_of_ours_is_carried_as_it_stands(self) -> None:
        """One-click, list, feedback, Message-ID and Date; the structure and the signature are Postmark's."""
        url = "https://mail.shop.example/u/" + "a" * 120
        data = sign(
            build(
                Mail(
                    message_id="id1@shop.example", date=datetime(2026, 11, 1, tzinfo=UTC), sender_name='رحلة "R"',
                    sender_address="hello@shop.example", recipient="c1@example.org", subject="مرحبا " * 30,
                    html="<p>مرحبا</p>\n", text="Hello\n.\n", reply_to="care@shop.example", unsubscribe_url=url,
                    list_id=("العروض", "offers.shop.example"), feedback_id="welcome:shop",
                )
            )
        )  # fmt: skip
        request = as_json(Outgoing(1, "id1@shop.example", "b@shop.example", "c1@example.org", data), "outbound")
        headers = {each["Name"]: each["Value"] for each in request["Headers"]}
        assert headers["List-Unsubscribe"] == f"<{url}>"
        assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert headers["Message-ID"] == "<id1@shop.example>"
        assert headers["X-PM-KeepID"] == "true"
        assert headers["Feedback-ID"] == "welcome:shop"
        assert headers["List-Id"].endswith("<offers.shop.example>")
        assert set(headers) == {
            "List-Unsubscribe", "List-Unsubscribe-Post", "Message-ID", "X-PM-KeepID", "Feedback-ID", "List-Id", "Date",
            "Auto-Submitted",
        }  # fmt: skip
        assert request["From"] == '"رحلة \\"R\\"" <hello@shop.example>'
        assert (request["Subject"], request["ReplyTo"]) == ("مرحبا " * 30, "care@shop.example")
        assert request["TextBody"].replace("\r\n", "\n") == "Hello\n.\n"
        assert request["HtmlBody"].replace("\r\n", "\n") == "<p>مرحبا</p>\n"
        assert (request["TrackOpens"], request["TrackLinks"], request["MessageStream"]) == (False, "None", "outbound")
        assert request["Metadata"] == {"message-id": "id1@shop.example"}

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ((b"To: ", b"Cc: other@example.org\r\nTo: "), "Cc"),
            ((b"multipart/alternative", b"multipart/mixed"), "multipart/mixed"),
            ((b"text/html", b"application/pdf"), "application/pdf"),
            ((b"text/html", b"text/plain"), "second body"),
            ((b'charset="utf-8"', b'charset="klingon"'), "charset"),
            ((b"From: ", b"X-From: "), "From"),
        ],
    )
    def test_what_it_cannot_carry_is_refused(self, tmp_path: Path, change: tuple[bytes, bytes], words: str) -> None:
        """Nothing is left out silently."""
        good = outgoing(1)
        bad = Outgoing(2, good.message_id, good.envelope_sender, good.recipient, good.data.replace(*change))
        with MailApi(tmp_path) as api:
            provider = postmark(api)
            outcomes = provider.send([bad, good], always)
            provider.close()
            assert [one.ending for one in outcomes] == [Ending.REJECTED, Ending.ACCEPTED]
            assert words in outcomes[0].detail
            assert len(api.requests) == 1

    def test_check_sees_a_wrong_token_a_sandbox_and_a_missing_stream(self, tmp_path: Path) -> None:
        """Each is said; the token is not."""
        with MailApi(tmp_path) as api:
            for options, words in (({"token": "wrong-one"}, "401"), ({"stream": "none"}, "1226")):
                provider = postmark(api, **options)
                with pytest.raises(MisconfiguredError, match=words) as caught:
                    provider.check()
                assert "wrong-one" not in caught.value.message + repr(provider)
                provider.close()
            api.server_of_postmark["DeliveryType"] = "Sandbox"
            provider = postmark(api)
            with pytest.raises(MisconfiguredError, match="sandbox"):
                provider.check()
            provider.close()

    def test_accepted_mail_parses_to_what_was_written(self, tmp_path: Path) -> None:
        """Names and subject beyond ASCII come through JSON."""
        with MailApi(tmp_path) as api:
            provider = postmark(api)
            provider.send([outgoing(1)], always)
            provider.close()
        parsed: Any = message_from_bytes((tmp_path / "0001.eml").read_bytes(), policy=default)
        assert (parsed["Message-ID"], parsed["To"]) == ("<id1@shop.example>", "c1@example.org")


@pytest.mark.parametrize("endpoint", ["http://api.example", "https://", "ftp://x", "https://a:b@c", "https://x/path"])
def test_endpoint_that_is_not_https_is_a_settings_error(endpoint: str) -> None:
    """Keys and mails never leave over a plain connection, except to this machine itself."""
    with pytest.raises(SettingsError, match="LIFECYCLE_POSTMARK_ENDPOINT"):
        PostmarkProvider("token", SystemClock(), endpoint=endpoint)


def sign(data: bytes) -> bytes:
    """Return the mail with a DKIM signature of ours."""
    key = ed25519.Ed25519PrivateKey.generate()
    kinds = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Signer("shop.example", "s1", key.private_bytes(*kinds)).sign(data, datetime(2026, 11, 1, tzinfo=UTC))
