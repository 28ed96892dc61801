"""`lifecycle schema`: the same schemas printed, written, or said why not."""

from __future__ import annotations

import json
from pathlib import Path

from terminal import Terminal


def test_what_is_written_is_what_is_printed(tmp_path: Path) -> None:
    """Four kinds of file, each a JSON document; writing them again is no mistake."""
    terminal = Terminal(tmp_path)
    printed = terminal.ok("schema").json
    for _ in range(2):
        terminal.ok("schema", "--out", "made/here")
    written = {
        path.name.removesuffix(".schema.json"): json.loads(path.read_text(encoding="utf-8"))
        for path in (tmp_path / "made" / "here").iterdir()
    }
    assert written == printed
    assert set(written) == {"project", "segment", "campaign", "journey"}


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    """A file stands in its way."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    said = Terminal(tmp_path).type("schema", "--out", "file/schemas")
    assert said.code == 2
    assert "cannot write file/schemas" in said.err
