"""All that is known of one contact, as data: what the journey decides on. No SQL here.

`load` (journey.advance) fills it from the tables, `simulate` and journey tests from a file; conditions are evaluated on
it by `audience.evaluate`, for any moment not before the last one asked about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lifecycle.intake.facts import EventFact, FactSheet, fold


@dataclass(frozen=True, slots=True)
class ConsentChange:
    """What a contact said about a topic, and when."""

    topic: str
    granted: bool
    at: datetime


@dataclass(slots=True)
class MessageFact:
    """A ledger row as conditions and caps see it. Instants are None until the thing happened; opens are human."""

    campaign: str
    step: str
    occurrence: str
    state: str
    topic: str | None = None
    kind: str = "marketing"
    #: when it took its place under the caps: the commit of `sending`
    sending_at: datetime | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    opened_at: datetime | None = None
    clicked_at: datetime | None = None
    bounced_at: datetime | None = None
    complained_at: datetime | None = None


@dataclass(slots=True)
class MembershipFact:
    """The latest stay in a segment, or, under `stage:ID`, the latest stretch in which a stage's condition held."""

    entered_at: datetime
    left_at: datetime | None = None


@dataclass(slots=True)
class ContactState:
    """One contact. `events` and `consents` are in order of time and may reach past the moment asked about."""

    id: int
    identifier: str
    created_at: datetime
    external_id: str | None = None
    email: str | None = None
    locale: str | None = None
    timezone: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    account: Mapping[str, Any] = field(default_factory=dict)
    erased: bool = False
    suppressed: str | None = None
    stage: str | None = None
    stage_since_at: datetime | None = None
    #: the stages whose own condition holds, and when time may next change each segment and each `stage:ID`; None: not
    #: known, so that all are asked (audience.review)
    holding: frozenset[str] | None = None
    flips: dict[str, datetime] | None = None
    events: list[EventFact] = field(default_factory=list)
    consents: list[ConsentChange] = field(default_factory=list)
    messages: list[MessageFact] = field(default_factory=list)
    memberships: dict[str, MembershipFact] = field(default_factory=dict)
    #: facts that are kept elsewhere than in events: points.balance, points.tier, nps.score, referrals.count
    kept: dict[str, Any] = field(default_factory=dict)
    _sheet: FactSheet = field(default_factory=FactSheet, repr=False)
    _folded: int = field(default=0, repr=False)

    def sheet(self, at: datetime) -> FactSheet:
        """Return the facts after every event up to and including `at`. Going back folds again from the start."""
        if self._folded and self.events[self._folded - 1].at > at:
            self._sheet, self._folded = FactSheet(), 0
        while self._folded < len(self.events) and self.events[self._folded].at <= at:
            fold(self._sheet, self.events[self._folded])
            self._folded += 1
        return self._sheet

    def know(self, sheet: FactSheet, events: list[EventFact]) -> None:
        """Take facts that are stored, and only some events: enough for a mail, which asks about now alone."""
        self.events = sorted(events, key=lambda event: event.order)
        self._sheet, self._folded = sheet, len(self.events)

    def recall(self, events: list[EventFact]) -> None:
        """Take further events, which the stored facts count already (see `know`)."""
        known = {event.id for event in self.events}
        self.know(self._sheet, self.events + [event for event in events if event.id not in known])

    def fact(self, name: str, at: datetime) -> Any:
        """Return a fact by the name that conditions use, None when the contact does not have it."""
        return self.sheet(at).value(name) if name.startswith(("orders.", "cart.", "views.")) else self.kept.get(name)

    def consents_to(self, topic: str, at: datetime, *, default: bool) -> bool:
        """Say whether the contact consents to `topic` at `at`: its last word up to then, else `default`."""
        granted = default
        for change in self.consents:
            if change.topic == topic and change.at <= at:
                granted = change.granted
        return granted
