"""What one check leaves for the next: each template's findings, and what they were read from.

`Kept` is JSON on disk, with its own digest in front: what is cut short, edited or somebody else's is not believed, and
whatever cannot be read or written costs time, never an answer. Nothing in it outlives the templates of the project it
was last written for.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lifecycle.base.ids import content_hash
from lifecycle.spec.diagnostics import Diagnostic, Severity
from lifecycle.spec.place import Place

#: the file's name below the state folder
FILE_NAME = "check.json"
#: bytes; a project of 2,000 files takes 4 MB
MAX_BYTES = 64_000_000
_FORMAT = "lifecycle-check-1"


@dataclass(frozen=True, slots=True)
class Unit:
    """One template in one locale: the names of what its check read, and what it found."""

    reads: frozenset[str]
    found: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """A run's units by template and locale, and the digest that each name had then (see `check_trace`)."""

    base: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[tuple[str, str], Unit] = field(default_factory=dict)

    def dump(self) -> bytes:
        """Return it as a file's content."""
        names = sorted(self.digests)
        number = {name: index for index, name in enumerate(names)}
        body = json.dumps(
            {
                "base": self.base,
                "digests": [[name, self.digests[name]] for name in names],
                "units": [
                    [*key, sorted(number[name] for name in unit.reads), [_plain(found) for found in unit.found]]
                    for key, unit in sorted(self.units.items())
                ],
            },
            separators=(",", ":"),
        ).encode()
        return f"{_FORMAT} {content_hash(body)}\n".encode() + body

    @classmethod
    def read(cls, data: bytes) -> Kept:
        """Return what a file's content holds. Raises ValueError for anything that `dump` did not write."""
        head, _, body = data.partition(b"\n")
        if head != f"{_FORMAT} {content_hash(body)}".encode():
            raise ValueError("not written by this check")
        try:
            found = json.loads(body)
            names = [name for name, _ in found["digests"]]
            units = {
                (template, locale): Unit(frozenset(names[index] for index in reads), tuple(map(_diagnostic, told)))
                for template, locale, reads, told in found["units"]
            }
            return cls(found["base"], dict(found["digests"]), units)
        except (TypeError, LookupError, RecursionError) as error:
            raise ValueError("not written by this check") from error


def _plain(found: Diagnostic) -> list[Any]:
    place = found.place
    return [
        found.code, found.severity, found.message, place.path, place.line, place.column, place.length, found.hint,
    ]  # fmt: skip


def _diagnostic(plain: list[Any]) -> Diagnostic:
    code, severity, message, path, line, column, length, hint = plain
    return Diagnostic(code, Severity(severity), message, Place(path, line, column, length), hint)


class CheckCache:
    """What a process remembers of its last check. Any thread may use it: what it holds is replaced as a whole."""

    def __init__(self) -> None:
        self._kept = Kept()

    def recall(self) -> Kept:
        """Return what the last check left."""
        return self._kept

    def keep(self, kept: Kept) -> None:
        """Remember what a check leaves."""
        self._kept = kept


class FolderCache(CheckCache):
    """A cache in a project's state folder, which outlives the process and is shared with others that check there."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._path = folder / FILE_NAME
        self._looked = False

    def recall(self) -> Kept:
        """Return what the last check here left, read from disk the first time."""
        if not self._looked:
            self._looked = True
            try:
                with self._path.open("rb") as file:
                    self._kept = Kept.read(file.read(MAX_BYTES))
            except (OSError, ValueError):
                self._kept = Kept()
        return self._kept

    def keep(self, kept: Kept) -> None:
        """Remember it, here and on disk, unless nothing changed. Whoever writes last wins; nobody reads half a file."""
        if kept == self.recall():
            return
        self._kept = kept
        data = kept.dump()
        if len(data) > MAX_BYTES:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(self._path, data)
        except OSError:
            return  # a read-only folder, a full disk: the next check takes longer


def _write_whole(path: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
