"""Whose mail a report is about: only what our own key has signed says so.

A report is written by strangers, and often by machines that nobody vouches for. What makes one ours is the token in the
envelope address that it came back to, or that it quotes: whoever has that has had the mail. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lifecycle.base.errors import TokenError
from lifecycle.base.tokens import Purpose, Tokens

#: Returns the ledger's row that an envelope address or an unsubscribe link of ours names, None for any other text.
RowOf = Callable[[str], int | None]


@dataclass(frozen=True, slots=True)
class Sent:
    """What the ledger knows of a mail: its Message-ID (with a domain or without) and whom it was sent to."""

    message_id: str
    address: str | None


#: Returns what is known of a row, None when it is not known.
SentOf = Callable[[int], Sent | None]

_ENVELOPE = re.compile(r'(?<![\w.+-])bounce\+([\w-]{1,100}\.[\w-]{1,100})"?@', re.ASCII | re.IGNORECASE)
_LINK = re.compile(r"/u/([\w-]{1,100}\.[\w-]{1,100})(?![\w.-])", re.ASCII)
#: Texts of one report that are asked, and tokens in each: a MAC is checked for every one.
_TEXTS, _TOKENS = 40, 5


def rows_by_token(tokens: Tokens) -> RowOf:
    """Return what reads `bounce+TOKEN@…` and `…/u/TOKEN`."""

    def row_of(text: str) -> int | None:
        for purpose, pattern in ((Purpose.ENVELOPE, _ENVELOPE), (Purpose.UNSUBSCRIBE, _LINK)):
            for found, _ in zip(pattern.finditer(text[:10_000]), range(_TOKENS), strict=False):
                try:
                    subject = tokens.read(purpose, found[1])
                except TokenError:
                    continue
                if subject.isascii() and subject.isdigit():
                    return int(subject)
        return None

    return row_of


def rows_in(texts: Iterable[str], row_of: RowOf) -> set[int]:
    """Return the rows that the texts name: one for a report that makes sense."""
    asked = (row_of(text) for text, _ in zip(texts, range(_TEXTS), strict=False))
    return {row for row in asked if row is not None}
