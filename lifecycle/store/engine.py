"""The database: SQLite for one process and a shop of 100,000 contacts, PostgreSQL past that. One API for both.

`Store.write()` is a transaction that may write: BEGIN IMMEDIATE on SQLite (one writer, the rest stand in
line, up to the busy timeout), read committed on PostgreSQL. `Store.read()` sees one snapshot.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, NoSuchModuleError, OperationalError

from lifecycle.base.errors import SettingsError, StoreError
from lifecycle.store.columns import dumps, loads
from lifecycle.store.functions import add_functions
from lifecycle.store.turn import Turn

#: How long a writer waits for another, on SQLite.
BUSY_TIMEOUT_S = 30


class Store:
    """A database and the two kinds of transaction on it. Thread-safe; `close` when done."""

    def __init__(self, url: str) -> None:
        """Open `url` (sqlite:///PATH, postgresql://…). Raises SettingsError for a URL that is neither."""
        self.url = url
        self.engine = _make_engine(url)
        self._writing = threading.Lock()
        self._turn = Turn(_file(self.engine), BUSY_TIMEOUT_S)

    @property
    def dialect(self) -> str:
        """Return `sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @property
    def is_sqlite(self) -> bool:
        """Say whether there is one writer at a time."""
        return self.dialect == "sqlite"

    @contextmanager
    def write(self, *, settled: bool = True) -> Iterator[Connection]:
        """Yield a connection in a transaction that commits on the way out, or rolls back on an exception.

        One that need not be `settled` may be undone, whole, when the database's machine crashes right after it: for
        what is done again then, with `settle` at its end.
        """
        with self._errors():
            if self.is_sqlite:
                # threads of one process queue here, without polling; processes have a line of their own
                with self._writing, self.engine.connect() as connection:
                    with self._turn.taken():
                        connection.exec_driver_sql("BEGIN IMMEDIATE")
                    try:
                        yield connection
                        connection.commit()
                    except BaseException:
                        connection.rollback()
                        raise
                return
            with self.engine.begin() as connection:
                if not settled:
                    connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
                yield connection

    def settle(self) -> None:
        """Return once everything that was committed before survives a crash of the database's machine."""
        if not self.is_sqlite:
            with self.write() as connection:
                # a transaction that has a number waits for the log up to its own end, and so for all before it
                connection.exec_driver_sql("SELECT pg_current_xact_id()")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that sees one snapshot and writes nothing."""
        with self._errors(), self.engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            else:
                connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            try:
                yield connection
            finally:
                connection.rollback()

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()
        self._turn.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            # the others of its kind (a broken constraint, a wrong statement) are ours, not the database's
            if isinstance(error, OperationalError) or type(error) is DatabaseError:
                raise _explain(error, self.url) from error
            raise


def _explain(error: DBAPIError, url: str) -> StoreError:
    first = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
    shown = make_url(url).render_as_string(hide_password=True)
    hint = "see `lifecycle doctor`"
    if "no such table" in first or "does not exist" in first:
        hint = "run `lifecycle migrate`"
    elif "readonly" in first or "unable to open" in first:
        hint = "is the folder there and writable?"
    elif "disk" in first and "full" in first:
        hint = "free some space; nothing that was committed is lost"
    return StoreError(f"database {shown}: {first}", hint=hint)


def _file(engine: Engine) -> str | None:
    """Return the path of an SQLite file; None of anything else."""
    path = engine.url.database
    return path if engine.dialect.name == "sqlite" and path != ":memory:" else None


def _make_engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingsError(
            f'not a database URL: "{url}"', hint="sqlite:///PATH or postgresql://USER@HOST/NAME"
        ) from error
    options: dict[str, Any] = {"json_serializer": dumps, "json_deserializer": loads}
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
        options |= {"pool_size": 10, "max_overflow": 10, "pool_pre_ping": True}
    elif parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            try:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(
                    f"database {url}: {error.strerror}: {error.filename}", hint="is the folder there and writable?"
                ) from error
        options |= {"connect_args": {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}}
    else:
        raise SettingsError(f'no such database: "{parsed.get_backend_name()}"', hint="sqlite:///PATH or postgresql://…")
    try:
        engine = create_engine(parsed, **options)
    except NoSuchModuleError as error:
        raise SettingsError(f"database driver missing: {error}") from error
    if engine.dialect.name == "sqlite":
        _tune_sqlite(engine)
    else:
        _tune_postgres(engine)
    return engine


def _tune_postgres(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        # instants come as UTC, so that none has to be turned, and nothing depends on where the server stands
        connection.execute("SET TIME ZONE 'UTC'")
        connection.commit()


def _tune_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: the driver would begin too late
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",  # a `sending` that a power cut undoes would be a mail sent twice
            f"busy_timeout={BUSY_TIMEOUT_S * 1000}",
            "foreign_keys=ON",
            "cache_size=-65536",
            # 40 MB: pages that are written again and again go into the file once
            "wal_autocheckpoint=10000",
            "temp_store=MEMORY",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        add_functions(connection)
