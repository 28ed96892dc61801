"""Each leaf of a condition in SQL, over `contacts`; `audience.leaves` says the same of one contact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import date as Date  # noqa: N812 - `date` is a leaf here
from datetime import datetime
from decimal import ROUND_CEILING
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    String,
    and_,
    case,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.sql.elements import KeyedColumnElement

from lifecycle.audience.boundary import ZERO_WHEN_MISSING, Boundary
from lifecycle.audience.compile_tests import Bool, Kind, all_hold, is_not_true, seen_column, seen_json
from lifecycle.audience.expressions import AmountSum, Bucket, InstantDate, PlaceOf, TextDate
from lifecycle.audience.json_expressions import JsonNumber, JsonText, json_keys
from lifecycle.audience.leaves import AT_LEAST_ONE, CONTACT_COLUMNS
from lifecycle.audience.setting import Top
from lifecycle.audience.values import passes
from lifecycle.audience.windows import anniversary_marks, date_range, local_date, window_start, zone_names
from lifecycle.base.errors import ContentError
from lifecycle.base.ids import BUCKETS
from lifecycle.base.units import Share
from lifecycle.spec.conditions import (
    FACTS,
    AttributeLeaf,
    DateLeaf,
    EventLeaf,
    FactLeaf,
    MessageLeaf,
    PropertyTest,
    SampleLeaf,
    TotalLeaf,
)
from lifecycle.store.amounts import AMOUNT_OF, RATING_OF, InTenThousandths
from lifecycle.store.tables import accounts, consents, contacts, events, messages

#: Ledger states in which a message has gone out or may have: the others are no messages to conditions.
COUNTED_STATES = ("sending", "sent", "delivered", "bounced", "unknown")


def counts(table: FromClause) -> Bool:
    """Return whether a row of contacts (or of an alias) is neither merged into another nor erased."""
    return and_(table.c.merged_into.is_(None), table.c.erased_at.is_(None))


def is_counted(contact_id: ColumnElement[Any]) -> Bool:
    """Return whether the contact of that id counts: those that do not are few, and stand in an index of their own."""
    gone = contacts.alias("gone")
    return contact_id.not_in(
        select(gone.c.id).where(or_(gone.c.merged_into.is_not(None), gone.c.erased_at.is_not(None)))
    )


def of_contact(table: FromClause, *conditions: Bool) -> Bool:
    """Return whether the contact has a row in the table that fits."""
    return (
        select(literal(1))
        .select_from(table)
        .where(table.c.contact_id == contacts.c.id, *conditions)
        .correlate(contacts)
        .exists()
    )


def attribute(leaf: AttributeLeaf, now: datetime) -> Bool:
    """Every test holds of the attribute."""
    if leaf.owner == "account":
        account = select(literal(1)).where(accounts.c.id == contacts.c.account_id).correlate(contacts)
        return all_hold(
            leaf.tests, seen_json(accounts.c.attributes, leaf.path), now, lambda test: account.where(test).exists()
        )
    column = column_of(leaf.path)
    if column is None:
        return all_hold(leaf.tests, seen_json(contacts.c.attributes, leaf.path), now)
    return all_hold(leaf.tests, seen_column(column, "instant" if column.name == "created_at" else "text"), now)


def column_of(path: tuple[str, ...]) -> KeyedColumnElement[Any] | None:
    """Return the column of `contacts` that an attribute of a contact is, None for a trait."""
    return contacts.c[path[0]] if len(path) == 1 and path[0] in CONTACT_COLUMNS else None


# ---------------------------------------------------------------- events


def _matching(leaf: EventLeaf | TotalLeaf, now: datetime) -> list[Bool]:
    span = leaf.span
    found = [events.c.contact_id == contacts.c.id, events.c.name.in_(leaf.events), events.c.at <= now]
    if span.within is not None:
        found.append(events.c.at > window_start(now, span.within))
    if span.since is not None:
        found.append(events.c.at >= span.since)
    if span.until is not None:
        found.append(events.c.at < span.until)
    return found + [_property(entry, now) for entry in leaf.where]


def _property(entry: PropertyTest, now: datetime) -> Bool:
    seen = seen_json(events.c.properties, entry.path)
    if entry.path == (RATING_OF,):
        seen = replace(seen, number=events.c.rating)
    return all_hold(entry.tests, seen, now)


def event(leaf: EventLeaf, now: datetime) -> Bool:
    """The number of matching events passes."""
    tests = leaf.count or AT_LEAST_ONE
    matching = _matching(leaf, now)
    if tests == AT_LEAST_ONE:
        return select(literal(1)).select_from(events).where(*matching).correlate(contacts).exists()
    number = select(func.count()).select_from(events).where(*matching).correlate(contacts).scalar_subquery()
    return all_hold(tests, seen_column(number, "int"), now)


def total(leaf: TotalLeaf, now: datetime) -> Bool:
    """The sum over matching events passes."""
    if leaf.of == (AMOUNT_OF,):
        amount: ColumnElement[Any] = events.c.worth
    else:
        amount = InTenThousandths(JsonNumber(events.c.properties, *json_keys(leaf.of)))
    found = (
        select(AmountSum(amount)).select_from(events).where(*_matching(leaf, now)).correlate(contacts).scalar_subquery()
    )
    return all_hold(leaf.tests, seen_column(found, "total"), now)


# ---------------------------------------------------------------- facts


def fact(leaf: FactLeaf, now: datetime, facts: FromClause, tops: Mapping[Top, Boundary], *, joined: bool) -> Bool:
    """Every test holds of the fact. Top shares that are not in `tops` are found by a query inside the condition.

    `joined`: each contact stands beside its row of `facts`, or beside NULLs.
    """
    column = facts.c[leaf.fact.replace(".", "_")]
    tests = [test for test in leaf.tests if test.operator != "top"]
    ranked = [
        _in_top(leaf.fact, test.value, facts, tops.get((leaf.fact, test.value)), joined=joined)
        for test in leaf.tests
        if test.operator == "top"
    ]
    if joined:
        there = func.coalesce(column, 0) if leaf.fact in ZERO_WHEN_MISSING else column
        return and_(all_hold(tests, seen_column(there, _kind(leaf.fact)), now), *ranked)
    seen = seen_column(column, _kind(leaf.fact))
    if leaf.fact not in ZERO_WHEN_MISSING:
        return and_(all_hold(tests, seen, now, lambda test: of_contact(facts, test)), *ranked)
    parts: list[Bool] = []
    for test in tests:
        # a contact without a row has 0: where 0 passes, all that fails is a row that does not
        condition = all_hold((test,), seen, now)
        passing_at_zero = passes(test, 0, now)
        parts.append(
            not_(of_contact(facts, is_not_true(condition))) if passing_at_zero else of_contact(facts, condition)
        )
    return and_(true(), *parts, *ranked)


def _kind(name: str) -> Kind:
    found = FACTS[name]
    return "money" if found == "number" else found


def _in_top(name: str, share: Share, facts: FromClause, boundary: Boundary | None, *, joined: bool) -> Bool:
    if FACTS[name] == "text":
        raise ContentError(f"{name} is text: nobody is at its top")
    if boundary is None:
        return contacts.c.id.in_(_top(name, share, facts))
    limit = tuple_(literal(boundary.place, BigInteger()), literal(boundary.contact_id, BigInteger()))
    column = facts.c[name.replace(".", "_")]
    inside = [_has(name, column), tuple_(PlaceOf(column), facts.c.contact_id) <= limit]
    return and_(*inside) if joined else of_contact(facts, *inside)


def _has(name: str, column: ColumnElement[Any]) -> Bool:
    """Return whether the contact has the fact: of one that is 0 for everybody else, those with more than 0 do."""
    return column > 0 if name in ZERO_WHEN_MISSING else column.is_not(None)


def _top(name: str, share: Share, facts: FromClause) -> Any:
    """Return a query of the ids of the ceil(n * share) highest of the n contacts that have the fact, ties by id."""
    column = facts.c[name.replace(".", "_")]
    has = [_has(name, column), is_counted(facts.c.contact_id)]
    numerator, denominator = share.fraction.as_integer_ratio()
    number = select((func.count() * numerator + (denominator - 1)) // denominator).select_from(facts).where(*has)
    return (
        select(facts.c.contact_id)
        .where(*has)
        .order_by(column.desc(), facts.c.contact_id)
        .limit(number.correlate(None).scalar_subquery())
        .correlate(None)
    )


# ---------------------------------------------------------------- messages, consent, dates, samples


def message(leaf: MessageLeaf, now: datetime) -> Bool:
    """A message is, or was, in that state."""
    moment = messages.c[f"{leaf.state}_at"]
    found: list[Bool] = [messages.c.state.in_(COUNTED_STATES), moment <= now]
    if leaf.within is not None:
        found.append(moment > window_start(now, leaf.within))
    if leaf.campaign is not None:
        found.append(messages.c.campaign == leaf.campaign)
    if leaf.step is not None:
        found.append(messages.c.step == leaf.step)
    if leaf.last is not None:
        recent = messages.alias("recent")
        found.append(
            messages.c.id.in_(
                select(recent.c.id)
                .where(
                    recent.c.contact_id == contacts.c.id, recent.c.state.in_(COUNTED_STATES), recent.c.sent_at <= now
                )
                .order_by(
                    recent.c.sent_at.desc(),
                    func.coalesce(recent.c.sending_at, recent.c.sent_at).desc(),
                    recent.c.id.desc(),
                )
                .limit(leaf.last)
                .correlate(contacts)
            )
        )
    return of_contact(messages, *found)


def consent(topic: str, default: bool, now: datetime) -> Bool:  # noqa: FBT001 - the topic's default is a value
    """The contact's last word on the topic, else the topic's default."""
    last = (
        select(consents.c.granted)
        .where(consents.c.contact_id == contacts.c.id, consents.c.topic == topic, consents.c.at <= now)
        .order_by(consents.c.at.desc(), consents.c.id.desc())
        .limit(1)
        .correlate(contacts)
        .scalar_subquery()
    )
    return func.coalesce(last, default).is_(true())


def date(leaf: DateLeaf, project_zone: str, now: datetime) -> Bool:
    """The date, or its anniversary, lies in the range of the contact's calendar."""
    condition = _by_zone(leaf, written_date(leaf), project_zone, now)
    if leaf.owner == "account":
        return select(literal(1)).where(accounts.c.id == contacts.c.account_id, condition).correlate(contacts).exists()
    return condition


def written_date(leaf: DateLeaf) -> ColumnElement[str]:
    """Return the date as it is written, of the contact or the account; NULL where there is none."""
    column = column_of(leaf.path) if leaf.owner == "contact" else None
    if column is not None:
        return InstantDate(column) if column.name == "created_at" else TextDate(column)
    document = accounts.c.attributes if leaf.owner == "account" else contacts.c.attributes
    return TextDate(JsonText(document, *json_keys(leaf.path)))


def _by_zone(leaf: DateLeaf, written: ColumnElement[str], project_zone: str, now: datetime) -> Bool:
    """Return the test by the date that it is where the contact is: there are two or three at any moment."""
    zones: defaultdict[Date, list[str]] = defaultdict(list)
    for zone in sorted(zone_names()):
        zones[local_date(now, zone)].append(zone)
    at_home = local_date(now, project_zone)
    elsewhere = [
        (contacts.c.timezone.in_(names), _on_date(leaf, written, day)) for day, names in zones.items() if day != at_home
    ]
    return case(*elsewhere, else_=_on_date(leaf, written, at_home)) if elsewhere else _on_date(leaf, written, at_home)


def _on_date(leaf: DateLeaf, written: ColumnElement[str], today: Date) -> Bool:
    first, last = date_range(today, in_next=leaf.in_next, in_last=leaf.in_last)
    if leaf.every is None:
        return written.between(literal(first.isoformat(), String()), literal(last.isoformat(), String()))
    marks = sorted(anniversary_marks(first, last, leaf.every))
    return and_(written <= literal(last.isoformat(), String()), mark_of(leaf, written).in_(marks))


def mark_of(leaf: DateLeaf, written: ColumnElement[str]) -> ColumnElement[str]:
    """Return what comes round of the date: `MM-DD` every year, `DD` every month."""
    return func.substr(written, 9 if leaf.every == "month" else 6)


def sample(leaf: SampleLeaf) -> Bool:
    """The contact's stable hash falls below the share."""
    below = int((leaf.share.fraction * BUCKETS).to_integral_value(rounding=ROUND_CEILING))
    return Bucket(contacts.c.identifier, literal(leaf.seed, String())) < literal(below, BigInteger())
