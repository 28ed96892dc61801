"""When the passing of time may next change a condition, as one SQL expression over `contacts`: an instant, or NULL.

As `Verdict.flips_at`, for sets: never later than the true change, but often earlier, where being exact would cost more
than asking the contact once in vain. So a rebuild of everybody wakes nobody, and each at about the right moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from datetime import date as Date  # noqa: N812 - as in compile_leaves
from typing import Any

from sqlalchemy import ColumnElement, FromClause, String, and_, case, cast, func, literal, null, select

from lifecycle.audience import compile_leaves as leaves
from lifecycle.audience.compile_tests import Seen, seen_column, seen_json
from lifecycle.audience.expressions import Earliest, InstantLater
from lifecycle.audience.json_expressions import JsonLookup
from lifecycle.audience.setting import STAGE_PREFIX, Setting, walk_all
from lifecycle.audience.values import is_clocked
from lifecycle.audience.windows import (
    date_range,
    every_mark,
    local_date,
    next_date_change,
    window_start,
    zone_names,
)
from lifecycle.base.units import Duration
from lifecycle.spec.conditions import (
    CLOCKED_OPERATORS,
    FACTS,
    AttributeLeaf,
    Condition,
    DateLeaf,
    EventLeaf,
    FactLeaf,
    MessageLeaf,
    StageLeaf,
    Test,
    TotalLeaf,
)
from lifecycle.spec.model import Stage
from lifecycle.store.columns import EPOCH, Instant
from lifecycle.store.tables import accounts, contacts, events, facts, memberships, messages

#: A calendar month has at least so many days.
_MONTH_S = 28 * 86400
#: The date changes somewhere on earth up to so long before it changes at Greenwich.
_FIRST_ZONE = timedelta(hours=14)

Moment = ColumnElement[Any]


def compile_flips(conditions: Iterable[Condition], setting: Setting, now: datetime) -> Moment:
    """Return when time may next change any of the conditions, of each in compile.beside_facts; NULL: it never does.

    An instant that is not after `now` means: not known, ask at once.
    """
    found: list[Moment] = []
    seen: set[Condition] = set()
    stages: Sequence[Stage] = ()
    for condition in conditions:
        for part in walk_all(condition, setting):
            if part not in seen:
                seen.add(part)
                if isinstance(part, StageLeaf):
                    stages = setting.project.stages
                found += _leaf(part, setting, now)
    found += [_kept_until(stage, stage.keep_for, now) for stage in stages if stage.keep_for is not None]
    return Earliest(*found) if found else cast(null(), Instant())


def least_seconds(length: Duration) -> int:
    """Return how many seconds the duration has at least, whatever months it spans."""
    return length.seconds + length.months * _MONTH_S


def _leaf(leaf: Condition, setting: Setting, now: datetime) -> list[Moment]:
    match leaf:
        case EventLeaf() | TotalLeaf():
            return _events(leaf, now)
        case FactLeaf(fact=fact, tests=tests) if FACTS[fact] == "instant":
            return _tests(tests, facts.c[fact.replace(".", "_")], now)
        case AttributeLeaf(tests=tests) if is_clocked(tests):
            return _attribute(leaf, now)
        case MessageLeaf(within=Duration() as within):
            moment = messages.c[f"{leaf.state}_at"]
            inside = and_(moment > window_start(now, within), moment <= now)
            return [
                _of(
                    messages,
                    and_(messages.c.contact_id == contacts.c.id, inside),
                    _leaves(func.min(moment), within, now),
                )
            ]
        case StageLeaf(held_for=Duration() as held_for):
            return [_passing(contacts.c.stage_since_at, held_for, now)]
        case DateLeaf():
            return [_date(leaf, setting, now)]
        case _:
            return []


# ---------------------------------------------------------------- windows


def _leaves(moment: Moment, within: Duration, now: datetime) -> Moment:
    """Return when a moment that is inside the window leaves it, or, by the calendar, at least not later than that."""
    return InstantLater(moment, literal(least_seconds(within)), literal(now, Instant()))


def _passing(moment: Moment, within: Duration, now: datetime) -> Moment:
    """Return when a moment that may lie in the future comes, or, once it has, leaves the window behind; else NULL."""
    return case(
        (moment > literal(now, Instant()), moment),
        (moment > literal(window_start(now, within), Instant()), _leaves(moment, within, now)),
    )


def _tests(tests: Iterable[Test], moment: Moment, now: datetime) -> list[Moment]:
    return [_passing(moment, test.value, now) for test in tests if test.operator in CLOCKED_OPERATORS]


def _of(table: FromClause, whose: ColumnElement[bool], moment: Moment) -> Moment:
    return select(moment).select_from(table).where(whose).correlate(contacts).scalar_subquery()


# ---------------------------------------------------------------- leaves


def _events(leaf: EventLeaf | TotalLeaf, now: datetime) -> list[Moment]:
    if any(is_clocked(entry.tests) for entry in leaf.where):
        return [literal(now, Instant())]  # rare, and then every event would have to be asked
    within = leaf.span.within
    if within is None:
        return []
    mine = and_(
        events.c.contact_id == contacts.c.id,
        events.c.name.in_(leaf.events),
        events.c.at > window_start(now, within),
        events.c.at <= now,
    )
    return [_of(events, mine, _leaves(func.min(events.c.at), within, now))]


def _attribute(leaf: AttributeLeaf, now: datetime) -> list[Moment]:
    if leaf.owner == "account":
        seen = seen_json(accounts.c.attributes, leaf.path)
        return [_of(accounts, accounts.c.id == contacts.c.account_id, each) for each in _seen(leaf.tests, seen, now)]
    column = leaves.column_of(leaf.path)
    if column is None:
        return _seen(leaf.tests, seen_json(contacts.c.attributes, leaf.path), now)
    return _seen(leaf.tests, seen_column(column, "instant" if column.name == "created_at" else "text"), now)


def _seen(tests: Iterable[Test], seen: Seen, now: datetime) -> list[Moment]:
    return [] if seen.instant is None else _tests(tests, seen.instant, now)


def _kept_until(stage: Stage, keep_for: Duration, now: datetime) -> Moment:
    stretches = and_(
        memberships.c.contact_id == contacts.c.id,
        memberships.c.segment == STAGE_PREFIX + stage.stage,
        memberships.c.left_at > window_start(now, keep_for),
    )
    return _of(memberships, stretches, _leaves(func.min(memberships.c.left_at), keep_for, now))


def _date(leaf: DateLeaf, setting: Setting, now: datetime) -> Moment:
    """Return the next midnight at which the answer may change, somewhere on earth."""
    written = leaves.written_date(leaf)
    todays = sorted({local_date(now, zone) for zone in (*zone_names(), setting.project.timezone)})
    if leaf.every is None:
        # one day only: asked again each night until it is over
        first = min(date_range(today, in_next=leaf.in_next, in_last=leaf.in_last)[0] for today in todays)
        tomorrow = datetime.combine(todays[-1] + timedelta(days=1), time(0), UTC) - _FIRST_ZONE
        moment: Moment = case((written >= literal(first.isoformat(), String()), literal(max(tomorrow, now), Instant())))
    else:
        changes: dict[str, int] = {}
        for mark, day in every_mark(leaf.every):
            change = min(
                next_date_change(day, today, every=leaf.every, in_next=leaf.in_next, in_last=leaf.in_last)
                for today in todays
            )
            if change == Date.max:
                continue
            at = max(datetime.combine(change, time(0), UTC) - _FIRST_ZONE, now)
            changes[mark] = (at - EPOCH) // timedelta(microseconds=1)
        moment = JsonLookup(changes, leaves.mark_of(leaf, written))
    if leaf.owner == "account":
        return _of(accounts, accounts.c.id == contacts.c.account_id, moment)
    return moment
