"""A process that imports events, for tests that kill it. Arguments: database, file, rows in a batch.

It says `stored` on a line of its own for each batch that it has stored, and at the end what came of the import.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lifecycle.base.clock import SystemClock
from lifecycle.intake import importing, read_ahead
from lifecycle.store.engine import Store

_START = datetime(2026, 1, 1, tzinfo=UTC)
#: After the last event.
LATER = datetime(2026, 6, 1, tzinfo=UTC)


def history(count: int, contacts: int = 60, seed: int = 3) -> Iterator[dict[str, Any]]:
    """Yield what a shop exports: orders, refunds, carts and views, some out of order, some twice."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    for number in range(count):
        product = {"product_id": f"p{dice.randrange(9)}", "name": "خوذة\t\\N", "price": 12.5, "quantity": 1}
        name, properties = dice.choice(
            [
                ("Product Viewed", {**product, "category": "road"}),
                ("Product Viewed", {**product, "category": "gravel"}),
                ("Order Completed", {"order_id": f"o{number}", "total": number / 4, "products": [product]}),
                ("Order Refunded", {"order_id": f"o{dice.randrange(number + 1)}", "total": 1}),
                ("Product Added", {**product, "cart_id": f"c{dice.randrange(30)}"}),
                ("Checkout Started", {"products": [product, product]}),
            ]
        )
        at = _START + timedelta(minutes=number - (dice.randrange(500) if dice.random() < 0.1 else 0))
        yield {
            "type": "track", "messageId": f"m{number if dice.random() > 0.02 else number // 2}",
            "userId": f"u{dice.randrange(contacts)}", "event": name, "timestamp": at.isoformat(),
            "properties": properties,
        }  # fmt: skip


def write(path: Path, messages: Iterator[dict[str, Any]]) -> Path:
    """Write them as NDJSON and return the path."""
    path.write_text("".join(json.dumps(message, ensure_ascii=False) + "\n" for message in messages), encoding="utf-8")
    return path


def main(url: str, path: str, batch: int) -> None:
    """Import the file with a second process reading it."""
    importing.BATCH, read_ahead.SMALLEST = batch, 0
    store = Store(url)
    job = importing.Import("events", Path(path), store, SystemClock())
    job.on_progress = lambda _bytes: print("stored", flush=True)
    outcome = job.run()
    print(json.dumps([outcome.read, outcome.stored, outcome.duplicates, outcome.rejected]), flush=True)
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
