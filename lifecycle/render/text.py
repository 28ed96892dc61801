"""The plain-text part, from the MJML source: text, buttons, links and what images say; never from layout tables."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from lifecycle.render.anchors import Anchors
from lifecycle.render.links import Link, tag
from lifecycle.render.markup import Comment, Element, Node, Text
from lifecycle.render.mask import BARE, Token, guard_literals
from lifecycle.render.segments import scan

_SPACE = re.compile(r"[ \t\r\n]+")
_URL = re.compile(r"https?://[^\s<>\"'{}]+[^\s<>\"'{}.,;:!?)\]]")
#: where a line begins or ends: several beside each other are one, and none beside a paragraph's end; a noncharacter
_LINE = "\ufdd1"
_TIDYING = (
    (r"[ \t\u00a0]+", " "), (rf" ?{_LINE}[ {_LINE}]*", _LINE), (rf"{_LINE}? ?\n ?{_LINE}?", "\n"), (_LINE, "\n"),
    (r"\n{3,}", "\n\n"),
)  # fmt: skip
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "mj-table"})
_LINES = frozenset({"div", "tr", "li", "br", "mj-column"})
_SILENT = frozenset({"mj-head", "mj-spacer", "mj-style", "style", "script", "mj-raw", "title"})


def plain_text(tree: Element, tokens: Mapping[int, Token], *, isolate: bool) -> str:
    """Return a Jinja template of the plain text for a tree whose links are numbered."""
    return _Writer(tokens, isolate=isolate).write(tree)


def number_plain(text: str, anchors: Anchors, base: str, utm: Mapping[str, str]) -> str:  # noqa: ARG001 - one signature
    """Return a handwritten plain text with its URLs tracked; a URL that the HTML has too keeps its number."""

    def numbered(found: re.Match[str]) -> str:
        target = tag(found[0], utm)
        for link in anchors.links.values():
            if link.fixed == target:
                return f"{{{{ _click }}}}/{link.number}"
        link = Link(len(anchors.links) + 1, target)
        anchors.links[link.number] = link
        return f"{{{{ _click }}}}/{link.number}"

    return _URL.sub(numbered, text)


def _close_up(text: str) -> str:
    """Return the text without the white space before statements that have as much behind them.

    Whatever a condition decides, one gap stays then, and `render` has next to nothing to tidy. A line that ends before
    a statement ends also when there is but a blank behind it.
    """
    parts: list[str] = []
    for part in scan(text):
        rest = text[part.end :]
        behind = rest[: len(rest) - len(rest.lstrip())]
        if part.kind == "statement" and parts and behind:
            bare = parts[-1].rstrip() if parts[-1].strip() or len(parts) > 1 else ""
            if parts[-1][len(bare) :].count("\n") <= behind.count("\n"):
                parts[-1] = bare
        parts.append(text[part.start : part.end])
    return "".join(parts)


class _Writer:
    def __init__(self, tokens: Mapping[int, Token], *, isolate: bool) -> None:
        self._tokens = tokens
        self._isolate = isolate

    def write(self, tree: Element) -> str:
        body = tree.find("mj-body")
        written = "".join(self._node(child) for child in body.children) if body else ""
        for untidy, tidy in _TIDYING:
            written = re.sub(untidy, tidy, written)
        return _close_up(written).strip()

    def _node(self, node: Node) -> str:
        match node:
            case Text():
                return self._text(_SPACE.sub(" ", node.value))
            case Comment():
                token = self._token(node.value)
                return token.text if token else ""
            case Element():
                return self._element(node)

    def _token(self, comment: str) -> Token | None:
        return self._tokens.get(int(comment[2:])) if re.fullmatch(r"jx\d+", comment) else None

    def _text(self, raw: str) -> str:
        """Return text with entities decoded, literal braces kept literal, and expressions brought back."""
        parts = []
        position = 0
        for found in BARE.finditer(raw):
            parts += [
                guard_literals(html.unescape(raw[position : found.start()])),
                self._expression(self._tokens[int(found[1])]),
            ]
            position = found.end()
        parts.append(guard_literals(html.unescape(raw[position:])))
        return "".join(parts)

    def _expression(self, token: Token) -> str:
        return f"{{{{ ({token.body}) | _isolated }}}}" if self._isolate and token.body else token.text

    def _element(self, element: Element) -> str:
        inner = "".join(self._node(child) for child in element.children) if element.tag not in _SILENT else ""
        match element.tag:
            case tag if tag in _SILENT or element.get("aria-hidden") == "true":
                return ""
            case "a" | "mj-navbar-link" | "mj-social-element":
                return self._linked(inner.strip() or self._images(element), element)
            case "mj-button":
                return f"\n\n{self._linked(inner.strip(), element)}\n\n"
            case "mj-image" | "mj-carousel-image":
                said = self._linked(self._attribute(element, "alt"), element)
                return f"\n\n{said}\n\n" if said else ""
            case "img":
                return self._attribute(element, "alt")
            case "mj-divider" | "hr":
                return "\n\n---\n\n"
            case "td" | "th":
                cell = inner.strip(f" \n{_LINE}")
                return f"{cell}  " if cell else ""
            case "br":
                return "\n"
            case "li":
                return f"\n- {inner.strip()}\n"
            case tag if tag in _PARAGRAPHS or (tag.startswith("mj-") and tag not in _LINES):
                return f"\n\n{inner}\n\n"
            case tag if tag in _LINES:
                return f"{_LINE}{inner}{_LINE}"
            case _:
                return inner

    def _images(self, element: Element) -> str:
        return " ".join(filter(None, (self._attribute(found, "alt") for found in element.walk() if found.tag == "img")))

    def _attribute(self, element: Element, name: str) -> str:
        value = element.get(name)
        return self._text(value) if value else ""

    def _linked(self, label: str, element: Element) -> str:
        target = element.get("href")
        if not target:
            return label
        url = "".join(
            self._tokens[int(found[1])].text if found[1] else guard_literals(html.unescape(found[0]))
            for found in re.finditer(r"jx(\d{5})xj|(?:(?!jx\d{5}xj).)+", target, re.DOTALL)
        )
        if url.startswith("#"):
            return label
        return f"{label}: {url}" if label else url
