"""Each leaf of a condition in SQL, over `contacts`; `audience.leaves` says the same of one contact."""

from __future__ import annotations

from collections import defaultdict
from datetime import date as Date  # noqa: N812 - `date` is a leaf here
from datetime import datetime
from decimal import ROUND_CEILING
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, FromClause, String, and_, case, func, literal, not_, select, true
from sqlalchemy.sql.elements import KeyedColumnElement

from lifecycle.audience.compile_tests import Bool, Kind, all_hold, is_not_true, seen_column, seen_json
from lifecycle.audience.expressions import AmountSum, Bucket, InstantDate, JsonNumber, JsonText, TextDate, json_keys
from lifecycle.audience.leaves import AT_LEAST_ONE, CONTACT_COLUMNS
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
from lifecycle.store.tables import accounts, consents, contacts, events, messages

#: Ledger states in which a message has gone out or may have: the others are no messages to conditions.
COUNTED_STATES = ("sending", "sent", "delivered", "bounced", "unknown")
#: Facts that a contact without a row in `facts` still has, being 0.
ZERO_WHEN_MISSING = frozenset({"orders.count", "views.count"})


def counts(table: FromClause) -> Bool:
    """Return whether a row of contacts (or of an alias) is neither merged into another nor erased."""
    return and_(table.c.merged_into.is_(None), table.c.erased_at.is_(None))


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
    column = _column(leaf.path)
    if column is None:
        return all_hold(leaf.tests, seen_json(contacts.c.attributes, leaf.path), now)
    return all_hold(leaf.tests, seen_column(column, "instant" if column.name == "created_at" else "text"), now)


def _column(path: tuple[str, ...]) -> KeyedColumnElement[Any] | None:
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
    return all_hold(entry.tests, seen_json(events.c.properties, entry.path), now)


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
    amount = AmountSum(JsonNumber(events.c.properties, *json_keys(leaf.of)))
    found = select(amount).select_from(events).where(*_matching(leaf, now)).correlate(contacts).scalar_subquery()
    return all_hold(leaf.tests, seen_column(found, "total"), now)


# ---------------------------------------------------------------- facts


def fact(leaf: FactLeaf, now: datetime, facts: FromClause) -> Bool:
    """Every test holds of the fact."""
    column = facts.c[leaf.fact.replace(".", "_")]
    seen = seen_column(column, _kind(leaf.fact))
    tests = [test for test in leaf.tests if test.operator != "top"]
    tops = [contacts.c.id.in_(top(leaf.fact, test.value, facts)) for test in leaf.tests if test.operator == "top"]
    if leaf.fact not in ZERO_WHEN_MISSING:
        return and_(all_hold(tests, seen, now, lambda test: of_contact(facts, test)), *tops)
    parts: list[Bool] = []
    for test in tests:
        # a contact without a row has 0: where 0 passes, all that fails is a row that does not
        condition = all_hold((test,), seen, now)
        passing_at_zero = passes(test, 0, now)
        parts.append(
            not_(of_contact(facts, is_not_true(condition))) if passing_at_zero else of_contact(facts, condition)
        )
    return and_(true(), *parts, *tops)


def _kind(name: str) -> Kind:
    found = FACTS[name]
    return "money" if found == "number" else found


def top(name: str, share: Share, facts: FromClause) -> Any:
    """Return a query of the ids of the ceil(n * share) highest of the n contacts that have the fact, ties by id.

    For a fact that is 0 for everybody else, those with more than 0 have it.
    """
    if FACTS[name] == "text":
        raise ContentError(f"{name} is text: nobody is at its top")
    column = facts.c[name.replace(".", "_")]
    peers = contacts.alias("peers")
    has = [
        facts.c.contact_id == peers.c.id,
        counts(peers),
        column > 0 if name in ZERO_WHEN_MISSING else column.is_not(None),
    ]
    numerator, denominator = share.fraction.as_integer_ratio()
    number = select((func.count() * numerator + (denominator - 1)) // denominator).select_from(facts, peers).where(*has)
    return (
        select(facts.c.contact_id)
        .select_from(facts, peers)
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
    column = _column(leaf.path) if leaf.owner == "contact" else None
    if column is not None:
        written = InstantDate(column) if column.name == "created_at" else TextDate(column)
        return _by_zone(leaf, written, project_zone, now)
    document = accounts.c.attributes if leaf.owner == "account" else contacts.c.attributes
    condition = _by_zone(leaf, TextDate(JsonText(document, *json_keys(leaf.path))), project_zone, now)
    if leaf.owner == "account":
        return select(literal(1)).where(accounts.c.id == contacts.c.account_id, condition).correlate(contacts).exists()
    return condition


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
    mark = func.substr(written, 9) if leaf.every == "month" else func.substr(written, 6)
    return and_(written <= literal(last.isoformat(), String()), mark.in_(marks))


def sample(leaf: SampleLeaf) -> Bool:
    """The contact's stable hash falls below the share."""
    below = int((leaf.share.fraction * BUCKETS).to_integral_value(rounding=ROUND_CEILING))
    return Bucket(contacts.c.identifier, literal(leaf.seed, String())) < literal(below, BigInteger())
