"""`lifecycle apply`."""

from __future__ import annotations

import click

from lifecycle.cli.output import emit_json, note
from lifecycle.cli.session import Session, json_option, pass_session


@click.command(epilog="Example:  lifecycle check && lifecycle apply")
@click.option(
    "--plan", "plan_file", type=click.Path(exists=True, dir_okay=False), help="Apply only what this plan shows."
)
@json_option
@pass_session
def command(session: Session, plan_file: str | None) -> None:
    """Put the content into force.

    The files become a version, by content hash; `run` and `send` follow it from then on. Memberships and stages that
    change by it trigger nothing. Applying the same content twice changes nothing.
    """
    from lifecycle.plan.apply import apply
    from lifecycle.plan.build import refuse_stale

    engine = session.engine()
    content = session.files(checked=True)
    if plan_file is not None:
        refuse_stale(engine.store, content, engine.in_force(), plan_file, engine.clock.now())
    done = apply(engine.store, content, engine.in_force(), engine.clock.now())
    if session.json:
        emit_json(
            {"version": done.version, "before": done.before, "changed": done.changed, "inside": dict(done.inside)}
        )
    elif not done.changed:
        note(f"{done.version[:12]} is in force already")
    else:
        inside = ", ".join(f"{count} {what}" for what, count in sorted(done.inside.items()) if count)
        note(f"{done.version[:12]} is in force" + (f"; people inside: {inside}" if inside else ""))
