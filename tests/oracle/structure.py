"""HTML of a mail as structure: a tree as Outlook reads it and one as everybody else does.

What is only spelled differently is made equal here: white space, the order of classes and declarations, `0px` and `0`,
`#abc` and `#aabbcc`, quotes, the drawn ids of carousels and menus.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Literal

View = Literal["outlook", "others"]
VIEWS: tuple[View, View] = ("outlook", "others")

_VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"])
_HIDDEN = re.compile(r"<!--\[if ([^\]]*)\]>(?!<!--)(.*?)<!\[endif\]-->", re.DOTALL)
_SHOWN = re.compile(r"<!--\[if [^\]]*\]><!--\s*(?:-->|>)(.*?)<!--\s*<!\[endif\]-->", re.DOTALL)
_COMMENT_CSS = re.compile(r"/\*.*?\*/", re.DOTALL)
_SPACE = re.compile(r"\s+")
_DRAWN = re.compile(r"(?<=[-\"])(?:[0-9a-f]{16}|0{7}\d)(?=[-\" ])")
_SHORT_COLOUR = re.compile(r"#([0-9a-fA-F])([0-9a-fA-F])([0-9a-fA-F])\b")
_SWITCHES = frozenset({"checked"})


@dataclass(slots=True)
class Node:
    """An element; `condition` is what the comment for Outlook around it asks."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    style: set[tuple[str, str]] = field(default_factory=set)
    children: list[Node | str] = field(default_factory=list)
    condition: str = ""

    def elements(self) -> Iterator[Node]:
        """Yield this element and those inside it, in the order of writing."""
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child.elements()


@dataclass(slots=True)
class Page:
    """A page in one view: the tree, and the rules of its style elements as (media, selector, declaration)."""

    root: Node
    rules: set[tuple[str, str, str]]


def read_page(html: str, view: View) -> Page:
    """Return what the readers of a view get."""
    names: dict[str, str] = {}
    html = _DRAWN.sub(lambda found: names.setdefault(found[0], f"drawn{len(names) + 1}"), html)
    if view == "outlook":
        html = _SHOWN.sub("", html)
        html = _HIDDEN.sub(lambda found: f"<?if {_flat(found[1])}?>{found[2]}<?endif?>", html)
    else:
        html = _SHOWN.sub(lambda found: found[1], html)
        html = _HIDDEN.sub("", html)
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return Page(reader.root, reader.rules)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("")
        self.open = [self.root]
        self.condition = ""
        self.rules: set[tuple[str, str, str]] = set()

    def handle_pi(self, data: str) -> None:
        said = data.removesuffix("?")
        self.condition = said.removeprefix("if ") if said.startswith("if ") else ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = self._add(tag, attrs)
        if tag not in _VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._add(tag, attrs)

    def _add(self, tag: str, attrs: list[tuple[str, str | None]]) -> Node:
        plain = {name: "" if name in _SWITCHES else _flat(value or "") for name, value in attrs}
        plain["class"] = " ".join(sorted(plain.get("class", "").split()))
        if not plain["class"]:
            del plain["class"]
        node = Node(tag, plain, condition=self.condition)
        node.style = set(declarations(plain.pop("style", "")))
        self.open[-1].children.append(node)
        return node

    def handle_endtag(self, tag: str) -> None:
        if tag not in [node.tag for node in self.open]:
            self.open[-1].children.append(f"</{tag}> closes nothing")
            return
        while self.open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        node = self.open[-1]
        if node.tag == "style":
            around = " ".join(part for part in (node.condition, node.attributes.get("media", "")) if part)
            for media, selector, declared in css_rules(data):
                self.rules.add((f"{around} {media}".strip(), selector, declared))
        elif text := _flat(data):
            node.children.append(text)

    def handle_comment(self, data: str) -> None:
        self.open[-1].children.append(f"<!--{_flat(data)}-->")

    def handle_decl(self, decl: str) -> None:
        self.open[-1].children.append(f"<!{decl.lower()}>")


def _flat(text: str) -> str:
    return _SPACE.sub(" ", text).strip()


def declarations(css: str) -> Iterator[tuple[str, str]]:
    """Yield what a style attribute declares, as pairs."""
    for part in re.split(r";(?![^(]*\))", css):
        name, colon, value = part.partition(":")
        if colon and value.strip():
            yield name.strip().lower(), _value(value)


def _value(text: str) -> str:
    text = re.sub(r"\s*,\s*", ", ", _flat(text)).replace('"', "'")
    text = re.sub(r"(?<![\d.])0px\b", "0", _SHORT_COLOUR.sub(r"#\1\1\2\2\3\3", text))
    return re.sub(r"\s*!\s*important", " !important", text)


def css_rules(css: str) -> Iterator[tuple[str, str, str]]:
    """Yield (media, selector, declaration) of each declaration of a style sheet."""
    media, head = "", ""
    for part in re.split(r"([{}])", _COMMENT_CSS.sub("", css).replace("<!--", "").replace("-->", "")):
        if part == "{" and head.startswith("@media"):
            media, head = head, ""
        elif part == "}":
            media, head = ("", "") if not head else (media, "")
        elif part != "{" and not head:
            *imports, head = _flat(part).split(";")
            yield from ((media, "@import", each.removeprefix("@import").strip()) for each in imports)
            head = head.strip()
        elif part != "{":
            selector = re.sub(r"\s*,\s*", ", ", re.sub(r"\s*([>+~])\s*", r" \1 ", head))
            yield from ((media, selector, f"{name}: {value}") for name, value in declarations(part))
