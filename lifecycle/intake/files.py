"""Files from outside, read as a stream: gzip by content, UTF-8 with or without BOM, limits that hold before expansion.

A line or a row that cannot be read is returned with its fault, and the reading goes on behind it.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, NamedTuple, Self, TypeAlias, cast

from lifecycle.base.errors import LifecycleError, UsageError

#: The longest line, in bytes: an event has 32 KB over HTTP, a whole order of a wholesaler a little more.
MAX_LINE_BYTES = 1_000_000
#: The longest cell of a CSV file, in characters; an unclosed quote is noticed after that much.
MAX_CELL = 65_536
#: What a file may come to when it is expanded, in bytes, unless the caller says otherwise.
MAX_BYTES = 20 * 1024**3

Format: TypeAlias = Literal["csv", "ndjson"]
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "ndjson",
}  # fmt: skip


class Line(NamedTuple):
    """One line without its end; `fault` says why it cannot be used."""

    number: int
    text: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a CSV file: the number of its first line and its cells; none when there is a `fault`."""

    number: int
    cells: Sequence[str]
    fault: str = ""


class InputFile:
    """An open file. `position` and `size` are bytes of the file as it lies on the disk, for a progress bar."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        """Open the file. Raises UsageError when that cannot be done."""
        self.path = path
        self._max_bytes = max_bytes
        try:
            self._raw: BinaryIO = path.open("rb")
            self.size = path.stat().st_size
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from error
        head = self._raw.read(4)
        self._raw.seek(0)
        if head[:2] == b"\x1f\x8b":
            self._stream: BinaryIO = cast("BinaryIO", io.BufferedReader(_Expanded(self._raw), 1 << 18))
        else:
            self._stream = self._raw
        if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
            self._raw.close()
            raise UsageError(f"{path} is UTF-16", hint="save it as UTF-8")

    @property
    def position(self) -> int:
        """Return how many bytes of the file have been read."""
        return self._raw.tell()

    def format(self) -> Format:
        """Return what the file's name, else its first character, says that it is."""
        names = [suffix for suffix in self.path.suffixes if suffix.lower() in _SUFFIXES]
        if names:
            return _SUFFIXES[names[-1].lower()]
        peek = getattr(self._stream, "peek", None)
        start: bytes = peek(64)[:64] if peek is not None else b""
        return "ndjson" if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") else "csv"

    def lines(self) -> Iterator[Line]:
        """Yield each line. Raises LifecycleError when the file is damaged or too large."""
        number, total = 0, 0
        while True:
            try:
                raw = self._stream.readline(MAX_LINE_BYTES + 1)
            except (EOFError, gzip.BadGzipFile, zlib.error, OSError) as error:
                raise LifecycleError(
                    f"{self.path} is damaged behind line {number}: {error}",
                    hint="what came before is stored; import the whole file again, nothing is stored twice",
                ) from error
            if not raw:
                return
            number += 1
            total += len(raw)
            if total > self._max_bytes:
                raise LifecycleError(
                    f"{self.path} comes to more than {self._max_bytes:,} bytes at line {number}",
                    hint="what came before is stored; split the file, or allow more with --max-bytes",
                )
            if len(raw) > MAX_LINE_BYTES:
                total += self._skip_line()
                yield Line(number, raw[:1000].decode(errors="replace"), f"longer than {MAX_LINE_BYTES:,} bytes")
                continue
            if number == 1:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            try:
                yield Line(number, raw.decode())
            except UnicodeDecodeError as error:
                yield Line(number, raw.decode(errors="backslashreplace"), f"not UTF-8 at byte {error.start + 1}")

    def _skip_line(self) -> int:
        skipped = 0
        while chunk := self._stream.readline(MAX_LINE_BYTES):
            skipped += len(chunk)
            if chunk.endswith(b"\n") or skipped > self._max_bytes:
                break
        return skipped

    def __enter__(self) -> Self:
        """Return the open file."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._stream.close()
        self._raw.close()


class _Expanded(io.RawIOBase):
    """The content of a gzip file, each part as soon as it is known: what comes before a damage is not lost to it."""

    def __init__(self, raw: BinaryIO) -> None:
        self._gzip = gzip.GzipFile(fileobj=raw)

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as one read of the file goes; 0 at the end."""
        found = self._gzip.read1(len(buffer))
        buffer[: len(found)] = found
        return len(found)


class _Feed:
    """Lines for csv.reader, remembering which ones the current row has taken."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = iter(lines)
        self._back: deque[Line] = deque()
        self.taken: list[Line] = []
        self.faults: list[Line] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        while True:
            line = self._back.popleft() if self._back else next(self._lines)
            if line.fault:
                self.faults.append(line)
                continue
            self.taken.append(line)
            return line.text

    def give_back(self) -> Line:
        """Return the first line of the current row; the others will be read again."""
        first, *rest = self.taken
        self._back.extendleft(reversed(rest))
        self.taken.clear()
        return first


def records(lines: Iterable[Line], delimiter: str) -> Iterator[Record]:
    """Yield the rows of a CSV file (RFC 4180), blank ones left out. A faulty quote costs one line, not the rest."""
    csv.field_size_limit(MAX_CELL)
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            yield from _faults(feed)
            return
        except csv.Error as error:
            yield from _faults(feed)
            first = feed.give_back()
            yield Record(first.number, [first.text.rstrip("\r\n")], f"no CSV: {error}")
            reader = csv.reader(feed, delimiter=delimiter, strict=True)
            continue
        if feed.faults:
            yield from _faults(feed)
        number = feed.taken[0].number
        feed.taken.clear()
        if cells:
            yield Record(number, cells)


def _faults(feed: _Feed) -> Iterator[Record]:
    for line in feed.faults:
        yield Record(line.number, [line.text.rstrip("\r\n")], line.fault)
    feed.faults.clear()


def delimiter_of(header: str) -> str:
    """Return what separates the cells of the header line: a comma, a semicolon or a tab."""
    return max(",;\t", key=header.count)
