"""A synthetic click log: the same shoppers for the same seed, as Segment messages in the order of arrival."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

FIRST = datetime(2026, 10, 20, 0, 0, tzinfo=UTC)
#: How often each thing happens, in hundredths.
_MIX = (("Product Viewed", 40), ("Product Added", 28), ("Product Removed", 6), ("Checkout Started", 12),
        ("Order Completed", 10), ("Signed Up", 2), ("Review Submitted", 2))  # fmt: skip


def click_log(people: int, days: int, seed: int, *, topics: Sequence[str] = ("offers",)) -> list[dict[str, Any]]:
    """Return the messages of so many people over so many days: sign-ups, views, carts and orders, in bursts."""
    messages = [message for number in range(people) for message in life(number, days, seed, topics)]
    return sorted(messages, key=lambda message: str(message["timestamp"]))


def life(number: int, days: int, seed: int, topics: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the messages of one of them, in the order of time."""
    dice = Random(f"{seed}:{number}")  # noqa: S311 - a made-up log, not a secret
    name = f"p{number:05d}"
    at = FIRST + timedelta(minutes=dice.randrange(days * 720))
    consent = {topic: dice.random() < 0.9 for topic in topics}
    traits = {
        "email": f"{name}@example.com",
        "consent": consent,
        "timezone": dice.choice(["Asia/Riyadh", "Europe/London"]),
    }
    yield {"type": "identify", "userId": name, "messageId": f"{name}-0", "timestamp": at.isoformat(), "traits": traits}
    end = FIRST + timedelta(days=days)
    step = 0
    while True:
        # whole seconds, minutes apart within a visit; often exactly an hour, so that instants meet
        gap = dice.choice([7, 60, 600, 1800, 3600, 3600, 7200, 86400, 172800])
        at += timedelta(seconds=gap if dice.random() < 0.4 else dice.randrange(1, 2 * gap))
        if at >= end:
            return
        step += 1
        kind = dice.choices([what for what, _ in _MIX], [often for _, often in _MIX])[0]
        product = {
            "product_id": f"shoe{dice.randrange(5)}",
            "name": "Shoe",
            "price": 100 + dice.randrange(500),
            "quantity": 1,
        }
        properties: dict[str, Any] = dict(product)
        if kind in {"Product Added", "Checkout Started", "Product Removed"}:
            properties["cart_id"] = f"{name}-cart"
        if kind == "Checkout Started":
            properties = {"cart_id": f"{name}-cart", "products": [product]}
        if kind == "Order Completed":
            properties = {"order_id": f"{name}-{step}", "total": product["price"], "products": [product]}
        if kind == "Review Submitted":
            properties = {"product_id": product["product_id"], "rating": dice.randrange(1, 6)}
        yield {
            "type": "track", "userId": name, "event": kind, "messageId": f"{name}-{step}",
            "timestamp": at.isoformat(), "properties": properties,
        }  # fmt: skip
