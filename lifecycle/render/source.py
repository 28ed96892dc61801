"""Reads a template: front matter, the layout it extends, the partials it includes, all expanded as text.

Expanding before MJML is what keeps widths right (mrml loses the 600 px in included sections), and the result knows
file and line of each character.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from lifecycle.render import rules
from lifecycle.render.front import FrontMatter, read_front
from lifecycle.render.segments import Segment, UnclosedError, scan
from lifecycle.render.woven import Piece, Woven, place_in
from lifecycle.spec.diagnostics import Diagnostic, did_you_mean
from lifecycle.spec.place import Place

ROOT = "templates/"
MAX_DEPTH = 10
MAX_FILE_CHARACTERS = 256_000
MAX_EXPANDED_CHARACTERS = 1_000_000

_LITERAL = re.compile(r"\w+\s+(?:\"([^\"]*)\"|'([^']*)')\s*(.*)", re.DOTALL)
_SUPER = re.compile(r"super\s*\(\s*\)")


def template_names(files: Mapping[str, str]) -> list[str]:
    """Return the names by which campaigns know the templates: no folder, no locale, no layouts and partials."""
    found = {}
    for path in files:
        if path.startswith(ROOT) and path.endswith(".mjml"):
            name = path.removeprefix(ROOT).removesuffix(".mjml")
            folder, _, last = name.rpartition("/")
            if folder.split("/")[0] in {"layouts", "partials"}:
                continue
            found[posixpath.join(folder, last.split(".")[0])] = path
    return sorted(found)


def fallback_chain(locale: str, default: str) -> list[str]:
    """Return the locales to try, in order: ar-SA, ar, the project's default and its language."""
    wanted = [locale, locale.split("-", maxsplit=1)[0], default, default.split("-", maxsplit=1)[0]]
    return list(dict.fromkeys(wanted))


def find_template(files: Mapping[str, str], name: str, locale: str, default: str) -> str | None:
    """Return the path for the locale: its own, its language's, the bare one, the default's; else None."""
    own, language = locale, locale.split("-", maxsplit=1)[0]
    for suffix in (f".{own}", f".{language}", "", f".{default}"):
        path = f"{ROOT}{name}{suffix}.mjml"
        if path in files:
            return path
    return None


@dataclass(slots=True)
class Source:
    """A template expanded. `preamble` holds the `{% set %}` statements that stand before all markup."""

    path: str
    front: FrontMatter
    body: Woven
    preamble: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Block:
    name: str
    items: list[_Item]
    place: Place


@dataclass(frozen=True, slots=True)
class _Super:
    place: Place


_Item: TypeAlias = Piece | _Block | _Super


def load_source(files: Mapping[str, str], path: str, locale: str, problems: list[Diagnostic]) -> Source:
    """Return the template of that path, expanded for a locale; what is wrong with it is added to `problems`."""
    return _Loader(files, locale, problems).load(path)


class _Loader:
    def __init__(self, files: Mapping[str, str], locale: str, problems: list[Diagnostic]) -> None:
        self.files = files
        self.locale = locale
        self.problems = problems
        self.preamble: list[str] = []
        self.length = 0

    def load(self, path: str) -> Source:
        front = FrontMatter()
        overrides: dict[str, list[_Block]] = {}
        seen: list[str] = []
        current: str | None = path
        items: list[_Item] = []
        while current is not None:
            seen.append(current)
            read, items, parent = self._read(current, seen)
            front = front.over(read)
            current = parent
            if current is not None:
                for block in _blocks(items):
                    overrides.setdefault(block.name, []).append(block)
                self._child(items)
        pieces = list(self._flatten(items, overrides, {}))
        body = Woven(pieces, self.files, path)
        return Source(path, front, body, self.preamble)

    # -- one file

    def _read(self, path: str, seen: list[str]) -> tuple[FrontMatter, list[_Item], str | None]:
        text = self.files[path]
        if len(text) > MAX_FILE_CHARACTERS:
            self.problems.append(
                rules.IncludeWrong.at(Place(path, 1, 1), f"the file is longer than {MAX_FILE_CHARACTERS} characters")
            )
            return FrontMatter(), [], None
        front, start = read_front(path, text, self.problems)
        parent: list[str] = []
        items = self._items(path, start, seen, parent)
        return front, items, parent[0] if parent else None

    def _items(self, path: str, start: int, seen: list[str], parent: list[str] | None) -> list[_Item]:
        """Return the pieces and blocks of a file; `parent` (None in a partial) takes the layout it extends."""
        text = self.files[path]
        stack: list[tuple[_Block | None, list[_Item]]] = [(None, [])]
        try:
            for part in scan(text[start:]):
                self._item(path, start, part, stack, seen, parent)
        except UnclosedError as error:
            self.problems.append(rules.JinjaSyntax.at(place_in(self.files, path, start + error.offset, 2), str(error)))
            return stack[0][1]  # it hides the ends of blocks too
        for block, _ in stack[1:]:
            if block is not None:
                self.problems.append(rules.IncludeWrong.at(block.place, f'the block "{block.name}" has no endblock'))
        return stack[0][1]

    def _item(
        self, path: str, start: int, part: Segment, stack: list[tuple[_Block | None, list[_Item]]],
        seen: list[str], parent: list[str] | None,
    ) -> None:  # fmt: skip
        text, origin = self.files[path], start + part.start
        place = place_in(self.files, path, origin, part.end - part.start)
        items = stack[-1][1]
        if part.kind == "comment":
            return
        if part.kind == "expression" and _SUPER.fullmatch(part.body):
            items.append(_Super(place))
            return
        match part.keyword if part.kind == "statement" else "":
            case "extends":
                found = self._literal(part, place, seen)
                if parent is None or parent:
                    self._wrong(place, "a partial extends nothing, and a template one layout")
                elif found is not None:
                    parent.append(found)
            case "include":
                found = self._literal(part, place, seen)
                if found is not None:
                    items.extend(self._items(found, self._partial_start(found), [*seen, found], None))
            case "block":
                if parent is None:
                    self._wrong(
                        place,
                        "a partial has no blocks",
                        "blocks stand in layouts and in the templates that extend them",
                    )
                words = part.body.split()
                block = _Block(words[1] if len(words) > 1 else "", [], place)
                items.append(block)
                stack.append((block, block.items))
            case "endblock":
                if len(stack) == 1:
                    self._wrong(place, "endblock closes nothing")
                else:
                    stack.pop()
            case _:
                items.append(Piece(text[origin : start + part.end], path, origin))

    def _partial_start(self, path: str) -> int:
        front, start = read_front(path, self.files[path], self.problems)
        if front.fields:
            self._wrong(Place(path, 1, 1), "a partial has no front matter")
        return start

    def _literal(self, part: Segment, place: Place, seen: list[str]) -> str | None:
        found = _LITERAL.fullmatch(part.body)
        if found is None or found[3]:
            self._wrong(
                place, f"{part.keyword} takes one literal name", f'{{% {part.keyword} "partials/button.mjml" %}}'
            )
            return None
        name = found[1] or found[2] or ""
        path = posixpath.normpath(posixpath.join(ROOT, name))
        if not path.startswith(ROOT) or name.startswith("/") or "\\" in name:
            self._wrong(place, f'"{name}" leads out of templates/')
            return None
        stem = path.removesuffix(".mjml")
        for candidate in (f"{stem}.{self.locale}.mjml", f"{stem}.{self.locale.split('-')[0]}.mjml", path):
            if candidate in self.files:
                return self._allowed(candidate, place, seen)
        known = [key.removeprefix(ROOT) for key in self.files if key.startswith(ROOT)]
        self._wrong(place, f'there is no "{name}" in templates/', did_you_mean(name, known))
        return None

    def _allowed(self, path: str, place: Place, seen: list[str]) -> str | None:
        if path in seen:
            self._wrong(place, f"{path} includes itself")
            return None
        if len(seen) > MAX_DEPTH:
            self._wrong(place, f"includes are nested deeper than {MAX_DEPTH}")
            return None
        self.length += len(self.files[path])
        if self.length > MAX_EXPANDED_CHARACTERS:
            self._wrong(place, f"with its includes the template is longer than {MAX_EXPANDED_CHARACTERS} characters")
            return None
        return path

    def _wrong(self, place: Place, message: str, hint: str = "") -> None:
        self.problems.append(rules.IncludeWrong.at(place, message, hint=hint))

    # -- layouts

    def _child(self, items: list[_Item]) -> None:
        """Take the statements of a child of a layout; anything else outside its blocks would be lost without a word."""
        for item in items:
            if not isinstance(item, Piece) or not item.text.strip():
                continue
            if item.text.startswith("{%") and item.text[2:].lstrip("-+ \n").startswith(("set", "endset")):
                self.preamble.append(item.text)
            else:
                skipped = len(item.text) - len(item.text.lstrip())
                place = place_in(self.files, item.path, item.origin + skipped, len(item.text.strip().split("\n")[0]))
                self._wrong(
                    place,
                    "this stands outside the blocks of a template that extends a layout",
                    "put it into a {% block %}",
                )

    def _flatten(
        self, items: list[_Item], overrides: Mapping[str, list[_Block]], current: Mapping[str, list[_Block]]
    ) -> Iterator[Piece]:
        for item in items:
            match item:
                case Piece():
                    yield item
                case _Block():
                    chain = [*overrides.get(item.name, []), item]
                    yield from self._flatten(chain[0].items, overrides, {**current, "": chain[1:]})
                case _Super():
                    rest = current.get("", [])
                    if not rest:
                        self._wrong(item.place, "super() has no block above it")
                        continue
                    yield from self._flatten(rest[0].items, overrides, {**current, "": rest[1:]})


def _blocks(items: list[_Item]) -> Iterator[_Block]:
    for item in items:
        if isinstance(item, _Block):
            yield item
            yield from _blocks(item.items)
