"""Memberships and stages for many contacts at once: a query for each segment and stage, and only differences written.

The journey keeps them current contact by contact (audience.review); this is for what touches many: an import, an apply,
a rebuild. Nothing that is stored here triggers anything (DESIGN section 4, meaning 11).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    Connection,
    FromClause,
    MetaData,
    Select,
    Table,
    and_,
    delete,
    insert,
    literal,
    not_,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.schema import CreateTable
from sqlalchemy.types import String

from lifecycle.audience.compile import COUNTS, compile_condition, compile_stage, compile_stages
from lifecycle.audience.compile_leaves import top
from lifecycle.audience.evaluate import STRETCH_PREFIX
from lifecycle.audience.setting import Setting, is_clocked, top_shares
from lifecycle.base.units import Share
from lifecycle.spec.chosen import conditions_of
from lifecycle.spec.model import Content
from lifecycle.store.columns import BigKey, Instant
from lifecycle.store.tables import contacts, facts, memberships, stage_transitions

_metadata = MetaData()
#: The contacts that a refresh is about, and those of them that a condition holds for; of this connection only.
_touched = Table("audience_touched", _metadata, Column("contact_id", BigKey, primary_key=True), prefixes=["TEMPORARY"])
_found = Table(
    "audience_found",
    _metadata,
    Column("contact_id", BigKey, primary_key=True),
    Column("stage", String),
    prefixes=["TEMPORARY"],
)


class Changed(NamedTuple):
    """What a refresh had to change: stays in segments that began or ended, and contacts that changed their stage."""

    memberships: int
    stages: int


def load_tops(
    connection: Connection, content: Content, now: datetime | None = None, *, facts_as: FromClause = facts
) -> Mapping[tuple[str, Share], frozenset[int]]:
    """Return the ids of the contacts in each top share that any condition of the content names, for `Setting.tops`.

    Facts are those of `facts_as` (audience.past), whatever `now` is: the stored ones are always current.
    """
    del now
    setting = Setting.of(content)
    wanted = {share for condition in conditions_of(content) for share in top_shares(condition, setting)}
    return {
        (fact, share): frozenset(connection.execute(top(fact, share, facts_as)).scalars())
        for fact, share in sorted(wanted, key=str)
    }


def refresh(
    connection: Connection, content: Content, now: datetime, cause: str, contact_ids: Collection[int] | None = None
) -> Changed:
    """Bring stored stages and memberships to what holds at `now`, for these contacts (all when None).

    Writes entered and left rows, stage transitions with `cause`, contacts.stage and stage_since_at, and makes the
    contacts due for review, so that the journey works out when time next changes something for each of them. Segments
    with `{top: …}` are always brought up for everybody: one contact's rise is another's fall.
    """
    setting = Setting.of(content)
    _begin(connection, contact_ids)
    only = contact_ids is not None
    for stage, own in compile_stages(setting, now):
        if stage.keep_for is not None:
            everybody = not only or bool(top_shares(stage.when, setting))
            _cross(connection, STRETCH_PREFIX + stage.stage, own, now, cause, everybody=everybody)
    stages = _move_stages(connection, setting, now, cause, only=only)
    crossed = 0
    for name, segment in content.segments.items():
        condition = compile_condition(segment.where, setting, now)
        everybody = not only or bool(top_shares(segment.where, setting))
        crossed += _cross(connection, name, condition, now, cause, everybody=everybody)
    kept = [STRETCH_PREFIX + stage.stage for stage in content.project.stages if stage.keep_for is not None]
    if not only:
        _close(connection, memberships.c.segment.not_in([*content.segments, *kept]), now)
    _make_due(connection, setting, now, only=only)
    connection.execute(delete(_touched))
    return Changed(crossed, stages)


def _begin(connection: Connection, contact_ids: Collection[int] | None) -> None:
    for table in (_touched, _found):
        connection.execute(CreateTable(table, if_not_exists=True))
        connection.execute(delete(table))
    if contact_ids:
        connection.execute(insert(_touched), [{"contact_id": contact_id} for contact_id in set(contact_ids)])


def _chosen(column: Any) -> Any:
    return column.in_(select(_touched.c.contact_id))


def _cross(connection: Connection, name: str, condition: Any, now: datetime, cause: str, *, everybody: bool) -> int:
    """Store who entered and who left; return how many did."""
    members = select(contacts.c.id, null()).where(COUNTS, condition)
    _find(connection, members if everybody else members.where(_chosen(contacts.c.id)))
    staying = select(_found.c.contact_id).where(_found.c.contact_id == memberships.c.contact_id).exists()
    gone = and_(memberships.c.segment == name, not_(staying))
    left = _close(connection, gone if everybody else and_(gone, _chosen(memberships.c.contact_id)), now)
    # asked row by row: the members may be a million where those touched are a thousand
    inside = select(memberships.c.id).where(
        memberships.c.segment == name, memberships.c.left_at.is_(None), memberships.c.contact_id == _found.c.contact_id
    )
    entered = select(literal(name), _found.c.contact_id, literal(now, Instant()), literal(cause))
    new = entered.where(not_(inside.exists()))
    statement = insert(memberships).from_select(["segment", "contact_id", "entered_at", "cause"], new)
    return left + connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount


def _find(connection: Connection, rows: Select[Any]) -> None:
    connection.execute(delete(_found))
    connection.execute(insert(_found).from_select(["contact_id", "stage"], rows))


def _close(connection: Connection, which: Any, now: datetime) -> int:
    closing = update(memberships).where(which, memberships.c.left_at.is_(None)).values(left_at=now)
    return connection.execute(closing).rowcount


def _move_stages(connection: Connection, setting: Setting, now: datetime, cause: str, *, only: bool) -> int:
    """Store the transitions of contacts whose stage is no longer what is stored; return how many there are.

    The merged and the erased have none.
    """
    moved = 0
    stored = contacts.c.stage.label("stored")
    current = select(contacts.c.id, compile_stage(setting, now).label("stage"), stored).where(COUNTS)
    gone = select(contacts.c.id, null().label("stage"), stored).where(
        or_(contacts.c.merged_into.is_not(None), contacts.c.erased_at.is_not(None)), contacts.c.stage.is_not(None)
    )
    if only:
        current, gone = current.where(_chosen(contacts.c.id)), gone.where(_chosen(contacts.c.id))
    for rows in (current.subquery("standing"), gone.subquery("standing")):
        _find(connection, select(rows.c.id, rows.c.stage).where(rows.c.stored.is_distinct_from(rows.c.stage)))
        before = select(contacts.c.stage).where(contacts.c.id == _found.c.contact_id).scalar_subquery()
        transitions = select(_found.c.contact_id, before, _found.c.stage, literal(now, Instant()), literal(cause))
        connection.execute(
            insert(stage_transitions).from_select(["contact_id", "before", "after", "at", "cause"], transitions)
        )
        new = select(_found.c.stage).where(_found.c.contact_id == contacts.c.id).scalar_subquery()
        moving = update(contacts).where(contacts.c.id.in_(select(_found.c.contact_id)))
        moved += connection.execute(moving.values(stage=new, stage_since_at=now)).rowcount
    return moved


def _make_due(connection: Connection, setting: Setting, now: datetime, *, only: bool) -> None:
    conditions = [stage.when for stage in setting.project.stages]
    conditions += [segment.where for segment in setting.segments.values()]
    kept = any(stage.keep_for for stage in setting.project.stages)
    due = now if kept or any(is_clocked(condition, setting) for condition in conditions) else None
    statement = update(contacts).where(COUNTS).values(review_at=due)
    connection.execute(statement.where(_chosen(contacts.c.id)) if only else statement)
