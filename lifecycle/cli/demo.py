"""`lifecycle demo`."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lifecycle.base.errors import LifecycleError, UsageError
from lifecycle.cli.output import console, emit_json, note, print_table, progress
from lifecycle.cli.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from lifecycle.demo.drive import Lived
    from lifecycle.wiring import Engine

#: Says that a folder is the demo's own, so that the next run may replace it.
MARK = ".lifecycle-demo"


@click.command(epilog="Example:  lifecycle demo --out /tmp/rihla --people 100")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("demo-output"), show_default=True,
              help="Where the project, the mails and the report go.")  # fmt: skip
@click.option("--people", type=click.IntRange(1, 5000), default=200, show_default=True, help="How many shoppers.")
@click.option("--seed", type=int, default=1, show_default=True, help="Other shoppers, other habits.")
@json_option
@pass_session
def command(session: Session, out: Path, people: int, seed: int) -> None:
    """Run the sample shop over months of events, then say what to look at.

    Three months of history are imported, then three weeks are lived in virtual time on the embedded default: SQLite,
    workers in this process, mails into a folder, opens and clicks over HTTP. Ends by itself in about a minute.
    """
    from lifecycle.demo.drive import Demo

    logging.basicConfig(level=logging.ERROR)
    folder = _fresh(out if out.is_absolute() else session.folder / out)
    started = time.monotonic()
    engine, clock = _engine(folder)
    try:
        demo = Demo(engine, clock, people=people, seed=seed)
        lived = _live(demo)
        summary = _summary(engine, lived, folder)
    finally:
        engine.close()
    summary["seconds"] = round(time.monotonic() - started, 1)
    if session.json:
        emit_json(summary)
    else:
        _print(summary, folder)
    if not summary["adds_up"]:
        raise LifecycleError("the ledger does not add up", hint="please report this, with the database")
    if lived.refused:
        raise LifecycleError(f"{len(lived.refused)} requests were refused, first: {lived.refused[0]}")


def _fresh(folder: Path) -> Path:
    """Return the folder, emptied. Raises UsageError when it holds something that is not the demo's."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).is_file():
            raise UsageError(f"{folder} is not empty and not a demo's", hint="name another folder with --out")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()
    return folder


def _engine(folder: Path) -> tuple[Engine, Any]:
    from lifecycle.base.clock import ManualClock
    from lifecycle.cli.init import copy_sample
    from lifecycle.demo.drive import LIVE_DAY, WRITE_KEY
    from lifecycle.wiring import Engine, Settings

    copy_sample(folder)
    settings = Settings.read(
        folder,
        {
            "LIFECYCLE_SECRET_KEY": "the demo's secret, which guards made-up people",
            "LIFECYCLE_WRITE_KEYS": WRITE_KEY,
            "LIFECYCLE_PORT": "0",
            "LIFECYCLE_MAIL_FOLDER": str(folder / "mails"),
            "LIFECYCLE_BASE_URL": "http://rihla.localhost",
        },
    )
    clock = ManualClock(LIVE_DAY)
    return Engine(settings, clock), clock


def _live(demo: Any) -> Lived:
    from lifecycle.demo.drive import LAST_DAY, LIVE_DAY
    from lifecycle.runtime import Runtime

    note("three months of history …")
    with progress("importing") as report:
        demo.history(report)
    note("three weeks of life …")
    minutes = int((LAST_DAY - LIVE_DAY).total_seconds() // 60)
    with progress("living", minutes) as report, Runtime(demo.engine).start(ticking=False) as runtime:
        demo.live(runtime, report)
    lived: Lived = demo.lived
    return lived


def _summary(engine: Engine, lived: Lived, folder: Path) -> dict[str, Any]:
    from lifecycle.report.balance import balance
    from lifecycle.report.catalogue import build
    from lifecycle.report.files import as_html

    content = engine.content()
    with engine.store.read() as connection:
        found = build(connection, content, "overview", None)
        total = balance(connection)
        campaigns = {name: balance(connection, name).as_json() for name in sorted(content.campaigns)}
        stages = build(connection, content, "funnel", None).data
        (folder / "report.html").write_text(as_html(found, made_at=engine.clock.now()), encoding="utf-8")
    return {
        "shoppers": lived.shoppers, "history": lived.history, "events": lived.events, "requests": lived.requests,
        "mails": lived.mails, "overview": found.data, "campaigns": campaigns, "ledger": total.as_json(),
        # the ledger, and the mails that really lie in the folder
        "adds_up": total.adds_up and total.accepted == lived.mails,
        "funnel": stages, "folder": str(folder),
    }  # fmt: skip


def _print(summary: dict[str, Any], folder: Path) -> None:
    overview, ledger = summary["overview"], summary["ledger"]
    currency = overview["currency"]
    out = console()
    out.print(
        f"\n[bold]{summary['shoppers']} shoppers[/], {summary['history']:,} messages of history, then three weeks: "
        f"{summary['events']:,} events in, [bold]{summary['mails']:,} mails out[/], "
        f"{summary['requests']:,} opens, clicks and unsubscribes over HTTP ({summary['seconds']} s)\n"
    )
    print_table(
        [_campaign_row(row, currency) for row in overview["campaigns"]], title="Who got what, and what came of it"
    )
    print_table(_reasons(summary["campaigns"]), title="Who got nothing, and why")
    print_table(
        [
            {"stage": row["stage"], "contacts now": row["contacts"], "entered": row["entered"]}
            for row in summary["funnel"]["stages"]
        ],
        title="Where they are on the journey",
    )
    terms = {name: ledger[name] for name in ("open", "accepted", "rejected", "failed", "unknown")}
    terms |= {name: sum(ledger[name].values()) for name in ("skipped", "cancelled")}
    words = " + ".join(f"{count:,} {name}" for name, count in terms.items())
    mark = "[green]✓ adds up[/]" if summary["adds_up"] else "[red]✗ does not add up[/]"
    out.print(f"ledger: {ledger['selected']:,} selected = {words}   {mark}\n")
    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    # `make demo` runs out of a virtual environment that is not on the PATH
    program = "lifecycle" if shutil.which("lifecycle") else os.path.relpath(sys.argv[0])
    out.print("[bold]What to look at[/]")
    for what, where in (
        ("the mails, as sent", f"{shown}/mails/"),
        ("the report", f"{shown}/report.html"),
        ("one person's story", f"{program} -C {shown} explain sara@example.com"),
        ("the ledger", f"{program} -C {shown} report"),
        ("a mail, as a page", f"{program} -C {shown} preview cart/reminder --locale ar"),
        ("the content", f"{shown}/campaigns/cart-abandonment.yaml"),
    ):
        out.print(f"  {what:<20} {where}")


def _campaign_row(row: dict[str, Any], currency: str) -> dict[str, Any]:
    return {
        "campaign": row["campaign"], "entered": row["entered"], "sent": row["sent"], "opened": row["opened"],
        "clicked": row["clicked"], "unsubscribed": row["unsubscribed"], "goals": row["goals"],
        f"revenue {currency}": float(row["revenue"] or 0),
    }  # fmt: skip


def _reasons(campaigns: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    from lifecycle.cli.explain import REASONS

    found: list[dict[str, Any]] = []
    for campaign, terms in campaigns.items():
        counts = Counter(terms["skipped"]) + Counter(terms["cancelled"])
        found += [
            {"campaign": campaign, "mails": count, "reason": reason, "which means": REASONS.get(reason, reason)}
            for reason, count in counts.most_common()
        ]
    return found
