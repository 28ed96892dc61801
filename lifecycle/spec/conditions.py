"""The condition language as data: what segments, stages, branches, audiences, exits and goals are made of.

`audience.compile` turns a condition into one SQL expression, `audience.evaluate` into a bool for one contact; DESIGN
section 4 is the source of what each leaf means. Equality ignores `place`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeAlias

from lifecycle.base.units import Duration, Share
from lifecycle.spec.place import Place

Operator: TypeAlias = Literal[
    "is", "is_not", "in", "not_in", "at_least", "at_most", "more_than", "less_than", "between",
    "contains", "starts_with", "ends_with", "exists", "before", "after", "within", "older_than", "top",
]  # fmt: skip

#: Operators that compare instants with the moment of asking: their result changes as time passes.
CLOCKED_OPERATORS = frozenset({"within", "older_than"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Test(_Node):
    """One test of one value.

    `value`: a scalar; a tuple for in, not_in, between; a Duration for within, older_than; a Share for top; an aware
    datetime for before, after; a bool for exists.
    """

    #: it is not what pytest looks for
    __test__: ClassVar[bool] = False

    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Span(_Node):
    """The times an event may have: (now - within, now], or [since, until). At most one of within and since is set."""

    within: Duration | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AllOf(_Node):
    """Every part holds; with no parts, it holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf(_Node):
    """One part or more holds; with no parts, it does not."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negation(_Node):
    """The part does not hold."""

    part: Condition


@dataclass(frozen=True, slots=True)
class StageLeaf(_Node):
    """`stage: decision`, `stage: {at_least: retention}`, `stage: {is: decision, for: 7d}` (in it that long or longer).

    For `in`, `value` is a tuple of stage ids; at_least and at_most go by the order in lifecycle.yaml.
    """

    operator: Literal["is", "is_not", "in", "not_in", "at_least", "at_most"]
    value: Any
    held_for: Duration | None = None


@dataclass(frozen=True, slots=True)
class SegmentLeaf(_Node):
    """`segment: loyal`: the other segment's condition holds now."""

    segment: str


@dataclass(frozen=True, slots=True)
class AttributeLeaf(_Node):
    """`contact.country: {in: [SA, AE]}` or `account.plan: pro`: every test holds of the attribute.

    `owner` is contact or account; `path` the keys below it. contact.email, locale, timezone and created_at are
    columns, the rest is the contact's traits.
    """

    owner: Literal["contact", "account"]
    path: tuple[str, ...]
    tests: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class PropertyTest(_Node):
    """One entry of `where`: every test holds of the event's property at `path` (below `properties`)."""

    path: tuple[str, ...]
    tests: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class EventLeaf(_Node):
    """The number of matching events in the span passes every test of `count` (default: at least 1)."""

    events: tuple[str, ...]
    where: tuple[PropertyTest, ...] = ()
    count: tuple[Test, ...] = ()
    span: Span = Span()


@dataclass(frozen=True, slots=True)
class TotalLeaf(_Node):
    """The sum of a numeric property over matching events in the span passes every test; no event means missing."""

    events: tuple[str, ...]
    of: tuple[str, ...]
    tests: tuple[Test, ...]
    where: tuple[PropertyTest, ...] = ()
    span: Span = Span()


#: Facts that conditions may name, with their types.
FACTS: Mapping[str, Literal["int", "number", "instant", "text"]] = {
    "orders.count": "int",
    "orders.total": "number",
    "orders.average": "number",
    "orders.net": "number",
    "orders.refunded": "number",
    "orders.first_at": "instant",
    "orders.last_at": "instant",
    "cart.total": "number",
    "cart.items": "int",
    "views.count": "int",
    "views.last_at": "instant",
    "views.last_product": "text",
    "views.last_category": "text",
    "points.balance": "int",
    "points.tier": "text",
    "nps.score": "int",
    "referrals.count": "int",
}


@dataclass(frozen=True, slots=True)
class FactLeaf(_Node):
    """`cart.items: {at_least: 1}`: every test holds of the fact.

    `{top: 10%}`: among the ceil(n/10) highest of those who have it, ties by the smaller contact id.
    """

    fact: str
    tests: tuple[Test, ...]


MessageState: TypeAlias = Literal["sent", "delivered", "opened", "clicked", "bounced", "complained"]


@dataclass(frozen=True, slots=True)
class MessageLeaf(_Node):
    """A message of the campaign (any, when None) and step (any) is in that state; opens by machines never count.

    `within` is about the time of that state; `last` looks only at the contact's last that many sends.
    """

    state: MessageState
    campaign: str | None = None
    step: str | None = None
    within: Duration | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class ConsentLeaf(_Node):
    """The contact consents to the topic now (by its own word, else by the topic's default)."""

    topic: str


@dataclass(frozen=True, slots=True)
class DateLeaf(_Node):
    """`date: {of: contact.birthday, every: year, in_next: 7d}`: the date is in [today, +7d] of the contact's calendar.

    With `every` its next (or, for in_last, latest) anniversary counts. 29 February is kept on 28 February.
    """

    owner: Literal["contact", "account"]
    path: tuple[str, ...]
    every: Literal["year", "month"] | None = None
    in_next: Duration | None = None
    in_last: Duration | None = None


@dataclass(frozen=True, slots=True)
class SampleLeaf(_Node):
    """`sample: 10%` with `seed`: the contact's stable hash falls below the share."""

    share: Share
    seed: str = ""


Condition: TypeAlias = (
    AllOf | AnyOf | Negation | StageLeaf | SegmentLeaf | AttributeLeaf | EventLeaf | TotalLeaf | FactLeaf
    | MessageLeaf | ConsentLeaf | DateLeaf | SampleLeaf
)  # fmt: skip


def walk(condition: Condition) -> Iterator[Condition]:
    """Yield the condition and every part of it, outermost first."""
    yield condition
    match condition:
        case AllOf(parts=parts) | AnyOf(parts=parts):
            for part in parts:
                yield from walk(part)
        case Negation(part=part):
            yield from walk(part)
        case _:
            return
