"""Import a file: rows in batches through the same door as HTTP, what cannot be stored into the reject file.

A batch is one transaction, so an import can be stopped at any moment and started again: what is stored is a duplicate
then. Import is history and triggers nothing, unless it is `live`.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from lifecycle.base.clock import Clock
from lifecycle.base.errors import UsageError
from lifecycle.intake.consent import Barred
from lifecycle.intake.csv_map import CsvMap
from lifecycle.intake.csv_rows import ContactRows, EventRows, instant, zone_of
from lifecycle.intake.files import MAX_BYTES, Format, InputFile, Line, Record, delimiter_of, records
from lifecycle.intake.history import read_past
from lifecycle.intake.mapped_rows import MappedRows
from lifecycle.intake.news import NOTHING, News
from lifecycle.intake.payload import Refused, payload_id, read_message
from lifecycle.intake.rejects import RejectFile, reject_path
from lifecycle.intake.sinks import Item, Ledger, Messages, Original, Sink, Suppressions
from lifecycle.intake.spool import Spool
from lifecycle.spec.model import Content
from lifecycle.store.engine import Store

Kind: TypeAlias = Literal["contacts", "events", "messages", "suppressions"]
#: Rows stored in one transaction; the rows of one event count each, so that memory stays flat.
BATCH = 5_000
#: Contacts that an import names as touched; past that, refreshing everybody is no slower.
MOST_TOUCHED = 10_000


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
    #: rows of the contacts concerned; None when they are more than is worth naming
    touched: set[int] | None = field(default_factory=set, repr=False)
    #: what is new about any of them
    told: News = NOTHING


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
        with InputFile(self.path, max_bytes=self.max_bytes) as file:
            kind = file.format()
            if self.csv_map is not None and (kind != "csv" or self.kind != "events"):
                raise UsageError("--map is for events in CSV", hint="NDJSON lines are messages already")
            items = self._csv_items(file) if kind == "csv" else self._ndjson_items(file)
            try:
                with _rare_collections():
                    self._store_all(items, file)
            finally:
                if self._rejects is not None:
                    self._rejects.close()
        return self.outcome

    def _store_all(self, items: Iterator[Item], file: InputFile) -> None:
        sink = self._sink()
        told = 0
        batch: list[Item] = []
        rows = 0
        for item in items:
            batch.append(item)
            rows += len(item.rows)
            if rows >= BATCH:
                self._store_batch(sink, batch)
                batch, rows = [], 0
                self.on_progress(file.position - told)
                told = file.position
        if batch:
            self._store_batch(sink, batch)
        self.on_progress(file.position - told)

    def _store_batch(self, sink: Sink, batch: Sequence[Item]) -> None:
        done = sink.store(batch)
        self.outcome.stored += done.stored
        self.outcome.duplicates += done.duplicates
        self.outcome.contacts += done.contacts
        self.outcome.told |= done.told
        if self.outcome.touched is not None:
            self.outcome.touched |= done.touched
            if len(self.outcome.touched) > MOST_TOUCHED:
                self.outcome.touched = None
        for place, reason in done.refused:
            self._reject(batch[place].rows, reason)

    def _sink(self) -> Sink:
        match self.kind:
            case "messages":
                return Ledger(self.store, self.content)
            case "suppressions":
                return Suppressions(self.store)
            case _:
                return Messages(self.store, self.clock, self.content, live=self.live)

    # ------------------------------------------------------------ rows

    def _ndjson_items(self, file: InputFile) -> Iterator[Item]:
        self._rejects = RejectFile(self._reject_path("ndjson"), "ndjson")
        for line in file.lines():
            if not line.fault and not line.text.strip():
                continue
            self.outcome.read += 1
            rows: list[tuple[int, Original]] = [(line.number, line.text)]
            try:
                value = self._value(_parse_json(line))
            except Refused as refusal:
                self._reject(rows, str(refusal))
                continue
            yield Item(value, rows)

    def _csv_items(self, file: InputFile) -> Iterator[Item]:
        lines = file.lines()
        first = next(lines, None)
        if first is None:
            raise UsageError(f"{self.path} is empty")
        delimiter = delimiter_of(first.text)
        rows = records(_chain(first, lines), delimiter)
        top = next(rows, None)
        if top is None or top.fault:
            raise UsageError(f"{self.path}: the header cannot be read: {top.fault if top else 'it is blank'}")
        header = [name.strip() for name in top.cells]
        self._rejects = RejectFile(self._reject_path("csv"), "csv", header)
        if self.csv_map is not None:
            yield from self._mapped_items(self._sound(rows, len(header)), header)
            return
        make = self._row_reader(header)
        for record in self._sound(rows, len(header)):
            try:
                value = make(record.cells)
            except Refused as refusal:
                self._reject([(record.number, record.cells)], str(refusal))
                continue
            yield Item(value, [(record.number, record.cells)])

    def _sound(self, rows: Iterator[Record], width: int) -> Iterator[Record]:
        """Yield the rows that have as many cells as the header; reject the others."""
        for record in rows:
            self.outcome.read += 1
            fault = record.fault
            if not fault and len(record.cells) != width:
                fault = f"{len(record.cells)} cells, where the header has {width}"
            if fault:
                self._reject([(record.number, record.cells)], fault)
                continue
            yield record

    def _mapped_items(self, rows: Iterator[Record], header: Sequence[str]) -> Iterator[Item]:
        if self.csv_map is None:
            return
        mapped = MappedRows(self.csv_map, header, zone_of(self.content))
        if self.csv_map.group_by is None:
            for record in rows:
                key = mapped.key(record.number, record.cells)
                if key is None:
                    self.outcome.skipped += 1
                else:
                    yield from self._made(mapped, key, [(record.number, list(record.cells))])
            return
        with Spool() as spool:
            for record in rows:
                key = mapped.key(record.number, record.cells)
                if key is None:
                    self.outcome.skipped += 1
                else:
                    spool.add(key, record.number, record.cells)
            for key, group in spool.groups():
                yield from self._made(mapped, key, group)

    def _made(self, mapped: MappedRows, key: str, rows: list[tuple[int, list[str]]]) -> Iterator[Item]:
        try:
            made = mapped.messages(key, rows)
            if made.contact is not None:
                # looked at now, so that an event is not stored of a contact that is refused
                read_message(made.contact, 0, self.clock.now(), live=False)
        except Refused as refusal:
            reason = str(refusal) if len(rows) == 1 else f"{refusal} (in one of the {len(rows)} rows of this event)"
            self._reject(list(rows), reason)
            return
        yield Item(made.event, list(rows), before=made.contact)

    def _row_reader(self, header: Sequence[str]) -> Callable[[Sequence[str]], Any]:
        match self.kind:
            case "contacts":
                return ContactRows(header, self.content).payload
            case "events":
                return EventRows(header, self.content).payload
            case _:
                needed = {"messages": ("campaign", "at", "outcome"), "suppressions": ("email", "address")}[self.kind]
                missing = [name for name in needed if name not in header]
                if len(missing) == len(needed) or (self.kind == "messages" and missing):
                    raise UsageError(f'{self.path} has no column "{missing[0]}"', hint="docs/importing.md has them all")
                return lambda cells: self._value(dict(zip(header, cells, strict=True)))

    def _value(self, row: dict[str, Any]) -> Any:
        """Return what a row of NDJSON, or of a CSV file without messages in it, is. Raises Refused."""
        match self.kind:
            case "messages":
                return read_past(row, zone_of(self.content), self.clock.now())
            case "suppressions":
                return self._barred(row)
            case "contacts":
                row.setdefault("type", "identify")
            case _:
                row.setdefault("type", "track")
        if not row.get("messageId"):
            row["messageId"] = payload_id(row)
        return row

    def _barred(self, row: dict[str, Any]) -> Barred:
        now = self.clock.now()
        address = str(row.get("email") or row.get("address") or "").strip()
        if "@" not in address:
            raise Refused(f'email: "{address[:100]}" is no address' if address else "email is missing")
        stamp = str(row.get("at") or "").strip()
        at = datetime.fromisoformat(instant(stamp, "at", zone_of(self.content))) if stamp else now
        reason, source = str(row.get("reason") or "imported").strip(), str(row.get("source") or "import").strip()
        return Barred(address, reason, min(at, now), source)

    # ------------------------------------------------------------ rejects

    def _reject(self, rows: Sequence[tuple[int, Original]], reason: str) -> None:
        if self._rejects is None:
            raise RuntimeError("rows are read after the reject file is named")
        for line, original in rows:
            self._rejects.add(line, reason, original)
            self.outcome.rejected += 1
        self.outcome.reject_file = self._rejects.path

    def _reject_path(self, kind: Format) -> Path:
        return self.rejects or reject_path(self.path, kind)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let Python look for cycles seldom: rows are born by the million, in no cycle, and looking takes a third."""
    before = gc.get_threshold()
    gc.set_threshold(500_000, before[1], before[2])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _parse_json(line: Line) -> dict[str, Any]:
    if line.fault:
        raise Refused(line.fault)
    try:
        found = json.loads(line.text)
    except json.JSONDecodeError as error:
        raise Refused(f"no JSON: {error.msg} at character {error.colno}") from None
    except (RecursionError, ValueError) as error:
        raise Refused(f"no JSON: {error}"[:200]) from None
    if not isinstance(found, dict):
        raise Refused("a line is one JSON object")
    return found


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest
