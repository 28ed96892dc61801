"""`lifecycle simulate --events`: a file of any date is replayed by its own timestamps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lifecycle.cli.init import copy_sample
from lifecycle.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

LINE = {"product_id": "p", "name": "Madar", "price": 10, "quantity": 1}


def test_events_dated_years_from_now_are_replayed_when_they_say(tmp_path: Path) -> None:
    """No timestamp of a file is clamped to the day on which it is replayed; who ordered gets no reminder."""
    shop, out, source = tmp_path / "shop", tmp_path / "rows.ndjson", tmp_path / "events.ndjson"
    copy_sample(shop)
    messages = []
    for name in ("lina", "omar"):
        traits = {"email": f"{name}@example.com", "consent": {"offers": True}}
        messages += [
            {"type": "identify", "userId": name, "timestamp": "2041-03-01T09:00:00Z", "traits": traits},
            {"type": "track", "userId": name, "timestamp": "2041-03-01T10:00:00Z", "event": "Product Added",
             "properties": {"cart_id": name, **LINE}},
        ]  # fmt: skip
    bought = {"order_id": "o1", "total": 10}
    messages.append(
        {"type": "track", "userId": "omar", "timestamp": "2041-03-01T10:40:00Z", "event": "Order Completed",
         "properties": bought}
    )  # fmt: skip
    source.write_text("\n".join(json.dumps(message) for message in messages), encoding="utf-8")
    command = ["simulate", "--events", f"{source}", "--from", "2041-03-01", "--to", "2041-03-02", "--out", f"{out}"]
    assert run(["-C", f"{shop}", *command, "--campaign", "cart-abandonment"]) == 0
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [(row["at"], row["step"], row["contact"], row["outcome"]) for row in rows] == [
        ("2041-03-01T11:00:00Z", "cart/reminder", "lina", "sent")
    ]
