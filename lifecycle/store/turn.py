"""Whose turn it is to write into an SQLite file: its processes stand in line, so that none is passed over.

SQLite lets those who wait try again after a while, up to a tenth of a second; whoever has just written and goes on gets
in before them. An import would keep a web server waiting for longer than its timeout.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: How often one who stands in line looks.
_LOOK_S = 0.002


class Turn:
    """The front of the line before a database file; not for several threads at once.

    Whoever stands there waits for SQLite, and whoever has just written stands behind. The lock is on a file beside the
    database, which stays, and goes with its process, however that ends.
    """

    def __init__(self, database: str | None, patience_s: float) -> None:
        """Stand in line for `database`, at most `patience_s`: then SQLite's timeout decides. None: there is no line."""
        self._path = f"{database}-turn" if database else None
        self._patience_s = patience_s
        self._file: int | None = None
        self._looking = threading.Event()  # which nobody sets: processes cannot wake each other

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Come to the front, and leave it at the end of the body."""
        in_front = self._wait()
        try:
            yield
        finally:
            if in_front and self._file is not None:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _wait(self) -> bool:
        if self._path is None:
            return False
        try:
            if self._file is None:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError:
            return False  # a folder that cannot be written into: SQLite says so
        until = time.monotonic() + self._patience_s
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    return False
                self._looking.wait(_LOOK_S)
            else:
                return True
