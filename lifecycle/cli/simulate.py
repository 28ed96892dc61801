"""`lifecycle simulate`."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lifecycle.base.clock import ManualClock
from lifecycle.base.errors import NotFoundError, UsageError
from lifecycle.cli.output import console, emit_json, note, plain, print_table, progress
from lifecycle.cli.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from lifecycle.plan.simulate import Simulated
    from lifecycle.spec.model import Content
    from lifecycle.store.engine import Store


@click.command(
    epilog="Examples:  lifecycle simulate --events clicks.ndjson --from 2026-11-01 --out rows.ndjson  ·  "
    "lifecycle simulate --to 30d"
)
@click.option("--events", "events_file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Replay this NDJSON file of Segment messages from an empty store.")  # fmt: skip
@click.option("--from", "start", metavar="TIME", help="Events before are history.  [default: the first event, or now]")
@click.option("--to", "end", metavar="TIME", help="Where it ends; an instant, or 30d after --from.  [default: 30d]")
@click.option("--campaign", help="Run only this one.")
@click.option("--seed", type=int, default=0, show_default=True, help="Kept for patterns drawn from the past.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write a row for each mail, as NDJSON.")
@json_option
@pass_session
def command(
    session: Session, events_file: Path | None, start: str | None, end: str | None, campaign: str | None, seed: int,
    out: Path | None,
) -> None:  # fmt: skip
    """Replay events in virtual time; nothing is sent.

    With --events, from an empty store, in the order of their timestamps. Without, the live database goes on from now,
    with no new events. The same input gives the same rows, byte for byte.
    """
    from lifecycle.plan.simulate import as_row, simulate
    from lifecycle.spec.diagnostics import did_you_mean

    del seed  # nothing is drawn: contacts fall into arms by their hash
    content = session.files()
    if campaign is not None and campaign not in content.campaigns:
        raise NotFoundError(f'no campaign "{campaign}"', hint=did_you_mean(campaign, content.campaigns))
    with _store(session, content, events_file) as (store, first):
        begin, until = _window(start, end, content, first)
        with progress("simulating") as report:
            done = simulate(
                store, content, begin, until, replay=events_file is not None, campaign=campaign,
                versions=None if events_file is not None else session.engine().versions.get, report=report,
            )  # fmt: skip
    if out is not None:
        with out.open("w", encoding="utf-8") as file:
            for row in done.rows:
                file.write(json.dumps(plain(as_row(row)), ensure_ascii=False) + "\n")
    if session.json:
        emit_json(
            {
                "from": begin, "to": until, "contacts": done.contacts, "handled": done.handled, "rows": len(done.rows),
                "campaigns": {name: dict(counts) for name, counts in done.summarise().items()},
                "by_day": {day: dict(counts) for day, counts in done.by_day.items()},
            }
        )  # fmt: skip
        return
    _print(done, out)


#: Where a replay's intake stands: no timestamp of a file lies in its future, so none is clamped to arrival.
AFTER_ALL = ManualClock(datetime(9000, 1, 1, tzinfo=UTC))


@contextlib.contextmanager
def _store(session: Session, content: Content, events_file: Path | None) -> Iterator[tuple[Store, datetime]]:
    """Yield the store to simulate on, and its first moment: that of the file's first event, or now."""
    engine = session.engine()
    if events_file is None:
        yield engine.store, engine.clock.now()
        return
    from sqlalchemy import func, select

    from lifecycle.intake.importing import Import
    from lifecycle.store.engine import Store
    from lifecycle.store.migrate import prepare
    from lifecycle.store.tables import events

    with tempfile.TemporaryDirectory(prefix="lifecycle-") as folder:
        store = Store(f"sqlite:///{folder}/simulation.db")
        try:
            prepare(store)
            rejects = Path(folder) / "rejects"
            done = Import("events", events_file, store, AFTER_ALL, content, rejects=rejects).run()
            if done.rejected:
                first = rejects.read_text(encoding="utf-8").splitlines()[0] if rejects.is_file() else ""
                note(f"{done.rejected} lines could not be read and are left out: {first[:200]}")
            with store.read() as connection:
                first_at = connection.execute(select(func.min(events.c.at))).scalar()
            yield store, first_at or engine.clock.now()
        finally:
            store.close()


def _window(start: str | None, end: str | None, content: Content, first: datetime) -> tuple[datetime, datetime]:
    from lifecycle.base.units import Duration, parse_instant, parse_zone

    zone = parse_zone(content.project.timezone)
    try:
        begin = parse_instant(start, zone) if start is not None else first
        try:
            until = Duration.parse(end or "30d").after(begin, zone)
        except ValueError:
            until = parse_instant(str(end), zone)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if until <= begin:
        raise UsageError(f"--to {until.isoformat()} is not after --from {begin.isoformat()}")
    return begin, until


def _print(done: Simulated, out: Path | None) -> None:
    table = [
        {"campaign": name, "sent": counts["sent"], "not sent": sum(counts.values()) - counts["sent"],
         "why": ", ".join(f"{count} {reason}" for reason, count in counts.most_common() if reason != "sent")}
        for name, counts in sorted(done.summarise().items())
    ]  # fmt: skip
    print_table(table, ["campaign", "sent", "not sent", "why"])
    most = max((sum(counts.values()) for counts in done.by_day.values()), default=0)
    terminal = console()
    for day, counts in sorted(done.by_day.items()):
        total = sum(counts.values())
        terminal.print(f"{day}  {'█' * round(40 * total / most) if most else ''} {total}")
    note(f"{done.contacts} contacts, {done.handled} events and decisions" + (f"; rows in {out}" if out else ""))
