"""Header fields as bytes: encoded words where they are needed, folded where they may be, and never a line break inside.

What comes out parses to what went in by the standard library and by mail clients alike.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from functools import lru_cache

from lifecycle.base.address import ascii_domain
from lifecycle.base.errors import RenderError

#: What a header value may not contain: line breaks in every alphabet's sense, and other control characters.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: Printable ASCII with single inner spaces passes as it is, unless it looks like an encoded word.
_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")

#: Octets of text in one encoded word: 75 less `=?utf-8?b??=`, in whole base64 groups. Source: RFC 2047 2.
_WORD_OCTETS = (75 - 12) // 4 * 3
#: Where a line is folded if it can be, and where it must be. Source: RFC 5322 2.1.1.
SOFT_LIMIT, HARD_LIMIT = 78, 998


def checked(value: str, name: str) -> str:
    """Return the value. Raises RenderError when it contains a line break or another control character."""
    found = _CONTROL.search(value)
    if found is not None:
        raise RenderError(f"the {name} contains a line break or control character (U+{ord(found[0]):04X})")
    return value


@lru_cache(maxsize=4096)
def unstructured(value: str, name: str) -> bytes:
    """Return a field's value for free text (Subject), folded for a field of that name. Raises RenderError."""
    checked(value, name)
    room = SOFT_LIMIT - len(name) - 2
    if value.isascii() and _PLAIN.fullmatch(value) and "=?" not in value:
        if len(value) <= room:
            return value.encode()
        if all(len(word) < SOFT_LIMIT for word in value.split(" ")):
            return _fold(value.split(" "), room)
    return b"\r\n ".join(_words(value))


@lru_cache(maxsize=4096)
def phrase(value: str, name: str) -> bytes:
    """Return a display name: atoms, a quoted string, or encoded words. Raises RenderError."""
    checked(value, name)
    if value.isascii() and _ATOMS.fullmatch(value) and "=?" not in value and len(value) < SOFT_LIMIT:
        return value.encode()
    if value.isascii() and _PLAIN.fullmatch(value) and "=?" not in value and len(value) < SOFT_LIMIT - 10:
        return b'"' + value.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
    return b"\r\n ".join(_words(value))


def mailbox(display: str, address: str, name: str) -> bytes:
    """Return `Display <address>` for a field of that name. A local part beyond ASCII stays UTF-8 (RFC 6532)."""
    spec = address_spec(address, name)
    display = " ".join(checked(display, name).split())  # clients collapse spaces in names anyway
    return spec if not display else phrase(display, name) + b"\r\n <" + spec + b">"


@lru_cache(maxsize=4096)
def address_spec(address: str, name: str) -> bytes:
    """Return the address with its domain in A-labels, unless the local part needs SMTPUTF8. Raises RenderError."""
    checked(address, name)
    local, at, domain = address.rpartition("@")
    if not (local and at and domain) or any(found in address for found in '<>,; "'):
        raise RenderError(f"the {name} is no e-mail address")
    return (f"{local}@{ascii_domain(domain)}" if local.isascii() else address).encode()


def _words(value: str) -> Iterator[bytes]:
    """Yield encoded words, none of which cuts a character. Source: RFC 2047 5."""
    try:
        data = value.encode()
    except UnicodeEncodeError as error:
        raise RenderError("a header value is not valid Unicode") from error
    start = 0
    while start < len(data) or not data:
        end = min(start + _WORD_OCTETS, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        yield b"=?utf-8?b?" + binascii.b2a_base64(data[start:end], newline=False) + b"?="
        start = end
        if not data:
            return


def _fold(words: list[str], room: int) -> bytes:
    lines: list[str] = []
    line = words[0]
    for word in words[1:]:
        if len(line) + 1 + len(word) > room:
            lines.append(line)
            line, room = word, SOFT_LIMIT - 1
        else:
            line += " " + word
    return "\r\n ".join([*lines, line]).encode()
