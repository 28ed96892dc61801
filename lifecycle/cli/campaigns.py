"""`lifecycle pause`, `resume` and `cancel`."""

from __future__ import annotations

import click

from lifecycle.cli.output import emit_json, note
from lifecycle.cli.session import Session, json_option, pass_session


@click.command(epilog="Example:  lifecycle pause newsletter")
@click.argument("campaign")
@json_option
@pass_session
def pause_command(session: Session, campaign: str) -> None:
    """Hold a campaign's mails until it is resumed.

    Journeys go on inside; what becomes due waits, and deadlines go on counting. Pausing twice is pausing once.
    """
    from lifecycle.deliver.control import pause

    engine = session.engine()
    _known(session, campaign)
    changed = pause(engine.store, engine.clock, campaign, "operator")
    if session.json:
        emit_json({"campaign": campaign, "paused": True, "changed": changed})
    else:
        note(f"{campaign} is paused" if changed else f"{campaign} was paused already")


@click.command(epilog="Example:  lifecycle resume newsletter")
@click.argument("campaign")
@json_option
@pass_session
def resume_command(session: Session, campaign: str) -> None:
    """Let a paused campaign go on.

    What was held is looked at again at once: deadlines that passed meanwhile skip their mails.
    """
    from lifecycle.deliver.control import resume

    engine = session.engine()
    _known(session, campaign)
    held = resume(engine.store, engine.clock, campaign)
    if session.json:
        emit_json({"campaign": campaign, "paused": False, "changed": held is not None, "released": held or 0})
    else:
        note(f"{campaign} was not paused" if held is None else f"{campaign} goes on; {held:,} mails were held")


@click.command(epilog="Example:  lifecycle cancel newsletter --yes")
@click.argument("campaign")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_session
def cancel_command(session: Session, campaign: str, *, yes: bool) -> None:
    """Cancel a campaign's open mails and enrolments.

    For good: those inside are out, with the reason `cancelled`. New triggers still enter; set `status: draft` and apply
    to end the campaign. A mail that is being sent at this moment cannot be called back.
    """
    import sys

    from lifecycle.deliver.control import cancel

    engine = session.engine()
    _known(session, campaign)
    if not yes and sys.stdin.isatty():
        click.confirm(f"Cancel every open mail and enrolment of {campaign}?", abort=True, err=True)
    done = cancel(engine.store, engine.clock, campaign)
    if session.json:
        emit_json(
            {
                "campaign": campaign, "messages": done.messages, "enrolments": done.enrolments, "sending": done.sending,
            }
        )  # fmt: skip
    else:
        note(f"{campaign}: {done.messages:,} mails and {done.enrolments:,} enrolments cancelled")
        if done.sending:
            note(f"{done.sending:,} mails are being sent at this moment and cannot be called back")


def _known(session: Session, campaign: str) -> None:
    """Raise NotFoundError for a campaign that is neither in the content nor in the ledger."""
    from sqlalchemy import select

    from lifecycle.base.errors import LifecycleError, NotFoundError
    from lifecycle.spec.diagnostics import did_you_mean
    from lifecycle.store.tables import enrolments, messages

    engine = session.engine()
    try:
        names = set(engine.content().campaigns)
    except LifecycleError:
        names = set()  # broken files must not keep an operator from pausing what runs
    if campaign in names:
        return
    with engine.store.read() as connection:
        for table in (messages, enrolments):
            if connection.execute(select(table.c.id).where(table.c.campaign == campaign).limit(1)).scalar() is not None:
                return
    raise NotFoundError(f'no campaign "{campaign}"', hint=did_you_mean(campaign, names) or "")
