"""`lifecycle bounces`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lifecycle.cli.output import emit_json, note, print_table
from lifecycle.cli.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from lifecycle.providers.bounce_mail import Reading


@click.command(epilog="Examples:  lifecycle bounces  ·  lifecycle bounces report.eml --dry-run")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--dry-run", is_flag=True, help="Show what would be taken; take and move nothing.")
@json_option
@pass_session
def command(session: Session, path: Path | None, *, dry_run: bool) -> None:
    """Read what came back: bounces and complaints.

    PATH is a Maildir, an mbox or an .eml file; without it, the Maildir of LIFECYCLE_BOUNCES, which the scheduler reads
    by itself. What was taken counts once, however often it is read. Only a Maildir's mails are moved.
    """
    from lifecycle.base.errors import UsageError
    from lifecycle.deliver.bounce_box import look_at, read_box, sent_by

    engine = session.engine()
    box = path or engine.settings.bounces
    if box is None:
        raise UsageError(
            "no bounce box is set", hint="name a Maildir, an mbox or an .eml file, or set LIFECYCLE_BOUNCES"
        )
    now, known = engine.clock.now(), sent_by(engine.store)
    if box.is_dir() and not dry_run:
        done = read_box(box, engine.tokens, engine.take_feedback, now, sent_of=known)
        if session.json:
            emit_json({"mails": done.mails, "new": done.taken})
        else:
            note(f"{done}; {done.taken} new")
        return
    found = list(look_at(box, engine.tokens, now, sent_of=known))
    told = [one for _, reading in found for one in reading.feedback]
    taken = engine.take_feedback(told) if told and not dry_run else 0
    rows = [row for name, reading in found for row in _rows(name, reading)]
    if session.json:
        emit_json(rows)
    elif rows:
        print_table(rows)
    note(f"{len(found)} mails, {len(told)} would be taken" if dry_run else f"{len(found)} mails; {taken} new")


def _rows(name: str, reading: Reading) -> list[dict[str, Any]]:
    """Return what is shown of a mail: a line for each recipient, one for a mail that counts for nobody."""
    told = [(one.kind.value, one.row, one.recipient, one.enhanced, one.detail) for one in reading.feedback]
    return [
        {
            "mail": name, "verdict": reading.verdict.value, "kind": kind, "row": row, "recipient": recipient,
            "status": status, "detail": detail,
        }
        for kind, row, recipient, status, detail in told or [("", None, "", "", reading.why)]
    ]  # fmt: skip
