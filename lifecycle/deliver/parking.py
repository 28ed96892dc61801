"""The claim where sending limits are set: what has no room at its limit is parked there, once, out of the others' way.

A row that is parked waits in the queue of its limit (`messages.queue`), which the general claim never sees. Whenever
the limit has room, as many are taken from there, by priority, due time and id, like all others. Rows only move to a
narrower limit, from a warm-up to a domain's; so none is moved to and fro.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from lifecycle.base.address import domain_of
from lifecycle.deliver.limits import Limit
from lifecycle.deliver.picking import HELD, MOST_CRASHES, PARKED, SUSPECT_BATCHES, Shut, due_priorities, in_queue
from lifecycle.deliver.taking import Limiting, Taking
from lifecycle.store.among import IsOneOf
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts, messages

#: Rows of one priority that one claim looks at, at least: what is to be parked is parked by so many.
LOOKED_AT = 100
#: Rows that come free in one transaction.
CHUNK = 1000
#: Seconds after which to look again when what has room is claimed already.
SOON_S = 0.05


@dataclass(frozen=True, slots=True)
class Limited:
    """The limits in force, and by which provider each sender's mails would go now (None: rows without a sender)."""

    limiting: Limiting
    carriers: Mapping[str | None, str]

    def carrier(self, row: Row[Any]) -> str:
        """Return the provider by which the row would go."""
        if row.kind == "transactional" and row.provider is not None:
            return str(row.provider)
        return self.carriers.get(row.sender, self.carriers[None])


@dataclass(slots=True)
class Picked:
    """What one claim takes: ids by the queue they come back to. `parked` counts rows that were parked instead."""

    claims: dict[str, list[int]]
    parked: int = 0
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Candidate:
    row: Row[Any]
    carrier: str
    #: the queue that it comes back to
    queue: str

    @property
    def order(self) -> tuple[int, datetime, int]:
        return (-self.row.priority, self.row.due_at, self.row.id)


def pick(
    connection: Connection, now: datetime, limit: int, limited: Limited, shut: Shut, *, last_chances: bool
) -> Picked:
    """Return what to claim, locked, `limit` rows at most; park what has no room."""
    return _Picking(connection, now, limited, shut, last_chances=last_chances).pick(limit)


class _Picking:
    def __init__(
        self, connection: Connection, now: datetime, limited: Limited, shut: Shut, *, last_chances: bool
    ) -> None:
        self._connection = connection
        self._now = now
        self._limited = limited
        limits = limited.limiting.limits
        # held, so that two claims at once do not both count on the same room
        self._taking = limited.limiting.hold(connection, list(limits))
        self._room = self._rooms(self._taking)
        self._parking = limits.parking
        self._waits: dict[str, bool] = {}
        self._parked: dict[str, list[int]] = defaultdict(list)
        #: what each provider may still be given in this claim
        self._budget: dict[str, int] = {}
        for each in limits:
            if each.everything and each.provider is not None:
                room = self._room[each.key]
                self._budget[each.provider] = min(room, self._budget.get(each.provider, room))
        full = {provider for provider, room in self._budget.items() if room < 1}
        self._full = [each for each in limits if each.everything and each.provider in full]
        self._shut = self._and(shut, full)
        self._where = self._shut.spared()
        if not last_chances:
            self._where.append(messages.c.crashes < MOST_CRASHES - 1)

    def _and(self, shut: Shut, full: set[str]) -> Shut:
        senders = {name for name, carrier in self._limited.carriers.items() if carrier in full}
        return Shut(shut.senders | senders, shut.providers | full)

    def _rooms(self, taking: Taking) -> dict[str, int]:
        """Return the room of each limit, less what is claimed and not yet released."""
        table = messages.c
        # the state is bound, so that the index of held rows serves; those in `sending` have taken theirs
        query = (
            select(table.queue, table.sender, table.kind, table.provider, func.count().label("rows"))
            .where(HELD, table.state == "claimed")
            .group_by(table.queue, table.sender, table.kind, table.provider)
        )
        claimed = self._connection.execute(query).all()
        return {
            each.key: taking.room(each)
            - sum(
                row.rows
                for row in claimed
                if (self._limited.carrier(row) == each.provider if each.everything else row.queue == each.key)
            )
            for each in self._limited.limiting.limits
        }

    def pick(self, limit: int) -> Picked:
        """Look at the general queue, then at each limit's, and take the first of all."""
        if all(carrier in self._budget for carrier in self._limited.carriers.values()):
            limit = min(limit, max(1, sum(self._budget.values())))
        found = [*self._general(limit)]
        # those too may be the first of their queue
        parked = self._write_parked()
        for each in self._parking:
            if self._room[each.key] > 0 and self._has_due(each):
                found += self._queue(each, min(limit, self._room[each.key]))
        found.sort(key=lambda one: one.order)
        picked = Picked(self._first(found, limit), parked + self._write_parked())
        if self._full and next(iter(due_priorities(self._connection, self._now)), None) is not None:
            picked.wait_s = min(max(self._taking.wait_s(each), SOON_S) for each in self._full)
        return picked

    def _write_parked(self) -> int:
        for key, ids in self._parked.items():
            self._connection.execute(update(messages).where(IsOneOf(messages.c.id, ids)).values(queue=key))
        count = sum(map(len, self._parked.values()))
        self._parked.clear()
        return count

    def _first(self, found: list[_Candidate], limit: int) -> dict[str, list[int]]:
        """Return the ids of the first, all of whose claims crashed equally often."""
        claims: dict[str, list[int]] = {}
        count = 0
        for one in found:
            if one.row.crashes != found[0].row.crashes:
                continue
            if count >= min(limit, SUSPECT_BATCHES[min(one.row.crashes, len(SUSPECT_BATCHES) - 1)]):
                break
            if self._budget.get(one.carrier, 1) < 1:
                continue
            if one.carrier in self._budget:
                self._budget[one.carrier] -= 1
            claims.setdefault(one.queue, []).append(one.row.id)
            count += 1
        return claims

    def _general(self, limit: int) -> Iterator[_Candidate]:
        count = 0
        for priority in due_priorities(self._connection, self._now):
            for row in self._rows("", priority, max(limit, LOOKED_AT) if self._parking else limit):
                one = self._newcomer(row)
                if one is not None:
                    yield one
                    count += 1
            if count >= limit:
                return

    def _newcomer(self, row: Row[Any]) -> _Candidate | None:
        """Return a row of the general queue as it may be claimed, or None when it was parked."""
        carrier = self._limited.carrier(row)
        covering = self._covering(row, carrier)
        is_late = row.deadline_at is not None and row.deadline_at < self._now
        if row.kind == "transactional" or is_late:
            for each in covering:
                self._room[each.key] -= not is_late
            return _Candidate(row, carrier, "")
        for each in covering:
            if self._room[each.key] < 1 or self._has_due(each):
                self._park(row, each)
                return None
        for each in covering:
            self._room[each.key] -= 1
        return _Candidate(row, carrier, covering[-1].key if covering else "")

    def _queue(self, limit: Limit, most: int) -> Iterator[_Candidate]:
        """Yield the first rows that wait at a limit, and for which no other has no room."""
        count = 0
        for priority in due_priorities(self._connection, self._now, limit.key):
            for row in self._rows(limit.key, priority, most - count, limit):
                carrier = self._limited.carrier(row)
                others = [each for each in self._covering(row, carrier) if each is not limit]
                full = next((each for each in others if self._room[each.key] < 1), None)
                if full is None:
                    for each in (limit, *others):
                        self._room[each.key] -= 1
                    yield _Candidate(row, carrier, limit.key)
                    count += 1
                elif full.narrowness > limit.narrowness:
                    self._park(row, full)
            if count >= most:
                return

    def _covering(self, row: Row[Any], carrier: str) -> list[Limit]:
        domain = domain_of(row.address_key or "")
        return [each for each in self._limited.limiting.limits.of(carrier, domain) if not each.everything]

    def _rows(self, queue: str, priority: int, most: int, limit: Limit | None = None) -> list[Row[Any]]:
        table = messages.c
        query = (
            select(
                table.id, table.crashes, table.kind, table.sender, table.provider, table.priority, table.due_at,
                table.deadline_at, contacts.c.address_key,
            )
            .join(contacts, contacts.c.id == table.contact_id)
            .where(*in_queue(queue), table.priority == priority, table.due_at <= self._now, *self._conditions(limit))
            .order_by(table.due_at, table.id)
            .limit(most)
            .with_for_update(skip_locked=True, of=messages)
        )  # fmt: skip
        return list(self._connection.execute(query))

    def _conditions(self, limit: Limit | None) -> list[Any]:
        """Return the conditions of rows that somebody can send; at a domain, none whose warm-up has had its day."""
        if limit is None or not limit.domains:
            return self._where
        over = {
            each.provider
            for each in self._parking
            if not each.domains and each.provider is not None and self._room[each.key] < 1
        }
        return [*self._where, *self._and(self._shut, over).spared()] if over else self._where

    def _has_due(self, limit: Limit) -> bool:
        if limit.key not in self._waits:
            waits = next(iter(due_priorities(self._connection, self._now, limit.key)), None) is not None
            self._waits[limit.key] = waits
        return self._waits[limit.key]

    def _park(self, row: Row[Any], limit: Limit) -> None:
        self._parked[limit.key].append(row.id)
        # whoever comes after it waits behind it
        self._waits[limit.key] = True


def has_parked(connection: Connection, now: datetime, limiting: Limiting) -> bool:
    """Say whether a row is due at a limit that has room for it."""
    standing = limiting.look(connection)
    return any(
        standing.room(each) > 0 and next(iter(due_priorities(connection, now, each.key)), None) is not None
        for each in limiting.limits.parking
    )


def free_parked(store: Store, now: datetime, in_force: Collection[str]) -> int:
    """Return rows to the general queue whose limit is not in force, or whose deadline has passed; return how many.

    The late ones are skipped there, with their reason, like all others.
    """
    with store.read() as connection:
        gone = [queue for queue in _queues(connection) if queue not in in_force]
        late = (PARKED, messages.c.deadline_at < now)
        is_late = connection.execute(select(messages.c.id).where(*late).limit(1)).first() is not None
    freed = 0
    for which in [*((PARKED, messages.c.queue == queue) for queue in gone), *([late] if is_late else [])]:
        while some := _free(store, which):
            freed += some
    return freed


def _free(store: Store, which: tuple[Any, ...]) -> int:
    ids = select(messages.c.id).where(*which).order_by(messages.c.id).limit(CHUNK).with_for_update(skip_locked=True)
    with store.write() as connection:
        found = list(connection.execute(ids).scalars())
        connection.execute(update(messages).where(IsOneOf(messages.c.id, found)).values(queue=""))
        return len(found)


def _queues(connection: Connection) -> Iterator[str]:
    """Yield the keys of limits at which rows wait, each by one step into the index."""
    last = ""
    while True:
        query = select(messages.c.queue).where(PARKED, messages.c.queue > last).order_by(messages.c.queue).limit(1)
        found = connection.execute(query).scalar()
        if found is None:
            return
        yield found
        last = found
