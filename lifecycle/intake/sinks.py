"""Where the rows of a file go: each sink stores a batch of one kind of item in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from lifecycle.base.clock import Clock
from lifecycle.intake.consent import suppress_all
from lifecycle.intake.history import store_past
from lifecycle.intake.messages import accept
from lifecycle.intake.news import NOTHING, News
from lifecycle.spec.model import Content
from lifecycle.store.engine import Store

Original: TypeAlias = "str | Sequence[str]"


@dataclass(slots=True)
class Item:
    """Something to store: what it is, and the rows that it was made of. `before` is a message to store first."""

    value: Any
    rows: list[tuple[int, Original]]
    before: Any = None


@dataclass(slots=True)
class Stored:
    """What became of a batch of items: counts, and the place and reason of each that was refused."""

    stored: int = 0
    duplicates: int = 0
    contacts: int = 0
    touched: frozenset[int] = frozenset()
    told: News = NOTHING
    refused: list[tuple[int, str]] = field(default_factory=list)


class Sink(Protocol):
    """Where a kind of item is stored."""

    def store(self, items: Sequence[Item]) -> Stored:
        """Store a batch in one transaction."""
        ...


class Messages:
    """Items are Segment messages."""

    def __init__(self, store: Store, clock: Clock, content: Content | None, *, live: bool) -> None:
        self._store, self._clock, self._content, self._live = store, clock, content, live

    def store(self, items: Sequence[Item]) -> Stored:
        """Accept the messages, each behind what is to be stored before it."""
        payloads: list[Any] = []
        places: dict[int, int] = {}
        for place, item in enumerate(items):
            if item.before is not None:
                payloads.append(item.before)
            places[len(payloads)] = place
            payloads.append(item.value)
        done = accept(self._store, payloads, clock=self._clock, content=self._content, live=self._live)
        refused = [(places[each.index], each.reason) for each in done.rejected if each.index in places]
        stored = sum(index in places for index in done.news)
        return Stored(stored, len(items) - stored - len(refused), done.contacts, done.touched, done.told, refused)


class Ledger:
    """Items are PastMessages."""

    def __init__(self, store: Store, content: Content | None) -> None:
        self._store, self._content = store, content

    def store(self, items: Sequence[Item]) -> Stored:
        """Write ledger rows; those of unknown contacts are refused."""
        with self._store.write() as connection:
            duplicates, unknown, touched = store_past(connection, [item.value for item in items], self._content)
        refused = [(place, f'no contact "{items[place].value.contact}"; import contacts first') for place in unknown]
        return Stored(
            len(items) - len(duplicates) - len(unknown),
            len(duplicates),
            touched=touched,
            told=News.of("message"),
            refused=refused,
        )


class Suppressions:
    """Items are Barred addresses."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def store(self, items: Sequence[Item]) -> Stored:
        """Suppress the addresses."""
        with self._store.write() as connection:
            new = suppress_all(connection, [item.value for item in items])
        return Stored(new, len(items) - new)
