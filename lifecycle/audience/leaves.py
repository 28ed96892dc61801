"""What each leaf of a condition says of one contact at one moment. Pure; `audience.evaluate` puts them together."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from datetime import date as Date  # noqa: N812 - `date` is a leaf here
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from lifecycle.audience.boundary import Boundary, place_of
from lifecycle.audience.setting import Setting
from lifecycle.audience.state import ContactState, MessageFact
from lifecycle.audience.values import at_path, flips_at, is_clocked, number, passes, passes_all
from lifecycle.audience.verdict import Verdict
from lifecycle.audience.windows import (
    anniversary_marks,
    date_range,
    local_date,
    midnight,
    next_date_change,
    window_leave,
    window_start,
    zone_name,
)
from lifecycle.base.ids import bucket
from lifecycle.base.instants import read_date
from lifecycle.base.units import MAX_AMOUNT, Share
from lifecycle.intake.facts import EventFact
from lifecycle.spec.conditions import (
    FACTS,
    AttributeLeaf,
    DateLeaf,
    EventLeaf,
    FactLeaf,
    MessageLeaf,
    PropertyTest,
    SampleLeaf,
    Span,
    Test,
    TotalLeaf,
)

#: Attributes of a contact that are columns; the rest are its traits.
CONTACT_COLUMNS = frozenset({"email", "locale", "timezone", "external_id", "created_at"})
#: What makes a leaf without `count` hold.
AT_LEAST_ONE = (Test("at_least", 1),)
_AT, _ORDER = attrgetter("at"), attrgetter("order")
_NO_SPAN = Span()


def attribute_value(owner: str, path: tuple[str, ...], state: ContactState) -> Any:
    """Return the value of `contact.…` or `account.…`, None when the contact has none."""
    if owner == "account":
        return at_path(state.account, path)
    if len(path) == 1 and path[0] in CONTACT_COLUMNS:
        return getattr(state, path[0])
    return at_path(state.attributes, path)


def attribute(leaf: AttributeLeaf, state: ContactState, now: datetime) -> Verdict:
    """Every test holds of the attribute."""
    value = attribute_value(leaf.owner, leaf.path, state)
    return Verdict(passes_all(leaf.tests, value, now), flips_at(leaf.tests, value, now))


def fact_value(fact: str, state: ContactState, now: datetime) -> Any:
    """Return the fact as it is stored (money with 4 decimals), None when the contact does not have it."""
    found = state.fact(fact, now)
    return round(found, 4) if isinstance(found, Decimal) else found


def fact(leaf: FactLeaf, state: ContactState, setting: Setting, now: datetime) -> Verdict:
    """Every test holds of the fact."""
    value = fact_value(leaf.fact, state, now)
    holds = all(
        _in_top(leaf.fact, test.value, value, state, setting) if test.operator == "top" else passes(test, value, now)
        for test in leaf.tests
    )
    return Verdict(holds, flips_at(leaf.tests, value, now) if FACTS[leaf.fact] == "instant" else None)


def _in_top(fact: str, share: Share, value: Any, state: ContactState, setting: Setting) -> bool:
    place = place_of(fact, value)
    return place is not None and Boundary(place, state.id) <= setting.tops[fact, share]


# ---------------------------------------------------------------- events


def matches(where: Iterable[PropertyTest], event: EventFact, now: datetime) -> bool:
    """Say whether the event's properties pass."""
    return all(passes_all(entry.tests, at_path(event.properties, entry.path), now) for entry in where)


def _named(
    names: tuple[str, ...], span: Span, state: ContactState, now: datetime, after: EventFact | None
) -> Iterator[EventFact]:
    """Yield the events of those names in the span, oldest first."""
    events = state.events
    begin, end = 0, bisect_right(events, now, key=_AT)
    if span.within is not None:
        begin = bisect_right(events, window_start(now, span.within), hi=end, key=_AT)
    if span.since is not None:
        begin = max(begin, bisect_left(events, span.since, hi=end, key=_AT))
    if span.until is not None:
        end = bisect_left(events, span.until, hi=end, key=_AT)
    if after is not None and span == _NO_SPAN:
        begin = bisect_right(events, after.order, hi=end, key=_ORDER)
    return (event for event in events[begin:end] if event.name in names)


def matching_events(
    leaf: EventLeaf | TotalLeaf, state: ContactState, now: datetime, after: EventFact | None = None
) -> list[EventFact]:
    """Return the events that the leaf counts, oldest first."""
    return [event for event in _named(leaf.events, leaf.span, state, now, after) if matches(leaf.where, event, now)]


def _property_flips(
    leaf: EventLeaf | TotalLeaf, state: ContactState, now: datetime, after: EventFact | None
) -> datetime | None:
    """Return when a clocked test of a property of any event next changes: rare, and then every event is asked."""
    if not any(is_clocked(entry.tests) for entry in leaf.where):
        return None
    moments = (
        flips_at(entry.tests, at_path(event.properties, entry.path), now)
        for event in _named(leaf.events, leaf.span, state, now, after)
        for entry in leaf.where
    )
    return min((moment for moment in moments if moment), default=None)


def _as_events_leave(
    counted: list[EventFact], leaf: EventLeaf | TotalLeaf, holds_without: Callable[[int], bool]
) -> datetime | None:
    """Return when the oldest events leaving the window first change the answer: what it is without so many of them."""
    if leaf.span.within is None:
        return None
    now_holds = holds_without(0)
    for index, event in enumerate(counted, 1):
        following = counted[index] if index < len(counted) else None
        if (following is None or following.at != event.at) and holds_without(index) != now_holds:
            return window_leave(event.at, leaf.span.within)
    return None


def event(leaf: EventLeaf, state: ContactState, now: datetime, after: EventFact | None) -> Verdict:
    """The number of matching events passes."""
    tests = leaf.count or AT_LEAST_ONE
    counted = matching_events(leaf, state, now, after)

    def holds_without(oldest: int) -> bool:
        return passes_all(tests, len(counted) - oldest, now)

    return _clocked(leaf, state, now, after, counted, holds_without)


def _clocked(
    leaf: EventLeaf | TotalLeaf, state: ContactState, now: datetime, after: EventFact | None,
    counted: list[EventFact], holds_without: Callable[[int], bool],
) -> Verdict:  # fmt: skip
    moments = (_as_events_leave(counted, leaf, holds_without), _property_flips(leaf, state, now, after))
    return Verdict(holds_without(0), min((moment for moment in moments if moment), default=None))


def total_of(leaf: TotalLeaf, events: Iterable[EventFact]) -> Decimal | None:
    """Return the sum over the events in ten-thousandths of a unit, each amount rounded to that; None without any.

    The rounding is done in double precision, step by step as the databases do it.
    """
    return _totals(leaf, [*events])[0]


def _totals(leaf: TotalLeaf, events: list[EventFact]) -> list[Decimal | None]:
    """Return the total of the events, of them without the oldest, without the two oldest, and so on to none."""
    found: int | None = None
    totals: list[Decimal | None] = [None]
    for one in reversed(events):
        value = number(at_path(one.properties, leaf.of))
        if value is not None and abs(value) <= MAX_AMOUNT:
            cents = int(abs(float(value)) * 10000.0 + 0.5)
            found = (found or 0) + (-cents if value < 0 else cents)
        totals.append(None if found is None else Decimal(found).scaleb(-4))
    return totals[::-1]


def total(leaf: TotalLeaf, state: ContactState, now: datetime, after: EventFact | None) -> Verdict:
    """The sum over matching events passes."""
    counted = matching_events(leaf, state, now, after)
    totals = _totals(leaf, counted)
    return _clocked(leaf, state, now, after, counted, lambda oldest: passes_all(leaf.tests, totals[oldest], now))


# ---------------------------------------------------------------- messages, dates, samples


def matching_messages(leaf: MessageLeaf, state: ContactState, now: datetime) -> list[MessageFact]:
    """Return the messages that make the leaf hold at `now`."""
    known = state.messages
    if leaf.last is not None:
        sent = [message for message in known if message.sent_at is not None and message.sent_at <= now]
        sent.sort(key=lambda message: (message.sent_at, message.sending_at or message.sent_at))
        known = sent[-leaf.last :] if leaf.last else []
    start = window_start(now, leaf.within) if leaf.within else None
    found = []
    for message in known:
        moment: datetime | None = getattr(message, f"{leaf.state}_at")
        if moment is None or moment > now or (start is not None and moment <= start):
            continue
        if leaf.campaign in {None, message.campaign} and leaf.step in {None, message.step}:
            found.append(message)
    return found


def message(leaf: MessageLeaf, state: ContactState, now: datetime) -> Verdict:
    """A message is, or was, in that state."""
    found = matching_messages(leaf, state, now)
    if not found or leaf.within is None:
        return Verdict(bool(found))
    return Verdict(
        holds=True, flips_at=window_leave(max(getattr(one, f"{leaf.state}_at") for one in found), leaf.within)
    )


def date_value(leaf: DateLeaf, state: ContactState) -> Date | None:
    """Return the date as it is written; of an instant of ours its UTC date; None when there is none."""
    value = attribute_value(leaf.owner, leaf.path, state)
    found = (
        read_date(value.isoformat() if isinstance(value, datetime) else value)
        if isinstance(value, str | datetime)
        else None
    )
    return None if found is None else Date.fromisoformat(found)


def date(leaf: DateLeaf, state: ContactState, setting: Setting, now: datetime) -> Verdict:
    """The date, or its anniversary, lies in the range; it changes at a midnight where the contact is."""
    zone = zone_name(state.timezone, setting.project.timezone)
    value = date_value(leaf, state)
    if value is None:
        return Verdict(holds=False)
    today = local_date(now, zone)
    first, last = date_range(today, in_next=leaf.in_next, in_last=leaf.in_last)
    if leaf.every is None:
        holds = first <= value <= last
    else:
        mark = f"{value:%d}" if leaf.every == "month" else f"{value:%m-%d}"
        holds = value <= last and mark in anniversary_marks(first, last, leaf.every)
    change = next_date_change(value, today, every=leaf.every, in_next=leaf.in_next, in_last=leaf.in_last)
    return Verdict(holds, None if change == Date.max else midnight(change, zone))


def sample(leaf: SampleLeaf, state: ContactState) -> Verdict:
    """The contact's stable hash falls below the share."""
    return Verdict(bucket(state.identifier, leaf.seed) < leaf.share.fraction)
