"""One contact's turn: its new events, timers and changes in the order of time, through every campaign. Pure.

`run`, `send`, `simulate`, `plan` and journey tests all come through here; only what happens to the outcome differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lifecycle.audience.boundary import Boundary
from lifecycle.audience.review import Review, apply_review, review
from lifecycle.audience.setting import Setting, Top
from lifecycle.audience.state import ContactState
from lifecycle.base.errors import NotFoundError
from lifecycle.intake.facts import EventFact
from lifecycle.intake.news import ANYTHING, NOTHING, News
from lifecycle.journey import machine
from lifecycle.journey.enrol import Opening, enrol, is_running, opening_by_event
from lifecycle.journey.entry import AFTER_EVENTS, Act, Decided, Effect, Entry, Transition
from lifecycle.journey.known import Known, carry_over, changed_by
from lifecycle.journey.policy import zone_of
from lifecycle.spec.model import Campaign, Content, SegmentTrigger, StageTrigger

#: Two reviews that time brings are at least so far apart.
REVIEW_APART = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class World:
    """What is the same for every contact of a turn: the content in force, older versions by hash, top shares, a key."""

    content: Content
    version: Callable[[str], Content]
    tops: Mapping[Top, Boundary] = field(default_factory=dict)
    key: bytes = b"rehearsal"
    #: when set, only this campaign runs
    only: str | None = None
    #: the variants that won their splits, by (campaign, split)
    winners: Mapping[tuple[str, str], str] = field(default_factory=dict)
    _settings: dict[int, Setting] = field(default_factory=dict, repr=False, compare=False)

    def setting(self, content: Content) -> Setting:
        """Return what conditions of that version are evaluated in: one for all contacts, so that it remembers."""
        found = self._settings.get(id(content))
        if found is None or found.segments is not content.segments:
            found = self._settings[id(content)] = Setting.of(content, self.tops)
        return found

    def definition(self, entry: Entry) -> tuple[Campaign, Content] | None:
        """Return the campaign as the entry is pinned to it, and that version; None when there is no such version (9).

        An entry whose version was never applied here (an imported control) follows the version in force.
        """
        try:
            pinned = self.content if entry.version == self.content.hash else self.version(entry.version)
        except NotFoundError:
            pinned = self.content
        found = pinned.campaigns.get(entry.campaign)
        return None if found is None else (found, pinned)

    def is_over(self, name: str, at: datetime) -> bool:
        """Say whether the campaign was removed, drafted or has ended, so that nobody is inside any more (9)."""
        current = self.content.campaigns.get(name)
        return current is None or current.status != "live" or (current.ends is not None and current.ends <= at)


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
    #: what `review_at` was before
    reviewed_at: datetime | None = None


class ContactTurn:
    """Handles what is new for one contact up to `now`."""

    def __init__(self, world: World, state: ContactState, entries: Iterable[Entry], now: datetime) -> None:
        self._world = world
        self._state = state
        self._now = now
        self._tracked = [Tracked(entry) for entry in entries]
        self._zone = zone_of(state, world.content)
        self._known = self._known_by(world.content)
        #: no review looks at an earlier moment than what is stored already stands on
        self._reviewed = _last_change(state)
        #: events of this turn that have not been handled yet
        self._ahead: set[int] = set()
        #: what steps of this turn have changed and no review has looked at yet
        self._made = NOTHING
        self.turn = Turn(state, self._tracked)

    def run(
        self, events: Iterable[EventFact] = (), *, changed: News = NOTHING, review_at: datetime | None = None
    ) -> Turn:
        """Handle `events` (already part of the state's history), due timers and a due review; return the outcome.

        `changed` is what changed beside events. Nothing is reviewed unless there is a reason to.
        """
        new = sorted(events, key=lambda event: event.order)
        self._ahead = {event.id for event in new}
        if new:
            self._look_no_further_back()
            # an event is never left for later, even when the machine that stored it had a clock ahead of ours
            self._now = max(self._now, new[-1].at)
        waiting = new[::-1]
        self.turn.review_at = self.turn.reviewed_at = review_at
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
                self._review(first, "time", NOTHING, None, triggers=True)
            elif timer is not None:
                self._on_timer(timer)
        if changed:
            self._change(self._now)
            self._review(self._now, changed.cause, changed, None, triggers=True)
        return self.turn

    def open(self, campaign: Campaign, opening: Opening) -> Tracked | None:
        """Let `opening` enrol into the campaign in force; None when it means nothing to an open entry."""
        entries = [tracked.entry for tracked in self._tracked]
        version = self._world.content.hash
        transition = enrol(campaign, version, opening, entries, self._known, self._now)
        if transition is None:
            self._ignored(campaign, opening)
            return None
        made = Tracked(transition.entry)
        self._tracked.append(made)
        self._take(made, transition)
        made.changed = True
        self._catch_up(made, opening)
        return made

    def settle(self, at: datetime) -> datetime | None:
        """Put the contact where it stands at `at`, as history: stage and memberships, and nothing is triggered.

        Returns when time may next change that.
        """
        self._review(at, "import", ANYTHING, None, triggers=False)
        return self.turn.review_at

    def _catch_up(self, made: Tracked, opening: Opening) -> None:
        """Show a late opening what has happened since and was handled already: an order since ends it at once."""
        order = opening.event.order if opening.event is not None else (opening.at, AFTER_EVENTS)
        later = []
        for event in reversed(self._state.events):
            if event.at < opening.at:
                break
            if event.order > order and event.at <= self._now and event.id not in self._ahead:
                later.append(replace(event, live=False))  # exits and goals alone: it triggers nothing twice
        for event in reversed(later):
            self._show(made, event)

    # ------------------------------------------------------------ stimuli

    def _on_event(self, event: EventFact) -> None:
        self._ahead.discard(event.id)
        for tracked in self._by_priority():
            self._show(tracked, event)
        standing = {tracked.entry.key for tracked in self._tracked if tracked.entry.is_open}
        self._review(event.at, event.name, News.of_event(event.name), event, triggers=event.live)
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
        at = before.due_at or self._now
        self._feed(tracked, at, lambda campaign, entry, known: machine.on_timer(campaign, entry, known, self._now))
        if tracked.entry == before:
            raise AssertionError(f"a timer of {before.campaign} changed nothing")

    def _change(self, at: datetime) -> None:
        for tracked in self._by_priority():
            self._feed(tracked, at, lambda campaign, entry, known: machine.on_change(campaign, entry, known, at))

    def _show(self, tracked: Tracked, event: EventFact) -> None:
        self._feed(
            tracked,
            event.at,
            lambda campaign, entry, known: machine.on_event(campaign, entry, event, known, self._now),
        )

    def _feed(self, tracked: Tracked, at: datetime, handle: Callable[[Campaign, Entry, Known], Transition]) -> None:
        entry = tracked.entry
        if entry.state == "refused" or self._world.only not in {None, entry.campaign}:
            return
        found = self._world.definition(entry)
        if (entry.is_open or entry.unsent) and (found is None or self._world.is_over(entry.campaign, at)):
            tracked.take(machine.end(entry, "campaign_ended", at))
            entry = tracked.entry
        if found is None:
            return
        campaign, content = found
        known = self._known if content is self._world.content else self._known_by(content)
        self._take(tracked, handle(campaign, entry, known))

    def _take(self, tracked: Tracked, transition: Transition) -> None:
        tracked.take(transition)
        for effect in transition.effects:
            if isinstance(effect, Act):  # what comes next in this turn sees it
                carry_over(self._state, effect.step, effect.made, self._world.content.project.rewards)
                self._made |= changed_by(effect.step)

    def _review(self, at: datetime, cause: str, news: News, event: EventFact | None, *, triggers: bool) -> None:
        at = self._reviewed = max(at, self._reviewed) if self._reviewed is not None else at
        found = review(self._state, self._known.setting, at, news | self._made)
        self._made = NOTHING
        # whatever a condition answers, one contact's reviews must not go on for ever
        self.turn.review_at = None if found.flips_at is None else max(found.flips_at, at + REVIEW_APART)
        apply_review(self._state, found, at)
        if not found.changed:
            return
        self.turn.reviews.append((found, at, cause))
        if cause == "time":  # what time has brought may end an enrolment, as an event does
            self._change(at)
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

    def _look_no_further_back(self) -> None:
        """Let reviews begin where handled events ended: seen from before them, they would seem not to have happened."""
        for event in reversed(self._state.events):
            if event.id not in self._ahead and event.at <= self._now:
                self._reviewed = max(event.at, self._reviewed or event.at)
                return

    def _known_by(self, content: Content) -> Known:
        return Known(self._state, self._world.setting(content), self._zone, self._world.key, self._world.winners)

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


def _last_change(state: ContactState) -> datetime | None:
    """Return the latest moment at which the contact's stage or a membership is known to have changed."""
    moments = [state.stage_since_at]
    for stay in state.memberships.values():
        moments += [stay.entered_at, stay.left_at]
    return max((moment for moment in moments if moment is not None), default=None)
