"""A small shop's content, and a pen to write its ledger with."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert

from lifecycle.base.clock import ManualClock
from lifecycle.spec.model import Content
from lifecycle.spec.project import load
from lifecycle.store import tables
from lifecycle.store.engine import Store

_BODY = """<mjml lang="en"><mj-head><mj-title>Mail</mj-title></mj-head><mj-body><mj-section><mj-column>
<mj-text>Hello. {{ brand.postal_address }} <a href="{{ unsubscribe_url }}">Unsubscribe</a></mj-text>
</mj-column></mj-section></mj-body></mjml>
"""

FILES = {
    "lifecycle.yaml": """
project: shop
brand: {name: Shop, url: "https://shop.example", postal_address: "1 Street, Riyadh"}
senders: {shop: {from: hello@shop.example, name: Shop}}
locales: {default: en, available: [en]}
timezone: Asia/Riyadh
currency: SAR
topics:
  offers: {label: Offers}
  news: {label: News, default: granted}
stages:
  - {stage: awareness, label: Awareness, funnel: tofu, needs: [To know us], moment: First look, actions: [Welcome],
     when: {contact.email: {exists: true}}}
  - {stage: decision, label: Decision, funnel: bofu, when: {cart.items: {at_least: 1}}}
  - {stage: retention, label: Retention, funnel: post, when: {orders.count: {at_least: 1}}}
  - {stage: advocacy, label: Advocacy, funnel: post, when: {orders.count: {at_least: 5}}}
policies: {attribution: {click: 5d}}
events:
  Signed Up: {properties: {source: text}}
  Order Completed: {properties: {order_id: text, total: number}}
  Order Refunded: {properties: {order_id: text, total: number}}
""",
    "campaigns/welcome.yaml": """
campaign: welcome
label: Welcome
stage: awareness
topic: offers
trigger: {event: Signed Up}
goal: {event: Order Completed, within: 7d, value: properties.total}
holdout: 20%
steps:
  - send: hello
  - wait: 2d
  - send: tips
""",
    "campaigns/subject-test.yaml": """
campaign: subject-test
stage: decision
topic: offers
trigger: {event: Signed Up}
goal: {event: Order Completed, within: 7d, value: properties.total}
steps:
  - id: subject
    split:
      - {variant: short, weight: 1, steps: [{send: hello, id: hello-short}]}
      - {variant: long, weight: 3, steps: [{send: hello, id: hello-long}]}
""",
    "campaigns/spring.yaml": """
campaign: spring
stage: decision
topic: offers
trigger: manual
goal: {event: Order Completed, within: 14d, value: properties.total}
steps:
  - send: hello
""",
    "templates/hello.mjml": "---\nsubject: Hello\n---\n" + _BODY,
    "templates/tips.mjml": "---\nsubject: Tips\n---\n" + _BODY,
}


@pytest.fixture(scope="session")
def files() -> dict[str, str]:
    """Return the shop's files, by path."""
    return FILES


@pytest.fixture(scope="session")
def content() -> Content:
    """Return the shop's content."""
    loaded = load(FILES)
    assert loaded.content is not None, [found for found in loaded.diagnostics if found.is_error]
    return loaded.content


class Pen:
    """Writes rows as the stages would have; every instant is hours after the pen's start."""

    def __init__(self, store: Store, start: datetime) -> None:
        self.store = store
        self.start = start
        self._serial = 0

    def at(self, hours: float) -> datetime:
        """Return the instant so many hours after the start."""
        return self.start + timedelta(hours=hours)

    def put(self, table: Any, **values: Any) -> int:
        """Insert one row and return its key."""
        with self.store.write() as connection:
            key = connection.execute(insert(table).values(**values)).inserted_primary_key
        assert key is not None
        return int(key[0]) if isinstance(key[0], int) else 0

    def contact(self, name: str = "", **values: Any) -> int:
        """Insert a contact NAME@example.com."""
        self._serial += 1
        name = name or f"c{self._serial}"
        defaults = {
            "identifier": name, "external_id": name, "email": f"{name}@example.com", "created_at": self.start,
            "attributes": {},
        }  # fmt: skip
        return self.put(tables.contacts, **defaults | values)

    def message(
        self, contact: int, state: str, *, campaign: str = "welcome", step: str = "hello", **values: Any
    ) -> int:
        """Insert a ledger row, reached at hour `hour`, as of an enrolment unless `enrolment_id` says None."""
        self._serial += 1
        hour = values.pop("hour", 0.0)
        sent = state in {"sent", "delivered", "bounced"}
        defaults = {
            "campaign": campaign, "step": step, "contact_id": contact, "occurrence": f"o{self._serial}",
            "version": "v1", "kind": "marketing", "template": step, "state": state, "reached_at": self.at(hour),
            "due_at": self.at(hour), "message_id": f"<{self._serial}@shop.example>", "enrolment_id": 0,
            "sent_at": self.at(hour) if sent else None, "provider": "smtp" if sent else None, "reason": "",
            "data": {}, "links": {}, "priority": 50, "fence": 0, "crashes": 0, "attempts": int(sent), "detail": "",
        }  # fmt: skip
        return self.put(tables.messages, **defaults | values)

    def hit(self, message: int, contact: int, kind: str, hour: float, verdict: str = "human") -> int:
        """Insert a hit."""
        return self.put(
            tables.hits, message_row=message, contact_id=contact, kind=kind, at=self.at(hour), verdict=verdict,
            method="GET", user_agent="", ip="", why="",
        )  # fmt: skip

    def order(self, contact: int, order_id: str, hour: float, total: str, refunded: str = "0") -> None:
        """Insert an order."""
        self.put(
            tables.orders, contact_id=contact, order_id=order_id, at=self.at(hour), total=Decimal(total),
            refunded=Decimal(refunded),
        )  # fmt: skip

    def event(self, contact: int, name: str, hour: float, **properties: Any) -> None:
        """Insert an event."""
        self._serial += 1
        self.put(
            tables.events, message_id=f"e{self._serial}", contact_id=contact, name=name, at=self.at(hour),
            received_at=self.at(hour), properties=properties, live=False,
        )  # fmt: skip

    def enrolment(self, contact: int, state: str, *, campaign: str = "welcome", **values: Any) -> int:
        """Insert an enrolment, opened and active at hour `hour`."""
        self._serial += 1
        hour = values.pop("hour", 0.0)
        defaults = {
            "campaign": campaign, "contact_id": contact, "entry_key": f"k{self._serial}",
            "occurrence": f"o{self._serial}", "version": "v1", "state": state, "reason": "",
            "opened_at": self.at(hour), "anchor_at": self.at(hour), "activated_at": self.at(hour), "position": [],
            "arm": "treated", "variants": {}, "context": {},
        }  # fmt: skip
        return self.put(tables.enrolments, **defaults | values)

    def transition(self, contact: int, before: str | None, after: str | None, hour: float) -> None:
        """Insert a change of stage."""
        self.put(
            tables.stage_transitions, contact_id=contact, before=before, after=after, at=self.at(hour), cause="time"
        )

    def consent(self, contact: int, topic: str, *, granted: bool, hour: float) -> None:
        """Insert a consent."""
        self.put(
            tables.consents, contact_id=contact, topic=topic, granted=granted, at=self.at(hour), source="", text=""
        )


@pytest.fixture
def pen(store: Store, clock: ManualClock) -> Pen:
    """Return a pen over the store."""
    return Pen(store, clock.now())
