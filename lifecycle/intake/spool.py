"""Rows brought together by a key on disk, so that a file need not be sorted and memory stays flat."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Self

from lifecycle.base.errors import StoreError

#: Rows that wait in memory before they are written.
_BATCH = 5_000
#: U+001F separates units and is nothing else: a cell that holds it is read with a space instead.
_SEPARATOR = "\x1f"


class Spool:
    """A temporary table of rows, gone when closed. A private file of this process, so plain sqlite3 and no Store."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="lifecycle-import-")
        self._database = sqlite3.connect(Path(self._folder.name) / "rows.db", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA temp_store=FILE",
            "CREATE TABLE rows (key TEXT, line INTEGER, cells TEXT)", "BEGIN",
        ):  # fmt: skip
            self._database.execute(statement)
        self._waiting: list[tuple[str, int, str]] = []

    def add(self, key: str, line: int, cells: Sequence[str]) -> None:
        """Keep one row. Raises StoreError when the disk is full."""
        self._waiting.append((key, line, _join(cells)))
        if len(self._waiting) >= _BATCH:
            self._flush()

    def groups(self) -> Iterator[tuple[str, list[tuple[int, list[str]]]]]:
        """Yield each key with its rows (line, cells) in the order of lines; keys in the order of their first lines."""
        self._flush()
        self._database.execute("CREATE INDEX by_key ON rows (key, line)")
        ordered = self._database.execute(
            "SELECT rows.key, rows.line, rows.cells FROM rows"
            " JOIN (SELECT key, min(line) AS first FROM rows GROUP BY key) AS groups ON groups.key = rows.key"
            " ORDER BY groups.first, rows.line"
        )
        for key, rows in groupby(ordered, key=itemgetter(0)):
            yield key, [(line, cells.split(_SEPARATOR)) for _, line, cells in rows]

    def _flush(self) -> None:
        try:
            self._database.executemany("INSERT INTO rows VALUES (?, ?, ?)", self._waiting)
        except sqlite3.OperationalError as error:
            raise StoreError(f"no room to group the rows in {self._folder.name}: {error}", hint="set TMPDIR") from error
        self._waiting.clear()

    def __enter__(self) -> Self:
        """Return the spool."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Delete it."""
        self._database.close()
        self._folder.cleanup()


def _join(cells: Sequence[str]) -> str:
    text = _SEPARATOR.join(cells)
    if text.count(_SEPARATOR) >= len(cells):
        return _SEPARATOR.join(cell.replace(_SEPARATOR, " ") for cell in cells)
    return text
