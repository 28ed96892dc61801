"""Segments over a year of real orders give the reference figures, now and at a moment of the past."""

from __future__ import annotations

import csv
import gzip
import os
from collections import Counter
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from audience_worlds import content_of
from sqlalchemy import insert

from lifecycle.audience.headcount import Headcount
from lifecycle.audience.past import moment
from lifecycle.base.units import Duration, Share
from lifecycle.intake import rollup
from lifecycle.spec import conditions as c
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts, events

DATA = Path(os.environ.get("LIFECYCLE_SHARED_DATA") or Path(__file__).parents[4] / "shared" / "data")
FILE = DATA / "online_retail.csv.gz"
LONDON = ZoneInfo("Europe/London")
REFERENCE = datetime(2011, 12, 10, tzinfo=LONDON).astimezone(UTC)


@lru_cache(maxsize=1)
def orders() -> dict[tuple[int, str], tuple[datetime, float]]:
    """Return time and total by customer and invoice, as the data's README counts them."""
    found: dict[tuple[int, str], tuple[datetime, float]] = {}
    with gzip.open(FILE, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            value = int(row["Quantity"]), float(row["UnitPrice"])
            if not row["CustomerID"] or row["InvoiceNo"].startswith("C") or min(value) <= 0:
                continue
            key = int(float(row["CustomerID"])), row["InvoiceNo"]
            at = datetime.fromisoformat(row["InvoiceDate"]).replace(tzinfo=LONDON).astimezone(UTC)
            first, total = found.get(key, (at, 0.0))
            found[key] = min(first, at), total + value[0] * value[1]
    return found


def _orders_of(number: int) -> c.Condition:
    return c.FactLeaf("orders.count", (c.Test("is", number),))


SEGMENTS: dict[str, c.Condition] = {
    "repeat": c.FactLeaf("orders.count", (c.Test("at_least", 2),)),
    "repeat-by-events": c.EventLeaf(("Order Completed",), count=(c.Test("at_least", 2),)),
    "lapsed-90": c.FactLeaf("orders.last_at", (c.Test("older_than", Duration(90 * 86400)),)),
    "lapsed-180": c.FactLeaf("orders.last_at", (c.Test("older_than", Duration(180 * 86400)),)),
    "top": c.FactLeaf("orders.total", (c.Test("top", Share.parse("10%")),)),
    "ten-and-more": c.FactLeaf("orders.count", (c.Test("at_least", 10),)),
    **{f"orders-{number}": _orders_of(number) for number in range(1, 10)},
}


@pytest.mark.skipif(not FILE.exists(), reason=f"NO REAL DATA: {FILE.name} is not in LIFECYCLE_SHARED_DATA")
def test_segments_of_real_customers_give_the_reference_figures(store: Store) -> None:
    """Repeat customers, each number of orders, lapsed, top decile; and repeat customers half a year earlier."""
    history = orders()
    customers = sorted({customer for customer, _ in history})
    with store.write() as connection:
        connection.execute(insert(contacts), [_contact(customer) for customer in customers])
        rows = [_order(number, *key, *found) for number, (key, found) in enumerate(sorted(history.items()), 1)]
        connection.execute(insert(events), rows)
        rollup.fold_again(connection, customers)
    content = content_of([], SEGMENTS)
    with moment(store) as connection:
        counts = Headcount(connection, content, REFERENCE).counts()
    by_orders = [counts[f"orders-{number}"] for number in range(1, 10)]
    assert len(customers) == 4338
    assert by_orders == [1493, 835, 508, 388, 242, 172, 143, 98, 68]
    assert counts["ten-and-more"] == 391
    assert (counts["repeat"], counts["repeat-by-events"]) == (2845, 2845)
    assert (counts["lapsed-90"], counts["lapsed-180"], counts["top"]) == (1449, 861, 434)
    with moment(store) as connection:
        best = {member.id for member in Headcount(connection, content, REFERENCE).members("top")}
    assert round(sum(total for (customer, _), (_, total) in history.items() if customer in best), 2) == 5469382.46

    earlier = datetime(2011, 6, 1, tzinfo=UTC)
    seen = Counter(customer for (customer, _), (at, _) in history.items() if at <= earlier)
    with moment(store) as connection:
        then = Headcount(connection, content, earlier).counts()
    assert then["repeat"] == then["repeat-by-events"] == sum(number >= 2 for number in seen.values())
    assert then["top"] == -(-len(seen) // 10)


def _contact(customer: int) -> dict[str, Any]:
    return {
        "id": customer,
        "identifier": str(customer),
        "external_id": str(customer),
        "attributes": {},
        "created_at": REFERENCE,
    }


def _order(number: int, customer: int, invoice: str, at: datetime, total: float) -> dict[str, Any]:
    properties = {"order_id": invoice, "total": round(total, 2)}
    return {
        "id": number, "message_id": invoice, "contact_id": customer, "name": "Order Completed", "at": at,
        "received_at": at, "properties": properties, "live": False,
    }  # fmt: skip
