"""`lifecycle outbox`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lifecycle.cli.output import emit_json, note, print_table
from lifecycle.cli.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from lifecycle.spec.model import Project

#: States that `--state` takes; the same as `deliver.overview.STATES`, without importing the database for --help.
_STATES = (
    "queued", "claimed", "sending", "deferred", "unknown", "sent", "delivered", "bounced", "rejected", "failed",
    "cancelled", "skipped",
)  # fmt: skip


@click.group(
    invoke_without_command=True,
    epilog="Examples:  lifecycle outbox  ·  lifecycle outbox --state unknown  ·  lifecycle outbox resolve 17 --as sent",
)
@click.option("--state", type=click.Choice(_STATES), help="List the oldest rows in this state.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="List at most that many.")
@json_option
@click.pass_context
def command(context: click.Context, state: str | None, limit: int) -> None:
    """Show the ledger's states and ages; resolve unknown.

    `unknown` are mails of which the server may or may not have taken responsibility. They are never sent again by
    themselves: look into the server's log, then say what happened with `outbox resolve ID --as sent|not-sent`.
    """
    if context.invoked_subcommand is not None:
        return
    session = context.ensure_object(Session)
    if state is not None:
        _list(session, state, limit)
    else:
        _overview(session)


def _overview(session: Session) -> None:
    from lifecycle.deliver.overview import OPEN_STATES, held_campaigns, state_counts, troubles
    from lifecycle.deliver.standing import at_limits

    engine = session.engine()
    project = _project(session)
    with engine.store.read() as connection:
        counts, held_up, held = state_counts(connection), troubles(connection), held_campaigns(connection)
        limited = at_limits(connection, project, engine.clock) if project is not None else []
    now = engine.clock.now()
    if session.json:
        emit_json({
            "states": [asdict(one) for one in counts], "troubles": [asdict(one) for one in held_up],
            "paused": [asdict(one) for one in held], "limits": [asdict(one) for one in limited], "at": now,
        })  # fmt: skip
        return
    if not counts:
        note("the outbox is empty: no mail was ever due")
        return
    rows = [
        {
            "state": one.state,
            "reason": one.reason,
            "mails": one.rows,
            "oldest": _age((now - one.oldest_at).total_seconds()) if one.state in OPEN_STATES else "",
        }
        for one in counts
    ]
    print_table(rows)
    for trouble in held_up:
        note(f"{trouble.rows:,} waiting: {trouble.detail}")
    for one in limited:
        until = f", until about {one.last_at:%Y-%m-%d %H:%M} UTC" if one.last_at is not None else ""
        note(f"{one.rows:,} wait for {one.limit}{until}")
    for campaign in held:
        note(f"{campaign.campaign} is paused since {campaign.since_at:%Y-%m-%d %H:%M} UTC, by {campaign.by or 'hand'}")
    if any(one.state == "unknown" for one in counts):
        note("`lifecycle outbox --state unknown` lists those that need your word")


def _project(session: Session) -> Project | None:
    """Return the project in force, None where its content does not read: the ledger is shown all the same."""
    from lifecycle.base.errors import LifecycleError

    try:
        return session.engine().content().project
    except LifecycleError:
        return None


def _list(session: Session, state: str, limit: int) -> None:
    from lifecycle.deliver.overview import rows_in

    with session.engine().store.read() as connection:
        rows = [asdict(row) for row in rows_in(connection, state, limit)]
    if session.json:
        emit_json(rows)
    elif rows:
        print_table(rows, ["id", "campaign", "step", "contact", "sending_at", "detail"])
    else:
        note(f"no mail is {state}")


def _age(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{max(seconds, 0):.0f} s"


@command.command("resolve", epilog="Example:  lifecycle outbox resolve 17 --as not-sent")
@click.argument("message", type=int, metavar="ID")
@click.option(
    "--as", "outcome", type=click.Choice(["sent", "not-sent"]), required=True, help="What really happened to it."
)
@json_option
@pass_session
def resolve_command(session: Session, message: int, outcome: str) -> None:
    """Say what became of an unknown mail.

    `not-sent` queues it again, under all the usual checks: a deadline that has passed meanwhile still skips it.
    """
    from lifecycle.deliver.settle import resolve

    engine = session.engine()
    state = resolve(engine.store, engine.clock, message, sent=outcome == "sent")
    if session.json:
        emit_json({"id": message, "state": state})
    else:
        note(f"message {message} is {state} now")
