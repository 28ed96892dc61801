"""The transaction that commits `sending`: the last word on whether a mail leaves.

It holds the contacts' rows, as consents, unsubscribes and suppressions do, so what was acknowledged before this commit
prevents the mail, and of two mails to one contact under a cap the second sees the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, func, select, update

from lifecycle.audience.state import ContactState, MessageFact
from lifecycle.base.address import domain_of
from lifecycle.base.clock import Clock
from lifecycle.deliver.outbox import Claimed
from lifecycle.deliver.taking import Limiting
from lifecycle.intake import bulk
from lifecycle.journey.load import hold_for_release
from lifecycle.journey.policy import Go, Hold, Judgement, Release, Skip, judge
from lifecycle.providers.base import Outgoing
from lifecycle.spec.model import Content
from lifecycle.store.among import IsOneOf, beside
from lifecycle.store.columns import dumps
from lifecycle.store.tables import campaign_states, enrolments, inbox, messages

#: How soon a row asks again whose contact has events that the journey has not yet looked at.
INBOX_AGAIN = timedelta(seconds=1)
#: Rows in `sending` for one connection, at most.
MOST_SENDING = 50


@dataclass(frozen=True, slots=True)
class Ready:
    """A claimed row whose mail is composed. `stamp` is what its Date says, and becomes `sending_at`."""

    row: Claimed
    mail: Outgoing
    address: str
    stamp: datetime
    template_hash: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spoiled:
    """A claimed row of which no mail can be made, and what it becomes if nothing else ends it first."""

    row: Claimed
    reason: str
    detail: str = ""
    state: str = "failed"
    address: str | None = None


@dataclass(slots=True)
class Released:
    """What the transaction decided: `go` is committed as `sending`; the others are back or ended."""

    go: list[Ready] = field(default_factory=list)
    held: int = 0
    #: back in the queue, since a limit of the provider had no room any more
    full: int = 0
    #: parked at another sending limit
    parked: int = 0
    #: ends by reason
    ended: dict[str, int] = field(default_factory=dict)

    def end(self, reason: str) -> None:
        """Count one end."""
        self.ended[reason] = self.ended.get(reason, 0) + 1


def _guarded(**values: Any) -> Any:
    return (
        update(messages)
        .where(messages.c.id == bindparam("row"), messages.c.fence == bindparam("held"), messages.c.state == "claimed")
        .values(**values)
    )


_SENDING = ("sending_at", "address", "template_hash", "links", "provider")
_HELD = _guarded(
    state="queued", worker=None, lease_until_at=None, due_at=bindparam("again_at"), reason=bindparam("why")
)
_FULL = _guarded(state="queued", worker=None, lease_until_at=None)
_PARKED = _guarded(state="queued", worker=None, lease_until_at=None, queue=bindparam("limit"))
_ENDED = _guarded(
    state=bindparam("becomes"), worker=None, lease_until_at=None, reason=bindparam("why"), detail=bindparam("words")
)


def release(
    connection: Connection,
    ready: Sequence[Ready | Spoiled],
    content: Content,
    clock: Clock,
    *,
    provider: str,
    limiting: Limiting | None = None,
) -> Released:
    """Decide about each row, in their order, and write it. Rows that are no longer ours are left out.

    What goes is taken of the sending limits; what has no room waits at its limit, without an attempt.

    Must run in a writing transaction; it takes effect when that commits.
    """
    decided = Released()
    if not ready:
        return decided
    known = _Known(connection, [one.row for one in ready], _counts_since(content, clock.now()))
    # held last of all: after contacts and messages
    taking = None if limiting is None else limiting.hold_for(connection, provider, {_domain(one) for one in ready})
    # read only now: waiting for a contact's row takes time, and what it waited for must not lie in the future
    now = clock.now()
    known.clamp(now)
    if content.project.policies.frequency_caps:
        known.look_ahead(connection, now)
    sending: list[tuple[Any, ...]] = []
    holds: list[dict[str, Any]] = []
    ends: list[dict[str, Any]] = []
    fulls: list[dict[str, Any]] = []
    parks: list[dict[str, Any]] = []
    for one in ready:
        row = one.row
        if not known.ours(row):
            continue
        key = {"row": row.id, "held": row.fence}
        match known.judge(row, one.address, content, now):
            case Go():
                if isinstance(one, Spoiled):
                    ends.append({**key, "becomes": one.state, "why": one.reason, "words": one.detail[:500]})
                    decided.end(one.reason)
                    continue
                over = taking.take(provider, _domain(one), marketing=row.is_marketing) if taking else None
                if over is not None:
                    (fulls if over.everything else parks).append({**key, "limit": over.key})
                    continue
                sending.append((row.id, one.stamp, one.address, one.template_hash, dumps(one.links), provider))
                decided.go.append(one)
                known.count(row, one.stamp)
            case Hold(until=until, reason=reason):
                holds.append({**key, "again_at": until, "why": reason})
            case Skip(reason=reason, state=state):
                ends.append({**key, "becomes": state, "why": reason, "words": ""})
                decided.end(reason)
    # by id alone: the rows are held, and known to be ours
    bulk.update(connection, messages, "id", _SENDING, sending, also="state = 'sending', reason = ''")
    if holds:
        connection.execute(_HELD, holds)
        decided.held = len(holds)
    if ends:
        connection.execute(_ENDED, ends)
    if fulls:
        connection.execute(_FULL, [{name: each[name] for name in ("row", "held")} for each in fulls])
        decided.full = len(fulls)
    if parks:
        connection.execute(_PARKED, parks)
        decided.parked = len(parks)
    if taking is not None:
        taking.write()
    return decided


def _domain(one: Ready | Spoiled) -> str:
    return domain_of(one.mail.recipient) if isinstance(one, Ready) else ""


def _counts_since(content: Content, now: datetime) -> datetime | None:
    """Return since when mails count for a cap, with days to spare for clocks and zones; None: for none."""
    caps = content.project.policies.frequency_caps
    return min(cap.per.before(now, UTC) for cap in caps) - _SPARE if caps else None


#: Clocks and time zones of machines and contacts differ by less.
_SPARE = timedelta(days=2)


_IDS: BindParameter[Any] = bindparam("ids")
# in the order of ids, as everybody locks ledger rows, so that nobody waits in a circle
_CLAIMED = (
    select(messages.c.id, messages.c.fence)
    .where(IsOneOf(messages.c.id, _IDS), beside(messages.c.state == "claimed"))
    .order_by(messages.c.id)
    .with_for_update()
)
_BUSY = select(inbox.c.contact_id).where(IsOneOf(inbox.c.contact_id, _IDS))
_ENTRIES = select(enrolments.c.id, enrolments.c.state, enrolments.c.reason).where(IsOneOf(enrolments.c.id, _IDS))
_DUE_AT = messages.c.due_at
_SOON = (
    select(messages.c.contact_id, func.max(messages.c.priority))
    .where(IsOneOf(messages.c.contact_id, _IDS), beside(messages.c.state == "queued"))
    .where(beside(bindparam("now", type_=_DUE_AT.type) < _DUE_AT))
    .where(beside(bindparam("soon", type_=_DUE_AT.type) >= _DUE_AT))
    # a reason would say that it waits for something else
    .where(messages.c.reason == "", messages.c.kind == "marketing")
    .group_by(messages.c.contact_id)
)
_PAUSED = select(campaign_states.c.campaign).where(campaign_states.c.paused_at.is_not(None))


class _Known:
    """What the transaction knows, read after it holds the contacts' rows."""

    def __init__(self, connection: Connection, rows: Sequence[Claimed], sent_since: datetime | None) -> None:
        people = sorted({row.contact_id for row in rows})
        self._states: dict[int, ContactState] = hold_for_release(connection, people, sent_since=sent_since)
        held = connection.execute(_CLAIMED, {"ids": [row.id for row in rows]})
        self._fences: dict[int, int] = {found.id: found.fence for found in held}
        self._busy = set(connection.execute(_BUSY, {"ids": people}).scalars())
        #: by contact, the highest priority of a mail that waits only for the journey to look
        self._first: dict[int, int] = {}
        entered = [row.enrolment_id for row in rows if row.enrolment_id is not None]
        self._ended: dict[int, str] = {
            found.id: "" if found.state in {"waiting", "active"} else found.reason or found.state
            for found in connection.execute(_ENTRIES, {"ids": entered})
        }
        self._paused = set(connection.execute(_PAUSED).scalars())

    def ours(self, row: Claimed) -> bool:
        """Say whether the row is still held by the claim it came with."""
        return self._fences.get(row.id) == row.fence

    def clamp(self, now: datetime) -> None:
        """Let what other machines wrote count although their clocks are ahead of this one."""
        for state in self._states.values():
            state.consents = [replace(said, at=now) if said.at > now else said for said in state.consents]
            for message in state.messages:
                if message.sending_at is not None and message.sending_at > now:
                    message.sending_at = now

    def look_ahead(self, connection: Connection, now: datetime) -> None:
        """See which contacts have a mail that asks again within a moment: where it comes first, it takes the cap."""
        soon = connection.execute(_SOON, {"ids": list(self._states), "now": now, "soon": now + INBOX_AGAIN})
        self._first = {row[0]: row[1] for row in soon}

    def judge(self, row: Claimed, address: str | None, content: Content, now: datetime) -> Judgement:
        """Say whether the row may leave."""
        state = self._states.get(row.contact_id)
        if state is None:
            return Skip("erased", "cancelled")
        if row.contact_id in self._busy or (address is not None and state.email not in {None, address}):
            # the journey looks first; and a mail is never sent to an address the contact has just given up
            return Hold(now + INBOX_AGAIN, "")
        if row.is_marketing and row.priority < self._first.get(row.contact_id, row.priority):
            return Hold(now + INBOX_AGAIN, "")
        asking = Release(
            row.campaign, "marketing" if row.is_marketing else "transactional", row.topic, row.deadline_at,
            ended=self._ended.get(row.enrolment_id or 0, ""), paused=row.campaign in self._paused,
        )  # fmt: skip
        return judge(asking, state, content, now)

    def count(self, row: Claimed, stamp: datetime) -> None:
        """Let the next mail to this contact see this one."""
        self._states[row.contact_id].messages.append(
            MessageFact(row.campaign, row.step, row.occurrence, "sending", row.topic, row.kind, sending_at=stamp)
        )
