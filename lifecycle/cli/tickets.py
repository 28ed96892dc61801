"""`lifecycle tickets`."""

from __future__ import annotations

import click

from lifecycle.cli.output import emit_json, note, print_table
from lifecycle.cli.session import Session, json_option, pass_session


@click.command(epilog="Examples:  lifecycle tickets  ·  lifecycle tickets --close 17")
@click.option("--all", "everything", is_flag=True, help="Closed ones too.")
@click.option("--close", "closing", type=int, metavar="ID", help="Close this ticket.")
@json_option
@pass_session
def command(session: Session, closing: int | None, *, everything: bool) -> None:
    """List and close tickets.

    Campaigns open them (`- ticket: …`) for the team to follow up: an unhappy answer to a survey, a failed delivery.
    """
    from sqlalchemy import select, update

    from lifecycle.base.errors import NotFoundError
    from lifecycle.store.tables import contacts, tickets

    engine = session.engine()
    if closing is not None:
        with engine.store.write() as connection:
            is_open = (tickets.c.id == closing) & (tickets.c.state == "open")
            values = {"state": "closed", "closed_at": engine.clock.now()}
            if not connection.execute(update(tickets).where(is_open).values(values)).rowcount:
                raise NotFoundError(f"no open ticket {closing}", hint="`lifecycle tickets` lists them")
        note(f"closed {closing}")
        return
    query = (
        select(
            tickets.c.id, tickets.c.state, tickets.c.opened_at, tickets.c.subject, tickets.c.note,
            contacts.c.external_id, contacts.c.email,
        )
        .join(contacts, contacts.c.id == tickets.c.contact_id)
        .order_by(tickets.c.id)
    )  # fmt: skip
    if not everything:
        query = query.where(tickets.c.state == "open")
    with engine.store.read() as connection:
        rows = [dict(row._mapping) for row in connection.execute(query)]  # noqa: SLF001 - SQLAlchemy's public name for it
    for row in rows:
        row["contact"] = row.pop("external_id") or row.pop("email", None)
        row.pop("email", None)
    if session.json:
        emit_json(rows)
    elif rows:
        print_table(rows, ["id", "contact", "opened_at", "subject", "note", "state"])
    else:
        note("no open tickets")
