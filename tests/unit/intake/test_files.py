"""Files are read to their end, whatever is wrong in the middle."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from lifecycle.base.errors import LifecycleError, UsageError
from lifecycle.intake.files import MAX_LINE_BYTES, InputFile, delimiter_of, records


def lines(path: Path, **limits: Any) -> Any:
    """Return all lines."""
    with InputFile(path, **limits) as file:
        return list(file.lines())


def test_gzip_is_known_by_its_content(tmp_path: Path) -> None:
    """Whatever the file is called."""
    path = tmp_path / "x.csv"
    path.write_bytes(gzip.compress("﻿a\nب\n".encode()))
    assert [line.text for line in lines(path)] == ["a\n", "ب\n"]


def test_a_line_that_is_too_long_or_no_utf8_costs_only_itself(tmp_path: Path) -> None:
    """Its number and fault are kept."""
    path = tmp_path / "x.ndjson"
    path.write_bytes(b"good\n" + b"x" * (3 * MAX_LINE_BYTES) + b"\n\xff\xfeoops\nlast")
    assert [(line.number, line.fault) for line in lines(path)] == [
        (1, ""), (2, f"longer than {MAX_LINE_BYTES:,} bytes"), (3, "not UTF-8 at byte 1"), (4, ""),
    ]  # fmt: skip


def test_a_file_that_expands_without_end_is_stopped(tmp_path: Path) -> None:
    """A small gzip can be a very large file."""
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"a,b\n" * 1_000_000))
    with pytest.raises(LifecycleError, match="more than 1,000 bytes"):
        lines(path, max_bytes=1000)


def test_a_damaged_gzip_says_how_far_it_was_good(tmp_path: Path) -> None:
    """And that importing again is safe."""
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"abc\n" * 200_000)[:-20])
    with pytest.raises(LifecycleError, match="damaged behind line") as caught:
        lines(path)
    assert "nothing is stored twice" in caught.value.hint


def test_a_missing_file_and_utf16_are_usage_errors(tmp_path: Path) -> None:
    """The person can do something about it."""
    with pytest.raises(UsageError, match="No such file"):
        InputFile(tmp_path / "none")
    path = tmp_path / "x.csv"
    path.write_bytes("a,b".encode("utf-16"))
    with pytest.raises(UsageError, match="UTF-16"):
        InputFile(path)


def test_an_unclosed_quote_costs_one_line(tmp_path: Path) -> None:
    """The lines behind it are read again by themselves."""
    path = tmp_path / "x.csv"
    path.write_text('a,b\n1,"two\nlines"\n2,"oops\n3,fine\n4,"d""q"\n' + "5,x\n" * 50_000)
    with InputFile(path) as file:
        found = list(records(file.lines(), ","))
    assert [record.cells for record in found[:5]] == [
        ["a", "b"],
        ["1", "two\nlines"],
        ['2,"oops'],
        ["3", "fine"],
        ["4", 'd"q'],
    ]
    assert [record.number for record in found if record.fault] == [4]
    assert len(found) == 5 + 50_000


@pytest.mark.parametrize(("header", "mark"), [("a,b", ","), ("a;b;c", ";"), ("a\tb", "\t"), ("a", ",")])
def test_the_header_tells_what_separates_cells(header: str, mark: str) -> None:
    """Spreadsheets of some countries write semicolons."""
    assert delimiter_of(header) == mark
