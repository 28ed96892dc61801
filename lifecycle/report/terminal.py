"""A report in the terminal: headline figures, tables, bars and sparklines. Imports rich only when it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lifecycle.report.charts import bar, sparkline
from lifecycle.report.sheet import Chart, Report, Sheet, written

if TYPE_CHECKING:
    from rich.console import Console

#: Bars past this many are summed up in a last line.
MOST_BARS = 16


def show(report: Report, console: Console) -> None:
    """Print the whole report."""
    from rich.text import Text

    console.print(Text.assemble((report.title, "bold"), f"  {report.period}"))
    if report.nothing_yet:
        console.print(Text(f"\n{report.nothing_yet}"))
        return
    for alarm in report.alarms:
        console.print(Text(f"! {alarm}", style="red"))
    console.print()
    for figure in report.figures:
        value = written(figure.value, figure.kind, report.currency)
        console.print(Text.assemble(f"  {figure.label:<28}", (f"{value:>16}", "bold"), (f"  {figure.note}", "dim")))
    for stage in report.extras.get("stages", ()):
        console.print(_stage_card(stage))
    for sheet in report.sheets:
        if sheet.rows:
            console.print()
            console.print(_table(sheet, report.currency))
            if sheet.more:
                console.print(Text(f"  {sheet.more}", style="dim"))
    for chart in report.charts:
        if chart.points:
            console.print()
            console.print(Text(chart.title, style="bold"))
            console.print(_chart(chart, report.currency))
    for line in filter(None, report.notes):
        console.print(Text(f"\n{line}", style="dim"))


def _table(sheet: Sheet, currency: str) -> object:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=sheet.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in sheet.columns:
        table.add_column(column.label, justify="left" if column.kind == "text" else "right", overflow="fold")
    for row in sheet.shown:
        table.add_row(*(Text(written(row.get(column.key), column.kind, currency)) for column in sheet.columns))
    return table


def _chart(chart: Chart, currency: str) -> object:
    from rich.text import Text

    values = [value for _, value in chart.points]
    if chart.kind == "line":
        first, last = chart.points[0][0], chart.points[-1][0]
        most = written(max(values), chart.value_kind, currency)
        return Text(f"  {sparkline(values)}  {first} to {last}, at most {most}")
    shown = chart.points[:MOST_BARS]
    label_width = max(len(label) for label, _ in shown)
    lines = [
        f"  {label:<{label_width}}  {bar(value, max(values)):<28} {written(value, chart.value_kind, currency)}"
        for label, value in shown
    ]
    if len(chart.points) > MOST_BARS:
        lines.append(f"  and {len(chart.points) - MOST_BARS} more")
    return Text("\n".join(lines))


def _stage_card(stage: dict[str, Any]) -> object:
    """Return one stage of the canvas."""
    from rich.text import Text

    def listed(key: str) -> str:
        found = stage[key]
        return " · ".join(str(item) for item in found) if isinstance(found, list) and found else "–"

    here = stage["numbers"]["contacts"]
    return Text.assemble(
        "\n", (f"{stage['label']}", "bold"), (f"  {stage['level']}, {here:,} contacts now", "dim"),
        "\n  needs    ", listed("needs"), "\n  moment   ", str(stage["moment"] or "–"),
        "\n  actions  ", listed("actions"),
    )  # fmt: skip
