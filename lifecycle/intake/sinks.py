"""Where the rows of a file go: each sink stores a chunk of one kind of value in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from lifecycle.base.clock import Clock
from lifecycle.intake.chunks import Chunk
from lifecycle.intake.consent import suppress_all
from lifecycle.intake.history import store_past
from lifecycle.intake.known import Known
from lifecycle.intake.messages import keep
from lifecycle.intake.news import News
from lifecycle.intake.touched import leave_touched
from lifecycle.spec.model import Content
from lifecycle.store.engine import Store


@dataclass(slots=True)
class Stored:
    """What became of the values of a chunk: counts, and the place and reason of each that was refused."""

    stored: int = 0
    duplicates: int = 0
    contacts: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


class Sink(Protocol):
    """Where a kind of value is stored."""

    def store(self, chunk: Chunk) -> Stored:
        """Store a chunk in one transaction."""
        ...


class Messages:
    """Values are Segment messages, read already."""

    def __init__(self, store: Store, clock: Clock, *, live: bool) -> None:
        self._store, self._clock, self._live = store, clock, live
        self._known = Known()

    def store(self, chunk: Chunk) -> Stored:
        """Store the messages; those beside others do not count."""
        done = keep(self._store, chunk.values, now=self._clock.now(), live=self._live, known=self._known)
        counted = len(chunk.values) - len(chunk.beside)
        stored = len(done.news - chunk.beside)
        return Stored(stored, counted - stored, done.contacts)


class Ledger:
    """Values are PastMessages."""

    def __init__(self, store: Store, clock: Clock, content: Content | None) -> None:
        self._store, self._clock, self._content = store, clock, content

    def store(self, chunk: Chunk) -> Stored:
        """Write ledger rows; those of unknown contacts are refused."""
        values = chunk.values
        with self._store.write() as connection:
            duplicates, unknown, touched = store_past(connection, values, self._content)
            leave_touched(connection, touched, News.of("message"), self._clock.now())
        refused = [(place, f'no contact "{values[place].contact}"; import contacts first') for place in unknown]
        stored = len(values) - len(duplicates) - len(unknown)
        return Stored(stored, len(duplicates), refused=refused)


class Suppressions:
    """Values are Barred addresses."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def store(self, chunk: Chunk) -> Stored:
        """Suppress the addresses."""
        with self._store.write() as connection:
            new = suppress_all(connection, chunk.values)
        return Stored(new, len(chunk.values) - new)
