"""The command line as a person uses it: in this process for speed, or as a real process where signals matter."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import selectors
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Self

import httpx
from sqlalchemy import MetaData, create_engine, select

from lifecycle.cli.main import run
from lifecycle.wiring import Settings

SECRET = "a secret of tests, long enough"
KEEPS = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_RUNTIME_DIR", "PYTHONPATH"}


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return stdout as JSON; fails when anything else stands there."""
        return json.loads(self.out)


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set these variables and no other LIFECYCLE_* one, in a terminal of 120 columns without colour."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("LIFECYCLE_")]:
        del os.environ[name]
    os.environ.update({"COLUMNS": "120", "NO_COLOR": "1", **variables})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class Terminal:
    """A person before a project's folder. `variables` are LIFECYCLE_* settings."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.variables = variables

    def type(self, *words: str) -> Said:
        """Run `lifecycle -C FOLDER WORDS` in this process."""
        out, err = io.StringIO(), io.StringIO()
        with environment(self.variables), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(["-C", str(self.folder), *words])
        return Said(code, out.getvalue(), err.getvalue())

    def ok(self, *words: str) -> Said:
        """Run it and expect that it ends well."""
        said = self.type(*words)
        assert said.code == 0, (words, said)
        return said

    def json(self, *words: str) -> Any:
        """Run it with --json, expect that it ends well, and return what it printed."""
        return self.ok(*words, "--json").json

    def states(self) -> Counter[str]:
        """Return the ledger's rows by state."""
        found: Counter[str] = Counter()
        for one in self.json("outbox")["states"]:
            found[one["state"]] += one["rows"]
        return found

    def sign_up(self, *names: str) -> None:
        """Let these people sign up just now."""
        messages = [message for name in names for message in (person(name), event(name, "Signed Up", source="web"))]
        for message in messages:
            message.pop("timestamp", None)
        self.ok("import", "events", str(self.write("people.ndjson", *messages)), "--live")

    def environ(self) -> dict[str, str]:
        """Return the environment of a process of its own."""
        kept = {name: value for name, value in os.environ.items() if name in KEEPS}
        return {**kept, "NO_COLOR": "1", "COLUMNS": "120", "PYTHONUNBUFFERED": "1", **self.variables}

    def command(self, *words: str) -> list[str]:
        """Return the arguments of a process of its own."""
        return [sys.executable, "-m", "lifecycle", "-C", str(self.folder), *words]

    def start(self, *words: str) -> Running:
        """Start it as a process of its own."""
        return Running(self.command(*words), self.environ())

    def edit(self, path: str, *changes: tuple[str, str]) -> None:
        """Replace texts in a file of the project; each must be there."""
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        for before, after in changes:
            assert before in text, (path, before)
            text = text.replace(before, after)
        file.write_text(text, encoding="utf-8")

    def write(self, path: str, *messages: Mapping[str, Any]) -> Path:
        """Write messages as NDJSON beside the project's files; return the path."""
        file = self.folder / path
        file.write_text("".join(json.dumps(message) + "\n" for message in messages), encoding="utf-8")
        return file

    @property
    def mails(self) -> list[Path]:
        """Return the mails that lie in the folder of the embedded default."""
        return sorted((self.folder / ".lifecycle" / "mails").rglob("*.eml"))

    def dump(self) -> dict[str, list[Any]]:
        """Return every row of every table."""
        engine = create_engine(f"sqlite:///{self.folder / '.lifecycle' / 'lifecycle.db'}")
        found = MetaData()
        found.reflect(engine)
        with engine.connect() as connection:
            rows = {name: [tuple(row) for row in connection.execute(select(table))] for name, table in
                    found.tables.items()}  # fmt: skip
        engine.dispose()
        return rows


class Running:
    """A command as a process of its own, its stderr read line by line."""

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            arguments, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self.process.stderr is not None
        os.set_blocking(self.process.stderr.fileno(), False)
        self.err = ""

    def saw(self, pattern: str, *, within_s: float = 30) -> re.Match[str]:
        """Wait until stderr matches, and return the match."""
        assert self.process.stderr is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stderr, selectors.EVENT_READ)
            for _ in range(int(within_s * 10)):
                if found := re.search(pattern, self.err):
                    return found
                if selector.select(0.1):
                    self.err += (self.process.stderr.read() or b"").decode()
                if self.process.poll() is not None:
                    break
        if found := re.search(pattern, self.err):
            return found
        raise AssertionError(f"never saw {pattern!r}, only: {self.err}")

    def address(self) -> str:
        """Wait until its web server says where it listens, and return that."""
        return self.saw(r"web +(http://\S+)").group(1)

    def browser(self, agent: str) -> httpx.Client:
        """Return somebody before its pages."""
        return httpx.Client(base_url=self.address(), headers={"User-Agent": agent})

    def stop(self, number: int = signal.SIGTERM, *, within_s: float = 20) -> Said:
        """Send the signal, and wait for the end."""
        self.process.send_signal(number)
        return self.end(within_s=within_s)

    def end(self, *, within_s: float = 60) -> Said:
        """Wait for the end by itself."""
        assert self.process.stderr is not None
        os.set_blocking(self.process.stderr.fileno(), True)
        out, err = self.process.communicate(timeout=within_s)
        self.err += err.decode()
        return Said(self.process.returncode, out.decode(), self.err)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.end()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


def shop(folder: Path, **variables: str) -> Terminal:
    """Return a new sample project whose mails leave at any hour: the wall clock must not matter."""
    terminal = Terminal(folder, **variables)
    Terminal(folder.parent).ok("init", folder.name)
    terminal.edit("lifecycle.yaml", ('  quiet_hours: {from: "22:00", to: "08:00", then: next}', "  #"))
    for journey in (folder / "tests" / "journeys").glob("*-at-night.yaml"):
        journey.unlink()  # what they expect are the quiet hours
    return terminal


def person(name: str, *, at: str = "2026-01-10T10:00:00Z", **traits: Any) -> dict[str, Any]:
    """Return the message that signs somebody up, with consent to everything."""
    granted = dict.fromkeys(("offers", "newsletter", "launches"), True)
    return {
        "type": "identify", "messageId": f"{name}-identify", "userId": name, "timestamp": at,
        "traits": {"email": f"{name}@example.com", "first_name": name.title(), "consent": granted, **traits},
    }  # fmt: skip


def event(name: str, what: str, at: str | None = None, **properties: Any) -> dict[str, Any]:
    """Return the message of an event."""
    key = properties.get("order_id", properties.get("cart_id", ""))
    message = {"type": "track", "messageId": f"{name}-{what}-{key}-{at}", "userId": name, "event": what}
    return {**message, **({"timestamp": at} if at else {}), "properties": properties}


def eventually(look: Callable[[], Any], *, within_s: float = 20) -> Any:
    """Wait until `look` returns something true, and return that."""
    tick = Event()
    for _ in range(int(within_s * 20)):
        if found := look():
            return found
        tick.wait(0.05)
    raise AssertionError("it never happened")


#: Every setting, and what it is by default: what docs/operating.md must name.
SETTINGS = tuple(Settings.__dataclass_fields__)
