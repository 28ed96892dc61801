"""`lifecycle import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lifecycle.cli.output import emit_json, note, progress
from lifecycle.cli.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from lifecycle.intake.importing import Outcome
    from lifecycle.spec.model import Content
    from lifecycle.wiring import Engine

_KINDS = ("contacts", "events", "messages", "suppressions")


@click.command(
    epilog="Examples:  lifecycle import contacts people.csv  ·  lifecycle import events events.ndjson.gz  ·  "
    "lifecycle import events orders.csv --map orders.yaml"
)
@click.argument("kind", type=click.Choice(_KINDS), metavar="|".join(_KINDS))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--map", "map_file", type=click.Path(path_type=Path), help="What the columns of a foreign CSV file mean.")
@click.option("--live", is_flag=True, help="Let the events trigger campaigns, as if they came just now.")
@click.option("--strict", is_flag=True, help="Exit with 1 when a row was rejected.")
@click.option("--rejects", type=click.Path(path_type=Path), help="Where rejected rows go; default: beside FILE.")
@click.option("--max-bytes", type=click.IntRange(min=1), help="What FILE may expand to; default: 20 GiB.")
@json_option
@pass_session
def command(
    session: Session, kind: Any, file: Path, map_file: Path | None, rejects: Path | None, max_bytes: int | None,
    *, live: bool, strict: bool,
) -> int:  # fmt: skip
    """Import contacts, events, messages or suppressions from a file.

    CSV or NDJSON (Segment messages), .gz too. What is stored already is not stored again, so an import can be stopped
    and started again. Rows that cannot be stored go to a reject file with their reasons. Import is history: it feeds
    facts, segments, exits and goals, and triggers nothing, unless --live.
    """
    from lifecycle.audience.touched import refresh_touched
    from lifecycle.intake.csv_map import load_map
    from lifecycle.intake.files import MAX_BYTES
    from lifecycle.intake.importing import Import
    from lifecycle.intake.restock import restock

    csv_map = load_map(map_file) if map_file is not None else None
    engine = session.engine()
    content = _content(engine)
    job = Import(
        kind, file, engine.store, engine.clock, content, live=live, csv_map=csv_map, rejects=rejects,
        max_bytes=max_bytes or MAX_BYTES,
    )  # fmt: skip
    size = file.stat().st_size if file.is_file() else None
    with progress(f"importing {file.name}", size, in_bytes=True) as advance:
        job.on_progress = advance
        try:
            outcome = job.run()
        finally:
            if content is not None and not live:
                # history triggers nothing, so the journey does not hear of it
                with engine.store.write() as connection:
                    refresh_touched(connection, content, engine.clock.now())
                if kind == "events":
                    restock(engine.store, content.project.brand.url, engine.clock.now())
    _report(session, outcome)
    return 1 if strict and outcome.rejected else 0


def _content(engine: Engine) -> Content | None:
    """Return the content, or None when it has errors: facts are taken all the same."""
    from lifecycle.base.errors import ContentError

    try:
        return engine.content()
    except ContentError:
        note("the content has errors, so types are not looked at and segments are not refreshed; see `lifecycle check`")
        return None


def _report(session: Session, outcome: Outcome) -> None:
    if outcome.rejected:
        note(f"{outcome.rejected:,} rejected, each with its reason in {outcome.reject_file}")
    if session.json:
        emit_json(
            {
                "read": outcome.read, "stored": outcome.stored, "duplicates": outcome.duplicates,
                "rejected": outcome.rejected, "skipped": outcome.skipped, "contacts": outcome.contacts,
                "reject_file": None if outcome.reject_file is None else str(outcome.reject_file),
            }
        )  # fmt: skip
        return
    words = [f"{outcome.read:,} read", f"{outcome.stored:,} stored", f"{outcome.duplicates:,} stored before"]
    words += [f"{outcome.skipped:,} left out by the map"] if outcome.skipped else []
    words += [f"{outcome.rejected:,} rejected"] if outcome.rejected else []
    words += [f"{outcome.contacts:,} new contacts"] if outcome.contacts else []
    click.echo(", ".join(words))
