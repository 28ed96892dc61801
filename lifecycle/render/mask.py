"""Hides Jinja from MJML and premailer behind tokens that both leave alone, and brings it back.

An expression becomes a bare word (`jx00001xj`), a statement in element position a comment (`<!--jx2-->`). What is known
when a template is compiled (brand, locale, texts without arguments) is written out before, so that MJML can compute
with it and CSS reaches it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from lifecycle.render import rules
from lifecycle.render.segments import Segment, scan
from lifecycle.render.woven import Piece, Woven
from lifecycle.spec.diagnostics import Diagnostic
from lifecycle.spec.place import Place

STATEMENTS = frozenset({"if", "elif", "else", "endif", "for", "endfor", "set", "endset", "with", "endwith"})

#: any token: group 1 a bare one's number, group 2 a comment's
TOKEN = re.compile(r"jx(\d{5})xj|<!--jx(\d+)-->")
BARE = re.compile(r"jx(\d{5})xj")
_DIRECTED = re.compile(r"\bdir\b")
_LOOKALIKE = re.compile(r"jx\d+xj|<!--jx\d")
_DELIMITER = re.compile(r"\{(?=[{%#])")

Context = Literal["text", "attribute", "url", "css"]


@dataclass(frozen=True, slots=True)
class Token:
    """A hidden stretch of Jinja. `text` brings it back as it was; `body` is an expression without its braces."""

    number: int
    text: str
    body: str
    keyword: str
    place: Place
    trimmed: bool = False

    @property
    def bare(self) -> str:
        """Return the word that stands for an expression."""
        return f"jx{self.number:05}xj"

    @property
    def is_statement(self) -> bool:
        """Say whether it is a statement, which stands in a comment."""
        return bool(self.keyword)


@dataclass(frozen=True, slots=True)
class Masked:
    """The text without Jinja, its tokens by number, and the offsets of values that the author turned by `dir`."""

    woven: Woven
    tokens: dict[int, Token]
    turned: list[int]


class Known(Protocol):
    """What is known of expressions when a template is compiled."""

    def fold(self, expression: str, context: Context) -> str | None:
        """Return the HTML of an expression that is the same for everybody, None for one that is not."""
        ...

    def statement(self, keyword: str, body: str) -> bool:
        """Learn from a statement; say whether it set a variable to what is known."""
        ...


def mask(body: Woven, known: Known, problems: list[Diagnostic]) -> Masked:
    """Return `body` with its Jinja hidden and what is known written out.

    Statements inside tags, statements that no template takes, and expressions outside quotes are added to `problems`.
    """
    return _Mask(body, known, problems).run()


class _Mask:
    def __init__(self, body: Woven, known: Known, problems: list[Diagnostic]) -> None:
        self.body, self.known, self.problems = body, known, problems
        self.pieces: list[Piece] = []
        self.length = 0
        self.tokens: dict[int, Token] = {}
        self.turned: list[int] = []
        self.spent: list[int] = []
        self.state = _TagState()

    def run(self) -> Masked:
        text = self.body.text
        lookalike = _LOOKALIKE.search(text)
        if lookalike is not None:
            self.problems.append(
                rules.MarkupBroken.at(self.body.place(lookalike.start(), len(lookalike[0])), "this spelling is taken")
            )
        for part in scan(text):
            if part.kind == "text":
                self.pieces.extend(self.body.slice(part.start, part.end))
                self.length += part.end - part.start
                self.state.feed(text[part.start : part.end])
            else:
                self._hide(part)
        self._drop_spent()
        return Masked(Woven(self.pieces, self.body.files, self.body.path), self.tokens, self.turned)

    def _hide(self, part: Segment) -> None:
        place = self.body.place(part.start, part.end - part.start)
        if part.kind == "statement":
            if part.keyword not in STATEMENTS:
                self.problems.append(rules.StatementRefused.at(place, f'a template has no "{part.keyword}"'))
                return
            if self.state.inside:
                hint = "an expression inside the quotes can choose: {{ 'a' if … else 'b' }}"
                self.problems.append(rules.StatementInTag.at(place, hint=hint))
                return
            if self.known.statement(part.keyword, part.body):
                self.spent.append(len(self.tokens) + 1)
            self._add(part, place, f"<!--jx{len(self.tokens) + 1}-->")
            return
        if self.state.inside and not self.state.quoted:
            self.problems.append(
                rules.StatementInTag.at(
                    place, "an expression inside a tag stands outside quotes", hint='write name="{{ … }}"'
                )
            )
            return
        known = self.known.fold(part.body, self.state.context) if part.kind == "expression" else None
        if known is not None:
            if _DIRECTED.search(part.body):
                self.turned.append(self.length)
            self._piece(part, known)
            return
        self._add(part, place, f"jx{len(self.tokens) + 1:05}xj")

    def _drop_spent(self) -> None:
        """Empty each `{% set %}` of a known value that nothing reads any more: it would be set for every recipient."""
        read = " ".join(token.body for number, token in self.tokens.items() if number not in self.spent)
        for number in self.spent:
            token = self.tokens[number]
            name = token.body.split("=")[0].split()[-1]
            # neither an attribute of that name nor an argument, and not the target of another set
            if not re.search(rf"(?<![.\w]){name}\b(?!\s*=(?!=))", read):
                self.tokens[number] = replace(token, text="")

    def _add(self, part: Segment, place: Place, stand_in: str) -> None:
        number = len(self.tokens) + 1
        source = self.body.text[part.start : part.end]
        keyword = part.keyword if part.kind == "statement" else ""
        body = part.body if part.kind != "raw" else ""
        trimmed = source[2:3] == "-" or source[-3:-2] == "-"
        self.tokens[number] = Token(number, source, body, keyword, place, trimmed)
        self._piece(part, stand_in)

    def _piece(self, part: Segment, text: str) -> None:
        path, origin = self.body.origin(part.start)
        self.pieces.append(Piece(text, path, origin, made=True))
        self.length += len(text)


class _TagState:
    """Whether the text read so far ends inside a tag, and inside the quotes of an attribute."""

    def __init__(self) -> None:
        self.inside = False
        self.quote = ""
        self.comment = False
        self.css = False

    @property
    def context(self) -> Context:
        return "attribute" if self.inside else "css" if self.css else "text"

    @property
    def quoted(self) -> bool:
        return bool(self.quote)

    def feed(self, text: str) -> None:
        position = 0
        while position < len(text):
            if self.comment:
                end = text.find("-->", position)
                self.comment = end < 0
                position = len(text) if end < 0 else end + 3
                continue
            char = text[position]
            if self.quote:
                if char == self.quote:
                    self.quote = ""
            elif self.inside:
                if char in "\"'":
                    self.quote = char
                elif char == ">":
                    self.inside = False
            elif char == "<":
                if text.startswith("<!--", position):
                    self.comment = True
                elif text[position + 1 : position + 2].isalpha() or text[position + 1 : position + 2] == "/":
                    self.inside = True
                    self.css = text.startswith(("<mj-style", "<style"), position)
            position += 1


def guard_literals(text: str) -> str:
    """Return finished HTML or text in which nothing reads as Jinja."""
    return _DELIMITER.sub("{{ '{' }}", text)


_STYLE = re.compile(r"(<style\b[^>]*>)(.*?)(</style>)", re.DOTALL)
_TAG = re.compile(r"<[A-Za-z](?:[^\"'<>]|\"[^\"]*\"|'[^']*')*>")
_PAIR = re.compile(r"([\w:-]+)=(\"[^\"]*\"|'[^']*')")
_URLS = frozenset({"href", "src", "background", "action", "poster"})


def unmask(html: str, bring_back: Callable[[int, Context], str]) -> str:
    """Return `html` with each token replaced by what `bring_back(number, context)` says."""

    def styled(found: re.Match[str]) -> str:
        return found[1] + _replace(found[2], "css", bring_back) + found[3]

    def tagged(found: re.Match[str]) -> str:
        return _PAIR.sub(paired, found[0]) if "jx" in found[0] else found[0]

    def paired(found: re.Match[str]) -> str:
        name = found[1].lower()
        context: Context = "css" if name == "style" else "url" if name in _URLS else "attribute"
        return f"{found[1]}={_replace(found[2], context, bring_back)}"

    # styles first, then tags, then what is left is text
    html = _STYLE.sub(styled, html)
    html = _TAG.sub(tagged, html)
    return _replace(html, "text", bring_back)


def _replace(text: str, context: Context, bring_back: Callable[[int, Context], str]) -> str:
    return TOKEN.sub(lambda found: bring_back(int(found[1] or found[2]), context), text)
