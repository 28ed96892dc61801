"""Segments at growing sizes: the full rebuild, the refresh of 1,000 touched contacts, and each kind of segment.

    python benchmarks/segments.py [--url sqlite:///bench.db] [--sizes 10000,100000]

20 events a contact. Prints seconds and ratios; members after the incremental refresh are compared with a full one's.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, func, insert, select, text
from sqlmodel import SQLModel

from lifecycle.audience.headcount import Headcount
from lifecycle.audience.membership import refresh
from lifecycle.base.units import Duration, Share
from lifecycle.intake import rollup
from lifecycle.spec import conditions as c
from lifecycle.spec.model import Brand, Content, LocalText, Project, Segment, Stage
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts, events, memberships

NOW = datetime(2026, 11, 1, tzinfo=UTC)
NAMES = ("Product Viewed", "Product Added", "Order Completed", "Review Submitted")
EVENTS_EACH = 20
TOUCHED = 1_000
BATCH = 5_000


def day(number: int) -> Duration:
    return Duration(number * 86400)


def at_least(number: int) -> tuple[c.Test, ...]:
    return (c.Test("at_least", number),)


SEGMENTS: dict[str, c.Condition] = {
    "repeat": c.FactLeaf("orders.count", at_least(2)),
    "lapsed": c.FactLeaf("orders.last_at", (c.Test("older_than", day(90)),)),
    "viewed": c.EventLeaf(("Product Viewed",), span=c.Span(within=day(30))),
    "viewed-often": c.EventLeaf(("Product Viewed",), count=at_least(3), span=c.Span(within=day(30))),
    "spent": c.TotalLeaf(("Order Completed",), ("total",), at_least(300), span=c.Span(within=day(365))),
    "country": c.AttributeLeaf("contact", ("country",), (c.Test("in", ("SA", "AE")),)),
    "sample": c.SampleLeaf(Share.parse("10%")),
}
NESTED = {"nest-0": SEGMENTS["viewed"]} | {f"nest-{n}": c.AllOf((c.SegmentLeaf(f"nest-{n - 1}"),)) for n in range(1, 6)}


def content() -> Content:
    word = LocalText("x")
    stages = (
        Stage("awareness", word, "tofu", c.AllOf(())),
        Stage("consideration", word, "mofu", SEGMENTS["viewed"]),
        Stage("retention", word, "post", SEGMENTS["repeat"]),
    )
    project = Project("bench", Brand(word, ""), {}, "en", ("en",), "UTC", "SAR", (), stages)
    named = {name: Segment(name, word, where) for name, where in {**SEGMENTS, **NESTED}.items()}
    return Content(project, named, {}, {}, "", {})


def fill(store: Store, size: int) -> None:
    dice = random.Random(size)
    for start in range(0, size, BATCH):
        ids = range(start + 1, min(start + BATCH, size) + 1)
        rows = [
            {
                "id": number, "identifier": f"u{number}", "created_at": NOW,
                "attributes": {"country": dice.choice(["SA", "AE", "EG", "GB", "FR"])},
            }
            for number in ids
        ]  # fmt: skip
        with store.write() as connection:
            connection.execute(insert(contacts), rows)
            for contact in ids:
                add(connection, contact, dice, EVENTS_EACH, "old", 365 * 24)
            rollup.fold_again(connection, ids)
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def add(connection: Connection, contact: int, dice: random.Random, count: int, mark: str, hours: int) -> None:
    rows = []
    for number in range(count):
        at = NOW - timedelta(hours=dice.randrange(hours))
        key = f"{mark}-{contact}-{number}"
        rows.append(
            {
                "message_id": key, "contact_id": contact, "name": dice.choice(NAMES), "at": at, "received_at": at,
                "live": False, "properties": {"order_id": key, "total": dice.randrange(10, 400)},
            }
        )  # fmt: skip
    connection.execute(insert(events), rows)


def timed(label: str, start: float) -> float:
    seconds = time.perf_counter() - start
    print(f"  {label:<34}{seconds:9.3f} s", flush=True)
    return seconds


def measure(store: Store, size: int) -> dict[str, float]:
    print(f"{size:,} contacts, {store.dialect}")
    start = time.perf_counter()
    fill(store, size)
    timed("(fill)", start)
    found: dict[str, float] = {}
    made = content()
    with store.read() as connection:
        asked = Headcount(connection, made, NOW)
        for name in [*SEGMENTS, "nest-5"]:
            start = time.perf_counter()
            members = asked.count(name)
            found[name] = timed(f"count {name} ({members:,})", start)
    start = time.perf_counter()
    with store.write() as connection:
        refresh(connection, made, NOW, "rebuild")
    found["full"] = timed("full rebuild", start)
    dice = random.Random(1)
    touched = dice.sample(range(1, size + 1), TOUCHED)
    with store.write() as connection:
        for contact in touched:
            add(connection, contact, dice, 1, "new", 24)
        rollup.fold_again(connection, touched)
    start = time.perf_counter()
    with store.write() as connection:
        refresh(connection, made, NOW, "time", touched)
    found["touched"] = timed(f"refresh of {TOUCHED:,} touched", start)
    open_stays = select(memberships.c.segment, func.count()).where(memberships.c.left_at.is_(None))
    with store.write() as connection:
        query = open_stays.group_by(memberships.c.segment).order_by(memberships.c.segment)
        before = connection.execute(query).all()
        refresh(connection, made, NOW, "rebuild")
        assert connection.execute(query).all() == before, "incremental differs from full"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="an empty database; default: SQLite in a temporary folder")
    parser.add_argument("--sizes", default="10000,100000")
    chosen = parser.parse_args()
    sizes = [int(size) for size in chosen.sizes.split(",")]
    results: dict[int, dict[str, float]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            store = Store(chosen.url or f"sqlite:///{Path(folder) / 'bench.db'}")
            SQLModel.metadata.drop_all(store.engine)
            SQLModel.metadata.create_all(store.engine)
            results[size] = measure(store, size)
            store.close()
    least, most = results[sizes[0]], results[sizes[-1]]
    growth = sizes[-1] / sizes[0]
    print(f"\nfrom {sizes[0]:,} to {sizes[-1]:,} contacts ({growth:g}×)")
    print(f"  refresh of {TOUCHED:,} touched: {most['touched'] / least['touched']:.2f}× (at most 1.5)")
    print(f"  full rebuild against it: {most['full'] / most['touched']:.1f}× (at least 30 at 1,000,000)")
    print(f"  five deep against flat: {most['nest-5'] / most['viewed']:.2f}× (at most 1.5)")
    for name in SEGMENTS:
        print(f"  {name}: {most[name] / least[name] / growth:.2f}× of linear (at most 1)")


if __name__ == "__main__":
    main()
