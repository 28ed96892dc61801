"""`lifecycle simulate`."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lifecycle.base.clock import ManualClock
from lifecycle.base.errors import NotFoundError, UsageError
from lifecycle.cli.output import console, emit_json, note, plain, progress
from lifecycle.cli.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from lifecycle.plan.pattern import Pattern
    from lifecycle.spec.model import Content
    from lifecycle.store.engine import Store


@click.command(
    epilog="Examples:  lifecycle simulate --events clicks.ndjson --from 2026-11-01 --out rows.ndjson  ·  "
    "lifecycle simulate --to 30d --pattern 30d --html next-month.html"
)
@click.option("--events", "events_file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Replay this NDJSON file of Segment messages from an empty store.")  # fmt: skip
@click.option("--from", "start", metavar="TIME", help="Events before are history.  [default: the first event, or now]")
@click.option("--to", "end", metavar="TIME", help="Where it ends; an instant, or 30d after --from.  [default: 30d]")
@click.option("--pattern", metavar="30d", help="Let contacts do again what they did in the days before, and as many "
              "come anew.  [default: nobody does anything new]")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="With --pattern: draw for each "
              "contact whose days it lives, among its stage; 0: its own.")  # fmt: skip
@click.option("--campaign", help="Run only this one.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write a row for each mail, as NDJSON.")
@click.option("--html", "html_file", type=click.Path(dir_okay=False, path_type=Path), help="Write charts by day and "
              "campaign, as one page.")  # fmt: skip
@json_option
@pass_session
def command(
    session: Session, events_file: Path | None, start: str | None, end: str | None, pattern: str | None, seed: int,
    campaign: str | None, out: Path | None, html_file: Path | None,
) -> None:  # fmt: skip
    """Show the mails of a future, or of a past, in virtual time; nothing is sent.

    With --events, from an empty store, in the order of their timestamps. Without, the live database goes on from now:
    with no new events, or with its own past as the --pattern. The same input and seed give the same rows, byte for
    byte.
    """
    from lifecycle.plan.forecast import forecast
    from lifecycle.plan.simulate import as_row, simulate
    from lifecycle.report.files import as_html
    from lifecycle.report.terminal import show
    from lifecycle.spec.diagnostics import did_you_mean

    content = session.files()
    if campaign is not None and campaign not in content.campaigns:
        raise NotFoundError(f'no campaign "{campaign}"', hint=did_you_mean(campaign, content.campaigns))
    if events_file is not None and pattern is not None:
        raise UsageError("--events brings its own future", hint="--pattern is for the live database")
    with _store(session, content, events_file) as (store, first):
        begin, until = _window(start, end, content, first)
        with progress("simulating") as report:
            done = simulate(
                store, content, begin, until, replay=events_file is not None, campaign=campaign,
                versions=None if events_file is not None else session.engine().versions.get,
                pattern=_pattern(pattern, seed, begin, until), report=report,
            )  # fmt: skip
    how = _how(events_file, pattern, seed)
    if out is not None:
        _write(out, (json.dumps(plain(as_row(row)), ensure_ascii=False) + "\n" for row in done.rows))
    if html_file is not None:
        _write(html_file, [as_html(forecast(done, content, how=how), made_at=session.engine().clock.now())])
    if session.json:
        emit_json(forecast(done, content, how=how).data)
        return
    terminal = console()
    if not terminal.is_terminal:
        terminal.width = 200
    show(forecast(done, content, how=how, bars=True), terminal)


def _pattern(length: str | None, seed: int, begin: datetime, until: datetime) -> Pattern | None:
    from lifecycle.base.units import Duration
    from lifecycle.plan.pattern import Pattern

    if length is None:
        return None
    try:
        days = begin - Duration.parse(length).before(begin)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--pattern: {error}") from error
    if days.total_seconds() <= 0:
        raise UsageError(
            "--pattern looks back: a positive time", hint="30d: what happened in the last 30 days happens again"
        )
    return Pattern(begin, until, days, seed)


def _how(events_file: Path | None, pattern: str | None, seed: int) -> str:
    if events_file is not None:
        return f"The events of {events_file.name}, replayed from an empty store."
    if pattern is None:
        return "Nobody does anything new: only what has begun goes on, and time brings what it brings."
    drawn = f", each lives those of somebody in its stage (seed {seed})" if seed else ""
    return f"The last {pattern} happen again{drawn}; as many come anew as came then. Nobody opens or clicks."


def _write(path: Path, lines: Iterable[str]) -> None:
    try:
        with path.open("w", encoding="utf-8") as file:
            file.writelines(lines)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    note(f"wrote {path}")


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
