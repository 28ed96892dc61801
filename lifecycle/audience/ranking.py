"""Rankings by facts, for `{top: 10%}`: kept as facts change, so that whose place changes is known without sorting anew.

For each fact that the content has a top share of, `ranks` holds the place at which each contact was last seen, and
`top_boundaries` where each share ends. When some contacts' facts have changed, the boundary moves by as many places as
were won or lost: the contacts that it passes are those, and no others, whose answer has changed without news of their
own.

A place is written only where it matters: near the end of a share, in its window, or when it changes sides. Most of who
order are far from it. When an end has moved out of its window, all places are written anew.
On PostgreSQL, whoever moves an end holds it until the transaction ends, so that they move one after the other. Whoever
only stays far from it goes beside them, and holds off nobody but the one who would write all places anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    tuple_,
)

from lifecycle.audience.boundary import NOBODY, ZERO_WHEN_MISSING, Boundary, inside, place_of
from lifecycle.audience.compile_leaves import counts, is_counted
from lifecycle.audience.expressions import PlaceOf
from lifecycle.audience.setting import Top, wanted_tops
from lifecycle.base.units import Share
from lifecycle.intake import bulk
from lifecycle.spec.model import Content
from lifecycle.store.among import IsOneOf
from lifecycle.store.tables import contacts, facts, ranks, top_boundaries

#: Contacts on each side of the end of a share whose places are exact: so many, or one of so many holders.
WINDOW = 1_000
WINDOW_PART = 20
#: Every place lies between these.
_FIRST, _LAST = 1 - 2**63, 2**63 - 1
#: Advisory lock: held alone by whoever writes all places anew, and shared by those who rely on the windows.
_RANKING_LOCK = 5_001_002


@dataclass(slots=True)
class Ranking:
    """Where the top shares end, and the contacts that a boundary has passed since it was last looked at."""

    tops: dict[Top, Boundary] = field(default_factory=dict)
    passed: set[int] = field(default_factory=set)


def load_tops(connection: Connection, content: Content, *, facts_as: FromClause = facts) -> Mapping[Top, Boundary]:
    """Return where each top share ends by the facts in `facts_as` (audience.past), counted from the beginning."""
    return {top: find_boundary(connection, top, facts_as) for top in wanted_tops(content)}


def find_boundary(connection: Connection, top: Top, facts_as: FromClause) -> Boundary:
    """Return where one top share ends by the facts in `facts_as`."""
    fact, share = top
    standing = _standing(fact, facts_as).subquery("standing")
    holders = connection.execute(select(func.count()).select_from(standing)).scalar_one()
    return _nth(connection, select(standing.c.place, standing.c.contact_id), inside(share, holders))


def keep_ranking(connection: Connection, content: Content, contact_ids: Collection[int] | None) -> Ranking:
    """Take account of what the facts of these contacts (all when None) have become, and return the ranking.

    The contacts' rows are held by the caller. Some of them may be among the passed: what is new about them may be
    something else, with which nobody would ask for their place.
    """
    wanted = wanted_tops(content)
    if contact_ids is None:
        return _rank_all(connection, wanted)
    if not wanted:
        return Ranking()
    if connection.dialect.name != "postgresql":
        return _follow(connection, wanted, contact_ids) or _rank_all(connection, wanted)
    # what it has locked is let go before it waits for everybody who shares the windows: none of them may wait for it
    attempt = connection.begin_nested()
    connection.execute(text("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": _RANKING_LOCK})
    found = _follow(connection, wanted, contact_ids)
    if found is None:
        attempt.rollback()
        return _rank_all(connection, wanted)
    attempt.commit()
    return found


# ---------------------------------------------------------------- from the beginning


def _standing(fact: str, facts_as: FromClause) -> Select[Any]:
    """Return the place and the id of each contact that has the fact and counts."""
    column = facts_as.c[fact.replace(".", "_")]
    has = column > 0 if fact in ZERO_WHEN_MISSING else column.is_not(None)
    return select(PlaceOf(column).label("place"), facts_as.c.contact_id).where(has, is_counted(facts_as.c.contact_id))


def _nth(connection: Connection, rows: Select[Any], number: int) -> Boundary:
    """Return the place of the `number`th of the rows (place, contact_id)."""
    if number <= 0:
        return NOBODY
    place, contact_id = rows.selected_columns
    row = connection.execute(rows.order_by(place, contact_id).offset(number - 1).limit(1)).one()
    return Boundary(row[0], row[1])


def _rank_all(connection: Connection, wanted: Sequence[Top]) -> Ranking:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _RANKING_LOCK})
    before = _stored(connection, hold=True)
    connection.execute(delete(ranks))
    for fact, share in before.keys() - set(wanted):
        mine = top_boundaries.c.fact == fact, top_boundaries.c.share == str(share)
        connection.execute(delete(top_boundaries).where(*mine))
    found = Ranking()
    for fact in sorted({fact for fact, _ in wanted}):
        standing = _standing(fact, facts).subquery("standing")
        rows = select(literal(fact), standing.c.contact_id, standing.c.place)
        connection.execute(insert(ranks).from_select(["fact", "contact_id", "place"], rows))
        holders = connection.execute(select(func.count()).select_from(_ranked(fact).subquery())).scalar_one()
        for top in wanted:
            if top[0] != fact:
                continue
            number = inside(top[1], holders)
            found.tops[top] = boundary = _nth(connection, _ranked(fact), number)
            _store(connection, top, _Stored(boundary, holders, number, *_window(connection, fact, number, holders)))
            if top in before:
                found.passed |= _between(connection, fact, before[top].boundary, boundary)
    return found


def _window(connection: Connection, fact: str, number: int, holders: int) -> tuple[int, int]:
    """Return the first and the last place around the `number`th that are to be exact, both included."""
    reach = max(WINDOW, holders // WINDOW_PART)
    first = _FIRST if number - reach <= 1 else _nth(connection, _ranked(fact), number - reach).place
    last = _LAST if number + reach >= holders else _nth(connection, _ranked(fact), number + reach).place
    return first, last


def _between(connection: Connection, fact: str, one: Boundary, other: Boundary) -> set[int]:
    low, high = sorted((one, other))
    rows = _ranked(fact).where(_after(low), ~_after(high))
    return {row.contact_id for row in connection.execute(rows)}


# ---------------------------------------------------------------- as facts change


@dataclass(frozen=True, slots=True)
class _Change:
    """One contact's place before and now; None while it does not have the fact, or does not count.

    Outside of the windows `before` may be out of date, but never on another side.
    """

    contact_id: int
    before: int | None
    now: int | None

    def gained(self, boundary: Boundary) -> int:
        """Return by how many the contact makes the number of those up to the boundary greater: -1, 0 or 1."""
        return self._is_in(self.now, boundary) - self._is_in(self.before, boundary)

    def _is_in(self, place: int | None, boundary: Boundary) -> bool:
        return place is not None and Boundary(place, self.contact_id) <= boundary


@dataclass(frozen=True, slots=True)
class _Stored:
    """Where a share ends. Places from `first` to `last` are exact: so is whoever is, or was, there."""

    boundary: Boundary
    holders: int
    inside: int
    first: int
    last: int

    def is_near(self, change: _Change) -> bool:
        """Say whether the change is to be written: unless it is far from the boundary, and stays on its side."""
        if change.before is None or change.now is None:
            return True
        low, high = sorted((change.before, change.now))
        return not (high < self.first or low > self.last)


def _follow(connection: Connection, wanted: Sequence[Top], contact_ids: Collection[int]) -> Ranking | None:
    """Let the ends follow what has become of these contacts; None: all places have to be written anew."""
    changes = {fact: _changes(connection, fact, contact_ids) for fact in sorted({fact for fact, _ in wanted})}
    stored = _stored(connection, hold=False)
    if _any_near(changes, stored):
        stored = _stored(connection, hold=True)
    if any(top not in stored for top in wanted):
        return None
    found = Ranking()
    for fact, changed in changes.items():
        ends = [stored[top] for top in wanted if top[0] == fact]
        matter = [change for change in changed if any(end.is_near(change) for end in ends)]
        _write(connection, fact, matter)
        for top in wanted:
            if top[0] == fact:
                boundary = _move(connection, top, stored[top], matter, found.passed)
                if boundary is None:
                    return None
                found.tops[top] = boundary
    return found


def _any_near(changes: Mapping[str, Sequence[_Change]], stored: Mapping[Top, _Stored]) -> bool:
    return any(end.is_near(change) for (fact, _), end in stored.items() for change in changes.get(fact, ()))


def _changes(connection: Connection, fact: str, contact_ids: Collection[int]) -> list[_Change]:
    # whoever was merged into one of them has left the ranking with his facts
    merged = select(contacts.c.id).where(IsOneOf(contacts.c.merged_into, bindparam("ids")))
    ids = [*contact_ids, *connection.execute(merged, {"ids": list(contact_ids)}).scalars()]
    column = facts.c[fact.replace(".", "_")]
    standing = (
        select(facts.c.contact_id, column)
        .join(contacts, contacts.c.id == facts.c.contact_id)
        .where(IsOneOf(facts.c.contact_id, bindparam("ids")), counts(contacts))
    )
    now = {row[0]: place_of(fact, row[1]) for row in connection.execute(standing, {"ids": ids})}
    known = _ranked(fact).where(IsOneOf(ranks.c.contact_id, bindparam("ids")))
    before = {row.contact_id: row.place for row in connection.execute(known, {"ids": ids})}
    return [
        _Change(contact_id, before.get(contact_id), now.get(contact_id))
        for contact_id in sorted({*before, *now})
        if before.get(contact_id) != now.get(contact_id)
    ]


def _stored(connection: Connection, *, hold: bool) -> dict[Top, _Stored]:
    query = select(top_boundaries).order_by(top_boundaries.c.fact, top_boundaries.c.share)
    rows = connection.execute(query.with_for_update() if hold else query)
    return {
        (row.fact, Share.parse(row.share)): _Stored(
            Boundary(row.place, row.contact_id), row.holders, row.inside, row.first_place, row.last_place
        )
        for row in rows
    }


def _write(connection: Connection, fact: str, changes: Iterable[_Change]) -> None:
    standing = [(fact, change.contact_id, change.now) for change in changes if change.now is not None]
    bulk.upsert(connection, ranks, ("fact", "contact_id"), ("place",), standing)
    gone = [(fact, change.contact_id) for change in changes if change.now is None]
    if gone:
        connection.execute(delete(ranks).where(tuple_(ranks.c.fact, ranks.c.contact_id).in_(gone)))


def _move(
    connection: Connection, top: Top, stored: _Stored, changes: Sequence[_Change], passed: set[int]
) -> Boundary | None:
    """Return where the share ends now, store it, and add to `passed` the contacts between there and where it ended.

    None: beyond its window.
    """
    if not changes:
        return stored.boundary
    fact, share = top
    boundary = stored.boundary
    holders = stored.holders + sum((change.now is not None) - (change.before is not None) for change in changes)
    wanted = inside(share, holders)
    have = stored.inside + sum(change.gained(boundary) for change in changes)
    if not wanted and stored.first > _FIRST:
        return None
    # bounded on the far side alone, and only if it is: the other is the boundary, where the index is to be entered
    if wanted > have:
        query = _ranked(fact).where(_after(boundary)).order_by("place", "contact_id")
        query = query.where(ranks.c.place <= stored.last) if stored.last < _LAST else query
        rows = _walk(connection, query, wanted - have)
        if len(rows) < wanted - have:
            return None
        passed |= {row.contact_id for row in rows}
        boundary = rows[-1]
    elif wanted < have:
        query = _ranked(fact).where(~_after(boundary)).order_by(ranks.c.place.desc(), ranks.c.contact_id.desc())
        query = query.where(ranks.c.place >= stored.first) if stored.first > _FIRST else query
        rows = _walk(connection, query, have - wanted + 1)
        if len(rows) < have - wanted + (wanted > 0):
            return None
        passed |= {row.contact_id for row in rows[: have - wanted]}
        boundary = rows[-1] if wanted else NOBODY
    _store(connection, top, _Stored(boundary, holders, wanted, stored.first, stored.last))
    return boundary


def _ranked(fact: str) -> Select[Any]:
    return select(ranks.c.place, ranks.c.contact_id).where(ranks.c.fact == fact)


def _after(boundary: Boundary) -> ColumnElement[bool]:
    limit = tuple_(literal(boundary.place, BigInteger()), literal(boundary.contact_id, BigInteger()))
    return tuple_(ranks.c.place, ranks.c.contact_id) > limit


def _walk(connection: Connection, query: Select[Any], steps: int) -> list[Boundary]:
    return [Boundary(row.place, row.contact_id) for row in connection.execute(query.limit(steps))]


def _store(connection: Connection, top: Top, end: _Stored) -> None:
    columns = ("holders", "inside", "place", "contact_id", "first_place", "last_place")
    numbers = (end.holders, end.inside, end.boundary.place, end.boundary.contact_id, end.first, end.last)
    row = (top[0], str(top[1]), *numbers)
    bulk.upsert(connection, top_boundaries, ("fact", "share"), columns, [row])
