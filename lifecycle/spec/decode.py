"""From nodes to values: the combinators that every decoder is made of. They report all that is wrong, then refuse.

A decoder is a function of a node and the Reading: it returns a value, or it reports at least one diagnostic and raises
Refused. `Fields` and `listed` go on after a refusal, so that one run finds every mistake, and refuse at their end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import partial
from typing import Literal, NoReturn, TypeAlias, TypeVar, cast

from lifecycle.spec import rules_shape as rules
from lifecycle.spec.conditions import Test
from lifecycle.spec.diagnostics import Diagnostic, did_you_mean
from lifecycle.spec.place import Place
from lifecycle.spec.source import MAX_PER_FILE, Entry, ListNode, MapNode, Node, ScalarNode

T = TypeVar("T")
D = TypeVar("D")


class Refused(Exception):  # noqa: N818 - flow between decoders, never seen by a caller of the package
    """The node has no value; why has been reported."""


#: What a name in one file may point to in another.
Kind: TypeAlias = Literal[
    "segment", "stage", "topic", "sender", "template", "campaign", "step", "webhook", "event", "tier", "survey",
    "provider",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that must be declared elsewhere. A step's name is CAMPAIGN:STEP."""

    kind: Kind
    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Use:
    """A property of events, or an attribute, that is tested or read: what a declaration can be held against.

    `events` is None for the event that triggers the campaign. `needs` is the type that it is read as, if one is needed.
    """

    owner: Literal["event", "contact", "account"]
    path: tuple[str, ...]
    place: Place
    tests: tuple[Test, ...] = ()
    events: tuple[str, ...] | None = ()
    needs: Literal["", "number", "date"] = ""


@dataclass(slots=True)
class Reading:
    """One run over the files: what was found, what must be resolved, and what the project says of local matters.

    `zone` is for instants without an offset; `locales` are those that texts may have, None while they are not known.
    """

    found: list[Diagnostic] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    zone: tzinfo = UTC
    locales: tuple[str, ...] | None = None
    #: how many diagnostics `found` may hold before the file at hand is given up; see `begin`
    limit: int = MAX_PER_FILE

    def begin(self) -> None:
        """Begin a file: it may have MAX_PER_FILE mistakes of its own."""
        self.limit = len(self.found) + MAX_PER_FILE

    @property
    def full(self) -> bool:
        """Say whether the file at hand has so many mistakes that more would help nobody."""
        return len(self.found) >= self.limit

    def refuse(self, diagnostic: Diagnostic) -> NoReturn:
        """Report and raise Refused."""
        self.found.append(diagnostic)
        raise Refused

    def refer(self, kind: Kind, name: str, place: Place) -> str:
        """Remember that `name` must be declared, and return it."""
        self.references.append(Reference(kind, name, place))
        return name


Decoder: TypeAlias = Callable[[Node, Reading], T]


def kind_of(node: Node) -> str:
    """Return what a person would call the node."""
    match node:
        case MapNode():
            return "a mapping"
        case ListNode():
            return "a list"
        case ScalarNode(value=None):
            return "nothing"
        case ScalarNode(value=bool()):
            return "true or false"
        case ScalarNode(value=int() | float()):
            return "a number"
        case _:
            return "text"


def wrong_type(node: Node, reading: Reading, expected: str, *, hint: str = "") -> NoReturn:
    """Report that `expected` was expected here."""
    reading.refuse(rules.WrongType.at(node.place, f"expected {expected}, found {kind_of(node)}", hint=hint))


def too_few(node: Node, count: int, least: int, reading: Reading) -> NoReturn:
    """Report that there are only `count` where `least` are needed."""
    message = f"{kind_of(node)} of {least} or more is needed" + (
        f", not of {count}" if count else ": this one is empty"
    )
    reading.refuse(rules.EmptyList.at(node.place, message))


def listed(read: Decoder[T], *, least: int = 0) -> Decoder[tuple[T, ...]]:
    """Return a decoder of a list of what `read` reads, with at least that many items."""

    def decode(node: Node, reading: Reading) -> tuple[T, ...]:
        if not isinstance(node, ListNode):
            wrong_type(node, reading, "a list", hint='each item begins with "- "')
        if len(node.items) < least:
            too_few(node, len(node.items), least, reading)
        return every([partial(read, item, reading) for item in node.items], reading)

    return decode


def one_or_more(read: Decoder[T]) -> Decoder[tuple[T, ...]]:
    """Return a decoder of one value, or of a list of at least one."""
    many = listed(read, least=1)

    def decode(node: Node, reading: Reading) -> tuple[T, ...]:
        return many(node, reading) if isinstance(node, ListNode) else (read(node, reading),)

    return decode


def mapped(read: Callable[[Entry, Reading], T], *, least: int = 0, hint: str = "") -> Decoder[dict[str, T]]:
    """Return a decoder of a mapping by free names, each entry read by `read`."""

    def decode(node: Node, reading: Reading) -> dict[str, T]:
        if not isinstance(node, MapNode):
            wrong_type(node, reading, "a mapping", hint=hint)
        if len(node.entries) < least:
            too_few(node, len(node.entries), least, reading)
        values = every([partial(read, entry, reading) for entry in node.entries], reading)
        return dict(zip((entry.name for entry in node.entries), values, strict=True))

    return decode


def every(reads: Iterable[Callable[[], T]], reading: Reading) -> tuple[T, ...]:
    """Run all, so that all report; return their values, or raise Refused when any refused."""
    values: list[T] = []
    refused = False
    for read in reads:
        if reading.full:
            raise Refused
        try:
            values.append(read())
        except Refused:
            refused = True
    if refused:
        raise Refused
    return tuple(values)


class Fields:
    """The keys of one mapping. Read each, then `close`, which reports unknown keys and refuses if anything refused.

    `what` names the thing with its article, for messages: `a wait step`.
    """

    def __init__(self, node: Node, what: str, reading: Reading, *, hint: str = "") -> None:
        """Raises Refused when the node is no mapping."""
        if not isinstance(node, MapNode):
            wrong_type(node, reading, f"{what} as a mapping", hint=hint)
        self.node = node
        self.what = what
        self.reading = reading
        self.known: list[str] = []
        self.refused = False
        self._entries = {entry.name: entry for entry in node.entries}

    def entry(self, key: str) -> Entry | None:
        """Return the entry under `key`, which is known from here on; None when it is not written."""
        self.known.append(key)
        return self._entries.get(key)

    def has(self, key: str) -> bool:
        """Say whether the key is written; it is known from here on."""
        return self.entry(key) is not None

    def place(self, key: str) -> Place:
        """Return the place of the key, else of the mapping."""
        entry = self._entries.get(key)
        return entry.key.place if entry else self.node.place

    def value_place(self, key: str) -> Place:
        """Return the place of the value under the key, else of the mapping."""
        entry = self._entries.get(key)
        return entry.value.place if entry else self.node.place

    def required(self, key: str, read: Decoder[T], *, hint: str = "") -> T:
        """Return what `read` reads under `key`. When it is missing or refused, that is reported and `close` raises."""
        entry = self.entry(key)
        if entry is None and "<<" in self._entries:
            self.refused = True  # that a merge is refused has been said; it may have brought the key
            return cast("T", None)
        if entry is None:
            self.report(rules.MissingKey.at(self.node.place, f'"{key}" is missing in {self.what}', hint=hint))
            return cast("T", None)  # never seen: close() refuses
        return self._read(entry, read, cast("T", None))

    def optional(self, key: str, read: Decoder[T], default: D) -> T | D:
        """Return what `read` reads under `key`, or `default` when it is not written."""
        entry = self.entry(key)
        return default if entry is None else self._read(entry, read, default)

    def maybe(self, key: str, read: Decoder[T]) -> T | None:
        """Return what `read` reads under `key`, or None when it is not written."""
        entry = self.entry(key)
        return None if entry is None else self._read(entry, read, None)

    def _read(self, entry: Entry, read: Callable[[Node, Reading], T], instead: D) -> T | D:
        try:
            return read(entry.value, self.reading)
        except Refused:
            self.refused = True
            return instead

    def run(self, read: Callable[[], T], instead: D) -> T | D:
        """Return what `read` returns; when it refuses, go on with `instead` until `close`."""
        try:
            return read()
        except Refused:
            self.refused = True
            return instead

    def report(self, diagnostic: Diagnostic) -> None:
        """Report and go on; `close` will refuse."""
        self.reading.found.append(diagnostic)
        self.refused = True

    def one_of(self, keys: Sequence[str]) -> str | None:
        """Return the one key of `keys` that is written; report when it is none or several."""
        self.known += keys
        written = [entry.name for entry in self.node.entries if entry.name in keys]
        if len(written) == 1:
            return written[0]
        names = ", ".join(f'"{key}"' for key in keys)
        if written:
            self.report(rules.KeysExclude.at(self.place(written[1]), f"only one of {names} may stand in {self.what}"))
        else:
            self.report(rules.KeysExclude.at(self.node.place, f"{self.what} needs one of {names}"))
        return None

    def rest(self) -> list[Entry]:
        """Return the entries whose keys have not been asked for."""
        return [entry for entry in self.node.entries if entry.name not in self.known]

    def close(self, *, hints: Callable[[str], str] | None = None) -> None:
        """Report each unknown key, with `hints` of it or the closest known one; raise Refused if anything refused."""
        known = set(self.known)
        for entry in self.node.entries:
            if entry.name in known or self.reading.full:
                continue
            hint = (hints(entry.name) if hints else "") or suggest(entry.name, self.known)
            message = f'unknown key "{entry.name}" in {self.what}'
            self.report(rules.UnknownKey.at(entry.key.place, message, hint=hint))
        if self.refused:
            raise Refused


def suggest(word: str, known: Iterable[str]) -> str:
    """Return `did you mean …?`, or the list of what is known when it is short, or nothing."""
    options = list(dict.fromkeys(known))
    close = did_you_mean(word, options)
    if close or not options or len(options) > 8:
        return close
    return "known here: " + ", ".join(options)
