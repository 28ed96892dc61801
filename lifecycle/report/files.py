"""A report as a file: CSV for spreadsheets, one self-contained page of HTML for people."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from decimal import Decimal
from typing import Any

from lifecycle.report import charts
from lifecycle.report.sheet import Chart, Column, Report, Sheet, number, written

#: A text that begins so is a formula to a spreadsheet. Source: OWASP, CSV injection (full-width forms included).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: The line chart's drawing area, in SVG units.
LINE_WIDTH, LINE_HEIGHT = 720, 160


def as_csv(report: Report) -> str:
    """Return the report's main table as RFC 4180 CSV: raw numbers, formulas neutralised, keys as the header."""
    out = io.StringIO()
    writer = csv.writer(out)
    sheet = report.listing or report.sheets[0]
    writer.writerow([neutral(column.key) for column in sheet.columns])
    for row in sheet.rows:
        writer.writerow([_plain(row.get(column.key)) for column in sheet.columns])
    return out.getvalue()


def neutral(text: str) -> str:
    """Return a text that no spreadsheet computes: an apostrophe before what would be a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _plain(value: Any) -> Any:
    match value:
        case None:
            return ""
        case str():
            return neutral(value)
        case Decimal() | float():
            return number(value)
        case datetime():
            return value.isoformat()
        case _:
            return value


def as_html(report: Report, *, made_at: datetime) -> str:
    """Return the whole report as one page that asks nothing of any other server. Everything from data is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("lifecycle.report", "pages"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip

    def cell(row: dict[str, Any], column: Column) -> str:
        return written(row.get(column.key), column.kind, report.currency)

    return environment.get_template("report.html.j2").render(
        report=report,
        made_at=f"{made_at:%Y-%m-%d %H:%M} UTC",
        figures=[(each.label, written(each.value, each.kind, report.currency), each.note) for each in report.figures],
        charts=[_drawn(chart, report.currency) for chart in report.charts if chart.points],
        sheets=[sheet for sheet in report.sheets if sheet.rows],
        notes=[line for line in report.notes if line],
        lone_bars=sum(chart.kind == "bars" and bool(chart.points) for chart in report.charts) == 1,
        stages=report.extras.get("stages", ()),
        cell=cell,
        heat=_heat,
        money=lambda value: written(value, "money", report.currency),
        line_width=LINE_WIDTH,
        line_height=LINE_HEIGHT,
    )


def _drawn(chart: Chart, currency: str) -> dict[str, Any]:
    """Return what the page needs of a chart: bars as rows, or a line with its grid."""
    texts = [written(value, chart.value_kind, currency) for _, value in chart.points]
    drawn: dict[str, Any] = {"title": chart.title, "kind": chart.kind}
    if chart.kind == "bars":
        return drawn | {"bars": charts.bars(chart.points, texts)}
    line = charts.line([value for _, value in chart.points], LINE_WIDTH, LINE_HEIGHT)
    grid = [(y, written(round(value), "count", currency)) for y, value in line.grid]
    most = max(value for _, value in chart.points)
    said = f"{chart.title}: {chart.points[0][0]} to {chart.points[-1][0]}, at most {written(most, 'count', currency)}"
    return drawn | {"line": line, "grid": grid, "first": chart.points[0][0], "last": chart.points[-1][0], "said": said}


def _heat(sheet: Sheet, column: Column, value: Any) -> int | None:
    """Return the warmth, 0 to 9, of a cell of a cohort table; None for cells that have none."""
    months = [each.key for each in sheet.columns if each.key.startswith("m") and each.key[1:].isdigit()]
    if column.key not in months or value is None:
        return None
    most = max((row[key] for row in sheet.rows for key in months if row.get(key) is not None), default=0)
    return min(9, int(value / most * 9.999)) if most else 0
