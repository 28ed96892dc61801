"""An enrolment as the machine sees it, what the machine may ask for, and what it returns. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from lifecycle.spec.model import Coupon, Emit, Points, Send, Ticket, Update, Webhook

EntryState: TypeAlias = Literal["waiting", "active", "completed", "exited", "goal_met", "held_out", "refused"]

#: An entry in one of these can still do something.
OPEN_STATES: frozenset[str] = frozenset({"waiting", "active"})

#: Key of `context`: the step at `position` has not begun (an apply put the entry there); the timer begins it.
BEGINS = "begins"

#: The id by which a moment that no event made is later than every event of the same instant.
AFTER_EVENTS = 2**62


@dataclass(frozen=True, slots=True)
class Entry:
    """One enrolment. `id` is None until it is stored; the other fields are those of the table `enrolments`."""

    campaign: str
    contact_id: int
    occurrence: str
    version: str
    state: EntryState
    opened_at: datetime
    anchor_at: datetime
    entry_key: str = ""
    reason: str = ""
    activated_at: datetime | None = None
    ended_at: datetime | None = None
    due_at: datetime | None = None
    position: tuple[int, ...] = ()
    arm: str | None = None
    variants: Mapping[str, str] = field(default_factory=dict)
    trigger_event_id: int | None = None
    last_event_id: int | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    goal_at: datetime | None = None
    goal_value: Decimal | None = None
    id: int | None = None
    #: a mail of it was reached and has not left: it can still be called back
    unsent: bool = False

    @property
    def is_open(self) -> bool:
        """Say whether it waits or is active."""
        return self.state in OPEN_STATES

    @property
    def key(self) -> tuple[str, str]:
        """Return what may be open once for a contact: campaign and entry key."""
        return (self.campaign, self.entry_key)


@dataclass(frozen=True, slots=True)
class Reach:
    """A send was reached: a ledger row, queued."""

    step: Send
    at: datetime
    deadline_at: datetime | None
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class PassOver:
    """A send was reached and never leaves: a ledger row with its reason."""

    step: Send
    at: datetime
    reason: str
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class CancelOpen:
    """Mails of this enrolment that have not left never will."""

    reason: str


@dataclass(frozen=True, slots=True)
class Act:
    """A step that is not a mail is to be carried out; `made` is what it makes, worked out once."""

    step: Update | Points | Coupon | Emit | Webhook | Ticket
    at: datetime
    made: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decided:
    """Something was decided: the row that `explain` prints."""

    at: datetime
    decision: str
    step: str = ""
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


Effect: TypeAlias = Reach | PassOver | CancelOpen | Act | Decided


@dataclass(frozen=True, slots=True)
class Transition:
    """The enrolment after a stimulus, and what is to be done, in order."""

    entry: Entry
    effects: tuple[Effect, ...] = ()


def ended(entry: Entry, state: EntryState, reason: str, at: datetime, detail: Mapping[str, Any]) -> Transition:
    """Return the transition that ends the entry at `at`, and calls back its mails that have not left."""
    gone = replace(entry, state=state, reason=reason, ended_at=at, due_at=None, unsent=False)
    return Transition(gone, (Decided(at, state, reason=reason, detail=detail), CancelOpen(reason)))
