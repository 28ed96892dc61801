"""`lifecycle migrate`."""

from __future__ import annotations

import click

from lifecycle.cli.output import emit_json, note
from lifecycle.cli.session import Session, json_option, pass_session


@click.command(epilog="Example:  LIFECYCLE_DATABASE_URL=postgresql://… lifecycle migrate")
@json_option
@pass_session
def command(session: Session) -> None:
    """Bring the database to this version.

    For PostgreSQL; SQLite is migrated at first use. Running it twice changes nothing.
    """
    from lifecycle.store.engine import Store
    from lifecycle.store.migrate import migrate

    store = Store(session.engine().settings.database_url)
    try:
        before, after = migrate(store)
    finally:
        store.close()
    if session.json:
        emit_json({"before": before, "after": after})
    else:
        note(f"already at {after}" if before == after else f"migrated from {before or 'nothing'} to {after}")
