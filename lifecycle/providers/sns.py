"""Amazon SNS over HTTPS: whether a message is from our topic, signed by AWS, and of this hour.

The order is: topic, time, then the certificate (from the topic's own region, nowhere else), then the signature over the
sorted fields. Only what passes is read further. Source: Amazon SNS Developer Guide, "Verifying the signatures".
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from lifecycle.base.clock import Clock
from lifecycle.base.errors import ForgedError, GarbledError, SettingsError, UnverifiedError
from lifecycle.base.ids import same
from lifecycle.providers.hook import read_object, text_in, time_in

#: Returns what an https address answers. Raises OSError.
Fetch: TypeAlias = Callable[[str], bytes]

#: SNS gives up on an HTTPS endpoint after at most an hour of retries, so nothing genuine is older.
FRESH = timedelta(hours=1)
#: Certificates kept; there is one a region at a time, and another for a while when it is renewed.
_MAX_KEPT = 8

_ARN = re.compile(r"arn:aws(?:-cn|-us-gov)?:sns:([a-z0-9-]+):\d+:[A-Za-z0-9_-]+(?:\.fifo)?")
_HOST = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_CONFIRMATIONS = frozenset({"SubscriptionConfirmation", "UnsubscribeConfirmation"})
#: What is signed, in the order of the alphabet. A Subject that is not there is left out.
_SIGNED = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_SIGNED_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


@dataclass(frozen=True, slots=True)
class SnsMessage:
    """A verified message; `at` is when it was published."""

    kind: str
    id: str
    at: datetime
    text: str
    subscribe_url: str = ""


class Topic:
    """One topic that we listen to. Thread-safe."""

    def __init__(self, arn: str, clock: Clock, fetch: Fetch) -> None:
        found = _ARN.fullmatch(arn)
        if found is None:
            raise SettingsError("LIFECYCLE_SES_TOPIC_ARN is no topic", hint="arn:aws:sns:REGION:ACCOUNT:NAME")
        self._arn = arn
        self._region = found[1]
        self._clock = clock
        self._fetch = fetch
        self._keys: dict[str, x509.Certificate] = {}
        self._lock = threading.Lock()

    def verify(self, body: bytes, headers: Mapping[str, str]) -> SnsMessage:
        """Return the message. Raises ForgedError, GarbledError, UnverifiedError."""
        if headers.get("x-amz-sns-rawdelivery", "").lower() == "true":
            raise ForgedError("raw message delivery carries no signature", hint="turn it off for this subscription")
        fields = read_object(body, "the message")
        if not same(text_in(fields, "TopicArn"), self._arn):
            raise ForgedError("not the topic that LIFECYCLE_SES_TOPIC_ARN names")
        at = time_in(fields, "Timestamp")
        if abs(self._clock.now() - at) > FRESH:
            raise ForgedError("the message is more than an hour away from now")
        kind = text_in(fields, "Type")
        if kind != "Notification" and kind not in _CONFIRMATIONS:
            raise GarbledError("no message of SNS")
        self._check_signature(fields, _SIGNED_CONFIRMATION if kind in _CONFIRMATIONS else _SIGNED)
        text = text_in(fields, "Message")
        return SnsMessage(kind, text_in(fields, "MessageId"), at, text, text_in(fields, "SubscribeURL"))

    def confirm(self, message: SnsMessage) -> None:
        """Confirm the subscription of a verified SubscriptionConfirmation. Raises ForgedError, UnverifiedError."""
        self._get(message.subscribe_url)

    def _check_signature(self, fields: Mapping[str, object], signed: tuple[str, ...]) -> None:
        algorithm = _algorithm(text_in(fields, "SignatureVersion"))
        try:
            signature = base64.b64decode(text_in(fields, "Signature"), validate=True)
        except (binascii.Error, ValueError) as error:
            raise ForgedError("the signature is no base64") from error
        certificate = self._certificate(text_in(fields, "SigningCertURL"))
        if not certificate.not_valid_before_utc <= self._clock.now() <= certificate.not_valid_after_utc:
            raise ForgedError("the signing certificate is not valid today")
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise ForgedError("the signing certificate is not RSA")
        try:
            key.verify(signature, canonical(fields, signed), padding.PKCS1v15(), algorithm)
        except InvalidSignature as error:
            raise ForgedError("the signature does not fit") from error

    def _certificate(self, url: str) -> x509.Certificate:
        if not _path(url).endswith(".pem"):
            raise ForgedError("the certificate's address is no .pem")
        with self._lock:
            kept = self._keys.get(url)
        if kept is not None:
            return kept
        try:
            found = x509.load_pem_x509_certificate(self._get(url))
        except ValueError as error:
            raise ForgedError("the certificate cannot be read") from error
        with self._lock:
            if len(self._keys) >= _MAX_KEPT:
                self._keys.pop(next(iter(self._keys)))
            self._keys[url] = found
        return found

    def _get(self, url: str) -> bytes:
        """Fetch from SNS in the topic's region, and from nowhere else."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ForgedError("an address in the message cannot be read") from error
        # netloc, not hostname: no user, no port, no capitals, nothing that two parsers may see differently
        is_ours = _HOST.fullmatch(parts.netloc) and parts.netloc.startswith(f"sns.{self._region}.")
        if parts.scheme != "https" or port is not None or not is_ours or not url.isascii() or not url.isprintable():
            raise ForgedError(f"an address in the message is not of SNS in {self._region}")
        try:
            return self._fetch(url)
        except OSError as error:
            raise UnverifiedError(f"{parts.netloc} does not answer: {error}") from error


def canonical(fields: Mapping[str, object], signed: tuple[str, ...]) -> bytes:
    """Return what is signed: each field's name and value, each on a line. Source: as above, "string to sign"."""
    there = [name for name in signed if fields.get(name) is not None]
    return "".join(f"{name}\n{fields[name]}\n" for name in there).encode("utf-8", "surrogatepass")


def _path(url: str) -> str:
    """Return the path of an address, "" when it cannot be read."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _algorithm(version: str) -> hashes.HashAlgorithm:
    match version:
        case "1":
            return hashes.SHA1()  # noqa: S303 - what SNS signs with unless the topic's SignatureVersion is 2
        case "2":
            return hashes.SHA256()
        case _:
            raise ForgedError("the signature's version is neither 1 nor 2")
