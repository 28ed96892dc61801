"""Foreign mail cut into heads and parts. Pure, linear in its length, and never an exception, whatever the bytes.

The standard library's parser is made for mail from friends: nested boundaries cost it the square of the length, and its
header objects raise. What a bounce box is sent, anybody may write; so this reads the little that reports need.
Source: RFC 5322 2.2, RFC 2045 5, RFC 2046 5.1.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

#: Octets of a mail that are read; the parts that machines read stand at the front.
MAX_OCTETS = 1_000_000
#: Octets of a head that are read, and header fields.
MAX_HEAD, MAX_FIELDS = 128_000, 1000
#: Parts of a mail that are looked at, in all its levels, and how deep they may lie in each other.
MAX_PARTS, MAX_DEPTH = 50, 4

_BLANK = re.compile(rb"\r?\n[ \t]*\r?\n")
_FIELD = re.compile(rb"([!-9;-~]{1,100})[ \t]*:(.*)", re.DOTALL)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

Head = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is no multipart: its fields by lower-case name, its type, its decoded octets."""

    head: Head
    type: str
    body: bytes

    @property
    def text(self) -> str:
        """Return the body as text with plain line ends; what is no UTF-8 shows as U+FFFD."""
        return self.body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def read_head(data: bytes) -> Head:
    """Return the header fields before the first blank line, unfolded, in order for each name."""
    head, _ = _cut(data)
    return _fields(head)


def read_parts(raw: bytes) -> list[Part]:
    """Return the parts in order, multiparts opened, at most MAX_PARTS of them; none of a multipart without any."""
    return list(_open(raw[:MAX_OCTETS], "text/plain", [MAX_PARTS], MAX_DEPTH))


def first(head: Head, *names: str) -> str:
    """Return the first value that there is under these names, else an empty text."""
    return next((found[0] for name in names if (found := head.get(name))), "")


def blocks(text: str) -> list[Head]:
    """Return groups of fields that blank lines part, as in message/delivery-status."""
    found = (
        _fields(group.encode("utf-8", "replace")) for group in re.split(r"\n[ \t]*\n", text.strip("\n"), maxsplit=200)
    )
    return [block for block in found if block]


def one_line(value: str, limit: int) -> str:
    """Return the value without line breaks and control characters, at most that long."""
    return " ".join(_CONTROL.sub(" ", value[: limit * 4]).split())[:limit]


def _open(data: bytes, default: str, budget: list[int], depth: int) -> Iterator[Part]:
    if budget[0] <= 0:
        return
    raw_head, body = _cut(data)
    head = _fields(raw_head)
    content_type = first(head, "content-type")
    kind = content_type.split(";", 1)[0].strip().lower()[:100] or default
    boundary = _boundary(content_type) if kind.startswith("multipart/") else b""
    if not boundary:
        budget[0] -= 1
        yield Part(head, kind, _decoded(body, first(head, "content-transfer-encoding").strip().lower()))
    elif depth > 0:
        inner = "message/rfc822" if kind == "multipart/digest" else "text/plain"
        for each in _split(body, boundary, budget[0]):
            yield from _open(each, inner, budget, depth - 1)


def _cut(data: bytes) -> tuple[bytes, bytes]:
    """Cut at the first blank line; a part may begin with one, having no head."""
    start = re.match(rb"[ \t]*\r?\n", data)
    if start is not None:
        return b"", data[start.end() :]
    found = _BLANK.search(data)
    return (data, b"") if found is None else (data[: found.start()], data[found.end() :])


def _fields(head: bytes) -> Head:
    found: dict[str, tuple[str, ...]] = {}
    lines: list[bytes] = []
    for line in head[:MAX_HEAD].splitlines()[: MAX_FIELDS * 10]:
        if line[:1] in {b" ", b"\t"} and lines:
            lines[-1] += b" " + line.strip() if len(lines[-1]) < 20_000 else b""
        else:
            lines.append(line)
    for line in lines[:MAX_FIELDS]:
        field = _FIELD.fullmatch(line)
        if field is not None:
            name = field[1].decode("ascii").lower()
            found[name] = (*found.get(name, ())[:20], field[2].strip().decode("utf-8", "replace").replace("\0", ""))
    return found


def _boundary(content_type: str) -> bytes:
    found = re.search(r';\s*boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))', content_type[:2000], re.IGNORECASE)
    return b"" if found is None else (found[1] or found[2]).rstrip().encode("utf-8", "replace")


def _split(body: bytes, boundary: bytes, limit: int) -> list[bytes]:
    """Return what lies between the boundary's lines: without the preamble, and without what follows its end."""
    line = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    parts: list[bytes] = []
    begun: int | None = None
    for found in line.finditer(body):
        if begun is not None:
            parts.append(_after_line(body[begun : found.start()]))
        begun = found.end()
        if found[1] or len(parts) >= limit:
            return parts
    if begun is not None:  # its end was cut off
        parts.append(_after_line(body[begun:]))
    return parts


def _after_line(data: bytes) -> bytes:
    return data[2:] if data.startswith(b"\r\n") else data[1:]


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if encoding == "base64":
        letters = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
        return binascii.a2b_base64(letters[: len(letters) // 4 * 4] + _padding(letters))
    return body


def _padding(letters: bytes) -> bytes:
    rest = letters[len(letters) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""
