"""`lifecycle report`: tables in the terminal, JSON, CSV, or one page of HTML."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lifecycle.cli.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from lifecycle.wiring import Engine

REPORTS = ("overview", "campaign", "funnel", "canvas", "lift", "cohorts", "deliverability")


@click.command(
    epilog="Examples:  lifecycle report  ·  lifecycle report campaign welcome --since 30d  ·  "
    "lifecycle report lift welcome --json"
)
@click.argument("report", type=click.Choice(REPORTS), default="overview")
@click.argument("name", required=False)
@click.option("--since", metavar="TIME", help="From this instant on; 2026-11-01, or 30d for the last 30 days.")
@click.option("--until", metavar="TIME", help="Before this instant.")
@click.option(
    "--csv", "csv_file", metavar="FILE", is_flag=False, flag_value="-", help="The main table as CSV; - is stdout."
)
@click.option("--html", "html_file", metavar="FILE", is_flag=False, flag_value="-", help="One self-contained page.")
@json_option
@pass_session
def command(
    session: Session,
    report: str,
    name: str | None,
    since: str | None,
    until: str | None,
    csv_file: str | None,
    html_file: str | None,
) -> None:
    """Report engagement, revenue, funnels and lift.

    REPORT is one of overview (the default), campaign NAME, funnel, canvas, lift NAME, cohorts, deliverability. Times
    without an offset are in the project's zone; a window is [since, until).
    """
    from lifecycle.cli.output import console, emit_json
    from lifecycle.report.catalogue import build
    from lifecycle.report.files import as_csv, as_html
    from lifecycle.report.terminal import show
    from lifecycle.report.window import Window

    engine = session.engine()
    window = Window(_instant(since, engine), _instant(until, engine))
    with engine.store.read() as connection:
        found = build(connection, engine.content(), report, name, window=window)
    if csv_file is not None:
        _write(csv_file, as_csv(found))
    if html_file is not None:
        _write(html_file, as_html(found, made_at=engine.clock.now()))
    if session.json:
        emit_json(found.data)
    elif csv_file is None and html_file is None:
        out = console()
        if not out.is_terminal:
            out.width = 200
        show(found, out)


def _instant(text: str | None, engine: Engine) -> datetime | None:
    """Read a time, or a duration before now. Raises UsageError."""
    from lifecycle.base.errors import UsageError
    from lifecycle.base.units import Duration, parse_instant, parse_zone

    if text is None:
        return None
    zone = parse_zone(engine.content().project.timezone)
    try:
        return Duration.parse(text).before(engine.clock.now(), zone)
    except ValueError:
        pass
    try:
        return parse_instant(text, zone)
    except ValueError as error:
        raise UsageError(str(error), hint="or a duration before now, as 30d") from error


def _write(target: str, text: str) -> None:
    """Write to the file, or to stdout for `-`. Raises UsageError."""
    from lifecycle.base.errors import UsageError
    from lifecycle.cli.output import note

    if target == "-":
        sys.stdout.write(text)
        return
    try:
        # newline="": CSV brings its own line ends
        with Path(target).open("w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror}") from error
    note(f"wrote {target}")
