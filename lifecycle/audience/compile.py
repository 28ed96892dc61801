"""One condition as one SQL expression over `contacts`, the same on SQLite and PostgreSQL, with bound parameters only.

It says of every contact exactly what `audience.evaluate` says of one (a property test holds them equal), true, or else
false or NULL. Subqueries are correlated to `contacts.id`, each served by an index.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from sqlalchemy import ColumnElement, FromClause, String, and_, case, cast, false, null, or_, true

from lifecycle.audience import compile_leaves as leaves
from lifecycle.audience.compile_tests import Bool, is_not_true
from lifecycle.audience.setting import STAGE_PREFIX, Nesting, Setting
from lifecycle.audience.windows import window_start
from lifecycle.spec.conditions import (
    AllOf,
    AnyOf,
    AttributeLeaf,
    Condition,
    ConsentLeaf,
    DateLeaf,
    EventLeaf,
    FactLeaf,
    MessageLeaf,
    Negation,
    SampleLeaf,
    SegmentLeaf,
    StageLeaf,
    TotalLeaf,
)
from lifecycle.spec.model import Stage
from lifecycle.store.tables import contacts, facts, memberships

#: Contacts that count: neither merged into another nor erased. Nobody else is ever a member of anything.
COUNTS: ColumnElement[bool] = leaves.counts(contacts)


def beside_facts(facts_as: FromClause = facts) -> FromClause:
    """Return each contact with its row of facts, if it has one: what a condition compiled as `joined` is asked of.

    However many facts are asked about, the row is looked up once. Beside subqueries PostgreSQL may choose to read all
    of `facts` for each of them, whose facts they ask for or not.
    """
    return contacts.outerjoin(facts_as, facts_as.c.contact_id == contacts.c.id)


def compile_condition(
    condition: Condition, setting: Setting, now: datetime, *, facts_as: FromClause = facts, joined: bool = False
) -> ColumnElement[bool]:
    """Return the condition as an expression over `contacts`, true where it holds at `now`; `joined`: over beside_facts.

    `facts_as` is a table with the columns of `facts`, as they were at `now` (audience.past). Raises ContentError for
    unknown names, cycles, too deep nesting and properties that cannot be named. Does not imply COUNTS.
    """
    return _Compiling(setting, now, facts_as, joined).condition(condition, Nesting())


def compile_conditions(names: Iterable[str], setting: Setting, now: datetime) -> list[ColumnElement[bool]]:
    """Return the conditions of these segments, and of `stage:ID` a stage's own, as expressions over beside_facts."""
    compiling = _Compiling(setting, now, facts, joined=True)
    stages = {STAGE_PREFIX + stage.stage: Nesting().into_stage(stage) for stage in setting.project.stages}
    return [compiling.condition(setting.conditions[name], stages.get(name, Nesting())) for name in names]


def is_kept(stage: Stage, now: datetime) -> ColumnElement[bool]:
    """Return whether the stage's condition has ceased to hold so short a time ago that the contact is kept in it."""
    if stage.keep_for is None:
        return false()
    return leaves.of_contact(
        memberships,
        memberships.c.segment == STAGE_PREFIX + stage.stage,
        memberships.c.entered_at <= now,
        or_(memberships.c.left_at.is_(None), memberships.c.left_at > window_start(now, stage.keep_for)),
    )


def compile_stage(
    setting: Setting, now: datetime, *, facts_as: FromClause = facts, joined: bool = False
) -> ColumnElement[Any]:
    """Return the contact's stage at `now` as an expression over `contacts`, or beside_facts; NULL for none."""
    compiling = _Compiling(setting, now, facts_as, joined)
    arms = [(compiling.stage_counts(stage, Nesting()), stage.stage) for stage in reversed(setting.project.stages)]
    return case(*arms, else_=null()) if arms else cast(null(), String())


@dataclass(frozen=True, slots=True)
class _Compiling:
    setting: Setting
    now: datetime
    facts: FromClause
    joined: bool

    def condition(self, condition: Condition, nesting: Nesting) -> Bool:
        match condition:
            case AllOf(parts=parts):
                return and_(true(), *(self.condition(part, nesting.deeper()) for part in parts))
            case AnyOf(parts=parts):
                return or_(false(), *(self.condition(part, nesting.deeper()) for part in parts))
            case Negation(part=part):
                return is_not_true(self.condition(part, nesting.deeper()))
            case SegmentLeaf(segment=name):
                segment, inner = nesting.into_segment(name, self.setting)
                return self.condition(segment.where, inner)
            case StageLeaf():
                return self._stage_leaf(condition, nesting)
            case AttributeLeaf():
                return leaves.attribute(condition, self.now)
            case EventLeaf():
                return leaves.event(condition, self.now)
            case TotalLeaf():
                return leaves.total(condition, self.now)
            case FactLeaf():
                return leaves.fact(condition, self.now, self.facts, self.setting.tops, joined=self.joined)
            case MessageLeaf():
                return leaves.message(condition, self.now)
            case ConsentLeaf(topic=topic):
                return leaves.consent(topic, self.setting.consent_default(topic), self.now)
            case DateLeaf():
                return leaves.date(condition, self.setting.project.timezone, self.now)
            case SampleLeaf():
                return leaves.sample(condition)
            case _:
                assert_never(condition)

    def in_stages(self, wanted: tuple[str, ...], nesting: Nesting) -> Bool:
        """Return whether the contact's stage is one of these: one of them counts, and none after it does."""
        found: list[Bool] = []
        later: list[Bool] = []
        # from the last stage on: a run of wanted stages needs no more than that none after the run counts
        for stage in reversed(self.setting.project.stages):
            counts = self.stage_counts(stage, nesting)
            if stage.stage in wanted:
                found.append(and_(counts, is_not_true(or_(false(), *later))) if later else counts)
            else:
                later.append(counts)
        return or_(false(), *found)

    def stage_counts(self, stage: Stage, nesting: Nesting) -> Bool:
        """Return whether the stage's own condition holds, or held within its keep_for."""
        own = self.condition(stage.when, nesting.into_stage(stage))
        return own if stage.keep_for is None else or_(own, is_kept(stage, self.now))

    def _stage_leaf(self, leaf: StageLeaf, nesting: Nesting) -> Bool:
        reached = self.setting.reached_stages(leaf)
        if leaf.held_for is not None:
            ripe = contacts.c.stage_since_at <= window_start(self.now, leaf.held_for)
            staying = [and_(contacts.c.stage == stage, self.in_stages((stage,), nesting)) for stage in reached]
            return and_(ripe, or_(false(), *staying))
        found = self.in_stages(reached, nesting)
        return or_(found, self._no_stage(nesting)) if leaf.operator == "is_not" else found

    def _no_stage(self, nesting: Nesting) -> Bool:
        return is_not_true(self.in_stages(tuple(stage.stage for stage in self.setting.project.stages), nesting))
