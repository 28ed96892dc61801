"""Amazon SES: sends the mail as it is over API v2, and reads the events that SES publishes over SNS.

SES writes its own Message-ID and Date, and sends from its own envelope address (or the identity's MAIL FROM domain),
never from ours. So our DKIM signature, which covers both, is taken off: SES signs. Without a configuration set or a
topic, failures come by mail, and `FeedbackForwardingEmailAddress` lets them come to our envelope address.
Source: Amazon SES API v2 reference, SendEmail; Developer Guide, "Raw email", "Event publishing".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.parser import BytesHeaderParser
from email.policy import default
from typing import Any

from lifecycle.base.clock import Clock
from lifecycle.base.errors import (
    AmbiguousError,
    DeliveryError,
    GarbledError,
    MisconfiguredError,
    PermanentError,
    SettingsError,
    TransientError,
)
from lifecycle.providers.base import Ending, MayBegin, Outcome, Outgoing, not_begun, send_each
from lifecycle.providers.feedback import Feedback, Kind, bounce_kind
from lifecycle.providers.hook import hard_unless, kept, object_in, read_object, text_in, time_in
from lifecycle.providers.http_session import ANSWER_TIMEOUT_S, Answer, HttpSession
from lifecycle.providers.plain_address import plain_address
from lifecycle.providers.sigv4 import Credentials, signed_headers
from lifecycle.providers.sns import Fetch, Topic

_SEND, _ACCOUNT = "/v2/email/outbound-emails", "/v2/email/account"
_DKIM = re.compile(rb"^DKIM-Signature:(?:[^\r\n]|\r\n[ \t])*\r\n", re.IGNORECASE | re.MULTILINE)
#: Certainly not accepted, and no mail is at fault: the account, its key or its identities are.
_MISCONFIGURED = {
    "AccessDenied", "AccessDeniedException", "AccountSuspendedException", "ExpiredTokenException",
    "IncompleteSignature", "InvalidClientTokenId", "InvalidSignatureException", "LimitExceededException",
    "MailFromDomainNotVerifiedException", "MissingAuthenticationToken", "MissingAuthenticationTokenException",
    "NotAuthorized", "NotFoundException", "OptInRequired", "RequestExpired", "SendingPausedException",
    "SignatureDoesNotMatch", "UnrecognizedClientException",
}  # fmt: skip
#: Certainly not accepted, may work later. ServiceUnavailable is SES's own word; a bare 503 is not.
_TRANSIENT = {
    "RequestTimeout", "RequestTimeoutException", "ServiceUnavailable", "ServiceUnavailableException", "Throttling",
    "ThrottlingException", "TooManyRequestsException",
}  # fmt: skip
_HINT = "check LIFECYCLE_SES_REGION, _SES_ACCESS_KEY and _SES_SECRET_KEY, and the clock; the mails wait"


class SesProvider:
    """Sends by SES in one region. Thread-safe: each thread has a connection of its own."""

    name = "ses"

    def __init__(
        self,
        *,
        region: str,
        access_key: str,
        secret_key: str,
        clock: Clock,
        configuration_set: str | None = None,
        has_topic: bool = False,
        endpoint: str | None = None,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        if not re.fullmatch(r"[a-z0-9-]{1,40}", region):
            raise SettingsError("LIFECYCLE_SES_REGION is no region", hint="as in eu-west-1")
        if not access_key.isascii() or not access_key.isalnum():
            raise SettingsError("LIFECYCLE_SES_ACCESS_KEY is no access key", hint="as in AKIA…, letters and digits")
        self.where = f"SES in {region}"
        self._credentials = Credentials(access_key, secret_key, region, "ses")
        self._configuration_set = configuration_set
        self._told_by_mail = configuration_set is None and not has_topic
        self._clock = clock
        address = endpoint or f"https://email.{region}.amazonaws.com"
        setting = "LIFECYCLE_SES_ENDPOINT" if endpoint else "LIFECYCLE_SES_REGION"
        self._session = HttpSession(address, clock, setting=setting, answer_timeout_s=answer_timeout_s)

    def send(self, batch: Sequence[Outgoing], may_begin: MayBegin) -> list[Outcome]:
        """Send the batch, one request for each mail, over this thread's connection."""
        return send_each(batch, may_begin, self._deliver)

    def check(self) -> None:
        """Ask SES for the account. Raises MisconfiguredError when it may not send to everybody."""
        try:
            answer = self._ask("GET", _ACCOUNT, b"", lambda: True)
        except DeliveryError as error:
            raise MisconfiguredError(error.message, code=error.code, hint=error.hint or _HINT) from error
        if answer is None or _error_type(answer).startswith("AccessDenied"):
            return  # the key is good and may only send, which is all that it must
        if answer.status != 200:
            raise MisconfiguredError(f"{self.where} answered {_words(answer)}", code=answer.status, hint=_HINT)
        account = answer.data()
        if account.get("SendingEnabled") is False:
            raise MisconfiguredError(f"{self.where} does not let this account send", hint="see its console")
        if account.get("ProductionAccessEnabled") is False:
            raise MisconfiguredError(
                f"{self.where} keeps this account in the sandbox: only verified addresses get mail",
                hint="request production access in its console",
            )

    def hang_up(self) -> None:
        """Cut the connections of every thread."""
        self._session.hang_up()

    def close(self) -> None:
        """Close the connections of every thread."""
        self._session.close()

    def _deliver(self, mail: Outgoing, may_begin: MayBegin) -> Outcome:
        body = json.dumps(self._request(mail)).encode()
        answer = self._ask("POST", _SEND, body, may_begin)
        if answer is None:
            return not_begun(mail)
        if answer.status != 200:
            raise refused(answer)
        ref = answer.data().get("MessageId")
        if not isinstance(ref, str) or not ref:
            raise AmbiguousError("SES answered 200 without a MessageId", code=200)
        return Outcome(mail.row, Ending.ACCEPTED, answer.status, ref=ref)

    def _request(self, mail: Outgoing) -> dict[str, Any]:
        head, gap, body = mail.data.partition(b"\r\n\r\n")
        data = _DKIM.sub(b"", head + b"\r\n").removesuffix(b"\r\n") + gap + body
        request: dict[str, Any] = {
            "FromEmailAddress": _sender(head),
            "Destination": {"ToAddresses": [plain_address(mail.recipient, "SES")]},
            "Content": {"Raw": {"Data": base64.b64encode(data).decode()}},
        }
        if self._configuration_set is not None:
            request["ConfigurationSetName"] = self._configuration_set
        if self._told_by_mail:
            request["FeedbackForwardingEmailAddress"] = mail.envelope_sender
        return request

    def _ask(self, method: str, path: str, body: bytes, may_begin: MayBegin) -> Answer | None:
        headers = {"Host": self._session.authority, "Content-Type": "application/json"}
        signed = signed_headers(self._credentials, method, path, headers, body, self._clock.now())
        return self._session.ask(method, path, signed, body, may_begin)


def refused(answer: Answer) -> DeliveryError:
    """Return the error that an answer other than 200 means. A 5xx that SES does not explain says nothing certain."""
    kind, text, status = _error_type(answer), f"SES answered {_words(answer)}", answer.status
    lower = text.lower()
    if "not verified" in lower and kind in {"MessageRejected", "MailFromDomainNotVerifiedException"}:
        hint = "verify the identity in this region; in the sandbox, each recipient too"
        return MisconfiguredError(text, code=status, hint=hint)
    if "sending suspended" in lower or "sending paused" in lower:
        return MisconfiguredError(text, code=status, hint="see the console of SES; the mails wait")
    if "quota" in lower and kind in _TRANSIENT | _MISCONFIGURED:
        return MisconfiguredError(text, code=status, hint="ask AWS for a higher quota; the mails wait")
    if kind in _TRANSIENT or status in {408, 429}:
        return TransientError(text, code=status)
    if kind in _MISCONFIGURED or status in {401, 403, 404} or 300 <= status < 400:
        return MisconfiguredError(text, code=status, hint=_HINT)
    if 400 <= status < 500:
        return PermanentError(text, code=status)
    return AmbiguousError(text, code=status)


def _error_type(answer: Answer) -> str:
    """Return the name of the error: in a header, as `NAME` or `NAME:URL`, else in the body as `__type`."""
    named = answer.headers.get("x-amzn-errortype") or str(answer.data().get("__type", ""))
    return named.split(":")[0].rpartition("#")[2]


def _words(answer: Answer) -> str:
    data = answer.data()
    said = data.get("message") or data.get("Message") or ""
    return " ".join(f"{answer.status} {_error_type(answer)} {said}".split())[:300]


def _sender(head: bytes) -> str:
    found = BytesHeaderParser(policy=default).parsebytes(head + b"\r\n\r\n")["From"]
    if found is None or len(found.addresses) != 1:
        raise PermanentError("the mail has not one From", code=550, enhanced="5.6.0")
    return plain_address(found.addresses[0].addr_spec, "SES")


# ---------------------------------------------------------------- what comes back


class SesHook:
    """The webhook that an SNS topic posts to: SES's event publishing, and its older notifications."""

    def __init__(self, topic_arn: str, clock: Clock, fetch: Fetch) -> None:
        self._topic = Topic(topic_arn, clock, fetch)

    def read_events(self, body: bytes, headers: Mapping[str, str]) -> list[Feedback]:
        """Return what a verified message tells; confirm our topic's subscription."""
        message = self._topic.verify(body, headers)
        if message.kind == "SubscriptionConfirmation":
            self._topic.confirm(message)
        if message.kind != "Notification":
            return []
        return read_record(message.text, message.id, message.at)


def read_record(text: str, event: str, at: datetime) -> list[Feedback]:
    """Return a Feedback for each recipient of a record, none for what we do not follow. Raises GarbledError.

    `event` and `at` are of the message that carried it. A feedbackId names a bounce or complaint better, because both
    ways of publishing carry the same one.
    """
    if not text.startswith("{") and "Amazon SES" in text:
        return []  # "Successfully validated SNS topic for Amazon SES event publishing."
    data = read_object(text, "the record")
    mail = object_in(data, "mail")
    match text_in(data, "eventType") or text_in(data, "notificationType"):
        case "Bounce":
            told = object_in(data, "bounce")
            found = [(_bounce(told, one), one) for one in _recipients(told, "bouncedRecipients")]
        case "Complaint":
            told = object_in(data, "complaint")
            # some mailboxes report the opposite: "this is no spam"
            is_one = text_in(told, "complaintFeedbackType") != "not-spam"
            found = [(Kind.COMPLAINED, one) for one in _recipients(told, "complainedRecipients") if is_one]
        case "Delivery":
            told = object_in(data, "delivery")
            found = [(Kind.DELIVERED, one) for one in _recipients(told, "recipients")]
        case "DeliveryDelay":
            told = object_in(data, "deliveryDelay")
            found = [(Kind.DELAYED, one) for one in _recipients(told, "delayedRecipients")]
        case "Reject":
            told = object_in(data, "reject")
            found = [(Kind.BLOCKED, one) for one in _recipients(mail, "destination")]
        case _:
            return []
    named = text_in(told, "feedbackId") or event
    words = [
        text_in(told, name) for name in ("bounceType", "bounceSubType", "complaintFeedbackType", "delayType", "reason")
    ]
    when = time_in(told, "timestamp", at)
    ref, message_id = text_in(mail, "messageId") or None, _our_message_id(mail)
    return [
        Feedback(
            kind, "ses", named if number == 0 else f"{named}/{number}", when, ref=ref, message_id=message_id,
            recipient=text_in(one, "emailAddress") or None, enhanced=text_in(one, "status"),
            detail=" ".join(word for word in (*words, text_in(one, "diagnosticCode")) if word)[:500], raw=kept(text),
        )
        for number, (kind, one) in enumerate(found)
    ]  # fmt: skip


def _bounce(told: Mapping[str, Any], recipient: Mapping[str, Any]) -> Kind:
    """Return what a bounce means. Source: SES Developer Guide, "Bounce types"."""
    status = text_in(recipient, "status")
    match text_in(told, "bounceType"), text_in(told, "bounceSubType"):
        case "Permanent", "General" | "NoEmail":
            return hard_unless(status)
        case "Permanent", "Suppressed" | "OnAccountSuppressionList":
            return Kind.HARD
        case "Transient", "MessageTooLarge" | "ContentRejected" | "AttachmentRejected":
            return Kind.BLOCKED
        case "Transient", _:
            return Kind.SOFT
        case _:
            return bounce_kind(status)


def _recipients(told: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = told.get(name)
    if not isinstance(found, list):
        raise GarbledError(f"{name} is no list")
    every = [{"emailAddress": one} if isinstance(one, str) else one for one in found]
    if not all(isinstance(one, dict) for one in every):
        raise GarbledError(f"{name} has something that is no recipient")
    return every


def _our_message_id(mail: Mapping[str, Any]) -> str | None:
    """Return the Message-ID that we wrote; SES replaces it on the way, but tells the headers that it was given."""
    headers = mail.get("headers")
    for one in headers if isinstance(headers, list) else ():
        if isinstance(one, dict) and str(one.get("name", "")).lower() == "message-id":
            return text_in(one, "value").strip().strip("<>") or None
    return None
