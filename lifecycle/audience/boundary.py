"""Where the top share of a fact ends: `{top: 10%}` as a place in a ranking. Pure.

Contacts that have the fact stand in the order of (place, contact id), the highest value first. So whether one is in the
top share is one comparison, however many there are, and it moves only as far as others pass it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from lifecycle.base.units import Share
from lifecycle.spec.conditions import FACTS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: Facts that a contact without a row in `facts` still has, being 0: at the top of those are contacts with more than 0.
ZERO_WHEN_MISSING = frozenset({"orders.count", "views.count"})


@dataclass(frozen=True, slots=True, order=True)
class Boundary:
    """The last who is inside. `place` is what the value of the fact comes to (see place_of)."""

    place: int
    contact_id: int


#: A boundary before everybody: nobody is inside.
NOBODY = Boundary(-(2**63), 0)


def place_of(fact: str, value: Any) -> int | None:
    """Return the place of a value in the ranking, smaller is higher; None for a contact that does not have the fact.

    Money counts in ten-thousandths, instants in microseconds since 1970, as SQLite stores them.
    """
    match value:
        case None:
            return None
        case Decimal():
            return -int(value * 10000)
        case datetime():
            return -((value - _EPOCH) // _MICROSECOND)
        case _:
            return None if fact in ZERO_WHEN_MISSING and value <= 0 else -int(value)


def value_at(fact: str, place: int) -> Any:
    """Return the value that has that place, for people to read: what `place_of` was given."""
    match FACTS[fact]:
        case "number":
            return Decimal(-place).scaleb(-4)
        case "instant":
            return _EPOCH - place * _MICROSECOND
        case _:
            return -place


def inside(share: Share, holders: int) -> int:
    """Return how many of `holders` contacts are in their top share: ceil(holders * share)."""
    numerator, denominator = share.fraction.as_integer_ratio()
    return -(-holders * numerator // denominator)
