"""The CSS of a template's mj-style, as far as it gives texts a colour, a ground or a size, in light and in dark.

Read are rules outside of any @media and those for `prefers-color-scheme: dark`, with selectors of tags and classes that
stand inside each other (`.paper .muted div`, `.page > table`); others (`:hover`, `[data-ogsc]`, `#id`) are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from lifecycle.render.markup import Element, Text

#: what is read of a declaration; `background` counts as `background-color`
READ = frozenset({"color", "background-color", "font-size", "font-weight"})

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_IMPORTANT = re.compile(r"\s*!\s*important\s*$", re.IGNORECASE)
_COMPOUND = re.compile(r"(\*|[a-zA-Z][\w-]*)?((?:\.[\w-]+)*)")
_DARK = re.compile(r"prefers-color-scheme\s*:\s*dark", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Declared:
    """A value, and whether it is marked as important."""

    value: str
    important: bool = False


class Styled(Protocol):
    """What a selector is held against."""

    @property
    def tag(self) -> str:
        """Return the name of the tag."""
        ...

    @property
    def classes(self) -> frozenset[str]:
        """Return the classes."""
        ...

    @property
    def parent(self) -> Styled | None:
        """Return what it stands in."""
        ...


@dataclass(frozen=True, slots=True)
class StyleRule:
    """One selector with its declarations. `parts` are (combinator, tag, classes), the innermost last."""

    parts: tuple[tuple[str, str, frozenset[str]], ...]
    declared: dict[str, Declared]
    dark: bool

    @property
    def specificity(self) -> tuple[int, int]:
        """Return the number of classes and of tags. Source: Selectors 4, 17."""
        return sum(len(part[2]) for part in self.parts), sum(bool(part[1]) for part in self.parts)

    def matches(self, box: Styled, last: int | None = None) -> bool:
        """Say whether the selector selects the box."""
        at = len(self.parts) - 1 if last is None else last
        combinator, tag, classes = self.parts[at]
        if (tag and tag != box.tag) or not classes <= box.classes:
            return False
        if at == 0:
            return True
        around = box.parent
        while around is not None:
            if self.matches(around, at - 1):
                return True
            around = around.parent if combinator == " " else None
        return False


def style_rules(tree: Element) -> list[StyleRule]:
    """Return the rules of every mj-style, in the order in which they are written."""
    found: list[StyleRule] = []
    for prelude, body in _blocks(_css(tree)):
        if prelude.startswith("@media") and _DARK.search(prelude):
            for inner, declared in _blocks(body):
                found += _rules(inner, declared, dark=True)
        elif not prelude.startswith("@"):
            found += _rules(prelude, body, dark=False)
    return found


def knows_the_dark(tree: Element) -> bool:
    """Say whether a template has rules for the dark, whatever they set."""
    return bool(_DARK.search(_css(tree)))


def _css(tree: Element) -> str:
    styles = (element for element in tree.walk() if element.tag in {"mj-style", "style"})
    texts = (child.value for style in styles for child in style.children if isinstance(child, Text))
    return _COMMENT.sub("", "\n".join(texts))


def declarations(css: str) -> dict[str, Declared]:
    """Return what is read of a rule's body, or of a style attribute."""
    found: dict[str, Declared] = {}
    for declaration in css.split(";"):
        name, colon, value = declaration.partition(":")
        name = name.strip().lower()
        name = "background-color" if name == "background" else name
        important = bool(_IMPORTANT.search(value))
        if colon and name in READ and (important or name not in found or not found[name].important):
            found[name] = Declared(_IMPORTANT.sub("", value).strip().lower(), important)
    return found


def _blocks(css: str) -> Iterator[tuple[str, str]]:
    """Yield what stands before and between each pair of outermost braces."""
    depth = start = 0
    prelude = ""
    for brace in re.finditer(r"[{}]", css):
        if brace[0] == "{":
            if depth == 0:
                prelude, start = css[start : brace.start()].rpartition(";")[2].strip(), brace.end()
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                yield prelude, css[start : brace.start()]
                start = brace.end()


def _rules(selectors: str, body: str, *, dark: bool) -> Iterator[StyleRule]:
    declared = declarations(body)
    for selector in selectors.split(",") if declared else ():
        parts: list[tuple[str, str, frozenset[str]]] = []
        combinator = " "
        for word in selector.replace(">", " > ").split():
            found = _COMPOUND.fullmatch(word)
            if word == ">":
                combinator = ">"
            elif found is None:
                parts = []
                break
            else:
                tag = "" if found[1] in {None, "*"} else found[1].lower()
                parts.append((combinator, tag, frozenset(found[2].split(".")) - {""}))
                combinator = " "
        if parts:
            yield StyleRule(tuple(parts), declared, dark)
