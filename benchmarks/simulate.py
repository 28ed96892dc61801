"""A simulated month: a click log of many contacts through the sample's campaigns, in virtual time, on one core.

    python benchmarks/simulate.py [--contacts 100000] [--days 30] [--campaigns cart-abandonment welcome …]

The log is the one of the tests (tests/click_log.py), in the order of time. Prints how many events and decisions a
second the rehearsal handles, writing the rows included, the import of the log left out and with it, and the peak of
memory of this process. DESIGN section 8 asks for 10,000 a second.
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import json
import resource
import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from click_log import FIRST, life  # noqa: E402 - it lies with the tests
from lifecycle.cli.simulate import AFTER_ALL  # noqa: E402
from lifecycle.intake.importing import Import  # noqa: E402
from lifecycle.plan.simulate import as_row, simulate  # noqa: E402
from lifecycle.spec.project import load, read_folder  # noqa: E402
from lifecycle.store.engine import Store  # noqa: E402
from lifecycle.store.migrate import prepare  # noqa: E402

WANTED = 10_000
PEOPLE_AT_ONCE = 2_000
TOPICS = ("offers", "newsletter", "launches")
CAMPAIGNS = ("welcome", "cart-abandonment", "thank-you", "loyalty", "referral")


def write_log(path: Path, people: int, days: int) -> int:
    """Write the messages of so many people in the order of time, some people sorted in memory at a time."""
    parts = []
    for first in range(0, people, PEOPLE_AT_ONCE):
        some = range(first, min(people, first + PEOPLE_AT_ONCE))
        lines = [
            f"{message['timestamp']}\t{json.dumps(message)}\n"
            for each in some
            for message in life(each, days, 5, TOPICS)
        ]
        parts.append(path.with_suffix(f".{first}"))
        parts[-1].write_text("".join(sorted(lines)), encoding="utf-8")
    count = 0
    with contextlib.ExitStack() as stack, path.open("w", encoding="utf-8") as file:
        opened = [stack.enter_context(part.open(encoding="utf-8")) for part in parts]
        for count, line in enumerate(heapq.merge(*opened), 1):  # noqa: B007 - the last number is wanted
            file.write(line.partition("\t")[2])
    for part in parts:
        part.unlink()
    return count


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--campaigns", nargs="+", default=CAMPAIGNS)
    chosen = parser.parse_args()
    content = load(read_folder(ROOT)).content
    assert content is not None
    content = replace(content, campaigns={name: content.campaigns[name] for name in chosen.campaigns})
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "log.ndjson"
        count = write_log(log, chosen.contacts, chosen.days)
        store = Store(f"sqlite:///{name}/simulation.db")
        prepare(store)
        begin = time.perf_counter()
        Import("events", log, store, AFTER_ALL, content).run()
        imported = time.perf_counter()
        done = simulate(store, content, FIRST, FIRST + timedelta(days=chosen.days), replay=True)
        with (Path(name) / "rows.ndjson").open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(as_row(row), default=str) + "\n" for row in done.rows)
        end = time.perf_counter()
        store.close()
    rate, whole = done.handled / (end - imported), done.handled / (end - begin)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    verdict = "ok" if rate >= WANTED else f"BELOW {WANTED:,}"
    print(
        f"{chosen.contacts:,} contacts, {count:,} messages: {done.handled:,} events and decisions in "
        f"{end - imported:.0f} s, {rate:,.0f}/s ({verdict}); with the import of {imported - begin:.0f} s "
        f"{whole:,.0f}/s; {len(done.rows):,} rows; peak {peak_mb:.0f} MB"
    )


if __name__ == "__main__":
    main()
