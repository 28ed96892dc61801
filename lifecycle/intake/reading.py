"""A file read into chunks: each row looked at, what cannot be stored put aside with its line and the reason.

Nothing here knows of a database, so that it can run in a process of its own (`intake.read_ahead`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from lifecycle.base.clock import Clock
from lifecycle.base.errors import LifecycleError, UsageError
from lifecycle.intake.chunks import Chunk, Original, Refusal
from lifecycle.intake.csv_rows import ContactRows, EventRows, zone_of
from lifecycle.intake.declared import Declared
from lifecycle.intake.files import InputFile, Line, Record, delimiter_of, records
from lifecycle.intake.payload import Incoming, Refused, payload_id, read_message
from lifecycle.spec.model import Content

if TYPE_CHECKING:
    from lifecycle.intake.csv_map import CsvMap
    from lifecycle.intake.mapped_rows import MappedRows

Kind: TypeAlias = Literal["contacts", "events", "messages", "suppressions"]
Rows: TypeAlias = "list[tuple[int, Original]]"
_decode = msgspec.json.Decoder().decode
#: The most bytes of rows in one chunk: a row may have a megabyte, and a batch of those is no flat memory.
MOST_BYTES = 16_000_000


@dataclass(slots=True)
class Source:
    """What is read, and how."""

    kind: Kind
    path: Path
    #: rows in one chunk; the rows of one event count each, so that memory stays flat
    size: int
    max_bytes: int
    content: Content | None = None
    live: bool = False
    csv_map: CsvMap | None = None


class Reader:
    """Reads one file, once."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self._source, self._clock, self._content = source, clock, source.content
        self._declared = Declared(source.content)
        self._zone = zone_of(source.content)
        self._chunk = Chunk("ndjson")
        self._values: list[Any] = []
        #: rows and bytes in the chunk
        self._rows, self._bytes = 0, 0
        #: when the chunk came
        self._now = clock.now()

    def chunks(self) -> Iterator[Chunk]:
        """Yield what is to be stored together, in the order of the file.

        Raises UsageError for a file that makes no sense, LifecycleError for a damaged one behind what is still good.
        """
        with InputFile(self._source.path, max_bytes=self._source.max_bytes) as file:
            self._chunk.format = file.format()
            if self._source.csv_map is not None and (self._chunk.format != "csv" or self._source.kind != "events"):
                raise UsageError("--map is for events in CSV", hint="NDJSON lines are messages already")
            try:
                for size in self._csv(file) if self._chunk.format == "csv" else self._ndjson(file):
                    self._bytes += size
                    if self._rows >= self._source.size or self._bytes >= MOST_BYTES:
                        yield self._cut(file)
            except LifecycleError:
                if self._rows:
                    yield self._cut(file)
                raise
            yield self._cut(file)

    def _cut(self, file: InputFile) -> Chunk:
        done = self._chunk
        done.position, done.values = file.position, self._values
        self._chunk, self._values = Chunk(done.format, done.header), []
        self._rows, self._bytes = 0, 0
        self._now = self._clock.now()
        return done

    # ------------------------------------------------------------ rows: each generator yields the bytes of a row

    def _ndjson(self, file: InputFile) -> Iterator[int]:
        make = self._line_reader()
        for line in file.lines():
            if not line.fault and not line.text.strip():
                continue
            self._chunk.read += 1
            rows: Rows = [(line.number, line.text)]
            try:
                self._add(make(parse_json(line)), rows)
            except Refused as refusal:
                self._refuse(rows, str(refusal))
            yield len(line.text)

    def _csv(self, file: InputFile) -> Iterator[int]:
        lines = file.lines()
        first = next(lines, None)
        if first is None:
            raise UsageError(f"{self._source.path} is empty")
        rows = records(chain((first,), lines), delimiter_of(first.text))
        top = next(rows, None)
        if top is None or top.fault:
            raise UsageError(f"{self._source.path}: the header cannot be read: {top.fault if top else 'it is blank'}")
        header = self._chunk.header = [name.strip() for name in top.cells]
        if self._source.csv_map is not None:
            yield from self._mapped(self._source.csv_map, rows, header)
            return
        make = self._cells_reader(header)
        for record in rows:
            row: Rows = [(record.number, record.cells)]
            try:
                if self._is_sound(record, len(header)):
                    self._add(make(record.cells), row)
            except Refused as refusal:
                self._refuse(row, str(refusal))
            yield sum(map(len, record.cells))

    def _is_sound(self, record: Record, width: int) -> bool:
        """Say whether a row has as many cells as the header; refuse it otherwise."""
        self._chunk.read += 1
        fault = record.fault
        if not fault and len(record.cells) != width:
            fault = f"{len(record.cells)} cells, where the header has {width}"
        if fault:
            self._refuse([(record.number, record.cells)], fault)
        return not fault

    def _mapped(self, csv_map: CsvMap, rows: Iterator[Record], header: Sequence[str]) -> Iterator[int]:
        # a process that reads no map starts without them, in a third of the time
        from lifecycle.intake.mapped_rows import MappedRows
        from lifecycle.intake.spool import Spool

        mapped = MappedRows(csv_map, header, self._zone)
        with Spool() as spool:
            for record in rows:
                if not self._is_sound(record, len(header)):
                    yield sum(map(len, record.cells))
                    continue
                key = mapped.key(record.number, record.cells)
                if key is None:
                    self._chunk.skipped += 1
                elif csv_map.group_by is None:
                    yield self._made(mapped, key, [(record.number, list(record.cells))])
                else:
                    spool.add(key, record.number, record.cells)
            for key, group in spool.groups():
                yield self._made(mapped, key, group)

    def _made(self, mapped: MappedRows, key: str, rows: list[tuple[int, list[str]]]) -> int:
        """Add what the rows of one event come to: first what they say of the contact, then the event."""
        try:
            made = mapped.messages(key, rows)
            if made.contact is not None:
                contact = read_message(made.contact, 0, self._now, live=self._source.live)
                self._chunk.beside.add(len(self._values))
                self._values.append(contact)
            self._add(self._message(made.event), list(rows))
        except Refused as refusal:
            reason = str(refusal) if len(rows) == 1 else f"{refusal} (in one of the {len(rows)} rows of this event)"
            self._refuse(list(rows), reason)
        return sum(len(cell) for _, cells in rows for cell in cells)

    # ------------------------------------------------------------ values

    def _line_reader(self) -> Callable[[dict[str, Any]], Any]:
        """Return what makes a line's object what is stored; it raises Refused."""
        match self._source.kind:
            case "messages":
                return self._past()
            case "suppressions":
                return self._barred()
            case "contacts":
                usual = "identify"
            case _:
                usual = "track"

        def message(row: dict[str, Any]) -> Incoming:
            row.setdefault("type", usual)
            if not row.get("messageId"):
                row["messageId"] = payload_id(row)
            return self._message(row)

        return message

    def _cells_reader(self, header: Sequence[str]) -> Callable[[Sequence[str]], Any]:
        """Return what makes a row's cells what is stored; it raises Refused. Raises UsageError."""
        match self._source.kind:
            case "contacts":
                contacts = ContactRows(header, self._content)
                return lambda cells: self._message(contacts.payload(cells))
            case "events":
                events = EventRows(header, self._content)
                return lambda cells: self._message(events.payload(cells))
            case kind:
                needed = {"messages": ("campaign", "at", "outcome"), "suppressions": ("email", "address")}[kind]
                missing = [name for name in needed if name not in header]
                if len(missing) == len(needed) or (kind == "messages" and missing):
                    raise UsageError(
                        f'{self._source.path} has no column "{missing[0]}"', hint="docs/importing.md has them all"
                    )
                make = self._line_reader()
                return lambda cells: make(dict(zip(header, cells, strict=True)))

    def _message(self, payload: Mapping[str, Any]) -> Incoming:
        message = read_message(payload, len(self._values), self._now, live=self._source.live)
        lacking = self._declared.lacks(message.name, message.properties)
        return message._replace(undeclared=lacking) if lacking else message

    def _past(self) -> Callable[[dict[str, Any]], Any]:
        from lifecycle.intake.history import read_past

        return lambda row: read_past(row, self._zone, self._now)

    def _barred(self) -> Callable[[dict[str, Any]], Any]:
        from lifecycle.intake.consent import read_barred

        return lambda row: read_barred(row, self._zone, self._now)

    # ------------------------------------------------------------ the chunk

    def _add(self, value: Any, rows: Rows) -> None:
        self._values.append(value)
        if self._source.kind == "messages":
            self._chunk.rows += rows
        self._rows += len(rows)

    def _refuse(self, rows: Rows, reason: str) -> None:
        self._chunk.refused += [Refusal(line, reason, original) for line, original in rows]
        self._rows += len(rows)


def parse_json(line: Line) -> dict[str, Any]:
    """Return the object on the line. Raises Refused."""
    if line.fault:
        raise Refused(line.fault)
    try:
        found = _decode(line.text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        found = _parse_slowly(line.text)  # NaN and the like, or it says what is wrong
    if not isinstance(found, dict):
        raise Refused("a line is one JSON object")
    return found


def _parse_slowly(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Refused(f"no JSON: {error.msg} at character {error.colno}") from None
    except (RecursionError, ValueError) as error:
        raise Refused(f"no JSON: {error}"[:200]) from None
