"""An SNS topic of our own: it signs as SNS does, with a certificate that a local fetch hands out."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from lifecycle.providers.sns import canonical

ARN = "arn:aws:sns:eu-west-1:123456789012:mail-events"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
NOW = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


@lru_cache
def key() -> rsa.RSAPrivateKey:
    """Return the key of the topic."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(until: datetime = NOW + timedelta(days=90)) -> bytes:
    """Return its certificate, as PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key().public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=200))
        .not_valid_after(until)
        .sign(key(), hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


class Sns:
    """What we fetch from: `fetched` are the addresses, in order."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.pem = certificate()
        self.is_down = False

    def fetch(self, url: str) -> bytes:
        """Answer as SNS does."""
        self.fetched.append(url)
        if self.is_down:
            raise OSError("timed out")
        return self.pem if url.endswith(".pem") else b"<ConfirmSubscriptionResponse/>"


def notification(record: Any, **fields: Any) -> dict[str, Any]:
    """Return a notification with that record. Source: SNS, "HTTP/HTTPS notification JSON format"."""
    return {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": ARN,
        "Message": record if isinstance(record, str) else json.dumps(record),
        "Timestamp": "2026-11-01T08:59:30.000Z",
        "SignatureVersion": "1",
        "SigningCertURL": CERTIFICATE_URL,
        "UnsubscribeURL": f"https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={ARN}:1",
    } | fields


def confirmation(**fields: Any) -> dict[str, Any]:
    """Return a subscription's confirmation. Source: SNS, "HTTP/HTTPS subscription confirmation JSON format"."""
    return {
        "Type": "SubscriptionConfirmation",
        "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
        "Token": "2336412f37fb687f5d51e6e241d09c805a5a57b30d712f7948a98bac386edfe3",
        "TopicArn": ARN,
        "Message": f"You have chosen to subscribe to the topic {ARN}.\nTo confirm the subscription, visit the "
        "SubscribeURL included in this message.",
        "SubscribeURL": f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={ARN}&Token=2336",
        "Timestamp": "2026-11-01T08:59:30.000Z",
        "SignatureVersion": "1",
        "SigningCertURL": CERTIFICATE_URL,
    } | fields


def signed(message: dict[str, Any], **after: Any) -> bytes:
    """Return the message with its signature, as it is posted; `after` are changes made once it was signed."""
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    algorithm = hashes.SHA256() if message["SignatureVersion"] == "2" else hashes.SHA1()  # noqa: S303 - as SNS does
    signature = key().sign(canonical(message, tuple(names)), padding.PKCS1v15(), algorithm)
    return json.dumps(message | {"Signature": base64.b64encode(signature).decode()} | after).encode()
