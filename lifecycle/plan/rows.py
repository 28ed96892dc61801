"""Rows of a rehearsal in the order of time. They come contact by contact, for millions of contacts."""

from __future__ import annotations

import heapq
import pickle
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import IO

#: Rows that wait in memory before they are sorted and put on disk.
MOST_HELD = 100_000
#: Rows of a run that are read at a time.
_BLOCK = 500
_order = attrgetter("order")


@dataclass(frozen=True, slots=True)
class Row:
    """A ledger row as `simulate` prints it: `outcome` is sent or skipped; `at` is when that was decided."""

    at: datetime
    campaign: str
    step: str
    contact: str
    outcome: str
    reason: str
    #: what a journey test may look at beside
    template: str = ""
    variant: str | None = None

    @property
    def order(self) -> tuple[datetime, str, str, str]:
        """Return the key by which rows are ordered."""
        return (self.at, self.campaign, self.contact, self.step)


class Rows:
    """Rows, iterated in their order as often as wanted. Past MOST_HELD they wait on disk, in sorted runs."""

    def __init__(self) -> None:
        self._held: list[Row] = []
        #: where the blocks of each run begin in the file
        self._runs: list[list[int]] = []
        self._file: IO[bytes] | None = None
        self._count = 0

    def add(self, row: Row) -> None:
        """Add a row. Raises OSError when the disk is full."""
        self._held.append(row)
        self._count += 1
        if len(self._held) >= MOST_HELD:
            self._put_aside()

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._count

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows in their order; those of one order as they came."""
        self._held.sort(key=_order)
        runs = [] if self._file is None else [_read(self._file, places) for places in self._runs]
        return heapq.merge(*runs, self._held, key=_order)

    def _put_aside(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="lifecycle-rows-")  # noqa: SIM115 - closed when these rows are gone
            weakref.finalize(self, self._file.close)
        self._held.sort(key=_order)
        places = []
        for begin in range(0, len(self._held), _BLOCK):
            places.append(self._file.seek(0, 2))
            pickle.dump(self._held[begin : begin + _BLOCK], self._file, pickle.HIGHEST_PROTOCOL)
        self._runs.append(places)
        self._held = []


def _read(file: IO[bytes], places: list[int]) -> Iterator[Row]:
    for place in places:
        file.seek(place)
        yield from pickle.load(file)  # noqa: S301 - our own rows, in a file that nobody else can open
