"""The one way in: Segment messages, from HTTP and from files alike, stored in one transaction a batch.

What a batch does, in this order: find, lock and merge its contacts; store its events once each by messageId; fold the
facts; record consent; leave an inbox row for whoever the journey has to look at. The contacts' rows are locked before
anything is stored, so a claim in `deliver` comes wholly before or wholly after.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import reduce
from itertools import chain
from typing import Any

from psycopg.errors import DeadlockDetected
from sqlalchemy import Connection, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from lifecycle.base.clock import Clock
from lifecycle.base.errors import StoreError
from lifecycle.intake import consent, rollup, undeclared, views
from lifecycle.intake.accounts import Accounts
from lifecycle.intake.bulk import RacedError, insert, look_up
from lifecycle.intake.declared import Declared
from lifecycle.intake.fresh import Fresh, find_fresh
from lifecycle.intake.known import Known
from lifecycle.intake.merge import merge_contacts
from lifecycle.intake.news import NOTHING, Kind, News
from lifecycle.intake.payload import Incoming, Refused, Word, read_message
from lifecycle.intake.people import People
from lifecycle.intake.person import Merged, Person
from lifecycle.intake.plain import find_plain
from lifecycle.intake.touched import leave_touched
from lifecycle.spec.model import Content
from lifecycle.store import tables
from lifecycle.store.engine import Store

#: Times that a batch begins again when another transaction stored one of its messages first.
_ATTEMPTS = 5
_INBOX, _CONTACTS, _ENROLMENTS = tables.inbox, tables.contacts, tables.enrolments
_ALWAYS, _NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A payload that was not stored: its place among the payloads (from 0), and why."""

    index: int
    reason: str
    payload: Any


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a batch. `stored` counts the messages that changed something, `duplicates` those that did not."""

    stored: int = 0
    duplicates: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    #: contacts that were made
    contacts: int = 0
    #: places of the payloads that changed something
    news: frozenset[int] = frozenset()
    #: rows of the contacts that were changed, or that did something
    touched: frozenset[int] = frozenset()
    #: of history: the note of them, and of what is new about any of them (intake.touched)
    note: int | None = None


def accept(store: Store, payloads: Sequence[Any], *, clock: Clock, content: Content | None, live: bool) -> Accepted:
    """Store a batch of Segment messages in one transaction; what cannot be read is returned with its reason.

    `live` events may trigger campaigns, unless they are more than 24 h late; history (`live` False) triggers nothing,
    and leaves a note of whom it touched.
    With `content`, undeclared events and properties are counted. Raises StoreError when the database fails: then
    nothing of the batch was stored.
    """
    now = clock.now()
    declared = Declared(content)
    incoming: list[Incoming] = []
    rejected: list[Rejected] = []
    for index, payload in enumerate(payloads):
        try:
            message = read_message(payload, index, now, live=live)
        except Refused as refusal:
            rejected.append(Rejected(index, str(refusal), payload))
            continue
        lacking = declared.lacks(message.name, message.properties)
        incoming.append(message._replace(undeclared=lacking) if lacking else message)
    return replace(keep(store, incoming, now=now, live=live), rejected=rejected)


def keep(
    store: Store, messages: Sequence[Incoming], *, now: datetime, live: bool, known: Known | None = None
) -> Accepted:
    """Store messages that were read, as `accept` does.

    `known` is what the batches before have taught, of an import that settles the store when it is done.
    """
    if not messages:
        return Accepted()
    settled = known is None
    known = known or Known()
    for _ in range(_ATTEMPTS):
        try:
            with store.write(settled=settled) as connection:
                batch = _Batch(connection, now, known, live=live)
                news, contacts = batch.store(messages)
                note = None if live else leave_touched(connection, batch.touched, batch.told, now)
        except (IntegrityError, RacedError):
            known.met(1)
            continue  # a concurrent batch stored one of these first; in a new transaction it is seen
        except StoreError as error:
            if not _was_deadlock(error):
                raise
            continue
        known.learn(batch.learned)
        return Accepted(len(news), len(messages) - len(news), [], contacts, news, frozenset(batch.touched), note)
    raise StoreError("other writers kept storing the same messages", hint="send the batch again")


def _was_deadlock(error: StoreError) -> bool:
    """Say whether PostgreSQL ended the transaction to untie two: the other went through, so this one can be redone."""
    cause = error.__cause__
    return isinstance(cause, DBAPIError) and isinstance(cause.orig, DeadlockDetected)


class _Batch:
    """One batch in its transaction."""

    def __init__(self, connection: Connection, now: datetime, known: Known, *, live: bool) -> None:
        self._connection = connection
        self._now = now
        self._known = known
        self._live = live
        self._people = People(connection)
        self._merged = 0
        self._accounts = Accounts(connection)
        #: everyone whom something new is known of that is no event, and what: None for anything
        self._changed: list[tuple[Person, Kind | None]] = []
        #: what was said of consent, by whom, and who became whom, in order
        self._words: list[tuple[Person, Word, Incoming] | Merged] = []
        #: rows of everyone whom the batch concerns, and what is new about any of them
        self.touched: set[int] = set()
        self.told = NOTHING
        #: rows by userId that are worth remembering, once committed
        self.learned: dict[str, int] = {}

    def store(self, messages: Sequence[Incoming]) -> tuple[frozenset[int], int]:
        """Store the messages; return the places of those that changed something, and how many contacts were made."""
        plain = find_plain(self._connection, messages, self._known)
        if plain is not None:
            self.learned = plain.new
            new, telling, merged, contacts = plain.made, set[int](), set[int](), plain.contacts
        else:
            new, telling, merged, contacts = self._store_people(messages)
        fresh = find_fresh(self._connection, messages, contacts, self._known)
        folding = rollup.Folding(self._connection, fresh.facts(), again=merged)
        with fresh.storing(self._connection, self._now):
            # what needs no connection is done while the server copies
            folding.fold()
            add_views = views.adding(self._connection, fresh.views())
            lacking = Counter(chain.from_iterable(filter(None, fresh.fields["undeclared"])))
            events = frozenset(fresh.fields["place"])
        folding.save()
        add_views()
        views.count_again(self._connection, merged)
        self._leave_work(fresh, new)
        undeclared.record(self._connection, lacking, self._now)
        if len(events) < len(messages):
            # an event that was stored before is a duplicate, whatever it taught us about names
            telling -= {message.place for message in messages if message.name and message.place not in events}
        return events | telling, len(new)

    def _store_people(self, messages: Sequence[Incoming]) -> tuple[set[int], set[int], set[int], list[int]]:
        """Find, make, describe and merge whom the messages are about.

        Returns the rows of the contacts that were made, the places of the messages that told something new, the rows
        of those who were merged with others, and each message's contact.
        """
        self._people.load(messages)
        self._accounts.load(messages)
        people: list[Person] = []
        telling: set[int] = set()
        for message in messages:
            before = self._people.changes
            person = self._describe(message)
            people.append(person)
            if self._people.changes != before:
                telling.add(message.place)
                self._changed.append((person, "attribute"))
        self._accounts.write()
        new = self._people.number()
        telling |= self._store_consent()
        merges = self._people.merges
        self._changed += [(stays, None) for _, stays in merges]
        for goes, stays in merges:
            merge_contacts(self._connection, goes, stays.row, self._now)
        self._record_merges()
        self._people.write(new)
        return {person.row for person in new}, telling, {stays.row for _, stays in merges}, [p.row for p in people]

    def _describe(self, message: Incoming) -> Person:
        person = self._people.resolve(message)
        if message.previous_id is not None:
            person = self._people.alias(message, person)
        self._words += self._people.merged[self._merged :]
        self._merged = len(self._people.merged)
        if message.group_id is not None:
            known = self._accounts.changes
            self._people.join(person, self._accounts.describe(message))
            self._people.changes += self._accounts.changes - known
        if message.traits is not None:
            self._people.describe(person, message)
            self._words += [(person, word, message) for word in message.traits.consent]
        return person

    def _record_merges(self) -> None:
        """Say who was merged, when and why. Who never had a row was never seen by anybody."""
        said = [
            (each.goes.id, each.stays.row, self._now, each.cause, each.message.message_id)
            for each in self._people.merged
            if each.goes.id is not None
        ]
        insert(self._connection, tables.merges, ("goes", "stays", "at", "cause", "message_id"), said)

    def _store_consent(self) -> set[int]:
        """Record what was said, each word of whom the speaker was then; before the merges, which give rows away."""
        said: list[consent.Said | consent.Union] = []
        for each in self._words:
            if isinstance(each, Merged):
                goes, stays = each.goes.speaker, each.stays.speaker
                said.append(consent.Union(each.stays.row, goes, stays, each.message.at))
            else:
                person, word, message = each
                at = message.at if message.timed else None
                said.append(consent.Said(person.row, word, at, person.speaker))
        news = consent.record(self._connection, said, self._now, live=self._live)
        told = [each for each, is_news in zip(self._words, news, strict=True) if is_news]
        self._changed += [(each.stays, None) if isinstance(each, Merged) else (each[0], "consent") for each in told]
        return {each.message.place if isinstance(each, Merged) else each[2].place for each in told}

    def _leave_work(self, fresh: Fresh, new: set[int]) -> None:
        """Leave inbox rows: for live events and changes, and for whatever touches someone inside a campaign."""
        changed: dict[int, set[Kind | None]] = {}
        for person, kind in self._changed:
            changed.setdefault(person.row, set()).add(kind)
        for row in new:
            changed.setdefault(row, set()).add(None)
        for colleague in self._accounts.people():
            changed.setdefault(colleague, set()).add("attribute")
        self.touched = {*changed, *fresh.contacts}
        self.told = reduce(News.__or__, map(News.of, set[Kind | None]().union(*changed.values())), NOTHING)
        self.told |= News(frozenset(fresh.fields["name"]), anything=bool(new))
        since = self._concerned(self.touched)
        rows: list[tuple[int, int | None, Kind | None]] = []
        if since or self._live:
            lives, ats = fresh.fields["live"], fresh.fields["at"]
            rows += [
                (contact, number, None)
                for live, at, contact, number in zip(lives, ats, fresh.contacts, fresh.ids, strict=True)
                if live or at >= since.get(contact, _NEVER)
            ]
        # whoever is new is asked about everything at its first event, or else because of a row that says so
        begun = new & {contact for contact, *_ in rows}
        for row, kinds in sorted(changed.items()):
            if row not in begun and (self._live or since.get(row, _NEVER) == _ALWAYS):
                told = [None] if None in kinds or row in new else sorted(kinds, key=str)
                rows += [(row, None, kind) for kind in told]
        insert(self._connection, _INBOX, ("contact_id", "event_id", "what"), rows)
        if self._live:
            # a late event triggers nothing, but somebody must notice what it changes about segments
            pairs = zip(fresh.fields["live"], fresh.contacts, strict=True)
            late = {contact for live, contact in pairs if not live}
            self._review(late - {contact for contact, *_ in rows})

    def _review(self, late: set[int]) -> None:
        if late:
            now = {"review_at": self._now, "wake_at": self._now, "flips": None}
            due = update(_CONTACTS).where(_CONTACTS.c.id.in_(sorted(late))).values(**now)
            self._connection.execute(due)

    def _concerned(self, contacts: set[int]) -> dict[int, datetime]:
        """Return since when history concerns each contact: always inside a campaign, then for its open goal."""
        if self._connection.execute(select(_ENROLMENTS.c.id).limit(1)).first() is None:
            return {}
        rows = look_up(
            self._connection, _ENROLMENTS, ("contact_id", "state", "activated_at"), ("contact_id",),
            [(contact,) for contact in contacts],
            only="(t.state IN ('waiting', 'active') OR (t.activated_at IS NOT NULL AND t.goal_at IS NULL))",
        )  # fmt: skip
        since: dict[int, datetime] = {}
        for row in rows:
            start = _ALWAYS if row.state in {"waiting", "active"} else row.activated_at
            since[row.contact_id] = min(start, since.get(row.contact_id, _NEVER))
        return since
