"""What commands print: data on stdout, progress and words on stderr, colour only for a terminal that wants it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from lifecycle.base.errors import ContentError, LifecycleError

if TYPE_CHECKING:
    from rich.console import Console


def console(*, err: bool = False) -> Console:
    """Return a rich console; plain when NO_COLOR is set or when it is no terminal."""
    from rich.console import Console

    return Console(
        stderr=err, no_color=True if os.environ.get("NO_COLOR") else None, highlight=False, soft_wrap=not err
    )


def plain(value: Any) -> Any:
    """Return the value as JSON has it: instants in ISO 8601 with Z, money as numbers."""
    match value:
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case Mapping():
            return {str(key): plain(inner) for key, inner in value.items()}
        case str():
            return value
        case Iterable():
            return [plain(inner) for inner in value]
        case _:
            return value


def emit_json(data: Any) -> None:
    """Print one JSON document on stdout; Arabic as it is."""
    click.echo(json.dumps(plain(data), ensure_ascii=False, indent=2))


def emit_row(data: Mapping[str, Any]) -> None:
    """Print one line of NDJSON on stdout."""
    click.echo(json.dumps(plain(data), ensure_ascii=False))


def note(text: str) -> None:
    """Say something to the person, on stderr."""
    click.echo(text, err=True)


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None, *, title: str = "") -> None:
    """Print rows as a table: numbers to the right, nothing cut. `columns` are keys, in order (default: of row one)."""
    from rich import box
    from rich.table import Table

    names = list(columns) if columns is not None else list(rows[0]) if rows else []
    table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for name in names:
        numeric = bool(rows) and all(isinstance(row.get(name), int | float | Decimal | None) for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*[cell(row.get(name)) for name in names])
    out = console()
    if not out.is_terminal:
        out.width = 200
    out.print(table)


def cell(value: Any) -> str:
    """Return a value as people read it in a table."""
    from rich.markup import escape

    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case Decimal() | float():
            return f"{value:,.2f}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}Z"
        case _:
            return escape(str(value))


@contextmanager
def progress(label: str, total: int | None = None, *, in_bytes: bool = False) -> Iterator[Any]:
    """Yield a function that takes the number of further things done; a bar on stderr when that is a terminal.

    The bar shows how much is done and how long the rest will take; of bytes also how many a second.
    """
    if not sys.stderr.isatty():
        yield lambda _count=1: None
        return
    from rich import progress as parts

    done = (parts.DownloadColumn(), parts.TransferSpeedColumn()) if in_bytes else (parts.MofNCompleteColumn(),)
    columns = (parts.TextColumn("{task.description}"), parts.BarColumn(), *done, parts.TimeRemainingColumn())
    with parts.Progress(*columns, console=console(err=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda count=1: bar.advance(task, count)


def show_error(error: LifecycleError) -> None:
    """Print an error and its hint on stderr; content errors with all their frames."""
    if isinstance(error, ContentError) and error.diagnostics:
        from lifecycle.spec.diagnostics import as_text, in_order

        for diagnostic in in_order(error.diagnostics):
            click.echo(as_text(diagnostic, error.files), err=True)
    click.echo(click.style("error: ", fg="red", bold=True) + error.message, err=True, color=_colour())
    if error.hint:
        click.echo(f"  {error.hint}", err=True)


def _colour() -> bool | None:
    return False if os.environ.get("NO_COLOR") or not sys.stderr.isatty() else None
