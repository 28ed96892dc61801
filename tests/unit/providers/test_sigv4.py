"""AWS Signature Version 4 against the vectors that AWS publishes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from lifecycle.providers.sigv4 import Credentials, signed_headers

#: Source: AWS Signature Version 4 test suite: get-vanilla, post-vanilla, post-x-www-form-urlencoded.
KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service")
AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
HOST = {"Host": "example.amazonaws.com"}
FORM = HOST | {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("method", "headers", "body", "names", "signature"),
    [
        ("GET", HOST, b"", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", HOST, b"", "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "POST", FORM, b"Param1=value1", "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ],
)  # fmt: skip
def test_signature_is_the_published_one(
    method: str, headers: dict[str, str], body: bytes, names: str, signature: str
) -> None:
    """Method, headers and body are all under it."""
    found = signed_headers(KEYS, method, "/", headers, body, AT)
    assert found["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    assert found["X-Amz-Date"] == "20150830T123600Z"


def test_time_is_signed_as_utc_whatever_zone_it_comes_in() -> None:
    """AWS refuses a date that is five minutes off."""
    riyadh = AT.astimezone(timezone(timedelta(hours=3)))
    assert signed_headers(KEYS, "GET", "/", HOST, b"", riyadh) == signed_headers(KEYS, "GET", "/", HOST, b"", AT)


def test_secret_shows_in_no_repr() -> None:
    """Credentials end up in tracebacks and logs."""
    assert "wJalr" not in repr(KEYS)
