"""Rehearsing the whole shop: replay a file of events from an empty store, or run the live database forward.

Everything comes through the same intake, turns and release as in earnest; no message leaves, nothing is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from lifecycle.audience.membership import load_tops
from lifecycle.audience.state import ContactState
from lifecycle.journey.advance import load_entries
from lifecycle.journey.contact import ContactTurn, World
from lifecycle.journey.load import load_states
from lifecycle.plan.rehearse import Rehearsal, Row
from lifecycle.spec.model import Content
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts

#: Contacts in memory at a time.
PAGE = 500


@dataclass(slots=True)
class Simulated:
    """Rows in order of time, and what they came from."""

    rows: list[Row]
    contacts: int = 0
    handled: int = 0
    by_day: dict[str, Counter[str]] = field(default_factory=dict)

    def summarise(self) -> Mapping[str, Counter[str]]:
        """Return, by campaign, how many rows had each outcome or reason."""
        found: dict[str, Counter[str]] = {}
        for row in self.rows:
            found.setdefault(row.campaign, Counter())[row.reason or row.outcome] += 1
        return found


def simulate(
    store: Store,
    content: Content,
    start: datetime,
    end: datetime,
    *,
    replay: bool,
    campaign: str | None = None,
    versions: Callable[[str], Content] | None = None,
    report: Callable[[int], object] = lambda _count: None,
) -> Simulated:
    """Return the rows of [start, end). Raises NotFoundError for an unknown campaign.

    With `replay` the store holds the events of a file: those before `start` are history, the others trigger. Without,
    the store is a live database at `start`: people inside go on from where they stand, and nothing new happens to them.
    """
    rows: list[Row] = []
    done = Simulated(rows)
    with store.read() as connection:
        tops = load_tops(connection, content, start)
        world = World(content, versions or (lambda _hash: content), tops, only=campaign)
        rehearsal = Rehearsal(world)
        for state in _states(connection):
            entries = [] if replay else load_entries(connection, [state.id]).get(state.id, [])
            rows += _one(rehearsal, world, state, entries, start, end, replay=replay)
            done.contacts += 1
            report(1)
        done.handled = rehearsal.handled
    rows.sort(key=lambda row: (row.at, row.campaign, row.contact, row.step))
    for row in rows:
        done.by_day.setdefault(row.at.date().isoformat(), Counter())[row.campaign] += row.outcome == "sent"
    return done


def _one(
    rehearsal: Rehearsal,
    world: World,
    state: ContactState,
    entries: Iterable[Any],
    start: datetime,
    end: datetime,
    *,
    replay: bool,
) -> Iterator[Row]:
    if replay:
        state.events = [replace(event, live=event.at >= start) for event in state.events]
        # where the contact stands when the replay begins is history too, and triggers nothing
        state.stage, state.stage_since_at, state.memberships = None, None, {}
        ContactTurn(world, state, (), start).settle(start)
    for row in rehearsal.contact(state, end, entries=entries, start=start):
        if start <= row.at < end:
            yield row


def _states(connection: Connection) -> Iterator[ContactState]:
    last = 0
    while True:
        query = select(contacts.c.id).where(contacts.c.id > last, contacts.c.merged_into.is_(None))
        ids = list(connection.execute(query.order_by(contacts.c.id).limit(PAGE)).scalars())
        if not ids:
            return
        last = ids[-1]
        yield from load_states(connection, ids).values()


def as_row(row: Row) -> dict[str, Any]:
    """Return the row as `simulate --out` writes it."""
    found = asdict(row)
    return {key: found[key] for key in ("at", "campaign", "step", "contact", "outcome", "reason")}
