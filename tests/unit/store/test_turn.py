"""The line before an SQLite file: a process that writes without a pause does not keep another out."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from lifecycle.store.engine import Store
from lifecycle.store.turn import Turn

#: Writes without a pause, and says when it has begun.
_BUSY = """
import sys, time
from sqlalchemy import text
from lifecycle.store.engine import Store
store = Store(sys.argv[1])
with store.read():
    print("begun", flush=True)
while True:
    with store.write() as connection:
        connection.execute(text("UPDATE counts SET n = n + 1"))
        time.sleep(0.02)
"""
_IN_FRONT = """
import sys, time
from lifecycle.store.turn import Turn
with Turn(sys.argv[1], 9).taken():
    print("in front", flush=True)
    time.sleep(600)
"""


def test_whoever_writes_without_a_pause_lets_others_in(tmp_path: Path) -> None:
    """An import beside a web server: one or two of its transactions pass while a request waits, not hundreds."""
    url = f"sqlite:///{tmp_path / 'store.db'}"
    store = Store(url)
    with store.write() as connection:
        connection.execute(text("CREATE TABLE counts (n INTEGER)"))
        connection.execute(text("INSERT INTO counts VALUES (0)"))
    with subprocess.Popen([sys.executable, "-c", _BUSY, url], stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "begun\n"
            passed = 0
            for _ in range(20):
                with store.read() as connection:
                    before = connection.execute(text("SELECT n FROM counts")).scalar_one()
                with store.write() as connection:
                    passed += connection.execute(text("SELECT n FROM counts")).scalar_one() - before
            # a few for each of ours, should the machine have other things to do
            assert passed <= 100
        finally:
            other.kill()
    store.close()


def test_the_line_is_left_when_its_front_dies(tmp_path: Path) -> None:
    """The lock goes with the process, however it ends."""
    path = str(tmp_path / "store.db")
    with subprocess.Popen([sys.executable, "-c", _IN_FRONT, path], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "in front\n"
        turn = Turn(path, 0.05)
        start = time.monotonic()
        with turn.taken():
            # patience is over: SQLite's own timeout decides, and nobody waits for ever for one that is frozen
            assert time.monotonic() - start >= 0.05
        other.kill()
        other.wait()
        patient = Turn(path, 600)
        with patient.taken():
            pass
    turn.close()
    patient.close()


@pytest.mark.parametrize("database", [None, "/nowhere/at/all/store.db"])
def test_without_a_file_there_is_no_line(database: str | None) -> None:
    """A database in memory, or a folder that is not there: SQLite itself says what is wrong."""
    turn = Turn(database, 600)
    with turn.taken():
        pass
    turn.close()
