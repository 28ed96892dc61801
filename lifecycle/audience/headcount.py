"""Who is in a segment or a stage at a moment: counted and listed by one query each, for people who ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, FromClause, and_, func, or_, select, text

from lifecycle.audience.boundary import Boundary
from lifecycle.audience.compile import COUNTS, beside_facts, compile_condition, compile_stage
from lifecycle.audience.past import facts_at
from lifecycle.audience.ranking import find_boundary
from lifecycle.audience.setting import Setting, Top, top_shares
from lifecycle.base.errors import NotFoundError
from lifecycle.spec.conditions import Condition
from lifecycle.spec.model import Content, Segment
from lifecycle.store.planner import without
from lifecycle.store.tables import contacts, memberships, stage_transitions

#: Rows fetched at once while members are listed.
_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Member:
    """A member: how people name the contact, its row, and since when its stored membership has it in, if it does."""

    contact: str
    id: int
    entered_at: datetime | None


class Headcount:
    """Answers about one moment `at`, facts included, from one connection (audience.past.moment)."""

    def __init__(self, connection: Connection, content: Content, at: datetime) -> None:
        self._connection = connection
        self._content = content
        self._setting = Setting.of(content)
        self._at = at
        if connection.dialect.name == "postgresql":
            # what is joined of a million contacts stays in memory: with the 4 MB of a fresh server it goes to disk
            connection.execute(text("SET LOCAL work_mem = '64MB'"))
        self._facts: FromClause = facts_at(connection, at)

    def count(self, name: str) -> int:
        """Return how many contacts are in the segment. Raises NotFoundError."""
        return self.matching(self.segment(name).where)

    def matching(self, condition: Condition) -> int:
        """Return for how many contacts the condition holds."""
        asked = select(func.count()).select_from(beside_facts(self._facts)).where(COUNTS, self._holds(condition))
        with self._in_order():
            return self._connection.execute(asked).scalar_one()

    def counts(self) -> dict[str, int]:
        """Return the number of contacts in each segment, by name."""
        return {name: self.count(name) for name in self._content.segments}

    def members(self, name: str) -> Iterator[Member]:
        """Yield the contacts in the segment, in the order of their rows. Raises NotFoundError."""
        stay = and_(
            memberships.c.contact_id == contacts.c.id,
            memberships.c.segment == name,
            memberships.c.entered_at <= self._at,
            or_(memberships.c.left_at.is_(None), memberships.c.left_at > self._at),
        )
        entered = select(func.max(memberships.c.entered_at)).where(stay).correlate(contacts).scalar_subquery()
        called = func.coalesce(contacts.c.external_id, contacts.c.email, contacts.c.identifier)
        asked = (
            select(contacts.c.id, called.label("contact"), entered.label("entered_at"))
            .select_from(beside_facts(self._facts))
            .where(COUNTS, self._holds(self.segment(name).where))
            .order_by(contacts.c.id)
        )
        with self._in_order():
            rows = self._connection.execute(asked, execution_options={"yield_per": _BATCH})
        for row in rows:
            yield Member(row.contact, row.id, row.entered_at)

    def stages(self) -> dict[str | None, int]:
        """Return the number of contacts in each stage, None for those in none."""
        stage = compile_stage(self._setting, self._at, facts_as=self._facts, joined=True).label("stage")
        standing = select(stage).select_from(beside_facts(self._facts)).where(COUNTS).subquery("standing")
        rows = self._connection.execute(select(standing.c.stage, func.count()).group_by(standing.c.stage)).all()
        found: dict[str | None, int] = {stage.stage: 0 for stage in self._content.project.stages}
        return found | {row[0]: row[1] for row in rows}

    def segment(self, name: str) -> Segment:
        """Return the segment. Raises NotFoundError."""
        if name not in self._content.segments:
            known = ", ".join(sorted(self._content.segments))
            raise NotFoundError(f'no segment "{name}"', hint=f"segments: {known}" if known else "there are none yet")
        return self._content.segments[name]

    def tops(self, condition: Condition) -> dict[Top, Boundary]:
        """Return where each top share that the condition names ends, by the facts of that moment."""
        asked = top_shares(condition, self._setting)
        return {top: find_boundary(self._connection, top, self._facts) for top in asked}

    def _in_order(self) -> AbstractContextManager[None]:
        """Let PostgreSQL look contacts up in their order: in that of their hashes each lies in another page."""
        return without(self._connection, "hashagg")

    def _holds(self, condition: Condition) -> ColumnElement[bool]:
        return compile_condition(condition, self._setting, self._at, facts_as=self._facts, joined=True)


@dataclass(frozen=True, slots=True)
class Passage:
    """How often contacts went from one stage to another in a window, by the stored transitions; None is no stage."""

    before: str | None
    after: str | None
    contacts: int
    moves: int


def passages(connection: Connection, since: datetime | None, until: datetime) -> list[Passage]:
    """Return what moved in (since, until], most frequent first."""
    table = stage_transitions
    window = [table.c.at <= until] + ([table.c.at > since] if since is not None else [])
    rows = connection.execute(
        select(table.c.before, table.c.after, func.count(table.c.contact_id.distinct()), func.count())
        .where(*window)
        .group_by(table.c.before, table.c.after)
    ).all()
    found = [Passage(row[0], row[1], row[2], row[3]) for row in rows]
    return sorted(found, key=lambda passage: (-passage.moves, str(passage.before), str(passage.after)))


@dataclass(frozen=True, slots=True)
class Stays:
    """The stays in one stage that began in a window: contacts, and those who went on to a later stage.

    Seconds stayed are of the stays that have ended; None when none has.
    """

    stage: str
    contacts: int
    onward: int
    mean_s: float | None
    median_s: float | None

    @property
    def conversion(self) -> float | None:
        """Return the share of those who came that went on to a later stage; None when nobody came."""
        return self.onward / self.contacts if self.contacts else None


def stays(connection: Connection, content: Content, since: datetime | None, until: datetime) -> Mapping[str, Stays]:
    """Return for each stage the stays that began in (since, until], by the stored transitions up to `until`."""
    table = stage_transitions
    following = func.lead(table.c.at).over(partition_by=table.c.contact_id, order_by=(table.c.at, table.c.id))
    goes_to = func.lead(table.c.after).over(partition_by=table.c.contact_id, order_by=(table.c.at, table.c.id))
    steps = (
        select(table.c.contact_id, table.c.after, table.c.at, following.label("left_at"), goes_to.label("goes_to"))
        .where(table.c.at <= until)
        .subquery("steps")
    )
    order = [stage.stage for stage in content.project.stages]
    query = select(steps).where(steps.c.after.in_(order))
    if since is not None:
        query = query.where(steps.c.at > since)
    came: dict[str, set[int]] = {stage: set() for stage in order}
    went: dict[str, set[int]] = {stage: set() for stage in order}
    lengths: dict[str, list[float]] = {stage: [] for stage in order}
    for row in connection.execute(query, execution_options={"yield_per": _BATCH}):
        came[row.after].add(row.contact_id)
        if row.left_at is not None:
            lengths[row.after].append((row.left_at - row.at).total_seconds())
        if row.goes_to in order and order.index(row.goes_to) > order.index(row.after):
            went[row.after].add(row.contact_id)
    return {stage: _stays(stage, len(came[stage]), len(went[stage]), sorted(lengths[stage])) for stage in order}


def _stays(stage: str, came: int, went: int, lengths: list[float]) -> Stays:
    if not lengths:
        return Stays(stage, came, went, None, None)
    middle = len(lengths) // 2
    median = lengths[middle] if len(lengths) % 2 else (lengths[middle - 1] + lengths[middle]) / 2
    return Stays(stage, came, went, sum(lengths) / len(lengths), median)
