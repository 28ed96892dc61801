"""Who shops at Rihla and what they do: Segment messages, the same for the same seed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, TypeAlias

Message: TypeAlias = dict[str, Any]

#: (name, latin spelling for the address), by locale.
NAMES = {
    "en": [
        ("Sara", "sara"), ("Omar", "omar"), ("Lina", "lina"), ("Adam", "adam"), ("Maya", "maya"),
        ("Noah", "noah"), ("Layla", "layla"), ("Yusuf", "yusuf"), ("Dina", "dina"), ("Zaid", "zaid"),
    ],
    "ar": [
        ("سارة", "sarah"), ("عمر", "omr"), ("نورة", "noura"), ("فهد", "fahad"), ("ريم", "reem"),
        ("خالد", "khalid"), ("هند", "hind"), ("ماجد", "majed"), ("لمى", "lama"), ("بدر", "badr"),
    ],
}  # fmt: skip

#: product id, name, category, price in SAR
SHOES = (
    ("sahra", "Sahra Trail 2", "trail", 549),
    ("madar", "Madar Daily", "road", 429),
    ("najm", "Najm Race", "road", 699),
    ("dhil", "Dhil Recovery", "road", 379),
    ("sock", "Heat Sock", "kit", 45),
)


@dataclass(frozen=True, slots=True)
class Shopper:
    """One made-up person and the habits that decide what they do."""

    user_id: str
    first_name: str
    email: str
    locale: str
    timezone: str
    country: str
    birthday: date
    signed_up_at: datetime
    wants_offers: bool
    wants_letter: bool
    #: chance that a full bag is paid for
    buys: float
    #: chance that a mail is opened
    reads: float
    #: visits a month
    visits: float


def shoppers(count: int, seed: int, start: datetime, live: datetime, end: datetime) -> list[Shopper]:
    """Return `count` shoppers; four in five signed up before `live`, the others between `live` and `end`."""
    dice = Random(f"shoppers:{seed}")  # noqa: S311 - made-up people, no secrets
    found = []
    for index in range(count):
        locale = "en" if index == 0 or dice.random() < 0.45 else "ar"
        first, latin = NAMES[locale][0 if index == 0 else dice.randrange(10)]
        country, zone = dice.choices(
            [("SA", "Asia/Riyadh"), ("AE", "Asia/Dubai"), ("EG", "Africa/Cairo")], weights=[7, 2, 1]
        )[0]
        old = index == 0 or dice.random() < 0.8
        begin, until = (start, live) if old else (live, end - timedelta(days=2))
        email = "sara@example.com" if index == 0 else f"{latin}.{index}@example.com"
        found.append(
            Shopper(
                f"u-{index + 1}", first, email, locale, zone, country, date(1970, 1, 1) + timedelta(days=index * 97),
                begin + (until - begin) * dice.random(), dice.random() < 0.85, dice.random() < 0.5,
                dice.uniform(0.15, 0.7), dice.uniform(0.2, 0.85), dice.uniform(0.5, 3.5),
            )
        )  # fmt: skip
    return found


def life(shopper: Shopper, seed: int, end: datetime) -> Iterator[Message]:
    """Yield what the shopper does from signing up to `end`, in order of time: the history that a shop would have."""
    dice = Random(f"life:{seed}:{shopper.user_id}")  # noqa: S311 - made-up people, no secrets
    at = shopper.signed_up_at
    yield identify(shopper, at)
    yield track(
        shopper, "Signed Up", at + timedelta(seconds=2), {"source": dice.choice(["shop", "track day", "friend"])}
    )
    visit = 0
    while True:
        at += timedelta(days=dice.expovariate(shopper.visits / 30), minutes=5)
        if at >= end:
            return
        visit += 1
        yield from _visit(shopper, dice, at, f"{shopper.user_id}-{visit}", end)


def _visit(shopper: Shopper, dice: Random, at: datetime, name: str, end: datetime) -> Iterator[Message]:
    shoe = dice.choice(SHOES)
    yield track(shopper, "Product Viewed", at, _product(shoe))
    if dice.random() > 0.55:
        return
    lines = [_product(shoe) | {"quantity": 1}]
    at += timedelta(minutes=dice.uniform(1, 6))
    yield track(shopper, "Product Added", at, {"cart_id": f"c-{name}", **lines[0]})
    if dice.random() < 0.3:
        lines.append(_product(SHOES[-1]) | {"quantity": 2})
        at += timedelta(minutes=dice.uniform(1, 8))
        yield track(shopper, "Product Added", at, {"cart_id": f"c-{name}", **lines[1]})
    if dice.random() < 0.4:
        at += timedelta(minutes=dice.uniform(1, 4))
        yield track(
            shopper, "Checkout Started", at, {"cart_id": f"c-{name}", "value": _total(lines), "products": lines}
        )
    if dice.random() < shopper.buys:
        # most pay at once, some after a while: before the reminder, or long after it
        at += timedelta(minutes=dice.choice([4, 9, 12, 40, 40, 600]))
        yield from order(shopper, dice, at, f"R-{name}", lines, end)


def order(
    shopper: Shopper, dice: Random, at: datetime, order_id: str, lines: list[Message], end: datetime
) -> Iterator[Message]:
    """Yield an order and what follows from it: a review, seldom a refund."""
    if at >= end:
        return
    total = _total(lines)
    yield track(
        shopper, "Order Completed", at, {"order_id": order_id, "total": total, "currency": "SAR", "products": lines}
    )
    delivered = at + timedelta(days=dice.uniform(1.5, 4))
    if delivered < end:
        yield track(shopper, "Order Delivered", delivered, {"order_id": order_id})
    later = at + timedelta(days=dice.uniform(5, 12))
    if dice.random() < 0.05 and later < end:
        yield track(shopper, "Order Refunded", later, {"order_id": order_id, "total": total, "currency": "SAR"})
    elif dice.random() < 0.35 and later < end:
        rating = dice.choices([5, 4, 3, 2], weights=[6, 3, 1, 1])[0]
        review = {"product_id": lines[0]["product_id"], "product_name": lines[0]["name"], "rating": rating}
        yield track(shopper, "Review Submitted", later, review)


def identify(shopper: Shopper, at: datetime) -> Message:
    """Return the message by which the shop tells us of the shopper, consent included."""
    said = {"at": at.isoformat(), "source": "sign-up form", "text": "Yes, write to me"}
    traits = {
        "email": shopper.email, "first_name": shopper.first_name, "locale": shopper.locale,
        "timezone": shopper.timezone, "country": shopper.country, "createdAt": at.isoformat(),
        "birthday": shopper.birthday.isoformat(),
        "consent": {
            "offers": {"granted": shopper.wants_offers, **said},
            "newsletter": {"granted": shopper.wants_letter, **said},
        },
    }  # fmt: skip
    return {
        "type": "identify", "messageId": f"demo-{shopper.user_id}-identify", "userId": shopper.user_id,
        "timestamp": at.isoformat(), "traits": traits,
    }  # fmt: skip


def track(shopper: Shopper, event: str, at: datetime, properties: Message) -> Message:
    """Return one event of the shopper."""
    stamp = f"{at:%Y%m%dT%H%M%S%f}"
    return {
        "type": "track", "messageId": f"demo-{shopper.user_id}-{event.replace(' ', '')}-{stamp}",
        "userId": shopper.user_id, "event": event, "timestamp": at.isoformat(), "properties": properties,
    }  # fmt: skip


def _product(shoe: tuple[str, str, str, int]) -> Message:
    product_id, name, category, price = shoe
    url = f"https://rihla.example/shoes/{product_id}"
    return {"product_id": product_id, "name": name, "category": category, "price": price, "url": url}


def _total(lines: list[Message]) -> int:
    return int(sum(line["price"] * line["quantity"] for line in lines))
