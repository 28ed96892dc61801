"""What a condition reads: only where that meets what is new about a contact (intake.news) is it asked again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce

from lifecycle.intake.facts import CART_EVENTS, ORDER_EVENTS, SURVEY_ANSWERED, VIEW_EVENT
from lifecycle.intake.news import Kind, News
from lifecycle.spec.conditions import (
    CLOCKED_OPERATORS,
    AllOf,
    AnyOf,
    AttributeLeaf,
    Condition,
    ConsentLeaf,
    DateLeaf,
    EventLeaf,
    FactLeaf,
    MessageLeaf,
    Span,
    TotalLeaf,
)

#: By the first part of a fact's name: the events that change it, or a kind.
_FACT_EVENTS: Mapping[str, frozenset[str]] = {
    "orders": ORDER_EVENTS, "cart": CART_EVENTS, "views": frozenset({VIEW_EVENT}), "nps": frozenset({SURVEY_ANSWERED}),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reads:
    """What conditions read: events by name, and kinds of other things."""

    events: frozenset[str] = frozenset()
    kinds: frozenset[Kind] = frozenset()

    def meets(self, news: News) -> bool:
        """Say whether the news may change the answer."""
        return news.anything or not self.events.isdisjoint(news.events) or not self.kinds.isdisjoint(news.kinds)

    def __or__(self, other: Reads) -> Reads:
        """Return what either reads."""
        return Reads(self.events | other.events, self.kinds | other.kinds)


def reads_of(parts: Iterable[Condition]) -> Reads:
    """Return what these leaves read; all, any, not, and names of segments and stages read nothing of their own."""
    return reduce(Reads.__or__, map(_of_leaf, parts), Reads())


def _of_leaf(leaf: Condition) -> Reads:
    match leaf:
        case AttributeLeaf() | DateLeaf():
            return Reads(kinds=frozenset({"attribute"}))
        case EventLeaf(events=names) | TotalLeaf(events=names):
            return Reads(events=frozenset(names))
        case ConsentLeaf():
            return Reads(kinds=frozenset({"consent"}))
        case MessageLeaf():
            return Reads(kinds=frozenset({"message"}))
        case FactLeaf(fact=fact, tests=tests):
            ranked: frozenset[Kind] = frozenset({"rank"} if any(test.operator == "top" for test in tests) else ())
            changed_by = _FACT_EVENTS.get(fact.partition(".")[0])
            return Reads(kinds=ranked | {"reward"}) if changed_by is None else Reads(changed_by, ranked)
        case _:
            return Reads()


def brought_by(condition: Condition) -> frozenset[str] | None:
    """Return the events that alone can make a condition come true that counts from a moment on; None: more can.

    So is one of events that have happened at all, or so often, since then: once it has come true it stays so, and no
    other event and no time changes it. It need not be asked at others.
    """
    match condition:
        case AllOf(parts=parts) | AnyOf(parts=parts):
            found = [brought_by(part) for part in parts]
            return None if None in found else frozenset[str]().union(*(names or () for names in found))
        case EventLeaf(events=names, span=span, count=tests, where=where) if span == Span():
            grows = all(test.operator == "at_least" and test.value >= 1 for test in tests)
            timed = any(test.operator in CLOCKED_OPERATORS for entry in where for test in entry.tests)
            return frozenset(names) if grows and not timed else None
        case _:
            return None
