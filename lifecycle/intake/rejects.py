"""The reject file: every row that was not stored, as it came, with its line and the reason; made when there is one."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from lifecycle.base.errors import UsageError
from lifecycle.intake.files import Format

#: The columns that a reject file adds; an import ignores them, so that a corrected reject file can be imported.
REJECT_COLUMNS = ("reject_line", "reject_reason")


class RejectFile:
    """Written as rows are rejected: CSV beside CSV, NDJSON beside NDJSON. `close` when done."""

    def __init__(self, path: Path, kind: Format, header: Sequence[str] = ()) -> None:
        self.path = path
        self.count = 0
        self._kind = kind
        self._header = header
        self._file: TextIO | None = None
        self._rows: Any = None

    def add(self, line: int, reason: str, original: str | Sequence[str]) -> None:
        """Write one row. Raises UsageError when the file cannot be made."""
        if self._file is None:
            self._open()
        self.count += 1
        if self._kind == "csv":
            cells = [original] if isinstance(original, str) else list(original)
            cells += [""] * (len(self._header) - len(cells))
            self._rows.writerow([*cells, line, reason])
            return
        text = original if isinstance(original, str) else ",".join(original)
        row = {"reject_line": line, "reject_reason": reason, "original": text.rstrip("\r\n")}
        if self._file is not None:
            self._file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()

    def _open(self) -> None:
        try:
            self._file = self.path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
        except OSError as error:
            hint = "name another place with --rejects FILE"
            raise UsageError(f"cannot write the reject file {self.path}: {error.strerror}", hint=hint) from error
        if self._kind == "csv":
            self._rows = csv.writer(self._file, lineterminator="\n")
            self._rows.writerow([*self._header, *REJECT_COLUMNS])


def reject_path(source: Path, kind: Format) -> Path:
    """Return where the reject file of `source` lies: beside it."""
    stem = source.name.removesuffix(".gz").rsplit(".", 1)[0] or source.name
    return source.with_name(f"{stem}.rejects.{kind}")
