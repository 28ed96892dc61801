"""Brings a database to this version with Alembic. SQLite is migrated at first use, PostgreSQL when somebody says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect

from lifecycle.base.errors import StoreError

if TYPE_CHECKING:
    from alembic.config import Config

    from lifecycle.store.engine import Store


def prepare(store: Store) -> None:
    """Make sure that the database can be used. Raises StoreError when PostgreSQL needs `lifecycle migrate`."""
    current, wanted = current_revision(store), head_revision()
    if current == wanted:
        return
    _refuse_newer(current, wanted)
    if store.is_sqlite:
        migrate(store)
        return
    standing = "is empty" if current is None else f"is at {current}"
    raise StoreError(f"the database {standing}, this version needs {wanted}", hint="run `lifecycle migrate`")


def migrate(store: Store, revision: str | None = None) -> tuple[str | None, str]:
    """Upgrade to this version, or to an older `revision`; return the revision before and after.

    Safe to call twice, and from two processes.
    """
    from alembic import command

    before = current_revision(store)
    _refuse_newer(before, head_revision())
    config = _config()
    with store.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision or "head")
    return before, revision or head_revision()


def _refuse_newer(current: str | None, wanted: str) -> None:
    if current is not None and current > wanted:  # revisions are numbers of the same length
        raise StoreError(
            f"the database is at {current}, which is newer than this version ({wanted})",
            hint="install the version that migrated it, or restore the backup from before",
        )


def current_revision(store: Store) -> str | None:
    """Return the revision that the database is at, None for an empty one."""
    with store.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def head_revision() -> str:
    """Return the newest revision: the last file of `migrations/versions` by name, which its number orders."""
    newest = max(path.stem for path in (Path(__file__).parent / "migrations" / "versions").glob("[0-9]*.py"))
    return newest.partition("_")[0]


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
