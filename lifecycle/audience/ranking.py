"""Rankings by facts, for `{top: 10%}`: kept as facts change, so that whose place changes is known without sorting anew.

For each fact that the content has a top share of, `ranks` holds the place at which each contact was last seen, and
`top_boundaries` where each share ends. When some contacts' facts have changed, the boundary moves by as many places as
were won or lost: the contacts that it passes are those, and no others, whose answer has changed without news of their
own.
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
from lifecycle.audience.expressions import IsOneOf, PlaceOf
from lifecycle.audience.setting import Top, wanted_tops
from lifecycle.base.units import Share
from lifecycle.intake import bulk
from lifecycle.spec.model import Content
from lifecycle.store.tables import contacts, facts, ranks, top_boundaries

#: Advisory lock of whoever ranks by a fact for the first time.
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

    The contacts' rows are held by the caller. On PostgreSQL the boundaries are held from the first change on until the
    transaction ends: they move one transaction after the other.
    """
    wanted = wanted_tops(content)
    ranked = sorted({fact for fact, _ in wanted})
    if contact_ids is None:
        return _rank_all(connection, wanted)
    if not wanted:
        return Ranking()
    changes = {fact: _changes(connection, fact, contact_ids) for fact in ranked}
    stored = _stored(connection, hold=any(changes.values()))
    if any(top not in stored for top in wanted):
        return _rank_all(connection, wanted)
    found = Ranking()
    for fact in ranked:
        _write(connection, fact, changes[fact])
        for top in wanted:
            if top[0] == fact:
                found.tops[top] = _move(connection, top, stored[top], changes[fact], found.passed)
    found.passed -= set(contact_ids)
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
    for table in (ranks, top_boundaries):
        connection.execute(delete(table))
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
            _store(connection, top, boundary, holders, number)
            if top in before:
                found.passed |= _between(connection, fact, before[top].boundary, boundary)
    return found


def _between(connection: Connection, fact: str, one: Boundary, other: Boundary) -> set[int]:
    low, high = sorted((one, other))
    rows = _ranked(fact).where(_after(low), ~_after(high))
    return {row.contact_id for row in connection.execute(rows)}


# ---------------------------------------------------------------- as facts change


@dataclass(frozen=True, slots=True)
class _Stored:
    boundary: Boundary
    holders: int
    inside: int


@dataclass(frozen=True, slots=True)
class _Change:
    """One contact's place before and now; None while it does not have the fact, or does not count."""

    contact_id: int
    before: int | None
    now: int | None

    def gained(self, boundary: Boundary) -> int:
        """Return by how many the contact makes the number of those up to the boundary greater: -1, 0 or 1."""
        return self._is_in(self.now, boundary) - self._is_in(self.before, boundary)

    def _is_in(self, place: int | None, boundary: Boundary) -> bool:
        return place is not None and Boundary(place, self.contact_id) <= boundary


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
        (row.fact, Share.parse(row.share)): _Stored(Boundary(row.place, row.contact_id), row.holders, row.inside)
        for row in rows
    }


def _write(connection: Connection, fact: str, changes: Iterable[_Change]) -> None:
    standing = [(fact, change.contact_id, change.now) for change in changes if change.now is not None]
    bulk.upsert(connection, ranks, ("fact", "contact_id"), ("place",), standing)
    gone = [(fact, change.contact_id) for change in changes if change.now is None]
    if gone:
        connection.execute(delete(ranks).where(tuple_(ranks.c.fact, ranks.c.contact_id).in_(gone)))


def _move(connection: Connection, top: Top, stored: _Stored, changes: Sequence[_Change], passed: set[int]) -> Boundary:
    """Return where the share ends now, store it, and add to `passed` the contacts between there and where it ended."""
    if not changes:
        return stored.boundary
    fact, share = top
    boundary = stored.boundary
    holders = stored.holders + sum((change.now is not None) - (change.before is not None) for change in changes)
    wanted = inside(share, holders)
    have = stored.inside + sum(change.gained(boundary) for change in changes)
    if wanted > have:
        rows = _walk(connection, _ranked(fact).where(_after(boundary)).order_by("place", "contact_id"), wanted - have)
        passed |= {row.contact_id for row in rows}
        boundary = rows[-1]
    elif wanted < have:
        query = _ranked(fact).where(~_after(boundary)).order_by(ranks.c.place.desc(), ranks.c.contact_id.desc())
        rows = _walk(connection, query, have - wanted + 1)
        passed |= {row.contact_id for row in rows[: have - wanted]}
        boundary = rows[-1] if wanted else NOBODY
    _store(connection, top, boundary, holders, wanted)
    return boundary


def _ranked(fact: str) -> Select[Any]:
    return select(ranks.c.place, ranks.c.contact_id).where(ranks.c.fact == fact)


def _after(boundary: Boundary) -> ColumnElement[bool]:
    limit = tuple_(literal(boundary.place, BigInteger()), literal(boundary.contact_id, BigInteger()))
    return tuple_(ranks.c.place, ranks.c.contact_id) > limit


def _walk(connection: Connection, query: Select[Any], steps: int) -> list[Boundary]:
    return [Boundary(row.place, row.contact_id) for row in connection.execute(query.limit(steps))]


def _store(connection: Connection, top: Top, boundary: Boundary, holders: int, number: int) -> None:
    row = (top[0], str(top[1]), holders, number, boundary.place, boundary.contact_id)
    bulk.upsert(connection, top_boundaries, ("fact", "share"), ("holders", "inside", "place", "contact_id"), [row])
