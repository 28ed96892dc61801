"""Import a file: rows in batches through the same door as HTTP, what cannot be stored into the reject file.

A batch is one transaction, so an import can be stopped at any moment and started again: what is stored is a duplicate
then. Import is history and triggers nothing, unless it is `live`; memberships and stages are brought up to it by
whoever calls (audience.touched).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lifecycle.base.clock import Clock
from lifecycle.intake.chunks import Chunk, Original
from lifecycle.intake.csv_map import CsvMap
from lifecycle.intake.files import MAX_BYTES
from lifecycle.intake.read_ahead import read_chunks, ready_for_millions
from lifecycle.intake.reading import Kind, Source
from lifecycle.intake.rejects import RejectFile, reject_path
from lifecycle.intake.sinks import Ledger, Messages, Sink, Suppressions
from lifecycle.spec.model import Content
from lifecycle.store.engine import Store

#: Rows stored in one transaction: the more, the fewer times a contact is locked and its facts are read and written.
#: HTTP and the journey wait for a contact of the batch, on SQLite for all of it: more than half a second is too long.
BATCH = 20_000


@dataclass(slots=True)
class Outcome:
    """What came of an import. `read` counts rows; `skipped` those that a map leaves out; `contacts` those made.

    `stored`, `duplicates` count messages: rows, or with a map the events made of them.
    """

    read: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    skipped: int = 0
    contacts: int = 0
    reject_file: Path | None = None


@dataclass(slots=True)
class Import:
    """One import of one file. `run` does it; `on_progress` is called with bytes of the file read since last time."""

    kind: Kind
    path: Path
    store: Store
    clock: Clock
    content: Content | None = None
    live: bool = False
    csv_map: CsvMap | None = None
    rejects: Path | None = None
    max_bytes: int = MAX_BYTES
    on_progress: Callable[[int], Any] = lambda _bytes: None
    outcome: Outcome = field(default_factory=Outcome)
    _rejects: RejectFile | None = None

    def run(self) -> Outcome:
        """Import the file. Raises UsageError for one that cannot be read at all; what was stored before stays."""
        source = Source(self.kind, self.path, BATCH, self.max_bytes, self.content, live=self.live, csv_map=self.csv_map)
        sink, told = self._sink(), 0
        try:
            with ready_for_millions(), closing(read_chunks(source, self.clock)) as chunks:
                for chunk in chunks:
                    self._keep(sink, chunk)
                    self.on_progress(chunk.position - told)
                    told = chunk.position
            # the database's disk is waited for once instead of for each chunk: until now all could be done again
            self.store.settle()
        finally:
            if self._rejects is not None:
                self._rejects.close()
        return self.outcome

    def _keep(self, sink: Sink, chunk: Chunk) -> None:
        self.outcome.read += chunk.read
        self.outcome.skipped += chunk.skipped
        for refusal in chunk.refused:
            self._reject(chunk, refusal.line, refusal.reason, refusal.original)
        if not chunk.values:
            return
        done = sink.store(chunk)
        self.outcome.stored += done.stored
        self.outcome.duplicates += done.duplicates
        self.outcome.contacts += done.contacts
        for place, reason in done.refused:
            line, original = chunk.rows[place]
            self._reject(chunk, line, reason, original)

    def _sink(self) -> Sink:
        match self.kind:
            case "messages":
                return Ledger(self.store, self.clock, self.content)
            case "suppressions":
                return Suppressions(self.store)
            case _:
                return Messages(self.store, self.clock, live=self.live)

    def _reject(self, chunk: Chunk, line: int, reason: str, original: Original) -> None:
        if self._rejects is None:
            path = self.rejects or reject_path(self.path, chunk.format)
            self._rejects = RejectFile(path, chunk.format, chunk.header)
        self._rejects.add(line, reason, original)
        self.outcome.rejected += 1
        self.outcome.reject_file = self._rejects.path
