"""DKIM: what we sign, an independent implementation verifies."""

from __future__ import annotations

import base64
import importlib.util
from dataclasses import replace
from datetime import UTC, datetime

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from test_mime import MAIL, bodies

from lifecycle.base.errors import SettingsError
from lifecycle.deliver.mime import build
from lifecycle.deliver.sign import Signer

NOW = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PUBLIC = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
RECORD = b"v=DKIM1; k=rsa; p=" + base64.b64encode(PUBLIC)


def verified(data: bytes, record: bytes = RECORD) -> bool:
    """Ask dkimpy, with the key's DNS record at hand."""
    return bool(dkim.verify(data, dnsfunc=lambda *_args, **_options: record))


@settings(max_examples=40)
@given(text=bodies, subject=st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), max_size=200))
def test_signature_verifies(text: str, subject: str) -> None:
    """Any mail that we build and sign is valid to somebody else's verifier."""
    assert verified(Signer("rihla.example", "s1", PEM).sign(build(replace(MAIL, text=text, subject=subject)), NOW))


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        (b"sara@example.org", b"evil@example.org"), (b"One-Click", b"Two-Click"),
        (b"rihla.example/u/a", b"evil.example/u/a"),
        (b"\r\nSubject:", b"\r\nSubject: x\r\nSubject:"), (b"From:", b"From: x@y.example\r\nFrom:"),
    ],
)  # fmt: skip
def test_changed_mail_does_not_verify(there: bytes, instead: bytes) -> None:
    """Recipient, one-click and unsubscribe address are under the signature, and no second Subject or From fits in."""
    signed = Signer("rihla.example", "s1", PEM).sign(build(MAIL), NOW)
    assert verified(signed)
    head, _, rest = signed.partition(b"MIME-Version")
    assert not verified(head + b"MIME-Version" + rest.replace(there, instead, 1))


def test_one_click_headers_are_signed() -> None:
    """RFC 8058 asks for both."""
    head = Signer("rihla.example", "s1", PEM).sign(build(MAIL), NOW).partition(b"\r\n\r\n")[0]
    fields = head.partition(b" h=")[2].partition(b";")[0].split(b":")
    assert {b"list-unsubscribe", b"list-unsubscribe-post", b"from", b"date", b"message-id"} <= set(fields)


def test_key_that_is_none_is_a_settings_error() -> None:
    """A wrong file says what it should be."""
    with pytest.raises(SettingsError):
        Signer("rihla.example", "s1", b"nonsense")


def test_ed25519_signs_too() -> None:
    """RFC 8463: the signature is over the digest, and verifies with the key."""
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    signed = Signer("rihla.example", "s1", pem).sign(build(MAIL), NOW)
    assert b"a=ed25519-sha256" in signed
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    if importlib.util.find_spec("nacl") is not None:  # dkimpy verifies Ed25519 only with it
        assert verified(signed, b"v=DKIM1; k=ed25519; p=" + base64.b64encode(raw))
