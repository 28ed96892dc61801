"""The journey's loop: takes contacts that have something new or due, gives each its turn, writes what was decided.

Any number of these may run: on PostgreSQL each locks the contacts it takes and skips those another has; on SQLite
there is one writer. A crash before the commit leaves everything as it was, inbox included.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from lifecycle.audience.ranking import keep_ranking
from lifecycle.audience.reviews import any_early, catch_up, due_reviews
from lifecycle.audience.state import ContactState
from lifecycle.base.errors import StoreError
from lifecycle.intake.facts import EventFact
from lifecycle.intake.inbox import leave_word
from lifecycle.intake.news import NOTHING, News
from lifecycle.journey.backlog import Backlog
from lifecycle.journey.contact import ContactTurn, Turn, World
from lifecycle.journey.entry import OPEN_STATES, Entry
from lifecycle.journey.hand_over import hand_over
from lifecycle.journey.load import load_states
from lifecycle.journey.versions import Versions
from lifecycle.journey.winners import winners
from lifecycle.journey.write import clear_inbox, read_entry, write_turns
from lifecycle.store.among import IsOneOf, beside
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts, enrolments, events, inbox, messages

log = logging.getLogger("lifecycle.journey")

#: How long a contact whose turn failed is left alone.
STUCK_FOR = timedelta(minutes=10)
#: Contacts in one transaction: large enough to batch, small enough that other writers wait for milliseconds.
BATCH = 200


@dataclass(frozen=True, slots=True)
class Advanced:
    """What one call did; `contacts` is 0 when nothing was due."""

    contacts: int = 0
    messages: int = 0
    decisions: int = 0

    def __add__(self, other: Advanced) -> Advanced:
        """Return what both calls did."""
        return Advanced(
            self.contacts + other.contacts, self.messages + other.messages, self.decisions + other.decisions
        )


class Stuck:
    """Contacts whose turn failed, with when to try again. They keep their inbox, so they are not mailed meanwhile."""

    def __init__(self) -> None:
        self._until: dict[int, datetime] = {}

    def now(self, now: datetime) -> frozenset[int]:
        """Return those to leave alone at `now`."""
        self._until = {contact_id: until for contact_id, until in self._until.items() if until > now}
        return frozenset(self._until)

    def add(self, contact_id: int, error: Exception, now: datetime) -> None:
        """Leave the contact alone for a while, and say so once for each try."""
        log.error("contact %d is set aside for %s: %r", contact_id, STUCK_FOR, error, exc_info=error)
        self._until[contact_id] = now + STUCK_FOR


def advance(
    store: Store, versions: Versions, key: bytes, now: datetime, *, limit: int = BATCH, stuck: Stuck | None = None,
    backlog: Backlog | None = None,
) -> Advanced:  # fmt: skip
    """Give up to `limit` contacts their turn; return what was done. Without content in force there is nothing to do.

    `stuck` and `backlog` are what the loop remembers from call to call; without a backlog nothing is spread.
    """
    if versions.in_force_hash() is None:
        return Advanced()
    stuck = stuck or Stuck()
    with store.read() as connection:
        ids = due_contacts(connection, now, limit, without=stuck.now(now))
        if backlog is not None and backlog.unknown:
            backlog.look(_oldest_due(connection, now))
        early = connection.execute(any_early(now, limit)).scalar()
    if early:
        with store.write() as connection:
            catch_up(connection, now)
    if not ids:
        return Advanced()
    try:
        return _advance(store, versions, key, now, ids, stuck, backlog)
    except StoreError:  # the database is away: nobody's history is at fault
        raise
    except Exception:  # one contact's rows cannot be written: find out whose, the others go on
        log.exception("a batch of %d contacts failed; each gets its turn alone", len(ids))
    done = Advanced()
    for contact_id in ids:
        try:
            done += _advance(store, versions, key, now, [contact_id], stuck, backlog)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - the same
            stuck.add(contact_id, error, now)
    return done


def _advance(
    store: Store, versions: Versions, key: bytes, now: datetime, ids: Sequence[int], stuck: Stuck,
    backlog: Backlog | None,
) -> Advanced:  # fmt: skip
    with store.write() as connection:
        held = lock_contacts(connection, ids, skip=True)
        locked = hand_over(connection, held, now)
        # what is in force is asked for after the contacts are held, so that an apply comes wholly before or after
        content = versions.in_force()
        if content is None or not locked:
            return Advanced(len(held) - len(locked))
        ranking = keep_ranking(connection, content, held)
        leave_word(connection, ranking.passed, "rank")
        world = World(content, versions.get, ranking.tops, key, winners=winners(connection, content, now))
        turns, handled = take_turns(connection, world, locked, now, stuck)
        written = write_turns(connection, turns, content, key, now, backlog=backlog)
        clear_inbox(connection, handled)
    return Advanced(len(held), written.messages, written.decisions)


def due_contacts(
    connection: Connection, now: datetime, limit: int, *, without: frozenset[int] = frozenset()
) -> list[int]:
    """Return contacts with something new, a due timer or a due review: what has waited longest first."""
    # no grouping: a long inbox would be read whole for each batch; whoever stands in it often makes the batch smaller
    new = select(inbox.c.contact_id).order_by(inbox.c.id)
    timers = select(enrolments.c.contact_id).where(enrolments.c.due_at <= now).order_by(enrolments.c.due_at)
    reviews = due_reviews(now)
    aside = sorted(without)
    found: dict[int, None] = {}
    for query, whose in ((new, inbox.c.contact_id), (timers, enrolments.c.contact_id), (reviews, contacts.c.id)):
        asked = query.where(whose.not_in(aside)) if aside else query
        for row in connection.execute(asked.limit(limit)):
            found.setdefault(row[0])
    return list(found)[:limit]


def _oldest_due(connection: Connection, now: datetime) -> datetime | None:
    """Return since when the oldest due timer, or the first event in the inbox, has waited."""
    timer = select(func.min(enrolments.c.due_at)).where(enrolments.c.due_at <= now)
    news = select(events.c.received_at).join(inbox, inbox.c.event_id == events.c.id).order_by(inbox.c.id).limit(1)
    found = [connection.execute(query).scalar() for query in (timer, news)]
    return min((at for at in found if at is not None), default=None)


def lock_contacts(connection: Connection, ids: Sequence[int], *, skip: bool) -> list[int]:
    """Hold the contacts' rows until the transaction ends and return them; with `skip`, those nobody else holds.

    In the order of ids, as everybody does, so that nobody waits in a circle. SQLite has one writer anyway.
    """
    query = select(contacts.c.id).where(IsOneOf(contacts.c.id, ids)).order_by(contacts.c.id)
    return list(connection.execute(query.with_for_update(skip_locked=skip)).scalars())


def take_turns(
    connection: Connection, world: World, ids: Sequence[int], now: datetime, stuck: Stuck
) -> tuple[list[Turn], list[int]]:
    """Give each contact its turn in memory; return the turns and the inbox rows they used up.

    A contact whose turn fails is set aside; the others of the batch go on.
    """
    states = load_states(connection, ids, flips=True)
    entries = load_entries(connection, ids, lock=True)
    waiting = _inbox(connection, ids)
    reviews = {
        row.id: row.review_at
        for row in connection.execute(select(contacts.c.id, contacts.c.review_at).where(IsOneOf(contacts.c.id, ids)))
    }
    turns: list[Turn] = []
    handled: list[int] = []
    for contact_id in ids:
        rows = waiting.get(contact_id, [])
        state = states[contact_id]
        turn = ContactTurn(world, state, entries.get(contact_id, []), now)
        events, changed = _news(state, rows)
        try:
            turns.append(turn.run(events, changed=changed, review_at=reviews[contact_id]))
        except Exception as error:  # noqa: BLE001 - whatever one contact's history breaks, it must not stop the others
            stuck.add(contact_id, error, now)
        else:
            handled += [row.id for row in rows]
    return turns, handled


def _news(state: ContactState, rows: Sequence[Any]) -> tuple[list[EventFact], News]:
    wanted = {row.event_id for row in rows if row.event_id is not None}
    events = [event for event in state.events if event.id in wanted]
    changed = NOTHING
    for row in rows:
        if row.event_id is None:
            changed |= News.of(row.what)
    return events, changed


def _inbox(connection: Connection, ids: Sequence[int]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    query = select(inbox.c.id, inbox.c.contact_id, inbox.c.event_id, inbox.c.what).where(
        IsOneOf(inbox.c.contact_id, ids)
    )
    for row in connection.execute(query.order_by(inbox.c.id)):
        found[row.contact_id].append(row)
    return found


def load_entries(connection: Connection, ids: Sequence[int], *, lock: bool = False) -> dict[int, list[Entry]]:
    """Return the enrolments of the contacts, refused ones left out, oldest first.

    With `lock` the open ones are held too, so that an apply or a cancel waits for this turn, or this turn for it.
    """
    if lock:
        is_open = enrolments.c.state.in_(sorted(OPEN_STATES))
        held = select(enrolments.c.id).where(IsOneOf(enrolments.c.contact_id, ids), is_open).order_by(enrolments.c.id)
        connection.execute(held.with_for_update()).all()
    query = select(messages.c.enrolment_id).where(
        IsOneOf(messages.c.contact_id, ids), beside(messages.c.state.in_(["queued", "deferred", "claimed"]))
    )
    unsent = set(connection.execute(query).scalars())
    found: dict[int, list[Entry]] = defaultdict(list)
    query = select(enrolments).where(IsOneOf(enrolments.c.contact_id, ids), enrolments.c.state != "refused")
    for row in connection.execute(query.order_by(enrolments.c.id)):
        entry = read_entry(row)
        found[row.contact_id].append(replace(entry, unsent=True) if entry.id in unsent else entry)
    return found
