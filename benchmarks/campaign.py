"""A broadcast of the sample shop's newsletter, by real processes, against the plain way into the same SMTP server.

    python benchmarks/campaign.py [--database postgresql|sqlite] [--rows 100000] [--base 2000] [--workers 2]

Ours is all that a shop's broadcast does: the scheduler enrols everybody; the workers claim, render the letter for each
reader in his language with his tracked links and pixel, ask consent and caps once more, and write the ledger before and
after each mail. On PostgreSQL one `lifecycle scheduler`, and when everybody is enrolled `--workers` times `lifecycle
worker` of one thread, with a Valkey between them; on SQLite one `lifecycle run`, which does both at once.

The plain way sends one ready HTML from an outbox that is filled already: EmailMessage, smtplib, a commit a row in the
same database, half of it before ours and half after. So ours, on PostgreSQL, is counted from a filled outbox, too; what
enrolling takes stands beside it. The server is Postfix's `smtp-sink` where it is installed.

Prints mails a second, the ratio (at least 8), the time of the last tenth of the mails against the first's, and how much
memory each process took at most.
"""

from __future__ import annotations

import argparse
import os
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from sqlalchemy import ColumnElement, func, select, text

from lifecycle.base.clock import SystemClock
from lifecycle.plan.apply import apply
from lifecycle.render.compile import Templates
from lifecycle.render.render import render
from lifecycle.render.sample import SAMPLE_ADDRESSES, sample_scope
from lifecycle.spec.model import Content
from lifecycle.spec.project import load, read_folder
from lifecycle.store.engine import Store
from lifecycle.store.migrate import migrate
from lifecycle.store.tables import messages
from torture import Postgres
from valkey import Valkey

SHOP = Path(__file__).resolve().parent.parent
AT_LEAST = 8
TEMPLATE = "newsletter/issue"
ZONE = ZoneInfo("Asia/Riyadh")
#: Seconds before the broadcast, in which the content comes into force and the processes start; and contacts a second.
AHEAD_S, REFRESHED_PER_S = 15, 5_000
_CONTACTS = """INSERT INTO contacts (id, identifier, external_id, email, address_key, locale, attributes, created_at)
    SELECT i, 'c' || i, 'c' || i, 'c' || i || '@example.org', 'c' || i || '@example.org',
    CASE WHEN i % 3 = 0 THEN 'ar' ELSE 'en' END, {attributes}, {at} FROM {numbers}"""
_CONSENTS = """INSERT INTO consents (contact_id, topic, granted, at, source, text)
    SELECT id, 'newsletter', true, created_at, '', '' FROM contacts"""
_DIALECTS = {
    "postgresql": {
        "attributes": "jsonb_build_object('first_name', 'Sara')", "at": "'2026-01-01 00:00:00+00:00'",
        "numbers": "generate_series(1, {rows}) AS n(i)",
    },
    "sqlite": {
        "attributes": """'{{"first_name": "Sara"}}'""", "at": "1767225600000000",
        "numbers": "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT i FROM n)",
    },
}  # fmt: skip


def shop(folder: Path, at: datetime) -> Content:
    """Return the sample shop with its letter due at `at`, at whatever hour that is."""
    for name in ("segments", "campaigns", "templates", "locales"):
        shutil.copytree(SHOP / name, folder / name)
    project = (SHOP / "lifecycle.yaml").read_text().splitlines(keepends=True)
    (folder / "lifecycle.yaml").write_text("".join(line for line in project if not line.startswith("  quiet_hours:")))
    letter = folder / "campaigns" / "newsletter.yaml"
    due = f"trigger: {{at: {at.astimezone(ZONE):%Y-%m-%dT%H:%M:%S}}}"
    letter.write_text(letter.read_text().replace("trigger: manual", due))
    loaded = load(read_folder(folder))
    assert loaded.content is not None, loaded.errors
    return loaded.content


def fill(store: Store, rows: int) -> None:
    """Make contacts who all want the letter."""
    words = {name: value.format(rows=rows) for name, value in _DIALECTS[store.dialect].items()}
    with store.write() as connection:
        connection.execute(text(_CONTACTS.format(**words)))
        connection.execute(text(_CONSENTS))
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


class Plain:
    """What a first script does: one mail and one commit after the other."""

    def __init__(self, store: Store, content: Content, rows: int, port: int) -> None:
        self._page = render(
            Templates(content).compile(TEMPLATE, "en"), sample_scope(content, TEMPLATE, "en"), SAMPLE_ADDRESSES
        )
        self._store, self._port = store, port
        self._left = [{"id": number, "address": f"c{number}@example.org"} for number in range(rows)]
        with store.engine.connect() as connection:
            connection.execute(text("CREATE TABLE plain (id INTEGER PRIMARY KEY, address TEXT, state TEXT)"))
            connection.execute(text("INSERT INTO plain VALUES (:id, :address, 'queued')"), self._left)
            connection.commit()

    def seconds(self, rows: int) -> float:
        """Send so many and return how long it took."""
        made, self._left = self._left[:rows], self._left[rows:]
        page = self._page
        with self._store.engine.connect() as connection, smtplib.SMTP("127.0.0.1", self._port) as server:
            started = time.perf_counter()
            for row in made:
                mail = EmailMessage()
                mail["Subject"], mail["From"], mail["To"] = page.subject, "Rihla <hello@rihla.example>", row["address"]
                mail["Message-ID"] = f"<plain{row['id']}@rihla.example>"
                mail.set_content(page.text)
                mail.add_alternative(page.html, subtype="html")
                server.send_message(mail)
                connection.execute(text("UPDATE plain SET state = 'sent' WHERE id = :id"), {"id": row["id"]})
                connection.commit()
            return time.perf_counter() - started


@contextmanager
def sink() -> Iterator[int]:
    """Yield the port of a server that swallows, in a process of its own."""
    program = shutil.which("smtp-sink") or shutil.which("smtp-sink", path="/usr/sbin")
    if program is None:
        print("smtp-sink is not installed (Debian: postfix); benchmarks/sink.py stands in", file=sys.stderr)
        words = [sys.executable, str(Path(__file__).with_name("sink.py"))]
        server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        port = int(server.stdout.readline())
    else:
        with socket.socket() as asking:
            asking.bind(("127.0.0.1", 0))
            port = asking.getsockname()[1]
        as_nobody = ["-u", "nobody"] if os.geteuid() == 0 else []
        server = subprocess.Popen([program, *as_nobody, f"127.0.0.1:{port}", "128"], text=True)
    try:
        yield port
    finally:
        server.terminate()
        server.wait(10)


class Processes:
    """Processes of the engine. `most_mb` says how much memory each took so far at most."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self._folder = folder
        self._environment = {**os.environ, **{f"LIFECYCLE_{name}": value for name, value in settings.items()}}
        self._log = (folder / "processes.log").open("w")
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: str, **settings: str) -> None:
        """Start one."""
        words = [sys.executable, "-m", "lifecycle", "-C", str(self._folder), command]
        given = {**self._environment, **{f"LIFECYCLE_{key}": value for key, value in settings.items()}}
        self._running[name] = subprocess.Popen(words, env=given, stdout=self._log, stderr=self._log)

    def most_mb(self) -> dict[str, float]:
        """Return the largest resident size of each, in MB."""
        return {name: _most_kb(running.pid) / 1024 for name, running in self._running.items()}

    def check(self) -> None:
        """Raise when one has ended."""
        for name, running in self._running.items():
            if running.poll() is not None:
                raise RuntimeError(f"{name} ended: {(self._folder / 'processes.log').read_text()[-3000:]}")

    def close(self) -> None:
        """Stop them."""
        for running in self._running.values():
            running.terminate()
        for running in self._running.values():
            running.wait(60)
        self._running.clear()
        self._log.close()


def _most_kb(pid: int) -> int:
    found = Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1]
    return int(found.split()[0])


def watch(store: Store, processes: Processes, rows: int, *which: ColumnElement[bool]) -> None:
    """Wait until so many ledger rows are like that, with the number on a terminal."""
    count = select(func.count()).select_from(messages).where(*which)
    while True:
        processes.check()
        with store.read() as connection:
            done = connection.execute(count).scalar_one()
        if sys.stderr.isatty():
            print(f"\r{done:,} ", end="", file=sys.stderr)
        if done >= rows:
            return
        threading.Event().wait(2.0)


def tell(label: str, seconds: float, mails: int) -> float:
    """Print mails a second, and return them."""
    print(f"{label:<52}{mails / seconds:>8,.0f} a second   ({mails:,})", flush=True)
    return mails / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--base", type=int, default=4_000, help="rows for the plain way, which is slow")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    given = parser.parse_args()
    rows, half = given.rows, given.base // 2
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = stack.enter_context(sink())
        url, broker = f"sqlite:///{folder / 'campaign.db'}", ""
        if given.database == "postgresql":
            url = stack.enter_context(closing(Postgres())).url
            broker = stack.enter_context(closing(Valkey())).url
        store = stack.enter_context(closing(Store(url)))
        migrate(store)
        fill(store, rows)
        due = SystemClock().now().replace(microsecond=0) + timedelta(seconds=AHEAD_S + rows / REFRESHED_PER_S)
        content = shop(folder, due)
        apply(store, content, None, SystemClock().now())
        plain = Plain(store, content, 2 * half, port)
        plain_s = plain.seconds(half)
        processes = stack.enter_context(
            closing(
                Processes(folder, DATABASE_URL=url, BROKER_URL=broker, SMTP_URL=f"smtp://127.0.0.1:{port}", PORT="0")
            )
        )
        ended = messages.c.state.not_in(["queued", "claimed", "sending", "deferred"])
        if given.database == "sqlite":
            processes.start("run", "run", WORKERS=f"{given.workers}")
            watch(store, processes, rows, ended)
            begun = due
        else:
            processes.start("scheduler", "scheduler")
            watch(store, processes, rows)
            with store.read() as connection:
                latest = connection.execute(select(func.max(messages.c.due_at))).scalar_one()
            tell("lifecycle enrols, one scheduler", (latest - due).total_seconds(), rows)
            for number in range(given.workers):
                processes.start(f"worker {number + 1}", "worker", WORKERS="1")
            watch(store, processes, rows, ended)
            with store.read() as connection:
                # when the first was let go: its batch is composed then, and the template compiled
                begun = connection.execute(select(func.min(messages.c.sending_at))).scalar_one()
        memory = ", ".join(f"{name} {most:.0f} MB" for name, most in processes.most_mb().items())
        processes.close()
        plain_s += plain.seconds(half)
        with store.read() as connection:
            found = select(messages.c.sent_at).where(messages.c.state == "sent").order_by(messages.c.sent_at)
            sent = list(connection.execute(found).scalars())
        assert len(sent) == rows, f"{len(sent)} of {rows} were sent"
        base = tell("plain: EmailMessage, smtplib, a commit a row", plain_s, 2 * half)
        label = (
            f"{given.workers} workers on PostgreSQL" if broker else f"enrolling too, {given.workers} threads on SQLite"
        )
        ours = tell(f"lifecycle, {label}", (sent[-1] - begun).total_seconds(), rows)
        tenth = rows // 10
        first, last = (sent[tenth] - sent[0]).total_seconds(), (sent[-1] - sent[-tenth - 1]).total_seconds()
        print(f"the last tenth of the mails took {last / first:.2f} times the first's time")
        print(f"largest memory: {memory}")
        print(f"ratio {ours / base:.1f}x, at least {AT_LEAST}x")


if __name__ == "__main__":
    main()
