"""The bodies of mails, ready for the wire: what all mails of a template say is encoded once, and then spliced.

Bodies are 7bit where they fit, base64 where that is shorter than quoted-printable (Arabic), so that any server takes
them. Quoted-printable is made in pieces: a line by itself, or, where a recipient's own links cut a line, what lies
between them, each piece beginning a line that a soft break takes back. Source: RFC 2045 6.7, 6.8.
"""

from __future__ import annotations

import binascii
import re
import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from lifecycle.deliver.header import HARD_LIMIT

#: Control octets, other than tab and newline, that must not stand bare in a body.
_UNSENDABLE = bytes({*range(32), 127} - {9, 10})
_SOFT_BREAK = b"=\r\n"
#: Shapes of bodies (template, number of lines) that are remembered; each takes about three times a mail's size.
_SHAPES = 64
#: How often mails of a shape may turn out otherwise than those before, until no more is learnt of it.
_MOST_SURPRISES = 16


class Piece(NamedTuple):
    """Text as quoted-printable, its octets beyond its characters, and whether one is a control."""

    quoted: bytes
    surplus: int
    bare: bool


def body(text: str, *, template: str = "", own: re.Pattern[str] | None = None) -> bytes:
    """Return the transfer encoding's field, a blank line and the encoded body.

    `template` names what the text was made from, so that the next one can be held against it; `own` finds, as its one
    group, what stands in this mail alone (its links).
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    remembered = _memory(template, text.count("\n")) if template else None
    quoted = remembered.splice(text, own) if remembered is not None else None
    if quoted is not None:
        return b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted
    lines = text.split("\n")
    if text.isascii() and max(map(len, lines)) <= HARD_LIMIT and not _has_bare(text.encode()):
        return b"Content-Transfer-Encoding: 7bit\r\n\r\n" + _crlf(text)
    pieces = list(map(_line, lines))
    if not _fits(text, sum(piece.surplus for piece in pieces)) or any(piece.bare for piece in pieces):
        return b"Content-Transfer-Encoding: base64\r\n\r\n" + _base64(_crlf(text))
    if remembered is not None:
        remembered.learn(lines)
    quoted = b"\r\n".join([piece.quoted for piece in pieces])
    return b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted


def _has_bare(data: bytes) -> bool:
    return len(data.translate(None, _UNSENDABLE)) != len(data)


def _fits(text: str, surplus: int) -> bool:
    """Say whether quoted-printable is the shorter one: three octets for each of the surplus, and as many more bytes.

    About half of the octets that are not ASCII are beyond the text's characters; base64 takes four for every three.
    """
    return surplus * 12 <= len(text) + surplus


def _crlf(text: str) -> bytes:
    return text.encode("utf-8", "replace").replace(b"\n", b"\r\n")


class _Memory:
    """What mails of a template with as many lines have in common: all lines but a few.

    Threads may share it: what is read is whole, and whatever it says is held against the text.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._varying: frozenset[int] = frozenset()
        self._surprises = 0
        #: how long the longest line is that all share, in characters
        self._longest = 0
        #: the common runs, the line that differs lying between each and the next; None: not known
        self._runs: tuple[tuple[str, Piece], ...] | None = None

    def splice(self, text: str, own: re.Pattern[str] | None) -> bytes | None:
        """Return the text as quoted-printable, or None where it is not like those before, or not to be quoted."""
        runs = self._runs
        if runs is None:
            return None
        first, piece = runs[0]
        if not text.startswith(first):
            return None
        place, quoted, surplus, longest = len(first), [piece.quoted], piece.surplus, self._longest
        for run, piece in runs[1:]:
            end = text.find("\n", place)
            varying = text[place : end if end >= 0 else len(text)]
            line = _cut(varying, own)
            place += len(varying)
            if line.bare or not text.startswith(run, place):
                return None
            place += len(run)
            quoted += (line.quoted, piece.quoted)
            surplus += line.surplus + piece.surplus
            longest = max(longest, len(varying))
        if place != len(text) or not _fits(text, surplus) or (not surplus and longest <= HARD_LIMIT):
            return None
        return b"".join(quoted)

    def learn(self, lines: list[str]) -> None:
        """Hold a text that was not like those before against the last one."""
        before, self._lines = self._lines, lines
        if not before or self._surprises > _MOST_SURPRISES:
            return
        self._surprises += 1
        self._varying |= {place for place, line in enumerate(lines) if line != before[place]}
        self._longest = max((len(line) for place, line in enumerate(lines) if place not in self._varying), default=0)
        self._runs = tuple(self._found(lines, sorted(self._varying)))

    @staticmethod
    def _found(lines: list[str], varying: list[int]) -> Iterable[tuple[str, Piece]]:
        begin = 0
        for end in (*varying, len(lines)):
            # the line ends beside the lines that differ belong to the runs
            run = [*[""] * (begin > 0), *lines[begin:end], *[""] * (end < len(lines))]
            pieces = list(map(_line, run))
            quoted = b"\r\n".join([piece.quoted for piece in pieces])
            yield "\n".join(run), Piece(quoted, sum(piece.surplus for piece in pieces), bare=False)
            begin = end + 1


@lru_cache(maxsize=_SHAPES)
def _memory(template: str, breaks: int) -> _Memory:
    del template, breaks
    return _Memory()


def _cut(text: str, own: re.Pattern[str] | None) -> Piece:
    """Return a line that differs from mail to mail, made of pieces where its own strings cut it."""
    *begun, last = own.split(text) if own is not None else (text,)
    if not begun:
        return _made(text)
    # what the pattern finds stands at every second place, and does not come again
    made = [_begun(each) if place % 2 == 0 else _goes_on(each) for place, each in enumerate(begun)]
    made.append(_line(last))
    quoted, surpluses, bare = zip(*made, strict=True)
    return Piece(_SOFT_BREAK.join(quoted), sum(surpluses), any(bare))


def _goes_on(text: str) -> Piece:
    """Return a piece whose line goes on: what ends a line is written otherwise, and there must be room for `=`."""
    piece = _made(text + "x")
    return Piece(piece.quoted[:-1], piece.surplus, piece.bare)


_begun = lru_cache(maxsize=4096)(_goes_on)


@lru_cache(maxsize=16_384)
def _line(text: str) -> Piece:
    """Return a whole line, or the end of one. Remembered: most lines are the same for each recipient of a mail."""
    return _made(text)


def _made(text: str) -> Piece:
    data = text.encode("utf-8", "replace")
    quoted = binascii.b2a_qp(data, istext=True).replace(b"\n", b"\r\n")
    return Piece(quoted, len(data) - len(text), _has_bare(data))


def _base64(data: bytes) -> bytes:
    """Return base64 in lines of 76. One unpacking cuts all the lines, three times as fast as slicing each."""
    encoded = binascii.b2a_base64(data, newline=False)
    whole = len(encoded) // 76
    lines = [*_cutter(whole).unpack_from(encoded), encoded[whole * 76 :]]
    return b"\r\n".join(lines if lines[-1] else lines[:-1])


@lru_cache(maxsize=1024)
def _cutter(lines: int) -> struct.Struct:
    return struct.Struct("76s" * lines)
