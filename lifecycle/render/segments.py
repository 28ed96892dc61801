"""Finds the Jinja in a text without changing a character of it: expressions, statements, comments, raw stretches.

Jinja's own lexer drops white space around `{%-`, so offsets taken from it would be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["text", "expression", "statement", "comment", "raw"]

_OPEN = re.compile(r"\{[{%#]")
_STRING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_ENDRAW = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")
_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Segment:
    """text[start:end]; `body` is what stands between the delimiters, trimmed; `keyword` a statement's first word."""

    kind: Kind
    start: int
    end: int
    body: str = ""
    keyword: str = ""


class UnclosedError(ValueError):
    """A `{{`, `{%`, `{#` or `{% raw %}` at `offset` is never closed."""

    def __init__(self, offset: int, opened: str) -> None:
        super().__init__(f'"{opened}" is never closed')
        self.offset = offset


def scan(text: str) -> Iterator[Segment]:
    """Yield the segments of `text` in order; together they are all of it. Raises UnclosedError."""
    position = 0
    while (found := _OPEN.search(text, position)) is not None:
        start = found.start()
        if start > position:
            yield Segment("text", position, start)
        position = _end(text, start)
        yield _segment(text, start, position) if text[start + 1] != "%" else (made := _statement(text, start, position))
        if text[start + 1] == "%" and made.kind == "raw":
            position = made.end
    if position < len(text):
        yield Segment("text", position, len(text))


def _segment(text: str, start: int, end: int) -> Segment:
    kind: Kind = "comment" if text[start + 1] == "#" else "expression"
    return Segment(kind, start, end, _body(text, start, end))


def _statement(text: str, start: int, end: int) -> Segment:
    body = _body(text, start, end)
    word = _WORD.match(body)
    keyword = word[0] if word else ""
    if keyword == "raw":
        closing = _ENDRAW.search(text, end)
        if closing is None:
            raise UnclosedError(start, "{% raw %}")
        return Segment("raw", start, closing.end(), text[end : closing.start()], "raw")
    return Segment("statement", start, end, body, keyword)


def _body(text: str, start: int, end: int) -> str:
    inner = text[start + 2 : end - 2]
    return inner.removeprefix("-").removeprefix("+").removesuffix("-").removesuffix("+").strip()


def _end(text: str, start: int) -> int:
    """Return the offset behind the segment that opens at `start`; strings and nested braces hide its end."""
    if text[start + 1] == "#":
        end = text.find("#}", start + 2)
        if end < 0:
            raise UnclosedError(start, "{#")
        return end + 2
    closing = "}}" if text[start + 1] == "{" else "%}"
    position, depth = start + 2, 0
    while position < len(text):
        if text.startswith(closing, position) and (closing == "%}" or depth == 0):
            return position + 2
        if text.startswith("{%", position):
            break  # another statement begins: this one was never closed
        char = text[position]
        if char in "'\"":
            string = _STRING.match(text, position)
            if string is None:
                break
            position = string.end()
            continue
        depth += (char == "{") - (char == "}")
        position += 1
    raise UnclosedError(start, text[start : start + 2])
