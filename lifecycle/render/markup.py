"""A small strict parser of MJML: a tree in which every tag and attribute knows its offset, and back to text.

Values and text stay as they were written, entities and all. HTML inside mj-text and its like is parsed the same way, so
it has to be well formed; mj-style, mj-title and mj-preview hold plain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

#: mrml recurses on nesting, and a few thousand levels end the process
MAX_DEPTH = 100

#: elements of HTML that have no end tag
VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])
#: elements whose content is text to their end tag
TEXT_ONLY = frozenset({"mj-style", "mj-title", "mj-preview", "style", "title", "script"})

_NAME = re.compile(r"[A-Za-z][\w:.-]*")
_SPACE = re.compile(r"\s*")
_ATTRIBUTE = re.compile(r"([^\s\"'<>/=]+)(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'<>]+))?")


@dataclass(slots=True)
class Attribute:
    """name="value" at offset `start`; `value_start` is the first character of the value."""

    name: str
    value: str
    start: int
    value_start: int


@dataclass(slots=True)
class Text:
    """Characters between tags, entities undecoded."""

    value: str
    start: int


@dataclass(slots=True)
class Comment:
    """<!--value-->; a value `jxN` stands for a Jinja statement."""

    value: str
    start: int


@dataclass(slots=True)
class Element:
    """<tag attributes>children</tag>, its `<` at offset `start`."""

    tag: str
    start: int
    attributes: list[Attribute] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)
    parent: Element | None = None

    def get(self, name: str) -> str | None:
        """Return the value of an attribute as it was written, None when it is not there."""
        return next((attribute.value for attribute in self.attributes if attribute.name == name), None)

    def set(self, name: str, value: str) -> None:
        """Give an attribute a value."""
        for attribute in self.attributes:
            if attribute.name == name:
                attribute.value = value
                return
        self.attributes.append(Attribute(name, value, self.start, self.start))

    def drop(self, name: str) -> None:
        """Remove an attribute."""
        self.attributes = [attribute for attribute in self.attributes if attribute.name != name]

    def walk(self) -> Iterator[Element]:
        """Yield this element and those inside it, in the order of writing."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def find(self, tag: str) -> Element | None:
        """Return the first element of that tag, this one included."""
        return next((element for element in self.walk() if element.tag == tag), None)


Node: TypeAlias = Element | Text | Comment


@dataclass(frozen=True, slots=True)
class Fault:
    """What is not well formed, at an offset."""

    offset: int
    length: int
    message: str
    hint: str = ""


def parse(text: str) -> tuple[Element, list[Fault]]:
    """Return the tree under a nameless root, and what is not well formed."""
    return _Parser(text).run()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.root = Element("", 0)
        self.open = [self.root]
        self.faults: list[Fault] = []

    def run(self) -> tuple[Element, list[Fault]]:
        position = 0
        while position < len(self.text):
            position = self._step(position)
        for element in self.open[1:]:
            self._fault(element.start, len(element.tag) + 1, f"<{element.tag}> is never closed")
        return self.root, self.faults

    def _fault(self, offset: int, length: int, message: str, hint: str = "") -> None:
        self.faults.append(Fault(offset, length, message, hint))

    def _step(self, position: int) -> int:
        text = self.text
        if text.startswith("<!--", position):
            end = text.find("-->", position)
            if end < 0:
                self._fault(position, 4, "the comment is never closed")
                return len(text)
            value = text[position + 4 : end]
            # an author's notes are not for the reader of the mail; conditional comments are for Outlook
            if value.startswith(("jx", "[if", "<![endif")):
                self._add(Comment(value, position))
            return end + 3
        if text.startswith("</", position):
            return self._close(position)
        if text[position] == "<" and _NAME.match(text, position + 1):
            return self._start_tag(position)
        if text[position] == "<" and text[position + 1 : position + 2] not in {"!", "?"}:
            self._fault(position, 1, 'a bare "<"', "write &lt;")
        end = text.find("<", position + 1)
        end = len(text) if end < 0 else end
        self._add(Text(text[position:end], position))
        return end

    def _add(self, node: Node) -> None:
        self.open[-1].children.append(node)

    def _close(self, position: int) -> int:
        end = self.text.find(">", position)
        end = len(self.text) - 1 if end < 0 else end
        tag = self.text[position + 2 : end].strip()
        names = [element.tag for element in self.open]
        if tag not in names[1:]:
            self._fault(
                position, end - position + 1, f"</{tag}> closes nothing", f"<{names[-1]}> is open" if names[1:] else ""
            )
            return end + 1
        while self.open[-1].tag != tag:
            left = self.open.pop()
            self._fault(left.start, len(left.tag) + 1, f"<{left.tag}> is not closed before </{tag}>")
        self.open.pop()
        return end + 1

    def _start_tag(self, position: int) -> int:
        name = _NAME.match(self.text, position + 1)
        assert name is not None  # noqa: S101 - the caller matched it
        element = Element(name[0], position, parent=self.open[-1])
        cursor = name.end()
        while True:
            cursor = self._skip(cursor)
            if self.text.startswith("/>", cursor) or self.text.startswith(">", cursor):
                break
            found = _ATTRIBUTE.match(self.text, cursor)
            if found is None:
                self._fault(
                    position,
                    len(element.tag) + 1,
                    f"<{element.tag} is not a well-formed tag",
                    'attributes are name="value"',
                )
                end = self.text.find(">", cursor)
                cursor = len(self.text) if end < 0 else end
                break
            self._attribute(element, found)
            cursor = found.end()
        closed = self.text.startswith("/>", cursor)
        self._add(element)
        cursor += 2 if closed else 1
        if closed or element.tag in VOID:
            return cursor
        if element.tag in TEXT_ONLY:
            return self._text_only(element, cursor)
        if len(self.open) > MAX_DEPTH:
            self._fault(position, len(element.tag) + 1, f"tags are nested deeper than {MAX_DEPTH}")
            return len(self.text)
        self.open.append(element)
        return cursor

    def _text_only(self, element: Element, cursor: int) -> int:
        end = self.text.find(f"</{element.tag}", cursor)
        if end < 0:
            self._fault(element.start, len(element.tag) + 1, f"<{element.tag}> is never closed")
            return len(self.text)
        if end > cursor:
            element.children.append(Text(self.text[cursor:end], cursor))
        close = self.text.find(">", end)
        return len(self.text) if close < 0 else close + 1

    def _skip(self, cursor: int) -> int:
        found = _SPACE.match(self.text, cursor)
        return found.end() if found else cursor

    def _attribute(self, element: Element, found: re.Match[str]) -> None:
        value = found[2]
        if value is None and element.tag.startswith("mj"):
            self._fault(found.start(), len(found[1]), f'the attribute "{found[1]}" has no value')
        if value is not None and value[0] not in "\"'":
            self._fault(
                found.start(),
                len(found[1]),
                f'the value of "{found[1]}" stands without quotes',
                f'write {found[1]}="{value}"',
            )
        if element.get(found[1]) is not None:
            self._fault(found.start(), len(found[1]), f'the attribute "{found[1]}" is there twice')
        plain = "" if value is None else value[1:-1] if value[0] in "\"'" else value
        start = found.start(2) + 1 if value is not None else found.start()
        element.attributes.append(Attribute(found[1], plain, found.start(), start))


def serialise(node: Node) -> str:
    """Return the node as MJML or HTML again."""
    match node:
        case Text():
            return node.value
        case Comment():
            return f"<!--{node.value}-->"
        case Element():
            inner = "".join(serialise(child) for child in node.children)
            if not node.tag:
                return inner
            attributes = "".join(f' {item.name}="{item.value.replace(chr(34), "&quot;")}"' for item in node.attributes)
            if node.tag in VOID or (not inner and node.tag.startswith("mj")):
                return f"<{node.tag}{attributes} />"
            return f"<{node.tag}{attributes}>{inner}</{node.tag}>"
