"""`lifecycle rebuild`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lifecycle.cli.output import emit_json, note, progress
from lifecycle.cli.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from lifecycle.audience.membership import Refreshed
    from lifecycle.intake.rebuild import Rebuilt
    from lifecycle.wiring import Engine


@click.command(epilog="Examples:  lifecycle rebuild  ·  lifecycle rebuild --check --json")
@click.option("--check", is_flag=True, help="Only compare; exit with 1 when the facts of somebody differ.")
@json_option
@pass_session
def command(session: Session, *, check: bool) -> int:
    """Fold everybody's facts again from the events.

    Orders, carts and views are compared with what is stored, and stored where they differ: nobody's should. Then
    stages and segments are brought up to the facts; nothing is triggered. It may run while events come in, and be
    stopped at any moment and begun again.
    """
    from lifecycle.intake.rebuild import compare, count_contacts, rebuild

    engine = session.engine()
    with progress("comparing facts" if check else "rebuilding facts", count_contacts(engine.store)) as advance:
        facts = (compare if check else rebuild)(engine.store, on_progress=advance)
    changed = None if check else _refresh(engine)
    _report(session, facts, changed)
    return 1 if check and facts.differed else 0


def _refresh(engine: Engine) -> Refreshed | None:
    """Bring stages and segments up to the facts; None when the content has errors."""
    from lifecycle.audience.membership import refresh
    from lifecycle.base.errors import ContentError
    from lifecycle.intake.rebuild import count_contacts

    try:
        content = engine.content()
    except ContentError:
        note("the content has errors, so stages and segments are not looked at; see `lifecycle check`")
        return None
    with progress("stages and segments", count_contacts(engine.store)) as advance, engine.store.write() as connection:
        return refresh(connection, content, engine.clock.now(), "rebuild", report=advance)


def _report(session: Session, facts: Rebuilt, changed: Refreshed | None) -> None:
    if session.json:
        found = {"contacts": facts.contacts, "differed": facts.differed}
        more = {} if changed is None else {"memberships": changed.entered + changed.left, "stages": changed.moved}
        emit_json(found | more)
        return
    words = [f"{facts.contacts:,} contacts", f"the facts of {facts.differed:,} differed from what was stored"]
    if changed is not None:
        words += [f"{changed.entered + changed.left:,} memberships and {changed.moved:,} stages changed"]
    click.echo(", ".join(words))
