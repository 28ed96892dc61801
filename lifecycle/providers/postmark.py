"""Postmark: sends the mail as JSON, which is all that its API takes, and reads the events that it posts.

A mail is one From, one recipient, a subject, a text and an HTML body, and headers; what does not fit into that is
refused, never left out. Three things are left out knowingly, because Postmark makes its own: the MIME structure, our
DKIM signature, and the envelope sender. Message-ID and Date stay ours (`X-PM-KeepID`). One request carries one mail:
a batch that got no answer would put all of its mails in doubt. Source: Postmark developer documentation, "Email API",
"API error codes", "Webhooks", "Bounce types".
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from lifecycle.base.clock import Clock
from lifecycle.base.errors import (
    AmbiguousError,
    DeliveryError,
    ForgedError,
    GarbledError,
    MisconfiguredError,
    PermanentError,
    SettingsError,
    TransientError,
)
from lifecycle.base.ids import same
from lifecycle.providers.base import Ending, MayBegin, Outcome, Outgoing, not_begun, send_each
from lifecycle.providers.feedback import Feedback, Kind
from lifecycle.providers.hook import hard_unless, kept, object_in, read_object, text_in, time_in
from lifecycle.providers.http_session import ANSWER_TIMEOUT_S, Answer, HttpSession
from lifecycle.providers.plain_address import plain_address

ENDPOINT = "https://api.postmarkapp.com"

#: Fields of their own in the request, or made by Postmark itself.
_NOT_HEADERS = frozenset({
    "from", "to", "subject", "reply-to", "mime-version", "content-type", "content-transfer-encoding", "dkim-signature",
})  # fmt: skip
#: Recipients beside the one of the envelope; a mail of ours never has them.
_OTHERS = ("Cc", "Bcc", "Resent-To", "Sender")
_MOST_METADATA = 80

#: Certainly not accepted, and no mail is at fault: token, credits, sender signature, account, stream.
_MISCONFIGURED = frozenset({10, 11, 400, 401, 405, 412, 413, 1226, 1235})
#: Certainly not accepted, may work later: offline for maintenance.
_TRANSIENT = frozenset({100})
_HINT = "check LIFECYCLE_POSTMARK_TOKEN and _POSTMARK_STREAM, and the sender in Postmark; the mails wait"


class PostmarkProvider:
    """Sends by one server of Postmark. Thread-safe: each thread has a connection of its own."""

    name = "postmark"

    def __init__(
        self,
        token: str,
        clock: Clock,
        *,
        stream: str = "outbound",
        endpoint: str = ENDPOINT,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        if not token.isascii() or not token.isprintable():
            raise SettingsError("LIFECYCLE_POSTMARK_TOKEN is no token", hint="a server token, from API Tokens")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,60}", stream):
            raise SettingsError("LIFECYCLE_POSTMARK_STREAM is no stream", hint="its ID, as in outbound")
        self.where = f"Postmark, stream {stream}"
        self._token = token
        self._stream = stream
        self._session = HttpSession(
            endpoint, clock, setting="LIFECYCLE_POSTMARK_ENDPOINT", answer_timeout_s=answer_timeout_s
        )

    def send(self, batch: Sequence[Outgoing], may_begin: MayBegin) -> list[Outcome]:
        """Send the batch, one request for each mail, over this thread's connection."""
        return send_each(batch, may_begin, self._deliver)

    def check(self) -> None:
        """Ask Postmark for the server and the stream. Raises MisconfiguredError when it would not deliver."""
        for path in ("/server", f"/message-streams/{self._stream}"):
            try:
                answer = self._ask("GET", path, b"", lambda: True)
            except DeliveryError as error:
                raise MisconfiguredError(error.message, code=error.code, hint=error.hint or _HINT) from error
            if answer is None or answer.status != 200:
                words = "nothing" if answer is None else _words(answer)
                raise MisconfiguredError(f"Postmark answered {words} to {path}", hint=_HINT)
            if answer.data().get("DeliveryType") == "Sandbox":
                raise MisconfiguredError(
                    "this server of Postmark is a sandbox: it delivers nothing", hint="use the token of a live server"
                )

    def hang_up(self) -> None:
        """Cut the connections of every thread."""
        self._session.hang_up()

    def close(self) -> None:
        """Close the connections of every thread."""
        self._session.close()

    def _deliver(self, mail: Outgoing, may_begin: MayBegin) -> Outcome:
        body = json.dumps(as_json(mail, self._stream)).encode()
        answer = self._ask("POST", "/email", body, may_begin)
        if answer is None:
            return not_begun(mail)
        said = answer.data()
        if answer.status != 200 or said.get("ErrorCode", 0) != 0:
            raise refused(answer)
        ref = said.get("MessageID")
        if not isinstance(ref, str) or not ref:
            raise AmbiguousError("Postmark answered 200 without a MessageID", code=200)
        return Outcome(mail.row, Ending.ACCEPTED, answer.status, ref=ref)

    def _ask(self, method: str, path: str, body: bytes, may_begin: MayBegin) -> Answer | None:
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "X-Postmark-Server-Token": self._token,
        }
        return self._session.ask(method, path, headers, body, may_begin)


def as_json(mail: Outgoing, stream: str) -> dict[str, Any]:
    """Return the mail as Postmark takes it. Raises PermanentError for what it cannot carry."""
    message = message_from_bytes(mail.data, policy=default)
    if not isinstance(message, EmailMessage) or message.defects:
        raise _unfit("the mail cannot be read")
    for name in _OTHERS:
        if name in message:
            raise _unfit(f"a mail with {name} is for more than its one recipient")
    sender = message["From"]
    if sender is None or len(sender.addresses) != 1:
        raise _unfit("the mail has not one From")
    request: dict[str, Any] = {
        "From": str(sender.addresses[0]),
        "To": plain_address(mail.recipient, "Postmark"),
        "Subject": str(message["Subject"] or ""),
        **_bodies(message),
        "MessageStream": stream,
        # links and pixel are ours: Postmark must change neither
        "TrackOpens": False,
        "TrackLinks": "None",
    }
    if message["Reply-To"] is not None:
        request["ReplyTo"] = str(message["Reply-To"])
    # as they stand: an encoded word stays encoded, and a URI is not touched
    headers = [
        {"Name": name, "Value": re.sub(r"\r?\n(?=[ \t])", "", str(value)).strip()}
        for name, value in message.raw_items()
        if name.lower() not in _NOT_HEADERS
    ]
    if not all(each["Value"].isascii() for each in headers):
        raise _unfit("a header is not ASCII")
    request["Headers"] = [*headers, {"Name": "X-PM-KeepID", "Value": "true"}]
    if len(mail.message_id) <= _MOST_METADATA:
        # comes back with each event: by it a mail is found whose answer, and so its reference, was lost
        request["Metadata"] = {"message-id": mail.message_id}
    return request


def _bodies(message: EmailMessage) -> dict[str, str]:
    parts = list(message.iter_parts()) if message.is_multipart() else [message]
    if message.is_multipart() and message.get_content_type() != "multipart/alternative":
        raise _unfit(f"a {message.get_content_type()} is not carried")
    bodies: dict[str, str] = {}
    for part in parts:
        key = {"text/plain": "TextBody", "text/html": "HtmlBody"}.get(part.get_content_type())
        if key is None or key in bodies or part.is_attachment() or not isinstance(part, EmailMessage):
            raise _unfit(f"a second body, or a part of type {part.get_content_type()}, is not carried")
        try:
            octets = part.get_payload(decode=True)
            bodies[key] = octets.decode(part.get_content_charset("ascii")) if isinstance(octets, bytes) else ""
        except (LookupError, UnicodeDecodeError) as error:
            raise _unfit("a body is not in the charset that it names") from error
    return bodies


def _unfit(why: str) -> PermanentError:
    return PermanentError(f"Postmark's API cannot take it: {why}", code=550, enhanced="5.6.0")


def refused(answer: Answer) -> DeliveryError:
    """Return the error that a refusal means. A 5xx without an ErrorCode of theirs says nothing certain."""
    code, text, status = answer.data().get("ErrorCode"), f"Postmark answered {_words(answer)}", answer.status
    about_sender = code == 300 and "'From'" in text
    if code in _TRANSIENT or status in {408, 429}:
        return TransientError(text, code=status)
    if code in _MISCONFIGURED or about_sender or status in {401, 403, 404} or 300 <= status < 400:
        return MisconfiguredError(text, code=status, hint=_HINT)
    if 400 <= status < 500:
        # 406 is an address that Postmark has suppressed
        return PermanentError(text, code=status)
    return AmbiguousError(text, code=status)


def _words(answer: Answer) -> str:
    data = answer.data()
    return " ".join(f"{answer.status} {data.get('ErrorCode', '')} {data.get('Message', '')}".split())[:300]


# ---------------------------------------------------------------- what comes back

#: What Postmark's bounce types mean. Those that are not here say nothing of the mail's way: subscribe requests,
#: automatic answers, open relay tests, inbound errors. `Unsubscribe` is a person who answered: no more.
_BOUNCES = {
    "BadEmailAddress": Kind.HARD,
    "Blocked": Kind.BLOCKED,
    "DMARCPolicy": Kind.BLOCKED,
    "DnsError": Kind.SOFT,
    "HardBounce": Kind.HARD,
    "ManuallyDeactivated": Kind.BLOCKED,
    "SMTPApiError": Kind.BLOCKED,
    "SoftBounce": Kind.SOFT,
    "SpamComplaint": Kind.COMPLAINED,
    "SpamNotification": Kind.BLOCKED,
    "TemplateRenderingFailed": Kind.BLOCKED,
    "Transient": Kind.DELAYED,
    "Unconfirmed": Kind.BLOCKED,
    "Unknown": Kind.BLOCKED,
    "Unsubscribe": Kind.COMPLAINED,
    "VirusNotification": Kind.BLOCKED,
}
_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")


class PostmarkHook:
    """The webhook that a server of Postmark posts to, with Basic auth in its URL."""

    def __init__(self, credentials: str) -> None:
        user, _, password = credentials.partition(":")
        if not user or len(password) < 8:
            hint = "USER:PASSWORD, the password of 8 characters or more, as in the webhook's URL"
            raise SettingsError("LIFECYCLE_POSTMARK_HOOK is no USER:PASSWORD", hint=hint)
        self._credentials = credentials

    def read_events(self, body: bytes, headers: Mapping[str, str]) -> list[Feedback]:
        """Return what the request tells, once its credentials fit."""
        if not self._is_authorised(headers.get("authorization", "")):
            raise ForgedError("the user or password is not that of LIFECYCLE_POSTMARK_HOOK")
        return read_record(body)

    def _is_authorised(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            given = b""
        return same(given, self._credentials) and scheme.lower() == "basic"


def read_record(body: bytes) -> list[Feedback]:
    """Return what one record tells, nothing for what we do not follow. Raises GarbledError."""
    data = read_object(body, "the body")
    record = text_in(data, "RecordType")
    if not record:
        raise GarbledError("RecordType is missing")
    detail, status = text_in(data, "Details") or text_in(data, "Description"), ""
    kind: Kind | None
    match record:
        case "Delivery":
            kind, when, whom = Kind.DELIVERED, "DeliveredAt", "Recipient"
            event = f"delivery:{text_in(data, 'MessageID')}:{text_in(data, 'DeliveredAt')}"
        case "Bounce" | "SpamComplaint":
            what = text_in(data, "Type") or record
            kind, when, whom = _BOUNCES.get(what), "BouncedAt", "Email"
            found = _ENHANCED.search(detail)
            status = found[0] if found else ""
            if kind is Kind.HARD:
                kind = hard_unless(status)
            event, detail = f"bounce:{_number(data, 'ID')}", f"{what} {detail}".strip()
        case "SubscriptionChange":
            kind, when, whom = _suppression(data), "ChangedAt", "Recipient"
            detail = f"suppressed at Postmark: {text_in(data, 'SuppressionReason')}, {text_in(data, 'Origin')}"
            event = f"change:{text_in(data, 'MessageID')}:{text_in(data, 'ChangedAt')}"
        case _:
            return []
    at = time_in(data, when)
    if kind is None:
        return []
    metadata = object_in(data, "Metadata")
    return [
        Feedback(
            kind, "postmark", event, at, ref=text_in(data, "MessageID") or None,
            message_id=text_in(metadata, "message-id") or None, recipient=text_in(data, whom) or None,
            enhanced=status, detail=detail[:500], raw=kept(body.decode("utf-8", "replace")),
        )
    ]  # fmt: skip


def _suppression(data: Mapping[str, Any]) -> Kind | None:
    """Return what a change of Postmark's suppression list tells of a mail.

    Somebody who used Postmark's own unsubscribe link counts as one who complained: never again. What an operator does
    to the list there, and a reactivation, tell nothing here.
    """
    if data.get("SuppressSending") is not True:
        return None
    match text_in(data, "SuppressionReason"), text_in(data, "Origin"):
        case "HardBounce", _:
            return Kind.HARD
        case "SpamComplaint", _:
            return Kind.COMPLAINED
        case "ManualSuppression", "Recipient":
            return Kind.COMPLAINED
        case _:
            return None


def _number(data: Mapping[str, Any], name: str) -> int:
    found = data.get(name)
    if not isinstance(found, int):
        raise GarbledError(f"{name} is no number")
    return found
