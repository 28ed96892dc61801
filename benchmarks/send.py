"""A campaign of 10,000 mails, ledger and all, against the plain way, into the same SMTP server.

The plain way: EmailMessage, smtplib, one UPDATE and COMMIT a row, on the same SQLite settings. Both send the same HTML.

    python benchmarks/send.py [--rows 10000] [--base 1000] [--lanes 2]
"""

from __future__ import annotations

import argparse
import smtplib
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from sqlalchemy import Connection
from sqlmodel import SQLModel

from ledger import START, PlainCompose, PlainComposition, add_contacts, add_rows, make_parts, states
from lifecycle.base.clock import SystemClock
from lifecycle.deliver.mime import Mail, build
from lifecycle.deliver.outbox import Claimed
from lifecycle.deliver.parts import Parts
from lifecycle.deliver.release import Ready, Spoiled
from lifecycle.deliver.send import drain
from lifecycle.providers.base import Outgoing, Provider
from lifecycle.providers.memory import MemoryProvider
from lifecycle.providers.smtp import SmtpProvider
from lifecycle.spec.model import Content
from lifecycle.store.engine import Store

HTML = "<html><body>" + "<p>سلتك بانتظارك. Your cart is waiting for you.</p>" * 400 + "</body></html>"
TEXT = "سلتك بانتظارك. Your cart is waiting for you.\n" * 40


class Composition(PlainComposition):
    """Makes mails of usual size: 24 KB of HTML in two scripts."""

    def one(self, row: Claimed, stamp: datetime) -> Ready | Spoiled:
        """Make one."""
        address = self.states[row.contact_id].email or ""
        identifier = f"{row.message_id}@rihla.example"
        data = build(
            Mail(
                message_id=identifier, date=stamp, sender_name="رحلة", sender_address="hello@rihla.example",
                recipient=address, subject="سلتك بانتظارك", html=HTML, text=TEXT,
                unsubscribe_url=f"https://rihla.example/u/{row.id}",
            )
        )  # fmt: skip
        mail = Outgoing(row.id, identifier, f"bounce+{row.id}@rihla.example", address, data)
        return Ready(row, mail, address, stamp)


class Compose(PlainCompose):
    """Makes compositions."""

    def begin(self, connection: Connection, rows: Sequence[Claimed], content: Content) -> Composition:
        """Load the contacts."""
        return Composition(self, super().begin(connection, rows, content).states)


def timed(label: str, number: int, work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    per_s = number / (time.perf_counter() - started)
    print(f"{label:<46}{per_s:>8,.0f} mails/s   ({number:,})")
    return per_s


@contextmanager
def sink() -> Iterator[int]:
    """Yield the port of a server in a process of its own."""
    server = subprocess.Popen([sys.executable, Path(__file__).with_name("sink.py")], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    yield int(server.stdout.readline())
    server.terminate()
    server.wait(10)


def ours(folder: Path, rows: int, provider: Provider) -> tuple[Store, Parts]:
    store = Store(f"sqlite:///{folder / 'ours.db'}")
    SQLModel.metadata.create_all(store.engine)
    add_rows(store, add_contacts(store, rows))
    parts = make_parts(store, SystemClock(), provider)
    parts = replace(parts, compose=Compose())
    return store, parts


def run_lanes(parts: Parts, lanes: int) -> None:
    with ThreadPoolExecutor(lanes) as pool:
        list(pool.map(lambda _: drain(parts, for_s=3600), range(lanes)))


def plain(folder: Path, rows: int, port: int) -> None:
    """What a first script does: one mail after the other, its row committed after each."""
    database = sqlite3.connect(folder / "plain.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE outbox (id INTEGER PRIMARY KEY, address TEXT, state TEXT)")
    database.executemany(
        "INSERT INTO outbox (address, state) VALUES (?, 'queued')", [(f"c{n}@example.org",) for n in range(rows)]
    )
    with smtplib.SMTP("127.0.0.1", port) as connection:
        for row, address in database.execute("SELECT id, address FROM outbox").fetchall():
            mail = EmailMessage()
            mail["Subject"], mail["From"], mail["To"] = "سلتك بانتظارك", "رحلة <hello@rihla.example>", address
            mail["Message-ID"], mail["Date"] = f"<plain{row}@rihla.example>", format_datetime(START)
            mail.set_content(TEXT)
            mail.add_alternative(HTML, subtype="html")
            connection.send_message(mail)
            database.execute("BEGIN IMMEDIATE")
            database.execute("UPDATE outbox SET state = 'sent' WHERE id = ?", (row,))
            database.execute("COMMIT")
    database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--base", type=int, default=2_000, help="rows for the plain way, which is slow")
    parser.add_argument("--lanes", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        memory = MemoryProvider(keep=False)
        store, parts = ours(folder, given.rows, memory)
        timed("ledger and MIME, no server", given.rows, lambda: run_lanes(parts, 1))
        assert states(store) == {"sent": given.rows}
        store.close()
        (folder / "ours.db").unlink()
        with sink() as port:
            base = timed(
                "plain: EmailMessage, smtplib, a commit a row", given.base, lambda: plain(folder, given.base, port)
            )
            smtp = SmtpProvider(f"smtp://127.0.0.1:{port}")
            store, parts = ours(folder, given.rows, smtp)
            ratio = timed(f"lifecycle, {given.lanes} lanes", given.rows, lambda: run_lanes(parts, given.lanes)) / base
            smtp.close()
            assert states(store) == {"sent": given.rows}
            store.close()
        print(f"{'ratio':<46}{ratio:>8.1f} ×   (at least 8)")


if __name__ == "__main__":
    main()
