"""Memberships and stages for many contacts at once: one query for some thousand of them, and only differences written.

The journey keeps them current contact by contact (audience.review); this is for what touches many: an import, an apply,
a rebuild. Nothing that is stored here triggers anything (DESIGN section 4, meaning 11).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select, text

from lifecycle.audience.compile import COUNTS, beside_facts, compile_conditions
from lifecycle.audience.compile_flips import compile_flips, least_seconds
from lifecycle.audience.ranking import keep_ranking
from lifecycle.audience.reviews import keep_reviews
from lifecycle.audience.setting import STAGE_PREFIX, Setting, walk_all
from lifecycle.audience.stays import ContactStays, begin_stays, end_stays, load_stays
from lifecycle.audience.windows import window_leave
from lifecycle.base.units import Duration
from lifecycle.intake import bulk
from lifecycle.intake.news import ANYTHING, News
from lifecycle.intake.touched import forget_touched
from lifecycle.spec.conditions import Condition, StageLeaf
from lifecycle.spec.model import Content
from lifecycle.store.among import IsOneOf
from lifecycle.store.columns import dumps
from lifecycle.store.planner import without
from lifecycle.store.tables import contacts, stage_transitions

#: Contacts asked about by one query, so that memory stays flat.
BATCH = 2_000


@dataclass(slots=True)
class Refreshed:
    """What a refresh wrote: stays begun and ended (segments alone), and stage transitions."""

    entered: int = 0
    left: int = 0
    moved: int = 0

    def __add__(self, other: Refreshed) -> Refreshed:
        """Return the sum of both."""
        return Refreshed(self.entered + other.entered, self.left + other.left, self.moved + other.moved)


def refresh(
    connection: Connection,
    content: Content,
    now: datetime,
    cause: str,
    contact_ids: Collection[int] | None = None,
    news: News = ANYTHING,
    *,
    report: Callable[[int], object] = lambda _count: None,
) -> Refreshed:
    """Bring stored stages and memberships to what holds at `now`, for these contacts (all when None).

    Asks only what reads something of the `news`, but everything of contacts of whom nothing is known. Writes entered
    and left rows, stage transitions with `cause`, contacts.stage and stage_since_at, and when time may next change
    something for each of them. The contacts that a top share gains or loses because of them are looked at too: one
    contact's rise is another's fall. `report` is told of each batch of contacts.
    """
    _hold(connection, contact_ids)
    if contact_ids is None and news.anything:
        forget_touched(connection)
    ranking = keep_ranking(connection, content, contact_ids)
    setting = Setting.of(content, ranking.tops)
    done = Refreshed()
    # each query names its contacts: a table that only just began to fill looks to the planner as if it were empty
    with without(connection, "seqscan"):
        asking = _Asking(content, setting, now, news)
        for ids in _batches(connection, contact_ids):
            unknown = set[int]() if news.anything else _unknown(connection, ids)
            found = asking.differences(connection, [one for one in ids if one not in unknown])
            if unknown:
                found += _Asking(content, setting, now, ANYTHING).differences(connection, sorted(unknown))
            done += _write(connection, found, now, cause)
            report(len(ids))
        # whoever was asked above was asked what the news of all of them can have changed, their places included
        passed = ranking.passed.difference(contact_ids or ())
        if contact_ids is not None and passed:
            passing = _Asking(content, setting, now, News.of("rank"))
            _hold(connection, passed)
            for ids in _batches(connection, passed):
                done += _write(connection, passing.differences(connection, ids), now, cause)
    return done


def _unknown(connection: Connection, ids: Sequence[int]) -> set[int]:
    """Return those of whom nothing is known yet, so that everything has to be asked."""
    mine = select(contacts.c.id).where(IsOneOf(contacts.c.id, bindparam("ids")), contacts.c.holding.is_(None))
    return set(connection.execute(mine, {"ids": list(ids)}).scalars())


def _hold(connection: Connection, contact_ids: Collection[int] | None) -> None:
    """Hold the contacts' rows, in the order that everybody keeps to, so that nobody waits in a circle."""
    if connection.dialect.name != "postgresql":
        return
    if contact_ids is None:
        connection.execute(text("LOCK TABLE contacts IN EXCLUSIVE MODE"))
        return
    mine = select(contacts.c.id).where(IsOneOf(contacts.c.id, bindparam("ids"))).order_by(contacts.c.id)
    connection.execute(mine.with_for_update(), {"ids": sorted(contact_ids)})


def _batches(connection: Connection, contact_ids: Collection[int] | None) -> Iterator[Sequence[int]]:
    if contact_ids is not None:
        ordered = iter(sorted(contact_ids))
        while ids := list(islice(ordered, BATCH)):
            yield ids
        return
    last = 0
    while True:
        following = select(contacts.c.id).where(contacts.c.id > last).order_by(contacts.c.id).limit(BATCH)
        found = connection.execute(following).scalars().all()
        if not found:
            return
        last = found[-1]
        yield found


# ---------------------------------------------------------------- what holds, against what is stored


@dataclass(slots=True)
class _Difference:
    """What is to be written about one contact."""

    contact_id: int
    before: str | None
    reviewed_at: datetime | None
    stage: str | None = None
    review_at: datetime | None = None
    holding: list[str] | None = None
    entered: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    #: what held, what is known of flips, or when to review again has changed
    anew: bool = False

    @property
    def is_none(self) -> bool:
        """Say whether there is nothing to write."""
        return not (self.entered or self.left or self.anew or self.before != self.stage)


class _Asking:
    """One question about any contacts: the segments and stages that the news may have changed, in one query."""

    def __init__(self, content: Content, setting: Setting, now: datetime, news: News) -> None:
        self._now, self._anything, self._stages = now, news.anything, content.project.stages
        self._asked = [name for name in setting.conditions if setting.reads(name).meets(news)]
        self._kept = {STAGE_PREFIX + each.stage: each.keep_for for each in self._stages if each.keep_for is not None}
        conditions = [setting.conditions[name] for name in self._asked]
        self._held_s = _shortest_held(conditions, setting)
        self._query: Select[Any] = select(
            contacts.c.id, contacts.c.stage, contacts.c.review_at, contacts.c.holding, contacts.c.flips, COUNTS,
            compile_flips(conditions, setting, now),
            *compile_conditions(self._asked, setting, now),
        ).select_from(beside_facts()).where(IsOneOf(contacts.c.id, bindparam("ids")))  # fmt: skip

    def differences(self, connection: Connection, ids: Sequence[int]) -> list[_Difference]:
        """Return what is to be written about each of these contacts for whom something is."""
        if not ids or not (self._asked or self._anything):
            return []
        stays = load_stays(connection, ids, self._kept, self._now)
        rows = connection.execute(self._query, {"ids": list(ids)}).all()
        found = [self._difference(row, stays[row[0]]) for row in rows]
        return [one for one in found if not one.is_none]

    def _difference(self, row: Row[Any], stays: ContactStays) -> _Difference:
        contact_id, before, review_at, held, flips, counts, flips_at, *answers = tuple(row)
        one = _Difference(contact_id, before, review_at)
        if not counts:
            one.left = stays.open
            one.anew = review_at is not None or held is not None
            return one
        answered = dict(zip(self._asked, answers, strict=True))
        holding = {STAGE_PREFIX + name for name in ([] if self._anything else held or [])} - answered.keys()
        holds = {name for name, found in answered.items() if found}
        holding |= {name for name in holds if name.startswith(STAGE_PREFIX)}
        belongs = {name for name in holds if not name.startswith(STAGE_PREFIX)} | holding & self._kept.keys()
        one.entered = belongs - stays.open
        told = stays.open if self._anything else stays.open & {*self._asked, *self._kept}
        one.left = told - belongs
        kept = stays.kept.keys() | {name for name in stays.open if name in self._kept}
        for stage in self._stages:
            if STAGE_PREFIX + stage.stage in holding | kept:
                one.stage = stage.stage
        one.holding = sorted(name.removeprefix(STAGE_PREFIX) for name in holding)
        moments = [flips_at, None if self._anything else review_at, *stays.kept.values(), *self._begun(one)]
        one.review_at = min((moment for moment in moments if moment is not None), default=None)
        one.anew = one.review_at != review_at or one.holding != held or flips is not None
        return one

    def _begun(self, one: _Difference) -> Iterator[datetime]:
        """Yield when what this very refresh begins will end: being kept in a stage, not having been in it for long."""
        for name in one.left:
            if name in self._kept:
                yield window_leave(self._now, self._kept[name])
        if one.stage != one.before and self._held_s is not None:
            yield self._now + timedelta(seconds=self._held_s)


def _shortest_held(conditions: Sequence[Condition], setting: Setting) -> int | None:
    """Return the shortest time for which a condition wants a stage held, at least, in seconds."""
    lengths = [
        least_seconds(part.held_for)
        for condition in conditions
        for part in walk_all(condition, setting)
        if isinstance(part, StageLeaf) and isinstance(part.held_for, Duration)
    ]
    return min(lengths, default=None)


# ---------------------------------------------------------------- writing


def _write(connection: Connection, found: Sequence[_Difference], now: datetime, cause: str) -> Refreshed:
    begun = [(one.contact_id, name, now, cause) for one in found for name in sorted(one.entered)]
    begin_stays(connection, begun)
    end_stays(connection, [(one.contact_id, now, name) for one in found for name in one.left])
    moved = [one for one in found if one.before != one.stage]
    transitions = [(one.contact_id, one.before, one.stage, now, cause) for one in moved]
    bulk.insert(connection, stage_transitions, ("contact_id", "before", "after", "at", "cause"), transitions)
    stages = [(one.contact_id, one.stage, now) for one in moved]
    bulk.update(connection, contacts, "id", ("stage", "stage_since_at"), stages)
    known = [
        (one.contact_id, one.review_at, None if one.holding is None else dumps(one.holding), None) for one in found
    ]
    # what each segment waits for is asked of the contact alone, when the first of the moments has come
    keep_reviews(connection, known, {one.contact_id: one.reviewed_at for one in found})
    left = [name for one in found for name in one.left if not name.startswith(STAGE_PREFIX)]
    entered = [name for _, name, *_ in begun if not name.startswith(STAGE_PREFIX)]
    return Refreshed(len(entered), len(left), len(moved))
