"""Strict YAML: text becomes a small tree that remembers where each key and value was written.

YAML 1.2's core scalars (`no` and `12:30` are text), no duplicate keys, anchors, merges or tags, and limits that hold
before any memory is spent. libyaml's event stream is walked without recursion, so that nesting costs no stack.
Source: YAML 1.2.2, 10.3 (core schema).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn, TypeAlias

import yaml

from lifecycle.spec import rules_yaml as rules
from lifecycle.spec.diagnostics import Diagnostic, Rule
from lifecycle.spec.place import Place

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 64
MAX_NODES = 20_000
#: Past this many mistakes, the rest of a file is not looked at.
MAX_PER_FILE = 50
#: Digits past this are no count and no money of ours, and Python refuses to read very many.
_MAX_DIGITS = 18

ScalarValue: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """One value. `text` is how it is read before its type is guessed; `plain` says that it stood without quotes."""

    value: ScalarValue
    text: str
    place: Place
    plain: bool = True


@dataclass(frozen=True, slots=True)
class ListNode:
    """A sequence."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping and its value."""

    key: ScalarNode
    value: Node

    @property
    def name(self) -> str:
        """Return the key as text."""
        return self.key.text


@dataclass(frozen=True, slots=True)
class MapNode:
    """A mapping, in the order of writing; each key comes once."""

    entries: tuple[Entry, ...]
    place: Place

    def get(self, name: str) -> Node | None:
        """Return the value under `name`, or None."""
        return next((entry.value for entry in self.entries if entry.name == name), None)


Node: TypeAlias = ScalarNode | ListNode | MapNode

_NOT_TEXT = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_BREAK = re.compile("\r\n|\r|\n")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL: dict[str, ScalarValue] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    ".inf": math.inf, ".Inf": math.inf, ".INF": math.inf, "+.inf": math.inf, "-.inf": -math.inf,
    ".nan": math.nan, ".NaN": math.nan, ".NAN": math.nan,
}  # fmt: skip

#: libyaml's words → ours, and what to do
_SYNTAX: dict[str, tuple[str, str]] = {
    "mapping values are not allowed in this context": (
        'a second ": " on this line, or a key indented otherwise than its neighbours',
        "put text that holds a colon in quotes",
    ),
    "found character that cannot start any token": (
        "a value cannot begin with this character",
        "put the value in quotes",
    ),
    "did not find expected key": ("a key was expected here", "check the indentation, and quotes within quotes"),
    "could not find expected ':'": ('a ":" is missing', "a key is followed by a colon and a space"),
    "found unexpected end of stream": ("the file ends inside quotes", "close the quotes"),
    "did not find expected ',' or ']'": ('"," or "]" was expected here', "close the list"),
    "did not find expected ',' or '}'": ('"," or "}" was expected here', "close the mapping"),
    "did not find expected node content": ("a value was expected here", ""),
    "did not find expected '-' indicator": ('a "-" was expected here', "indent the items of a list alike"),
    "block sequence entries are not allowed in this context": ("a list cannot begin here", "begin it on the next line"),
    "found undefined tag handle": ("a value cannot begin with !", "put the value in quotes"),
    "found unknown escape character": ("unknown escape in double quotes", "use single quotes, or double the backslash"),
}


class _Stop(Exception):  # noqa: N818 - ends the reading of one file; it is no error of the program
    """The file cannot be read on."""


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    start: Any
    is_map: bool
    items: list[Node] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    key: ScalarNode | None = None
    seen: dict[str, Place] = field(default_factory=dict)


def read(path: str, text: str) -> tuple[Node | None, list[Diagnostic]]:
    """Return the tree of `text` and what is wrong with it; no tree when it cannot be read to its end. Never raises."""
    reader = _Reader(path, text)
    try:
        return reader.tree(), reader.found
    except _Stop:
        return None, reader.found
    except RecursionError:  # pragma: no cover - the pure-Python loader, where libyaml is missing
        return None, [rules.TooDeep.at(Place(path, 1, 1))]


class _Reader:
    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.found: list[Diagnostic] = []
        self.text = text
        self.lines: list[str] = []
        self.nodes = 0

    def tree(self) -> Node:
        self._look_at_characters()
        self.lines = _BREAK.split(self.text)
        stack: list[_Open] = []
        root: Node | None = None
        documents = 0
        finished: Node
        for event in self._events():
            if isinstance(event, yaml.ScalarEvent):
                place = self._look_at_node(event)
                if stack and stack[-1].is_map and stack[-1].key is None:
                    self._key(event, stack[-1], place)
                    continue
                finished = self._scalar(event, stack[-1].key if stack else None, place)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._open(event, stack, self._look_at_node(event))
                continue
            elif isinstance(event, yaml.CollectionEndEvent):
                finished = self._close(stack.pop(), event)
            elif isinstance(event, yaml.AliasEvent):
                finished = self._alias(event, stack)
            else:
                documents += isinstance(event, yaml.DocumentStartEvent)
                if documents > 1:
                    self._stop(rules.SecondDocument, self._place(event.start_mark, event.end_mark))
                continue
            if stack:
                _put(stack[-1], finished)
            else:
                root = finished
        if root is None or (isinstance(root, ScalarNode) and root.value is None):
            self._stop(rules.EmptyFile, Place(self.path, 1, 1))
        return root

    def _look_at_characters(self) -> None:
        if self.text.startswith("\ufeff"):
            self.text = self.text[1:]
            self._report(rules.ByteOrderMark.at(Place(self.path, 1, 1), hint="save it as UTF-8 without BOM"))
        if len(self.text) > MAX_CHARACTERS:
            self._stop(rules.FileTooLarge, Place(self.path, 1, 1), hint="split it")
        bad = _NOT_TEXT.search(self.text)
        if bad is None:
            return
        before = _BREAK.split(self.text[: bad.start()])
        place = Place(self.path, len(before), len(before[-1]) + 1)
        if "\udc80" <= bad[0] <= "\udcff":  # how read_folder hands on bytes that it could not decode
            self._stop(rules.NotUtf8, place, hint="save it as UTF-8")
        self._stop(rules.ControlCharacter, place, f"the character U+{ord(bad[0]):04X} cannot be seen", hint="remove it")

    def _events(self) -> Iterator[yaml.Event]:
        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            yield from yaml.parse(self.text, Loader=loader)
        except yaml.MarkedYAMLError as error:
            self._syntax(error)

    def _syntax(self, error: yaml.MarkedYAMLError) -> NoReturn:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        # at the end of the file the last line with something on it says more
        while line and (line >= len(self.lines) or (not self.lines[line].strip() and line == len(self.lines) - 1)):
            line -= 1
            column = len(self.lines[line]) if line < len(self.lines) else 0
        place = Place(self.path, line + 1, column + 1)
        problem = error.problem or "it cannot be read"
        source = self.lines[line] if line < len(self.lines) else ""
        if "\t" in source[: column + 1] and not source[:column].strip():
            self._stop(rules.TabIndent, place, hint="indent with spaces")
        message, hint = _SYNTAX.get(problem, (problem, ""))
        if error.context_mark and error.context_mark.line != line and error.context:
            message = f"{message} ({error.context} that begins on line {error.context_mark.line + 1})"
        self._stop(rules.NotYaml, place, f"not YAML: {message}", hint=hint)

    def _look_at_node(self, event: Any) -> Place:
        self.nodes += 1
        place = self._place(event.start_mark, event.end_mark)
        if self.nodes > MAX_NODES:
            self._stop(rules.TooManyNodes, place, hint="split the file")
        if event.anchor is not None:
            self._report(rules.AnchorUsed.at(self._first_word(place)))
        if event.tag is not None:
            self._report(rules.TagUsed.at(self._first_word(place)))
        return place

    def _open(self, event: Any, stack: list[_Open], place: Place) -> None:
        if len(stack) >= MAX_DEPTH:
            self._stop(rules.TooDeep, place)
        if stack and stack[-1].is_map and stack[-1].key is None:
            self._stop(rules.KeyNotText, place, hint='put text that begins with "{" or "[" in quotes')
        stack.append(_Open(event.start_mark, isinstance(event, yaml.MappingStartEvent)))

    def _close(self, opened: _Open, event: yaml.Event) -> Node:
        if opened.is_map:
            flow = self._character(opened.start) == "{"
            place = opened.entries[0].key.place if opened.entries and not flow else None
            return MapNode(tuple(opened.entries), place or self._place(opened.start, event.end_mark))
        return ListNode(tuple(opened.items), self._place(opened.start, event.end_mark))

    def _key(self, event: yaml.ScalarEvent, opened: _Open, place: Place) -> None:
        plain = event.style is None or event.style == ""
        if plain and event.value == "<<":
            self._report(rules.MergeUsed.at(place))
        if not event.value.strip():
            self._report(rules.KeyNotText.at(place))
        first = opened.seen.get(event.value)
        if first is not None:
            message = f'the key "{event.value}" stands here twice'
            self._report(rules.DuplicateKey.at(place, message, hint=f"first on line {first.line}"))
        opened.seen.setdefault(event.value, place)
        opened.key = ScalarNode(event.value, event.value, place, plain)

    def _scalar(self, event: yaml.ScalarEvent, key: ScalarNode | None, place: Place) -> ScalarNode:
        text = event.value
        if not event.implicit[0]:
            return ScalarNode(text, text, place, plain=False)
        if not text and key is not None:
            place = key.place  # nothing is written: the caret goes under the key
        return ScalarNode(self._resolve(text, place), text, place)

    def _resolve(self, text: str, place: Place) -> ScalarValue:
        if text in _SPECIAL:
            return _SPECIAL[text]
        if text[0] not in "+-.0123456789":
            return text
        if _INTEGER.fullmatch(text):
            digits = text.lstrip("+-")
            if len(digits) > _MAX_DIGITS:
                self._report(rules.NumberTooLong.at(place, hint="put it in quotes if it is text"))
                return 0
            if digits[:2] in {"0o", "0x"}:
                return int(digits, 0)
            if len(digits) > 1 and digits[0] == "0":
                message = f"{text} is read as {int(text)}"
                self._report(rules.LeadingZero.at(place, message, hint="put it in quotes if it is text"))
            return int(text)
        return float(text) if _FLOAT.fullmatch(text) else text

    def _alias(self, event: yaml.AliasEvent, stack: list[_Open]) -> Node:
        place = self._place(event.start_mark, event.end_mark)
        self._report(rules.AnchorUsed.at(place))
        if stack and stack[-1].is_map and stack[-1].key is None:
            raise _Stop
        return ScalarNode(None, "", place)

    def _character(self, mark: Any) -> str:
        line = self.lines[mark.line] if mark.line < len(self.lines) else ""
        return line[mark.column : mark.column + 1]

    def _first_word(self, place: Place) -> Place:
        """Return the place of the anchor or tag that a value begins with, without the value."""
        words = self.lines[place.line - 1][place.column - 1 :].split(None, 1)
        return replace(place, length=len(words[0])) if words else place

    def _place(self, start: Any, end: Any) -> Place:
        if start.line == end.line:
            length = end.column - start.column
        else:
            length = len(self.lines[start.line].rstrip()) - start.column if start.line < len(self.lines) else 1
        return Place(self.path, start.line + 1, start.column + 1, max(length, 1))

    def _report(self, diagnostic: Diagnostic) -> None:
        self.found.append(diagnostic)
        if len(self.found) >= MAX_PER_FILE:
            raise _Stop

    def _stop(self, rule: type[Rule], place: Place, message: str = "", *, hint: str = "") -> NoReturn:
        self._report(rule.at(place, message, hint=hint))
        raise _Stop


def _put(opened: _Open, node: Node) -> None:
    if not opened.is_map:
        opened.items.append(node)
    elif opened.key is not None:
        # a key that came twice keeps its first value; DuplicateKey has been reported
        if opened.seen[opened.key.text] == opened.key.place:
            opened.entries.append(Entry(opened.key, node))
        opened.key = None


def plain_data(node: Node) -> Any:
    """Return the tree as dicts, lists and scalars, as JSON has them."""
    match node:
        case ScalarNode(value=value):
            return value
        case ListNode(items=items):
            return [plain_data(item) for item in items]
        case MapNode(entries=entries):
            return {entry.name: plain_data(entry.value) for entry in entries}
