"""The past of a shop as the pattern of its future: what its contacts did in the last days, they do again.

Each contact lives the days before the start once more, or those of another contact in its stage whom the seed draws,
again and again until the end; and as many come anew as came then, each to live what was seen of one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from lifecycle.audience.state import ContactState
from lifecycle.base.ids import bucket
from lifecycle.intake.facts import EventFact
from lifecycle.journey.entry import AFTER_EVENTS

#: Properties that name one thing that happens once: the next time it is another.
_NAMES = ("order_id", "cart_id", "checkout_id")


@dataclass(frozen=True, slots=True)
class Pattern:
    """The days before `start`, `length` of them, repeated until `end`. Seed 0: everybody goes on as himself."""

    start: datetime
    end: datetime
    length: timedelta
    seed: int = 0

    def lives(self, states: Sequence[ContactState]) -> list[list[EventFact]]:
        """Return what each of the contacts will do; `states` still know what they did. Those drawn are among them."""
        done = [self._done(state) for state in states]
        by_stage: dict[str | None, list[int]] = {}
        for place, state in enumerate(states):
            by_stage.setdefault(state.stage, []).append(place)
        found = []
        for place, state in enumerate(states):
            like = by_stage[state.stage]
            drawn = place
            if self.seed:
                drawn = like[int(bucket(state.identifier, f"pattern:{self.seed}") * len(like))]
            # numbered in their order, past every stored event and before those that steps emit
            again = enumerate(self._again(done[drawn]), AFTER_EVENTS // 4)
            found.append([replace(event, id=number) for number, event in again])
        return found

    def newcomers(self, state: ContactState) -> Iterator[ContactState]:
        """Yield those who will come as this contact came, if it came in the days of the pattern."""
        if state.erased or not self.start - self.length < state.created_at <= self.start:
            return
        done = self._done(state)
        for times in count(1):
            moved = times * self.length
            if state.created_at + moved >= self.end:
                return
            name = state.external_id or state.email or state.identifier
            yield ContactState(
                id=-(state.id * 1_000_000 + times), identifier=f"{state.identifier}+{times}",
                created_at=state.created_at + moved, external_id=f"new:{name}" + (f":{times}" if times > 1 else ""),
                email=state.email, locale=state.locale, timezone=state.timezone, attributes=dict(state.attributes),
                account=state.account, events=[_moved(event, times, moved) for event in done],
                consents=[replace(said, at=said.at + moved) for said in state.consents if said.at <= self.start],
            )  # fmt: skip

    def _done(self, state: ContactState) -> list[EventFact]:
        return [event for event in state.events if self.start - self.length < event.at <= self.start]

    def _again(self, done: Sequence[EventFact]) -> Iterator[EventFact]:
        if not done:
            return
        for times in count(1):
            moved = times * self.length
            if self.start - self.length + moved >= self.end:
                return
            for event in done:
                if event.at + moved < self.end:
                    yield _moved(event, times, moved)


def _moved(event: EventFact, times: int, by: timedelta) -> EventFact:
    """Return the event as it happens again: another order, another cart."""
    told: dict[str, Any] = dict(event.properties)
    told |= {name: f"{told[name]}+{times}" for name in _NAMES if told.get(name) is not None}
    return EventFact(event.id, event.name, event.at + by, told, message_id=f"{event.message_id}+{times}")
