"""A small project written in the content language, and one contact who lives in it turn by turn, without a database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from lifecycle.audience.state import ConsentChange, ContactState
from lifecycle.intake.facts import EventFact
from lifecycle.intake.news import ANYTHING, NOTHING, News
from lifecycle.journey.contact import ContactTurn, Turn, World
from lifecycle.journey.entry import Decided, Effect, Entry, PassOver, Reach
from lifecycle.spec.model import Campaign, Content
from lifecycle.spec.project import load

#: A Sunday, ten in the morning in Riyadh is seven UTC; tests begin at nine UTC.
START = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

TEMPLATE = """---
subject: "Hello {{ contact.first_name }}"
---
<mjml><mj-body><mj-section><mj-column>
<mj-text>Hello <a href="{{ unsubscribe_url }}">unsubscribe</a></mj-text>
</mj-column></mj-section></mj-body></mjml>
"""
PROJECT = """
project: lab
brand: {name: Lab, url: "https://lab.example", postal_address: Somewhere 1}
senders: {main: {from: hello@lab.example, name: Lab}}
locales: {default: en, available: [en, ar]}
timezone: Asia/Riyadh
currency: SAR
topics: {offers: {label: Offers, default: granted}}
stages:
  - {stage: awareness, label: Awareness, funnel: tofu, when: {contact.email: {exists: true}}}
  - {stage: decision, label: Decision, funnel: bofu, when: {event: Checkout Started, within: 2d}}
  - {stage: retention, label: Retention, funnel: post, when: {event: Order Completed}, keep_for: 10d}
policies: POLICIES
rewards: {tiers: [{tier: gold, from: 100, label: Gold}]}
events:
  Product Added: {properties: {cart_id: text, product_id: text, price: number, quantity: int}}
  Product Removed: {properties: {cart_id: text, product_id: text, quantity: int}}
  Checkout Started: {properties: {cart_id: text}}
  Order Completed: {properties: {order_id: text, total: number, deliver_on: instant}}
  Signed Up: {}
  Ping: {properties: {n: int}}
  Pong: {}
contact: {attributes: {name: text, vip: bool, birthday: date, score: int, role: text}}
account: {attributes: {plan: text}}
"""


@cache
def project(policies: str = "{}") -> str:
    """Return lifecycle.yaml with these policies."""
    return PROJECT.replace("POLICIES", policies)


def content_of(*campaigns: str, policies: str = "{}", segments: Mapping[str, str] | None = None) -> Content:
    """Return the content of a project with these campaigns, each the text of a file; says what is wrong with them."""
    files = {"lifecycle.yaml": project(policies)}
    for text in campaigns:
        name = text.split("campaign:", 1)[1].split("\n", 1)[0].strip()
        files[f"campaigns/{name}.yaml"] = text
        files |= {f"templates/{found}.mjml": TEMPLATE for found in re.findall(r"send: ([\w/-]+)", text)}
    for name, where in (segments or {}).items():
        files[f"segments/{name}.yaml"] = f"segment: {name}\nlabel: {name}\nwhere: {where}\n"
    loaded = load(files)
    assert loaded.content is not None, [str(found) for found in loaded.diagnostics if found.is_error]
    return loaded.content


def campaign_of(text: str) -> tuple[Campaign, Content]:
    """Return the campaign of the text, and the content it stands in."""
    content = content_of(text)
    return next(iter(content.campaigns.values())), content


class Person:
    """One contact and their turns: what they do, what time brings, and what the journey makes of it."""

    def __init__(self, content: Content, *, versions: Mapping[str, Content] | None = None, **columns: Any) -> None:
        self.world = World(content, lambda wanted: (versions or {})[wanted] if versions else content)
        self.state = ContactState(
            1, "sara", START - DAY, external_id="sara", email="sara@example.com", timezone="UTC", **columns
        )
        self.entries: list[Entry] = []
        self.effects: list[tuple[str, Effect]] = []
        self.review_at: datetime | None = None
        self.reviews: list[Any] = []
        self._numbers = iter(range(1, 10_000))

    def does(
        self, after: timedelta, *names: str, now: timedelta | None = None, live: bool = True, **properties: Any
    ) -> Turn:
        """Let the contact cause events at START + after, handled at once or at START + now."""
        events = []
        for name in names:
            number = next(self._numbers)
            events.append(EventFact(number, name, START + after, properties, live, f"m{number}"))
        self.state.events = sorted([*self.state.events, *events], key=lambda event: event.order)
        return self._turn(START + (after if now is None else now), events)

    def lives_until(self, after: timedelta) -> None:
        """Let time pass to START + after, with a turn at each due instant."""
        end = START + after
        while (due := self._due()) is not None and due <= end:
            self._turn(due, [])

    def wakes_at(self, after: timedelta) -> Turn:
        """Have one turn at START + after, as an engine that was down until then."""
        return self._turn(START + after, [])

    def changes(self, after: timedelta, **attributes: Any) -> Turn:
        """Change attributes, or with `consent` a topic's consent."""
        consent: Mapping[str, bool] = attributes.pop("consent", {})
        self.state.attributes = {**self.state.attributes, **attributes}
        self.state.consents += [ConsentChange(topic, granted, START + after) for topic, granted in consent.items()]
        return self._turn(START + after, [], changed=ANYTHING)

    @property
    def entry(self) -> Entry:
        """Return the only enrolment."""
        [found] = self.entries
        return found

    def states(self) -> list[tuple[str, str]]:
        """Return state and reason of each enrolment, in the order of opening."""
        return [(entry.state, entry.reason) for entry in self.entries]

    def mails(self, campaign: str | None = None) -> list[tuple[timedelta, str]]:
        """Return the mails that were reached: (time since START, step)."""
        return [
            (effect.at - START, effect.step.id) for name, effect in self.effects
            if isinstance(effect, Reach) and campaign in {None, name}
        ]  # fmt: skip

    def passed_over(self) -> list[tuple[str, str]]:
        """Return the mails that were reached and never leave: (step, reason)."""
        return [(effect.step.id, effect.reason) for _, effect in self.effects if isinstance(effect, PassOver)]

    def decisions(self) -> list[str]:
        """Return what was decided, in order."""
        return [effect.decision for _, effect in self.effects if isinstance(effect, Decided)]

    def _due(self) -> datetime | None:
        times = [entry.due_at for entry in self.entries if entry.is_open] + [self.review_at]
        return min((at for at in times if at is not None), default=None)

    def _turn(self, now: datetime, events: list[EventFact], *, changed: News = NOTHING) -> Turn:
        open_before = [entry for entry in self.entries if entry.state != "refused"]
        refused = [entry for entry in self.entries if entry.state == "refused"]
        turn = ContactTurn(self.world, self.state, open_before, now).run(
            events, changed=changed, review_at=self.review_at
        )
        self.entries = refused + [tracked.entry for tracked in turn.entries]
        self.entries.sort(key=lambda entry: entry.opened_at)
        for tracked in turn.entries:
            self.effects += [(tracked.entry.campaign, effect) for effect in tracked.effects]
        self.review_at = turn.review_at
        self.reviews += turn.reviews
        return turn
