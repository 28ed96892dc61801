"""Tokens in links: a subject bound to one purpose by 128 bits of MAC; nothing is stored, nothing can be forged.

A token is `base64url(subject) . base64url(mac)`; it survives mail clients, and a bad one is told apart from another bad
one by nobody (TokenError says nothing).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from enum import StrEnum

from lifecycle.base.errors import TokenError
from lifecycle.base.ids import same

#: Tokens longer than this are refused before any work is done.
MAX_TOKEN_LENGTH = 512


class Purpose(StrEnum):
    """What a token lets its holder do; a token for one purpose is no token for another."""

    OPEN = "o"
    CLICK = "c"
    UNSUBSCRIBE = "u"
    PREFERENCES = "p"
    VIEW = "v"
    SURVEY = "s"
    CONFIRM = "confirm"
    ENVELOPE = "verp"


class Tokens:
    """Makes and reads tokens with one secret key of at least 16 bytes."""

    def __init__(self, key: bytes) -> None:
        if len(key) < 16:
            raise ValueError("the secret key has fewer than 16 bytes")
        self._key = hashlib.blake2b(key, digest_size=64, person=b"tokens").digest()

    def make(self, purpose: Purpose, subject: str) -> str:
        """Return the token by which `subject` (a message's or contact's id) can be named for `purpose`."""
        body = subject.encode()
        return f"{_encode(body)}.{_encode(self._mac(purpose, body))}"

    def read(self, purpose: Purpose, token: str) -> str:
        """Return the subject. Raises TokenError for anything that `make` did not return for this purpose."""
        if len(token) > MAX_TOKEN_LENGTH:
            raise TokenError
        head, dot, tail = token.partition(".")
        if not dot:
            raise TokenError
        try:
            body, mac = _decode(head), _decode(tail)
            subject = body.decode()
        except (ValueError, binascii.Error) as error:
            raise TokenError from error
        if not same(self._mac(purpose, body), mac) or _encode(body) != head or _encode(mac) != tail:
            raise TokenError
        return subject

    def code(self, what: str, subject: str) -> str:
        """Return ten letters and digits that stand for `subject` in one use, for people to read and to pass on."""
        digest = hashlib.blake2b(f"{what}:{subject}".encode(), key=self._key, digest_size=10, person=b"codes").digest()
        return base64.b32encode(digest).decode()[:10]

    def _mac(self, purpose: Purpose, body: bytes) -> bytes:
        return hashlib.blake2b(purpose.encode() + b"\0" + body, key=self._key, digest_size=16).digest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
