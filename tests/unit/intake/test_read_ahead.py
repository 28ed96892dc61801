"""The process that reads ahead: it hands over what this process would have read, and its death is never a hang."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from arrivals import rows

import importer
from lifecycle.base.clock import ManualClock, SystemClock
from lifecycle.base.errors import LifecycleError, UsageError
from lifecycle.intake import read_ahead
from lifecycle.intake.chunks import Chunk
from lifecycle.intake.facts import FACT_EVENTS
from lifecycle.intake.importing import Import
from lifecycle.intake.read_ahead import read_chunks
from lifecycle.intake.reading import Reader, Source
from lifecycle.spec.model import Brand, Content, LocalText, Project
from lifecycle.store import tables
from lifecycle.store.engine import Store
from terminal import shop

CONTENT = Content(
    Project("shop", Brand(LocalText("Shop"), "https://shop.example"), {}, "en", ("en",), "UTC", "SAR", (), ()),
    {}, {}, {}, "hash", {},
)  # fmt: skip


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Yield the processes that were started, however small the files are; none is left in the end."""
    found: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(*arguments: Any, **options: Any) -> Any:
        found.append(popen(*arguments, **options))
        return found[-1]

    monkeypatch.setattr(read_ahead, "SMALLEST", 0)
    monkeypatch.setattr(subprocess, "Popen", start)
    yield found
    assert all(child.poll() is not None for child in found)


def source(path: Path, **options: Any) -> Source:
    """Return a file of events, ten rows a chunk."""
    return Source("events", path, 10, 10**9, **options)


def told(chunk: Chunk) -> Any:
    """Return what has to be the same on the other side; the moment of reading is another."""
    values = [
        value._replace(properties=value.properties if value.name in FACT_EVENTS else {}) for value in chunk.values
    ]
    return replace(chunk, values=values, rows=[])


def test_what_the_child_reads_is_what_this_process_reads(
    tmp_path: Path, children: list[subprocess.Popen[bytes]]
) -> None:
    """Every kind of message and of mistake, chunk by chunk."""
    lines = [json.dumps(message) for message in importer.history(40)]
    group = {"type": "group", "userId": "u", "groupId": "g", "traits": {"name": "Rihla"}, "messageId": "g1"}
    person = {
        "type": "identify", "userId": "u", "anonymousId": "v", "messageId": "i1", "timestamp": "2026-01-01T00:00:00Z",
        "traits": {"email": "سارة@shop.example", "consent": {"offers": True}, "createdAt": "2025-01-01T00:00:00Z"},
    }  # fmt: skip
    stamp = "2026-01-01T00:00:00Z"
    page = {"type": "page", "anonymousId": "v", "name": "Home", "messageId": "p1", "timestamp": stamp}
    alias = {"type": "alias", "userId": "u", "previousId": "w", "messageId": "a1", "timestamp": stamp}
    group["timestamp"] = stamp
    lines[7:7] = ["{", "[1]", "", '{"userId": "u"}', *map(json.dumps, (group, person, page, alias))]
    path = tmp_path / "events.ndjson"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    here = list(Reader(source(path, content=CONTENT), SystemClock()).chunks())
    there = list(read_chunks(source(path, content=CONTENT), SystemClock()))
    assert len(children) == 1
    assert list(map(told, there)) == list(map(told, here))
    assert [len(chunk.refused) for chunk in here][:2] == [3, 0]
    assert here[1].values[-1].undeclared == (here[1].values[-1].name,)


def test_a_clock_that_stands_still_or_a_small_file_needs_no_child(
    tmp_path: Path, children: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process has another clock, and takes a moment to start."""
    path = importer.write(tmp_path / "events.ndjson", importer.history(30))
    assert len(list(read_chunks(source(path), ManualClock(datetime(2026, 11, 1, tzinfo=UTC))))) == 4
    monkeypatch.setattr(read_ahead, "SMALLEST", 10**9)
    assert len(list(read_chunks(source(path), SystemClock()))) == 4
    assert children == []


def test_where_no_process_can_be_started_this_one_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine at its limit still imports."""

    def refuse(*_arguments: Any, **_options: Any) -> Any:
        raise BlockingIOError

    monkeypatch.setattr(read_ahead, "SMALLEST", 0)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    path = importer.write(tmp_path / "events.ndjson", importer.history(30))
    assert len(list(read_chunks(source(path), SystemClock()))) == 4


def test_a_child_killed_in_the_middle_is_an_error_and_what_was_stored_stays(
    store: Store, tmp_path: Path, children: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a hang; the next import stores the rest."""
    monkeypatch.setattr("lifecycle.intake.importing.BATCH", 200)
    path = importer.write(tmp_path / "events.ndjson", importer.history(4_000))
    job = Import("events", path, store, SystemClock())
    job.on_progress = lambda _bytes: children[0].kill()
    with pytest.raises(LifecycleError, match=r"events.ndjson was killed by SIGKILL") as caught:
        job.run()
    assert "nothing is stored twice" in caught.value.hint
    assert 0 < job.outcome.stored < 4_000
    again = Import("events", path, store, SystemClock()).run()
    assert again.stored + again.duplicates == 4_000
    assert len(rows(store, tables.events)) == job.outcome.stored + again.stored


def test_a_killed_child_ends_the_command_with_code_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And with words that a person understands."""
    terminal = shop(tmp_path / "shop")
    path = importer.write(tmp_path / "events.ndjson", importer.history(30))
    popen = subprocess.Popen

    def start(*arguments: Any, **options: Any) -> Any:
        child = popen(*arguments, **options)
        child.send_signal(signal.SIGKILL)
        return child

    monkeypatch.setattr(read_ahead, "SMALLEST", 0)
    monkeypatch.setattr(subprocess, "Popen", start)
    said = terminal.type("import", "events", str(path))
    assert said.code == 1
    assert "was killed by SIGKILL (is there too little memory?)" in said.err
    assert "Traceback" not in said.err


def test_an_interrupted_import_leaves_no_child(
    store: Store, tmp_path: Path, children: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while a batch is stored, with the child waiting for its pipe."""
    monkeypatch.setattr("lifecycle.intake.importing.BATCH", 200)
    path = importer.write(tmp_path / "events.ndjson", importer.history(4_000))
    job = Import("events", path, store, SystemClock())

    def interrupt(_bytes: int) -> None:
        raise KeyboardInterrupt

    job.on_progress = interrupt
    with pytest.raises(KeyboardInterrupt):
        job.run()
    assert len(children) == 1
    assert children[0].poll() is not None


def test_a_child_whose_parent_is_gone_ends_without_a_word(tmp_path: Path) -> None:
    """`kill -9` of the import: the pipe breaks, and nobody is left who reads the file."""
    path = importer.write(tmp_path / "events.ndjson", importer.history(4_000))
    child = read_ahead._start(stderr=subprocess.PIPE)
    assert child is not None
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    read_ahead._tell(child, source(path))
    assert child.wait(60) == 0
    assert child.stderr.read() == b""
    child.stderr.close()


@pytest.mark.parametrize(("name", "text", "kind"), [("x.csv", "contact,totl\n", UsageError), ("y.csv", "", UsageError)])
def test_what_is_wrong_with_a_file_is_said_as_this_process_says_it(
    tmp_path: Path, children: list[subprocess.Popen[bytes]], name: str, text: str, kind: type[LifecycleError]
) -> None:
    """The same class, words and hint."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(kind) as here:
        list(Reader(source(path), SystemClock()).chunks())
    with pytest.raises(kind) as there:
        list(read_chunks(source(path), SystemClock()))
    assert len(children) == 1
    assert (there.value.message, there.value.hint) == (here.value.message, here.value.hint)


def test_a_mistake_of_ours_in_the_child_is_raised_with_its_traceback(
    tmp_path: Path, children: list[subprocess.Popen[bytes]]
) -> None:
    """Nobody has to guess where it was."""
    path = importer.write(tmp_path / "events.ndjson", importer.history(30))
    broken = replace(source(path), size=None)  # type: ignore[arg-type]  # a mistake
    with pytest.raises(TypeError) as caught:
        list(read_chunks(broken, SystemClock()))
    assert len(children) == 1
    assert "reading.py" in caught.value.__notes__[0]
