"""One contact's future in virtual time: the same turns and the same release as in earnest, and nothing leaves.

Contacts do not touch each other, so each is rehearsed by itself, from instant to instant: events, changes of consent,
timers, reviews, what time brings, held mails. Nobody opens or clicks unless the history says so.
"""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import TypeAlias

from lifecycle.audience.setting import asks_of_sending
from lifecycle.audience.state import ConsentChange, ContactState, MessageFact
from lifecycle.audience.windows import zone_name
from lifecycle.intake.facts import EventFact
from lifecycle.intake.news import NOTHING, News
from lifecycle.journey.contact import ContactTurn, Tracked, World
from lifecycle.journey.enrol import Opening
from lifecycle.journey.entry import AFTER_EVENTS, Act, CancelOpen, Entry, PassOver, Reach
from lifecycle.journey.policy import Go, Hold, Release, Skip, judge
from lifecycle.journey.timed import Slot, is_for, opening_in, slots
from lifecycle.plan.rows import Row
from lifecycle.spec.model import Campaign, Emit, Points

#: What a rehearsal looks forward to.
_Ahead: TypeAlias = "EventFact | ConsentChange | News | tuple[Campaign, Opening]"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mail that was reached and has not left yet, and when it asks again."""

    due_at: datetime
    effect: Reach
    campaign: str
    occurrence: str
    #: of the enrolment; None where it is not known
    entry_id: int | None


class Rehearsal:
    """Rehearses contacts up to `end`. Rows come contact by contact, each contact's in order of time."""

    def __init__(
        self, world: World, end: datetime, *, timed_after: datetime | None = None,
        name: Callable[[ContactState], str] | None = None,
    ) -> None:  # fmt: skip
        """Let time bring what it brings in (timed_after, end]; nothing, without."""
        self.world = world
        self.end = end
        self.asks_of_sending = asks_of_sending(world.content)
        self.name = name or (lambda state: state.external_id or state.email or state.identifier)
        #: events and decisions handled so far
        self.handled = 0
        self._slots: list[tuple[Slot, Campaign]] = []
        self._by_zone: dict[str, list[tuple[Slot, Campaign]]] = {}
        if timed_after is not None:
            for campaign in world.content.campaigns.values():
                if campaign.status == "live" and world.only in {None, campaign.campaign}:
                    self._slots += [(slot, campaign) for slot in slots(campaign, world.content, timed_after, end)]
        self._slots.sort(key=lambda found: (found[0].at, -found[1].priority, found[1].campaign))

    def contact(
        self,
        state: ContactState,
        *,
        entries: Iterable[Entry] = (),
        after: datetime | None = None,
        waiting: Iterable[Waiting] = (),
        joining: Iterable[tuple[Campaign, Opening]] = (),
        review_at: datetime | None = None,
    ) -> Iterator[Row]:
        """Yield the rows of one contact from `after` (None: its first event) up to and including the end.

        Of the contact's events and words of consent those later than `after` are news; what was due before is late, and
        is done then. `waiting` mails have not left yet; `joining` openings are triggers beside.
        """
        one = _ContactRehearsal(self, state, list(entries), waiting)
        return one.run(after, list(joining), review_at)

    def slots_of(self, state: ContactState) -> list[tuple[Slot, Campaign]]:
        """Return what time brings for this contact, in order of time."""
        if not self._slots:
            return []
        content = self.world.content
        zone = zone_name(state.timezone, content.project.timezone)
        if zone not in self._by_zone:
            self._by_zone[zone] = [found for found in self._slots if found[0].zones is None or zone in found[0].zones]
        return [found for found in self._by_zone[zone] if is_for(found[0], found[1], state, content)]


class _ContactRehearsal:
    def __init__(
        self, rehearsal: Rehearsal, state: ContactState, entries: list[Entry], waiting: Iterable[Waiting]
    ) -> None:
        self._rehearsal = rehearsal
        self._world = rehearsal.world
        self._state = state
        self._name = rehearsal.name(state)
        self._entries = entries
        self._numbers = count(1)
        self._emitted = count(AFTER_EVENTS // 2)
        self._news: list[tuple[datetime, int, _Ahead]] = []
        self._held: list[tuple[datetime, int, int, Waiting]] = []
        #: what has a ledger row already, and gets no other
        self._reached = {(sent.campaign, sent.step, sent.occurrence) for sent in state.messages}
        for mail in waiting:
            self._hold(mail)

    def run(
        self, after: datetime | None, joining: list[tuple[Campaign, Opening]], review_at: datetime | None
    ) -> Iterator[Row]:
        end = self._rehearsal.end
        for event in self._state.events:
            if event.at <= end and (after is None or event.at > after):
                self._expect(event.at, event)
        for said in self._state.consents:
            if after is not None and after < said.at <= end:
                self._expect(said.at, said)
        for campaign, opening in joining:
            self._expect(opening.at, (campaign, opening))
        for slot, campaign in self._rehearsal.slots_of(self._state):
            self._expect(slot.at, (campaign, opening_in(slot)))
        now = after
        while True:
            timer = min((entry.due_at for entry in self._entries if entry.due_at and entry.is_open), default=None)
            news = self._news[0][0] if self._news else None
            held = self._held[0][0] if self._held else None
            times = [at for at in (news, timer, review_at, held) if at is not None]
            if not times or min(times) > end:
                return
            now = max(min(times), now or min(times))
            events: list[EventFact] = []
            openings: list[tuple[Campaign, Opening]] = []
            changed = NOTHING
            while self._news and self._news[0][0] <= now:
                match heapq.heappop(self._news)[2]:
                    case EventFact() as event:
                        events.append(event)
                    case ConsentChange():
                        changed |= News.of("consent")
                    case News() as news_of:
                        changed |= news_of
                    case (campaign, opening):
                        openings.append((campaign, opening))
            attributes = self._state.attributes
            turn = ContactTurn(self._world, self._state, self._entries, now)
            done = turn.run(events, changed=changed, review_at=review_at)
            for campaign, opening in openings:
                turn.open(campaign, opening)
            self._rehearsal.handled += len(events) + 1
            review_at = done.review_at
            yield from self._take(done.entries, now)
            if self._state.attributes != attributes:
                self._expect(now, News.of("attribute"))
            # nothing leaves before what the turn itself brought about was looked at
            if not self._news or self._news[0][0] > now:
                yield from self._release(now)

    def _expect(self, at: datetime, news: _Ahead) -> None:
        heapq.heappush(self._news, (at, next(self._numbers), news))

    def _take(self, tracked_entries: Sequence[Tracked], now: datetime) -> Iterator[Row]:
        self._entries = []
        for tracked in tracked_entries:
            self._rehearsal.handled += len(tracked.effects)
            entry = tracked.entry
            if entry.id is None:
                # below every stored id, which are positive
                entry = replace(entry, id=-next(self._numbers))
            yield from self._effects(tracked, entry, now)
            if entry.state != "refused":
                self._entries.append(entry)

    def _effects(self, tracked: Tracked, entry: Entry, now: datetime) -> Iterator[Row]:
        campaign = self._world.content.campaigns.get(entry.campaign)
        if campaign is None:
            return
        for effect in tracked.effects:
            match effect:
                case Reach() | PassOver():
                    key = (entry.campaign, effect.step.id, entry.occurrence)
                    if key in self._reached:
                        continue
                    self._reached.add(key)
                    if isinstance(effect, Reach):
                        self._hold(Waiting(effect.at, effect, entry.campaign, entry.occurrence, entry.id))
                    else:
                        yield self._row(effect.at, entry.campaign, effect, "skipped", effect.reason)
                case CancelOpen(reason=reason):
                    yield from self._cancel(entry, reason, now)
                case Act(step=Points()):
                    self._expect(now, News.of("reward"))
                case Act(step=Emit(event=name, properties=properties), made=made):
                    source = str(made["message_id"])
                    event = EventFact(next(self._emitted), name, effect.at, properties, message_id=source)
                    bisect.insort(self._state.events, event, key=lambda found: found.order)
                    self._expect(event.at, event)
                case _:
                    continue

    def _hold(self, mail: Waiting) -> None:
        campaign = self._world.content.campaigns.get(mail.campaign)
        priority = campaign.priority if campaign is not None else 0
        self._reached.add((mail.campaign, mail.effect.step.id, mail.occurrence))
        heapq.heappush(self._held, (mail.due_at, -priority, next(self._numbers), mail))

    def _cancel(self, entry: Entry, reason: str, now: datetime) -> Iterator[Row]:
        kept = []
        for item in self._held:
            if item[3].entry_id == entry.id:
                yield self._row(now, entry.campaign, item[3].effect, "skipped", reason)
            else:
                kept.append(item)
        heapq.heapify(kept)
        self._held = kept

    def _release(self, now: datetime) -> Iterator[Row]:
        while self._held and self._held[0][0] <= now:
            mail = heapq.heappop(self._held)[3]
            match self._judge(mail, now):
                case Go():
                    self._state.messages.append(self._sent(mail, now))
                    if self._rehearsal.asks_of_sending:
                        self._expect(now, News.of("message"))
                    yield self._row(now, mail.campaign, mail.effect, "sent", "")
                case Hold(until=until):
                    self._hold(replace(mail, due_at=until))
                case Skip(reason=reason):
                    yield self._row(now, mail.campaign, mail.effect, "skipped", reason)
        held = {item[3].entry_id for item in self._held}
        self._entries = [
            entry if entry.unsent == (entry.id in held) else replace(entry, unsent=entry.id in held)
            for entry in self._entries
        ]

    def _judge(self, mail: Waiting, now: datetime) -> Go | Hold | Skip:
        campaign = self._world.content.campaigns.get(mail.campaign)
        if campaign is None:
            return Skip("campaign_ended", "cancelled")
        asking = Release(campaign.campaign, campaign.kind, campaign.topic, mail.effect.deadline_at)
        return judge(asking, self._state, self._world.content, now)

    def _sent(self, mail: Waiting, now: datetime) -> MessageFact:
        campaign = self._world.content.campaigns[mail.campaign]
        return MessageFact(
            mail.campaign, mail.effect.step.id, mail.occurrence, "sent", campaign.topic, campaign.kind,
            sending_at=now, sent_at=now,
        )  # fmt: skip

    def _row(self, at: datetime, campaign: str, effect: Reach | PassOver, outcome: str, reason: str) -> Row:
        step = effect.step
        return Row(at, campaign, step.id, self._name, outcome, reason, step.template, effect.variant)
