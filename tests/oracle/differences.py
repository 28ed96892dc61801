"""How the structure of our page differs from the official one's, difference by difference."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from structure import VIEWS, Node, View, read_page

_NUMBER = re.compile(r"\d+[.-]\d+")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is so in the official page and otherwise in ours; None stands for not there.

    `what` is `@name` for an attribute, a property for a declaration, else element, text or rule. `theirs` and `ours` of
    an element are its tag; of a rule its declaration, with the media and the selector in `tag`.
    """

    template: str
    view: View
    path: str
    tag: str
    what: str
    theirs: str | None
    ours: str | None
    #: the attributes of our element, or theirs where we have none
    attributes: Mapping[str, str]

    def __str__(self) -> str:
        there = " ".join(f'{name}="{value}"' for name, value in self.attributes.items() if name in {"class", "src"})
        place = f"{self.template} ({self.view}) {self.path} <{self.tag}{' ' if there else ''}{there}> {self.what}"
        return f"{place}\n  - mjml {self.theirs}\n  + ours {self.ours}"


def compare(template: str, theirs: str, ours: str) -> list[Difference]:
    """Return the differences between two pages, in both views; what both views have is said once."""
    found: dict[tuple[str, ...], Difference] = {}
    for view in VIEWS:
        seen: dict[tuple[str, ...], int] = {}
        for difference in _Comparison(template, view).pages(theirs, ours):
            key = (difference.tag, difference.what, str(difference.theirs), str(difference.ours))
            seen[key] = seen.get(key, 0) + 1
            found.setdefault((*key, str(seen[key])), difference)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class _Comparison:
    template: str
    view: View

    def pages(self, theirs: str, ours: str) -> Iterator[Difference]:
        left, right = read_page(theirs, self.view), read_page(ours, self.view)
        yield from self._nodes(left.root, right.root, "")
        yield from self._rules(left.rules, right.rules)

    def _say(self, path: str, node: Node, what: str, theirs: str | None, ours: str | None) -> Difference:
        return Difference(self.template, self.view, path, node.tag, what, theirs, ours, node.attributes)

    def _nodes(self, theirs: Node, ours: Node, path: str) -> Iterator[Difference]:
        for name in sorted({*theirs.attributes, *ours.attributes}):
            left, right = theirs.attributes.get(name), ours.attributes.get(name)
            if left != right:
                yield self._say(path, ours, f"@{name}", left, right)
        if theirs.condition != ours.condition:
            yield self._say(path, ours, "@if", theirs.condition, ours.condition)
        for name in sorted({name for name, _ in theirs.style ^ ours.style}):
            yield self._say(path, ours, name, _declared(theirs, name), _declared(ours, name))
        yield from self._children(theirs, ours, path)

    def _children(self, theirs: Node, ours: Node, path: str) -> Iterator[Difference]:
        left, right = [_shape(child) for child in theirs.children], [_shape(child) for child in ours.children]
        for kind, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
            pairs = zip(theirs.children[a:b], ours.children[c:d], strict=False)
            if kind == "equal" or (kind == "replace" and left[a:b] and _tags(theirs, a, b) == _tags(ours, c, d)):
                for one, other in pairs:
                    if isinstance(one, Node) and isinstance(other, Node):
                        yield from self._nodes(one, other, f"{path}/{one.tag}")
                    elif one != other:
                        yield self._say(path, ours, "text", str(one), str(other))
                continue
            yield from (self._lost(path, child, theirs, mine=False) for child in theirs.children[a:b])
            yield from (self._lost(path, child, ours, mine=True) for child in ours.children[c:d])

    def _lost(self, path: str, child: Node | str, parent: Node, *, mine: bool) -> Difference:
        what, node, shown = ("text", parent, child) if isinstance(child, str) else ("element", child, child.tag)
        return self._say(path, node, what, None if mine else shown, shown if mine else None)

    def _rules(self, theirs: set[tuple[str, str, str]], ours: set[tuple[str, str, str]]) -> Iterator[Difference]:
        left = {_rounded(rule): rule for rule in sorted(theirs)}
        right = {_rounded(rule): rule for rule in sorted(ours)}
        for key in sorted({*left, *right}):
            one, other = left.get(key), right.get(key)
            if one != other:
                node = Node(" ".join(part for part in (other or one or key)[:2] if part))
                yield self._say("style", node, "rule", one and _shown(one, other), other and _shown(other, one))


def _shown(rule: tuple[str, str, str], other: tuple[str, str, str] | None) -> str:
    return rule[2] if other is None else " | ".join(rule[1:])


def _declared(node: Node, name: str) -> str | None:
    return "; ".join(sorted(value for found, value in node.style if found == name)) or None


def _shape(child: Node | str) -> str:
    """Return what makes two children the same child: their tags, down to two levels below."""
    if isinstance(child, str):
        return child
    below = [f"{node.tag}({' '.join(_tags(node, 0, None))})" for node in child.children if isinstance(node, Node)]
    return f"<{child.tag} {child.condition} {' '.join(below)}>"


def _tags(node: Node, start: int, end: int | None) -> list[str]:
    return [child.tag if isinstance(child, Node) else "" for child in node.children[start:end]]


def _rounded(rule: tuple[str, str, str]) -> tuple[str, str, str]:
    media, selector, declared = (_NUMBER.sub(lambda found: rounded(found[0]), part) for part in rule)
    return media, selector, declared


def rounded(number: str) -> str:
    """Return a number with a fraction to four places; `33-3333` is one in the name of a class."""
    return f"{float(number.replace('-', '.')):.4f}"
