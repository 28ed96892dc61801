"""Reports as tables, CSV and HTML: nothing computed by spreadsheets, nothing run by browsers, nothing fetched."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from lifecycle.report.catalogue import NAMES, OF_CAMPAIGN, build
from lifecycle.report.charts import bar, ceiling, fold, line, sparkline
from lifecycle.report.files import as_csv, as_html, neutral
from lifecycle.report.sheet import Chart, Column, Figure, Report, Sheet, written
from lifecycle.report.terminal import show
from lifecycle.spec.model import Content
from lifecycle.store.engine import Store

MADE_AT = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
HOSTILE = '<script>alert("x")</script>'


def _report(label: str) -> Report:
    sheet = Sheet(
        label, (Column("name", label, "text"), Column("change", "Change", "number")), [{"name": label, "change": -1.5}]
    )
    return Report(
        title=label, period=label, currency="SAR", data={}, sheets=(sheet,),
        figures=(Figure(label, label, "text", label),),
        charts=(Chart(label, [(label, 3.0)]), Chart(label, [(label, 3.0), (label, 1.0)], "line")), notes=(label,),
        alarms=(label,),
    )  # fmt: skip


def _all_reports(store: Store, content: Content) -> dict[str, Report]:
    with store.read() as connection:
        return {name: build(connection, content, name, "welcome" if name in OF_CAMPAIGN else None) for name in NAMES}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝"])
def test_a_text_that_would_be_a_formula_is_neutralised(start: str) -> None:
    """The cell begins with an apostrophe; the number beside it stays a number, though it begins with a minus."""
    found = list(csv.reader(io.StringIO(as_csv(_report(f"{start}cmd|' /C calc'!A0")), newline="")))
    assert found[1][0] == f"'{start}cmd|' /C calc'!A0"
    assert found[1][1] == "-1.5"


@given(st.text())
def test_no_text_reaches_a_spreadsheet_as_a_formula(text: str) -> None:
    """Whatever the text, its cell does not begin with a sign that computes, and nothing of it is lost."""
    assert neutral(text)[:1] not in {"=", "+", "-", "@", "\t", "\r", "\n"}
    assert neutral(text).endswith(text)


def test_hostile_text_is_escaped_wherever_it_stands() -> None:
    """Title, period, figures, tables, charts, notes and alarms: no tag of the data survives as a tag."""
    page = as_html(_report(HOSTILE), made_at=MADE_AT)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 8


def test_a_page_asks_nothing_of_any_other_server(store: Store, content: Content, pen: Any) -> None:
    """No URL, no source, no import: the page is whole, in English, and its policy forbids loading anything."""
    contact = pen.contact(stage="awareness")
    pen.message(contact, "sent", address="a@example.com")
    pen.enrolment(contact, "completed")
    pen.order(contact, "A", 1, "10")
    pen.transition(contact, None, "awareness", 0)
    for name, found in _all_reports(store, content).items():
        page = as_html(found, made_at=MADE_AT)
        assert '<html lang="en" dir="ltr">' in page, name
        assert "default-src 'none'" in page, name
        assert not re.search(r"https?://|\bsrc=|@import|url\(|<script", page), name
        assert found.title in page, name


def test_an_empty_database_says_nothing_yet(store: Store, content: Content) -> None:
    """No report fails on nothing, in any of its forms."""
    for name, found in _all_reports(store, content).items():
        text = io.StringIO()
        show(found, Console(file=text, width=120))
        if name != "canvas":  # the canvas has needs, moments and campaigns before it has numbers
            assert found.nothing_yet.startswith("Nothing yet"), name
            assert "Nothing yet" in text.getvalue(), name
        assert "</html>" in as_html(found, made_at=MADE_AT), name
        assert as_csv(found).count("\r\n") >= 1, name
        assert found.data["window"] == {"since": None, "until": None}, name


def test_values_are_written_as_people_read_them() -> None:
    """Money has its currency's decimals, small shares keep a digit that tells them from nothing, None is a dash."""
    assert written(1234.5, "money", "SAR") == "SAR 1,234.50"
    assert written(-1234.5, "money", "KWD") == "-KWD 1,234.500"
    assert written(1234.5, "whole_money", "JPY") == "JPY 1,234"
    assert [written(share, "share", "SAR") for share in (0.1234, 0.0004, 0.0)] == ["12.3%", "0.04%", "0.0%"]
    assert [written(s, "length", "SAR") for s in (30, 90, 7200, 130000)] == ["30 s", "1.5 min", "2.0 h", "1.5 d"]
    assert written(0.0254, "points", "SAR") == "+2.54 pp"
    assert written(0.00001, "probability", "SAR") == "< 0.001"
    assert written(None, "money", "SAR") == "–"


def test_long_tables_are_cut_for_people_and_whole_for_machines() -> None:
    """Sixty rows on the page and the number of the rest; every row in the CSV."""
    sheet = Sheet("Rows", (Column("n", "N"),), [{"n": n} for n in range(100)])
    found = Report(title="Long", period="", currency="SAR", data={}, sheets=(sheet,))
    assert "and 40 more rows" in as_html(found, made_at=MADE_AT)
    assert as_csv(found).count("\r\n") == 101


def test_bars_and_sparklines_keep_proportion() -> None:
    """Half is half as long; the least above zero is seen; zero is not; runs are summed."""
    assert len(bar(5, 10, 20)) == 10
    assert bar(0.0001, 10, 20) == "▏"
    assert bar(0, 10) == bar(1, 0) == ""
    assert sparkline([0, 7, 4]) == "▁█▅"
    assert fold([1, 1, 1, 1, 1], 2) == [3, 2]
    assert [ceiling(value) for value in (0, 3, 7, 11, 126)] == [2, 4, 10, 20, 200]


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=200))
def test_a_line_stays_inside_its_frame(values: list[int]) -> None:
    """Each corner of the path lies in the drawing, whatever the values."""
    drawn = line(values, 720, 160)
    for corner in drawn.path.removeprefix("M").split(" L"):
        x, y = (float(part) for part in corner.split(","))
        assert 0 <= x <= 720.01
        assert 0 <= y <= 160
