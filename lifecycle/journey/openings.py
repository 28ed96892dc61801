"""Whom `send` enrols: the campaign's audience as it is now, or whoever triggered it between two instants."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, literal_column, or_, select

from lifecycle.audience.compile import compile_condition
from lifecycle.audience.setting import Setting
from lifecycle.base.errors import UsageError
from lifecycle.intake.facts import EventFact
from lifecycle.journey.enrol import Opening, opening_by_event
from lifecycle.spec.model import Campaign, EventTrigger
from lifecycle.store.tables import contacts, events

#: Rows fetched at a time, so that memory stays flat.
_PAGE = 1000


class Chosen:
    """Openings that are fixed before any is acted on: who is enrolled must not depend on what enrolling does.

    A million contacts who share one opening take twelve octets each.
    """

    def __init__(self, found: Iterable[tuple[int, Opening]]) -> None:
        self._contacts, self._which = array("q"), array("i")
        self._openings: list[Opening] = []
        for contact_id, opening in found:
            if not self._openings or opening is not self._openings[-1]:
                self._openings.append(opening)
            self._contacts.append(contact_id)
            self._which.append(len(self._openings) - 1)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._contacts)

    def __iter__(self) -> Iterator[tuple[int, Opening]]:
        """Yield them in order."""
        return zip(self._contacts, map(self._openings.__getitem__, self._which), strict=True)


def audience_openings(
    connection: Connection, campaign: Campaign, setting: Setting, now: datetime, run: str
) -> Iterator[tuple[int, Opening]]:
    """Yield each contact of the audience, by id, with its opening in the run of that name."""
    query = select(contacts.c.id).where(contacts.c.merged_into.is_(None), contacts.c.erased_at.is_(None))
    if campaign.audience is not None:
        query = query.where(compile_condition(campaign.audience, setting, now))
    opening = Opening(now, run, immediate=True)
    last = 0
    while True:
        ids = list(connection.execute(query.where(contacts.c.id > last).order_by(contacts.c.id).limit(_PAGE)).scalars())
        if not ids:
            return
        last = ids[-1]
        for found in ids:
            yield found, opening


def outside_audience(connection: Connection, campaign: Campaign, setting: Setting, now: datetime) -> Iterator[int]:
    """Yield the contacts whom the audience leaves out, by id."""
    if campaign.audience is None:
        return
    query = select(contacts.c.id).where(
        contacts.c.merged_into.is_(None),
        contacts.c.erased_at.is_(None),
        ~compile_condition(campaign.audience, setting, now),
    )
    yield from connection.execute(query.order_by(contacts.c.id)).scalars()


def of_names(names: Collection[str]) -> ColumnElement[bool]:
    """Return whether an event has one of the names, as the index `events_by_name` wants to be asked."""
    return and_(events.c.id > literal_column("0"), events.c.name.in_(names))


def event_openings(
    connection: Connection, campaign: Campaign, since: datetime, until: datetime, now: datetime
) -> Iterator[tuple[int, Opening]]:
    """Yield an opening for each stored event in [since, until) that triggers the campaign, in order of time.

    Raises UsageError when the campaign is not triggered by events.
    """
    trigger = campaign.trigger
    if not isinstance(trigger, EventTrigger):
        raise UsageError(
            f'"{campaign.campaign}" is not triggered by events', hint="--since and --until need an event trigger"
        )
    mark: tuple[datetime, int] = (since, 0)
    while True:
        query = (
            select(events)
            .where(of_names(trigger.events), events.c.at < until)
            .where(or_(events.c.at > mark[0], and_(events.c.at == mark[0], events.c.id > mark[1])))
            .order_by(events.c.at, events.c.id)
            .limit(_PAGE)
        )
        rows = connection.execute(query).all()
        if not rows:
            return
        mark = (rows[-1].at, rows[-1].id)
        for row in rows:
            event = EventFact(row.id, row.name, row.at, row.properties or {}, row.live, row.message_id)
            found = opening_by_event(campaign, event)
            if found is not None:
                # the entry begins now, and so do deadlines: somebody wants these mails; they speak of the event
                yield row.contact_id, Opening(now, found.occurrence, event, found.entry_key, immediate=True)
