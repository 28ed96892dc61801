"""AWS Signature Version 4 for a request with its body at hand. Pure.

Source: AWS, "Create a signed AWS API request"; proven by the vectors of AWS's own test suite.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key for one service in one region. Its secret shows in no repr."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str
    service: str


def signed_headers(
    credentials: Credentials, method: str, path: str, headers: Mapping[str, str], body: bytes, at: datetime
) -> dict[str, str]:
    """Return the headers with X-Amz-Date and Authorization; `headers` has Host, and every one of them is signed.

    `path` begins with a slash, is encoded as it will be sent, and has no query; `at` is aware.
    """
    stamp = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    sent = {**headers, "X-Amz-Date": stamp}
    lines = sorted((name.lower(), " ".join(value.split())) for name, value in sent.items())
    names = ";".join(name for name, _ in lines)
    canonical = "\n".join([
        method, path, "", *(f"{name}:{value}" for name, value in lines), "", names, hashlib.sha256(body).hexdigest(),
    ])  # fmt: skip
    scope = f"{stamp[:8]}/{credentials.region}/{credentials.service}/aws4_request"
    to_sign = f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = _mac(key, part)
    signature = _mac(key, to_sign).hex()
    access = f"Credential={credentials.access_key}/{scope}"
    return {**sent, "Authorization": f"{_ALGORITHM} {access}, SignedHeaders={names}, Signature={signature}"}


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
