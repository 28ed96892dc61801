"""`lifecycle import` as a real process that is killed, started again, started twice: everything is there once."""

from __future__ import annotations

import gzip
import json
import random
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

import importer
from lifecycle.audience.membership import Refreshed, refresh
from lifecycle.audience.touched import refresh_touched
from lifecycle.intake import rebuild
from lifecycle.store import tables
from lifecycle.store.engine import Store
from shop import content_of, sample_files
from terminal import shop

SAMPLE = content_of(sample_files())
#: Rows of a batch: small, so that there are many moments to kill at.
BATCH = 150


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Yield a list of processes, and end what a failed test leaves of them."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def start(store: Store, path: Path, started: list[subprocess.Popen[str]]) -> subprocess.Popen[str]:
    """Start an import."""
    url = store.engine.url.render_as_string(hide_password=False).replace("postgresql+psycopg", "postgresql")
    process = subprocess.Popen(
        [sys.executable, importer.__file__, url, str(path), str(BATCH)], stdout=subprocess.PIPE, text=True
    )
    started.append(process)
    return process


def finish(process: subprocess.Popen[str]) -> list[int]:
    """Wait for the end, which is a good one; return how many rows were read, stored, stored before and rejected."""
    assert process.stdout is not None
    *_, last = process.stdout.read().splitlines()
    assert process.wait(60) == 0
    found: list[int] = json.loads(last)
    return found


def facts(store: Store) -> Any:
    """Return facts and orders as they are stored."""
    with store.read() as connection:
        return [connection.execute(select(table).order_by(*table.primary_key)).all() for table in _ROLLUPS]


_ROLLUPS = (tables.facts, tables.orders)


def stored(store: Store) -> list[str]:
    """Return the messageId of every event."""
    with store.read() as connection:
        return list(connection.execute(select(tables.events.c.message_id).order_by("message_id")).scalars())


@pytest.mark.parametrize("seed", [1, 2])
def test_an_import_killed_three_times_is_whole_in_the_end(
    store: Store, tmp_path: Path, started: list[subprocess.Popen[str]], seed: int
) -> None:
    """`kill -9` in the middle of a batch: what was stored stays, what was not comes with the next start."""
    print(f"seed {seed}")
    messages = list(importer.history(3_000))
    path = importer.write(tmp_path / "events.ndjson", iter(messages))
    draw = random.Random(seed)  # noqa: S311 - moments to kill at, not secrets
    before = 0
    for _ in range(3):
        process = start(store, path, started)
        assert process.stdout is not None
        for _ in range(draw.randrange(2, 12)):
            assert process.stdout.readline() == "stored\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        with store.read() as connection:
            count = connection.execute(select(func.count()).select_from(tables.events)).scalar_one()
        assert count >= before
        before = count
    read, fresh, again, rejected = finish(start(store, path, started))
    wanted = sorted({message["messageId"] for message in messages})
    assert (read, fresh + again, rejected) == (3_000, 3_000, 0)
    assert 0 < fresh <= len(wanted) - before
    assert stored(store) == wanted
    kept = facts(store)
    rebuild.rebuild(store)
    assert facts(store) == kept
    with store.write() as connection:
        done = refresh_touched(connection, SAMPLE, importer.LATER)
        assert done.moved > 0, "those of the killed imports are among them"
        assert refresh(connection, SAMPLE, importer.LATER, "rebuild") == Refreshed()


def test_two_imports_of_overlapping_files_at_once_store_each_event_once(
    store: Store, tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    """Whichever is first stores it, and both go through to their ends."""
    messages = list(importer.history(3_000))
    first = importer.write(tmp_path / "first.ndjson", iter(messages[:2_000]))
    second = importer.write(tmp_path / "second.ndjson", iter(messages[1_000:]))
    results = [finish(process) for process in [start(store, path, started) for path in (first, second)]]
    wanted = sorted({message["messageId"] for message in messages})
    assert sum(fresh for _, fresh, _, _ in results) == len(wanted)
    assert stored(store) == wanted
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(tables.contacts)).scalar_one() == 60
    kept = facts(store)
    rebuild.rebuild(store)
    assert facts(store) == kept


def test_a_file_that_breaks_off_is_stored_up_to_there_and_says_so(tmp_path: Path) -> None:
    """A download that was cut off: exit code 1, no traceback, and the whole file later is stored once."""
    terminal = shop(tmp_path / "shop")
    path = importer.write(tmp_path / "events.ndjson", importer.history(4_000))
    whole = gzip.compress(path.read_bytes())
    broken = tmp_path / "events.ndjson.gz"
    broken.write_bytes(whole[: len(whole) // 2])
    failed = terminal.type("import", "events", str(broken))
    assert failed.code == 1
    assert "damaged behind line" in failed.err
    assert "Traceback" not in failed.err
    *complete, _cut = zlib.decompressobj(31).decompress(broken.read_bytes()).splitlines()
    assert len(terminal.dump()["events"]) == len({json.loads(line)["messageId"] for line in complete}) > 1_000
    broken.write_bytes(whole)
    printed = terminal.json("import", "events", str(broken))
    assert printed["read"] == printed["stored"] + printed["duplicates"] == 4_000
    assert printed["duplicates"] > len(complete)
