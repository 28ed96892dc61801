"""One contact's turn: its new events, timers and changes in the order of time, through every campaign. Pure.

`run`, `send`, `simulate`, `plan` and journey tests all come through here; only what happens to the outcome differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lifecycle.audience.review import Review, apply_review, review
from lifecycle.audience.setting import Setting
from lifecycle.audience.state import ContactState
from lifecycle.base.units import Share
from lifecycle.intake.facts import EventFact
from lifecycle.journey import machine
from lifecycle.journey.enrol import Opening, enrol, is_running, opening_by_event
from lifecycle.journey.entry import Decided, Effect, Entry, Transition
from lifecycle.journey.machine import Known
from lifecycle.journey.policy import zone_of
from lifecycle.spec.model import Campaign, Content, SegmentTrigger, StageTrigger


@dataclass(frozen=True, slots=True)
class World:
    """What is the same for every contact of a turn: the content in force, older versions by hash, top shares, a key."""

    content: Content
    version: Callable[[str], Content]
    tops: Mapping[tuple[str, Share], frozenset[int]] = field(default_factory=dict)
    key: bytes = b"rehearsal"
    #: when set, only this campaign runs
    only: str | None = None

    def setting(self, content: Content) -> Setting:
        """Return what conditions of that version are evaluated in."""
        return Setting(content.project, content.segments, self.tops)

    def definition(self, entry: Entry) -> tuple[Campaign, Content] | None:
        """Return the campaign as the entry is pinned to it; None when the campaign is no longer in force (9)."""
        current = self.content.campaigns.get(entry.campaign)
        if current is None or current.status != "live":
            return None
        pinned = self.content if entry.version == self.content.hash else self.version(entry.version)
        found = pinned.campaigns.get(entry.campaign)
        return None if found is None else (found, pinned)


@dataclass(slots=True)
class Tracked:
    """An entry and what its transitions of this turn ask for, in order."""

    entry: Entry
    effects: list[Effect] = field(default_factory=list)
    changed: bool = False

    def take(self, transition: Transition) -> None:
        """Move on to the transition's entry."""
        self.changed = self.changed or bool(transition.effects) or transition.entry != self.entry
        self.entry = transition.entry
        self.effects += transition.effects


@dataclass(slots=True)
class Turn:
    """What came of one contact's turn."""

    state: ContactState
    entries: list[Tracked]
    reviews: list[tuple[Review, datetime, str]] = field(default_factory=list)
    review_at: datetime | None = None


class ContactTurn:
    """Handles what is new for one contact up to `now`."""

    def __init__(self, world: World, state: ContactState, entries: Iterable[Entry], now: datetime) -> None:
        self._world = world
        self._state = state
        self._now = now
        self._tracked = [Tracked(entry) for entry in entries]
        self._zone = zone_of(state, world.content)
        self._known = self._known_by(world.content)
        self.turn = Turn(state, self._tracked)

    def run(
        self, events: Iterable[EventFact] = (), *, changed: bool = False, review_at: datetime | None = None
    ) -> Turn:
        """Handle `events` (already part of the state's history), due timers and a due review; return the outcome.

        `changed` says that something that is no event changed. Nothing is reviewed unless there is a reason to.
        """
        waiting = sorted(events, key=lambda event: event.order, reverse=True)
        self.turn.review_at = review_at
        while True:
            timer = self._next_timer()
            event_at = waiting[-1].at if waiting else None
            times = [at for at in (event_at, self.turn.review_at, timer.entry.due_at if timer else None) if at]
            if not times or min(times) > self._now:
                break
            first = min(times)
            if event_at == first:  # at one instant events precede timers (1)
                self._on_event(waiting.pop())
            elif self.turn.review_at == first:
                self._review(first, "time", None, triggers=True)
            elif timer is not None:
                self._on_timer(timer)
        if changed:
            for tracked in self._open():
                self._feed(tracked, lambda campaign, entry, known: machine.on_change(campaign, entry, known, self._now))
            self._review(self._now, "attribute", None, triggers=True)
        return self.turn

    def open(self, campaign: Campaign, opening: Opening) -> Tracked | None:
        """Let `opening` enrol into the campaign in force; None when it means nothing to an open entry."""
        entries = [tracked.entry for tracked in self._tracked]
        version = self._world.content.hash
        transition = enrol(campaign, version, opening, entries, self._known, self._now)
        if transition is None:
            self._ignored(campaign, opening)
            return None
        made = Tracked(transition.entry, list(transition.effects), changed=True)
        self._tracked.append(made)
        return made

    def settle(self, at: datetime) -> None:
        """Put the contact where it stands at `at`, as history: stage and memberships, and nothing is triggered."""
        self._review(at, "import", None, triggers=False)

    # ------------------------------------------------------------ stimuli

    def _on_event(self, event: EventFact) -> None:
        for tracked in self._by_priority():
            self._feed(
                tracked, lambda campaign, entry, known: machine.on_event(campaign, entry, event, known, self._now)
            )
        standing = {tracked.entry.key for tracked in self._tracked if tracked.entry.is_open}
        self._review(event.at, event.name, event, triggers=event.live)
        if not event.live:  # history feeds facts, exits and goals, and triggers nothing (11)
            return
        for campaign in self._campaigns(event.at):
            opening = opening_by_event(campaign, event)
            if opening is None:
                continue
            if (campaign.campaign, opening.entry_key) in standing and self._is_waiting(campaign, opening):
                continue  # the event restarted its clock
            self.open(campaign, opening)

    def _on_timer(self, tracked: Tracked) -> None:
        before = tracked.entry
        self._feed(tracked, lambda campaign, entry, known: machine.on_timer(campaign, entry, known, self._now))
        if tracked.entry == before:
            raise AssertionError(f"a timer of {before.campaign} changed nothing")

    def _feed(self, tracked: Tracked, handle: Callable[[Campaign, Entry, Known], Transition]) -> None:
        if self._world.only is not None and tracked.entry.campaign != self._world.only:
            return
        found = self._world.definition(tracked.entry)
        if found is None:
            if tracked.entry.is_open:
                tracked.take(machine.end(tracked.entry, "campaign_ended", self._now))
            return
        campaign, content = found
        known = self._known if content is self._world.content else self._known_by(content)
        tracked.take(handle(campaign, tracked.entry, known))

    def _review(self, at: datetime, cause: str, event: EventFact | None, *, triggers: bool) -> None:
        found = review(self._state, self._known.setting, at)
        self.turn.review_at = found.flips_at
        if not found.changed:
            return
        self.turn.reviews.append((found, at, cause))
        apply_review(self._state, found, at)
        if triggers:
            self._on_crossings(found, at, event)

    def _on_crossings(self, found: Review, at: datetime, event: EventFact | None) -> None:
        stamp = at.isoformat()
        for campaign in self._campaigns(at):
            trigger = campaign.trigger
            match trigger:
                case SegmentTrigger(segment=segment, edge=edge):
                    crossed = segment in (found.entered if edge == "entered" else found.left)
                    occurrence = f"{segment}:{edge}:{stamp}"
                case StageTrigger(stage=stage):
                    crossed = found.stage_changed and found.stage == stage
                    occurrence = f"stage:{stage}:{stamp}"
                case _:
                    continue
            if crossed:
                self.open(campaign, Opening(at, occurrence, event))

    # ------------------------------------------------------------ who is where

    def _known_by(self, content: Content) -> Known:
        return Known(self._state, self._world.setting(content), self._zone, self._world.key)

    def _campaigns(self, at: datetime) -> list[Campaign]:
        only = self._world.only
        running = [
            campaign
            for campaign in self._world.content.campaigns.values()
            if is_running(campaign, at) and only in {None, campaign.campaign}
        ]
        return sorted(running, key=lambda campaign: (-campaign.priority, campaign.campaign))

    def _priority(self, tracked: Tracked) -> tuple[int, str]:
        campaign = self._world.content.campaigns.get(tracked.entry.campaign)
        return (-(campaign.priority if campaign else 0), tracked.entry.campaign)

    def _by_priority(self) -> list[Tracked]:
        return sorted(self._tracked, key=self._priority)

    def _open(self) -> list[Tracked]:
        return [tracked for tracked in self._by_priority() if tracked.entry.is_open]

    def _next_timer(self) -> Tracked | None:
        due = [
            tracked
            for tracked in self._tracked
            if tracked.entry.due_at is not None
            and tracked.entry.is_open
            and self._world.only in {None, tracked.entry.campaign}
        ]
        return min(due, key=lambda tracked: (tracked.entry.due_at, *self._priority(tracked)), default=None)

    def _is_waiting(self, campaign: Campaign, opening: Opening) -> bool:
        return any(
            tracked.entry.state == "waiting" and tracked.entry.key == (campaign.campaign, opening.entry_key)
            for tracked in self._tracked
        )

    def _ignored(self, campaign: Campaign, opening: Opening) -> None:
        for tracked in self._tracked:
            if tracked.entry.is_open and tracked.entry.key == (campaign.campaign, opening.entry_key):
                what = opening.event.name if opening.event is not None else opening.occurrence
                tracked.effects.append(Decided(opening.at, "ignored", reason="reentry", detail={"trigger": what}))
                tracked.changed = True
