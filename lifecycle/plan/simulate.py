"""Rehearsing the whole shop: replay a file of events from an empty store, or run the live database forward.

Everything comes through the same intake, turns and release as in earnest; no message leaves, nothing is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy import Row as DatabaseRow

from lifecycle.audience.ranking import load_tops
from lifecycle.audience.state import ContactState
from lifecycle.base.errors import NotFoundError
from lifecycle.intake.facts import EventFact
from lifecycle.journey.advance import load_entries
from lifecycle.journey.broadcasts import ALREADY_THERE, wants_those_inside
from lifecycle.journey.contact import ContactTurn, World
from lifecycle.journey.enrol import Opening, is_running
from lifecycle.journey.entry import Reach
from lifecycle.journey.load import load_states
from lifecycle.journey.winners import known_winners
from lifecycle.plan.inside import Edit
from lifecycle.plan.pattern import Pattern
from lifecycle.plan.rehearse import Rehearsal, Waiting
from lifecycle.plan.rows import Row, Rows
from lifecycle.spec.model import Campaign, Content, SegmentTrigger, Send, StageTrigger, walk_steps
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts, messages

#: Contacts in memory at a time.
PAGE = 500
#: The last moment before another.
_LAST = timedelta(microseconds=1)


@dataclass(slots=True)
class Simulated:
    """Rows in order of time, what they came from, and how many there are of each kind."""

    start: datetime
    end: datetime
    rows: Rows = field(default_factory=Rows)
    contacts: int = 0
    handled: int = 0
    #: by campaign, how many rows had each outcome, or reason where there is one
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    #: by day (UTC), how many mails of each campaign were sent
    by_day: dict[date, Counter[str]] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Add a row, unless it lies outside of [start, end)."""
        if not self.start <= row.at < self.end:
            return
        self.rows.add(row)
        self.outcomes.setdefault(row.campaign, Counter())[row.reason or row.outcome] += 1
        if row.outcome == "sent":
            self.by_day.setdefault(row.at.date(), Counter())[row.campaign] += 1


def simulate(
    store: Store,
    content: Content,
    start: datetime,
    end: datetime,
    *,
    replay: bool,
    campaign: str | None = None,
    versions: Callable[[str], Content] | None = None,
    before: Content | None = None,
    pattern: Pattern | None = None,
    report: Callable[[int], object] = lambda _count: None,
) -> Simulated:
    """Return the rows of [start, end).

    With `replay` the store holds the events of a file: those before `start` are history, the others trigger. Without,
    the store is a live database at `start`: people inside go on from where they stand, mails that wait may leave, time
    brings what it brings, and nothing new happens to anybody but what a `pattern` says. With `before`, `content` is
    applied after it at `start`.
    """
    done = Simulated(start, end)
    with store.read() as connection:
        version = versions or (lambda _hash: content)
        tops, won = load_tops(connection, content), known_winners(connection)
        world = World(content, version, tops, only=campaign, winners=won)
        edit = Edit(before, content, start, version) if before is not None else None
        rehearsal = Rehearsal(world, end - _LAST, timed_after=start - _LAST)
        for states in _pages(connection):
            rows: Iterable[Row]
            if replay:
                rows = chain.from_iterable(_replay(rehearsal, state, start) for state in states)
            else:
                rows = _Live(connection, rehearsal, states, edit, start, pattern).go_on()
            for row in rows:
                done.add(row)
            done.contacts += len(states)
            report(len(states))
        done.handled = rehearsal.handled
    return done


def _replay(rehearsal: Rehearsal, state: ContactState, start: datetime) -> Iterator[Row]:
    state.events = [replace(event, live=event.at >= start) for event in state.events]
    state.stage, state.stage_since_at, state.memberships = None, None, {}
    first = min((state.created_at, *(event.at for event in state.events), *(said.at for said in state.consents)))
    review_at: datetime | None = first  # whoever comes later arrives as a live contact does
    if first < start:
        # where the contact stands when the replay begins is history too, and triggers nothing
        review_at = ContactTurn(rehearsal.world, state, (), start).settle(start - _LAST)
    return rehearsal.contact(state, after=start - _LAST, review_at=review_at)


class _Live:
    """Goes on from where contacts of a live database stand."""

    def __init__(
        self, connection: Connection, rehearsal: Rehearsal, states: list[ContactState], edit: Edit | None,
        start: datetime, pattern: Pattern | None,
    ) -> None:  # fmt: skip
        ids = [state.id for state in states]
        self._states = states
        self._pattern = pattern
        self._rehearsal = rehearsal
        self._edit = edit
        self._start = start
        self._entries = load_entries(connection, ids)
        self._waiting = _waiting_mails(connection, ids, rehearsal.world)
        query = select(contacts.c.id, contacts.c.review_at).where(contacts.c.id.in_(ids))
        self._reviews = {row.id: row.review_at for row in connection.execute(query)}

    def go_on(self) -> Iterator[Row]:
        """Yield the rows of each contact, and of those who come as it came."""
        lives = self._pattern.lives(self._states) if self._pattern is not None else [[] for _ in self._states]
        for state, life in zip(self._states, lives, strict=True):
            newcomers = [*self._pattern.newcomers(state)] if self._pattern is not None else []
            yield from self._go_on(state, life)
            for newcomer in newcomers:
                yield from self._rehearsal.contact(newcomer, after=self._start, review_at=newcomer.created_at)

    def _go_on(self, state: ContactState, life: list[EventFact]) -> Iterator[Row]:
        rehearsal, edit = self._rehearsal, self._edit
        entries, waiting = self._entries.get(state.id, []), self._waiting.get(state.id, [])
        review_at = self._reviews[state.id]
        joining: list[tuple[Campaign, Opening]] = []
        state.events = [event for event in state.events if event.at <= self._start]
        # whoever is gone does nothing any more
        life = [] if state.erased else life
        if edit is not None:
            fates = {entry.id: edit.fate(entry) for entry in entries if entry.is_open}
            entries = [fates[entry.id][1] if entry.id in fates else entry for entry in entries]
            gone = {entry_id for entry_id, (what, _) in fates.items() if what in {"exited", "campaign_ended"}}
            waiting = [mail for mail in waiting if mail.entry_id not in gone]
            # what an apply changes about where the contact stands triggers nothing (11)
            review_at = ContactTurn(rehearsal.world, state, (), self._start).settle(self._start)
            joining = _joining(edit, state)
        state.events += life
        return rehearsal.contact(
            state, entries=entries, after=self._start, waiting=waiting, joining=joining, review_at=review_at
        )


def _joining(edit: Edit, state: ContactState) -> list[tuple[Campaign, Opening]]:
    """Return the campaigns that take the contact in because it is there already."""
    found = []
    for name, campaign in edit.after.campaigns.items():
        if not edit.begins_anew(name) or not wants_those_inside(campaign) or not is_running(campaign, edit.at):
            continue
        match campaign.trigger:
            case StageTrigger(stage=stage):
                there = state.stage == stage
            case SegmentTrigger(segment=segment, edge=edge):
                stay = state.memberships.get(segment)
                there = stay is not None and (stay.left_at is None) == (edge == "entered")
            case _:
                there = False
        if there:
            found.append((campaign, Opening(edit.at, ALREADY_THERE)))
    return sorted(found, key=lambda one: (-one[0].priority, one[0].campaign))


def _waiting_mails(connection: Connection, ids: list[int], world: World) -> dict[int, list[Waiting]]:
    """Return the mails that have not left, by contact; those whose step no version has any more are left out."""
    found: dict[int, list[Waiting]] = {}
    query = select(messages).where(
        messages.c.contact_id.in_(ids), messages.c.state.in_(["queued", "deferred", "claimed"])
    )
    for row in connection.execute(query.order_by(messages.c.due_at, messages.c.id)):
        step = _step_of(row, world)
        if step is not None and world.only in {None, row.campaign}:
            effect = Reach(step, row.reached_at, row.deadline_at, row.variant)
            mail = Waiting(row.due_at, effect, row.campaign, row.occurrence, row.enrolment_id)
            found.setdefault(row.contact_id, []).append(mail)
    return found


def _step_of(row: DatabaseRow[Any], world: World) -> Send | None:
    try:
        campaign = world.version(row.version).campaigns.get(row.campaign)
    except NotFoundError:
        return None
    steps = walk_steps(campaign.steps) if campaign is not None else ()
    return next((step for step in steps if isinstance(step, Send) and step.id == row.step), None)


def _pages(connection: Connection) -> Iterator[list[ContactState]]:
    last = 0
    while True:
        query = select(contacts.c.id).where(contacts.c.id > last, contacts.c.merged_into.is_(None))
        ids = list(connection.execute(query.order_by(contacts.c.id).limit(PAGE)).scalars())
        if not ids:
            return
        last = ids[-1]
        yield list(load_states(connection, ids).values())


def as_row(row: Row) -> dict[str, Any]:
    """Return the row as `simulate --out` writes it."""
    return {key: getattr(row, key) for key in ("at", "campaign", "step", "contact", "outcome", "reason")}
