"""One contact's future in virtual time: the same turns and the same release as in earnest, and nothing leaves.

Contacts do not touch each other, so each is rehearsed by itself, from instant to instant: events, timers, reviews, held
mails. Nobody opens or clicks unless the history says so.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from lifecycle.audience.state import ContactState, MessageFact
from lifecycle.intake.facts import EventFact
from lifecycle.journey.contact import ContactTurn, Tracked, Turn, World
from lifecycle.journey.entry import AFTER_EVENTS, Act, CancelOpen, Entry, PassOver, Reach
from lifecycle.journey.policy import Go, Hold, Release, Skip, judge
from lifecycle.spec.model import Campaign, Emit


@dataclass(frozen=True, slots=True)
class Row:
    """A ledger row as `simulate` prints it: `outcome` is sent or skipped; `at` is when that was decided."""

    at: datetime
    campaign: str
    step: str
    contact: str
    outcome: str
    reason: str
    #: what a journey test may look at beside
    template: str = ""
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class _Held:
    """A mail that was reached and has not left yet."""

    campaign: Campaign
    effect: Reach
    entry: Entry


class Rehearsal:
    """Rehearses contacts over [start, end]. Rows come contact by contact, each contact's in order of time."""

    def __init__(self, world: World, *, name: Callable[[ContactState], str] | None = None) -> None:
        self._world = world
        self._name = name or (lambda state: state.external_id or state.email or state.identifier)
        #: events and decisions handled so far
        self.handled = 0

    def contact(
        self, state: ContactState, end: datetime, *, entries: Iterable[Entry] = (), start: datetime | None = None
    ) -> Iterator[Row]:
        """Yield the rows of one contact up to and including `end`; its live events up to then are its triggers."""
        return _ContactRehearsal(self, self._world, state, self._name(state)).run(list(entries), start, end)


class _ContactRehearsal:
    def __init__(self, rehearsal: Rehearsal, world: World, state: ContactState, name: str) -> None:
        self._rehearsal = rehearsal
        self._world = world
        self._state = state
        self._name = name
        self._entries: list[Entry] = []
        self._held: list[tuple[datetime, int, int, _Held]] = []
        self._numbers = count(1)
        self._emitted = count(AFTER_EVENTS // 2)

    def run(self, entries: list[Entry], start: datetime | None, end: datetime) -> Iterator[Row]:
        self._entries = entries
        pending = [event for event in self._state.events if event.at <= end and (start is None or event.at >= start)]
        pending.reverse()
        review_at: datetime | None = start
        while True:
            due = min((entry.due_at for entry in self._entries if entry.due_at and entry.is_open), default=None)
            held = self._held[0][0] if self._held else None
            times = [at for at in (pending[-1].at if pending else None, due, review_at, held) if at is not None]
            if not times or min(times) > end:
                return
            now = min(times)
            events: list[EventFact] = []
            while pending and pending[-1].at == now:
                events.append(pending.pop())
            turn = ContactTurn(self._world, self._state, self._entries, now).run(events, review_at=review_at)
            self._rehearsal.handled += len(events) + 1
            review_at = turn.review_at
            emitted: list[EventFact] = []
            yield from self._take(turn, now, emitted)
            for event in emitted:
                self._insert(pending, event)
            yield from self._release(now)

    def _insert(self, pending: list[EventFact], event: EventFact) -> None:
        pending.append(event)
        pending.sort(key=lambda found: found.order, reverse=True)
        self._state.events.append(event)
        self._state.events.sort(key=lambda found: found.order)

    def _take(self, turn: Turn, now: datetime, emitted: list[EventFact]) -> Iterator[Row]:
        self._entries = []
        for tracked in turn.entries:
            self._rehearsal.handled += len(tracked.effects)
            entry = tracked.entry
            if entry.id is None and entry.state != "refused":
                entry = replace(entry, id=next(self._numbers))
            yield from self._effects(tracked, entry, now, emitted)
            if entry.state != "refused":
                self._entries.append(entry)

    def _effects(self, tracked: Tracked, entry: Entry, now: datetime, emitted: list[EventFact]) -> Iterator[Row]:
        campaign = self._world.content.campaigns.get(entry.campaign)
        if campaign is None:
            return
        for effect in tracked.effects:
            match effect:
                case Reach():
                    held = _Held(campaign, effect, entry)
                    heapq.heappush(self._held, (effect.at, -campaign.priority, next(self._numbers), held))
                case PassOver():
                    yield self._row(effect.at, campaign, effect, "skipped", effect.reason)
                case CancelOpen(reason=reason):
                    yield from self._cancel(entry, reason, now)
                case Act(step=Emit(event=name, properties=properties), made=made):
                    source = str(made["message_id"])
                    emitted.append(EventFact(next(self._emitted), name, now, properties, message_id=source))
                case _:
                    continue

    def _cancel(self, entry: Entry, reason: str, now: datetime) -> Iterator[Row]:
        kept = []
        for item in self._held:
            if item[3].entry.id == entry.id:
                yield self._row(now, item[3].campaign, item[3].effect, "skipped", reason)
            else:
                kept.append(item)
        heapq.heapify(kept)
        self._held = kept

    def _release(self, now: datetime) -> Iterator[Row]:
        while self._held and self._held[0][0] <= now:
            _, priority, number, held = heapq.heappop(self._held)
            asking = Release(
                held.campaign.campaign, held.campaign.kind, held.campaign.topic, held.effect.deadline_at,
            )  # fmt: skip
            match judge(asking, self._state, self._world.content, now):
                case Go():
                    self._state.messages.append(self._sent(held, now))
                    yield self._row(now, held.campaign, held.effect, "sent", "")
                case Hold(until=until):
                    heapq.heappush(self._held, (until, priority, number, held))
                case Skip(reason=reason):
                    yield self._row(now, held.campaign, held.effect, "skipped", reason)

    def _sent(self, held: _Held, now: datetime) -> MessageFact:
        return MessageFact(
            held.campaign.campaign, held.effect.step.id, held.entry.occurrence, "sent", held.campaign.topic,
            held.campaign.kind, sending_at=now, sent_at=now,
        )  # fmt: skip

    def _row(self, at: datetime, campaign: Campaign, effect: Reach | PassOver, outcome: str, reason: str) -> Row:
        step = effect.step
        return Row(at, campaign.campaign, step.id, self._name, outcome, reason, step.template, effect.variant)
