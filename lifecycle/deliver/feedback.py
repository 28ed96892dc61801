"""Writes down what comes back about mails: delivered, bounced, complained. Each telling counts once.

A hard bounce and a complaint suppress the address in the transaction that writes them; so do seven mails in a row that
bounced softly. The brakes (deliver.brakes) look at what was told.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, delete, func, literal, select, update

from lifecycle.base.address import address_hash, address_key
from lifecycle.base.clock import Clock
from lifecycle.intake.consent import Barred, suppress_all
from lifecycle.intake.inbox import leave_word
from lifecycle.providers.feedback import Feedback, Kind
from lifecycle.store.engine import Store
from lifecycle.store.once import insert_once
from lifecycle.store.tables import contacts, feedback, messages

log = logging.getLogger("lifecycle.deliver")

#: Tellings in one transaction.
CHUNK = 200
#: Mails in a row that bounced softly until the address is suppressed, and the days after which a mail that nobody said
#: anything of counts as arrived.
SOFT_IN_A_ROW, QUIET_DAYS = 7, 3
#: How long what names a mail that we do not know yet is kept.
WAITS = timedelta(days=1)
_DETAIL = 500
_ADDRESS = re.compile(r"[^\s<>@:;,]+@[^\s<>@:;,]+")
#: A mail in one of these may have been accepted; in `sending` too: more may be told before the answer is written
_ACCEPTED = ("sending", "sent", "delivered", "unknown")


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the tellings: new ones of our mails, told before, of no mail of ours, kept for a mail to come."""

    applied: int = 0
    duplicates: int = 0
    unknown: int = 0
    waiting: int = 0


def take_feedback(store: Store, clock: Clock, told: Sequence[Feedback]) -> Taken:
    """Write down what was told, after what is waiting and can be told apart by now. Raises StoreError."""
    total: Counter[str] = Counter()
    for start in range(0, max(len(told), 1), CHUNK):
        with store.write() as connection:
            taking = _Taking(connection, clock.now())
            taking.waiting()
            taking.new(told[start : start + CHUNK])
            total += taking.count
    return Taken(total["applied"], total["duplicates"], total["unknown"], total["waiting"])


def take_waiting(store: Store, clock: Clock) -> None:
    """Look again for the mails of which something was told before they were known. Raises StoreError."""
    with store.read() as connection:
        waits = connection.execute(select(feedback.c.id).where(feedback.c.message_row.is_(None)).limit(1)).scalar()
    if waits is not None:
        take_feedback(store, clock, [])


class _Taking:
    """One transaction."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self.count: Counter[str] = Counter()

    def waiting(self) -> None:
        """Look again for the mails of which something was told too early; forget what is too old."""
        expired = feedback.c.message_row.is_(None) & (feedback.c.taken_at < self.now - WAITS)
        query = (
            select(feedback, messages.c.id.label("found"))
            .join(messages, and_(messages.c.provider_ref == feedback.c.ref, messages.c.provider == feedback.c.provider))
            .where(feedback.c.message_row.is_(None))
            .limit(CHUNK)
        )
        late = self.connection.execute(query).all()
        told = []
        for row in late:
            mine = update(feedback).where(feedback.c.id == row.id, feedback.c.message_row.is_(None))
            if self.connection.execute(mine.values(message_row=row.found)).rowcount:  # else somebody else has it
                kind, about = Kind(row.kind), {"enhanced": row.enhanced, "detail": row.detail}
                told.append(Feedback(kind, row.provider, row.event, row.at, row.found, **about))
        self._apply(told, {row.event: row.recipient_hash for row in late})
        self.connection.execute(delete(feedback).where(expired))

    def new(self, told: Sequence[Feedback]) -> None:
        """Store what is new of what was told, and apply it."""
        rows = self._rows(told)
        fresh: list[Feedback] = []
        for one in told:
            row = rows.get(one.event)
            if row is None and one.ref is None:
                self.count["unknown"] += 1  # a mail that is not in this ledger
                continue
            if not self._store(one, row):
                self.count["duplicates"] += 1
            elif row is None:
                self.count["waiting"] += 1
            else:
                fresh.append(one)
        # the row that was found, whoever was asked for it
        known = [replace(one, row=rows[one.event]) for one in fresh]
        self._apply(known, {one.event: _hash(one.recipient) for one in fresh})

    def _rows(self, told: Sequence[Feedback]) -> dict[str, int]:
        """Return the ledger row that each telling is of, by its event."""
        ids = sorted({one.row for one in told if one.row is not None})
        refs = sorted({one.ref for one in told if one.row is None and one.ref is not None})
        there = set(self.connection.execute(select(messages.c.id).where(messages.c.id.in_(ids))).scalars())
        named = {
            (row.provider, row.provider_ref): row.id
            for row in self.connection.execute(
                select(messages.c.id, messages.c.provider, messages.c.provider_ref).where(
                    messages.c.provider_ref.in_(refs)
                )
            )
        }
        found = {}
        for one in told:
            row = one.row if one.row in there else named.get((one.provider, one.ref)) if one.row is None else None
            if row is not None:
                found[one.event] = row
        return found

    def _store(self, one: Feedback, row: int | None) -> bool:
        values = {
            "provider": one.provider, "event": one.event, "kind": one.kind.value, "at": min(one.at, self.now),
            "taken_at": self.now, "message_row": row, "ref": one.ref, "recipient_hash": _hash(one.recipient),
            "enhanced": one.enhanced[:20], "detail": _told(one.detail),
        }  # fmt: skip
        stored = insert_once(self.connection, feedback).values(values).returning(feedback.c.id)
        return self.connection.execute(stored).scalar() is not None

    def _apply(self, told: Sequence[Feedback], recipients: Mapping[str, str | None]) -> None:
        if not told:
            return
        mails = self._locked({one.row for one in told if one.row is not None})
        barred: list[Barred] = []
        for one in sorted(told, key=lambda each: each.at):
            mail = mails.get(one.row or 0)
            if mail is None:
                continue
            self.count["applied"] += 1
            elsewhere = bool(recipients.get(one.event)) and recipients[one.event] != _hash(mail.address)
            self._write(one, mail)
            reason = self._bars(one, mail, elsewhere=elsewhere)
            if reason and mail.address:
                barred.append(Barred(mail.address, reason, min(one.at, self.now), one.provider))
        if barred:
            suppress_all(self.connection, barred)
        # conditions ask about mails that were accepted: one that was refused at once is no news, and holds up no other
        changed = {mail.contact_id for mail in mails.values() if mail.state in {*_ACCEPTED, "bounced"}}
        leave_word(self.connection, changed, "message")

    def _locked(self, rows: Iterable[int]) -> dict[int, Any]:
        """Return the mails, their contacts' rows locked first, as a claim and an unsubscribe lock them."""
        wanted = sorted(set(rows))
        people = select(messages.c.contact_id).where(messages.c.id.in_(wanted))
        held = select(contacts.c.id).where(contacts.c.id.in_(people)).order_by(contacts.c.id).with_for_update()
        self.connection.execute(held).all()
        columns = (messages.c.id, messages.c.campaign, messages.c.contact_id, messages.c.address, messages.c.state)
        query = select(*columns).where(messages.c.id.in_(wanted)).order_by(messages.c.id).with_for_update()
        return {row.id: row for row in self.connection.execute(query)}

    def _write(self, one: Feedback, mail: Any) -> None:
        """Write one telling to the ledger. Whatever order they come in, a bounce stands and the first instant holds."""
        at = literal(min(one.at, self.now), messages.c.sent_at.type)
        mine = messages.c.id == mail.id
        match one.kind:
            case Kind.DELIVERED:
                values = {"delivered_at": func.coalesce(messages.c.delivered_at, at)}
                self.connection.execute(update(messages).where(mine, messages.c.bounced_at.is_(None)).values(values))
                self._become("delivered", mine & messages.c.state.in_(("sent", "unknown")))
            case Kind.HARD | Kind.SOFT | Kind.BLOCKED:
                where = and_(mine, messages.c.state.in_((*_ACCEPTED, "bounced")))
                bounced_at = func.coalesce(messages.c.bounced_at, at)
                stand = update(messages).where(where).values(bounced_at=bounced_at, detail=_told(one.detail))
                self.connection.execute(stand)
                self._become("bounced", mine & messages.c.state.in_(_ACCEPTED))
            case Kind.COMPLAINED:
                values = {"complained_at": func.coalesce(messages.c.complained_at, at)}
                self.connection.execute(update(messages).where(mine).values(values))
                self._become("delivered", mine & messages.c.state.in_(("unknown",)))  # nobody complains of nothing
            case Kind.DELAYED:
                pass

    def _become(self, state: str, where: Any) -> None:
        # the fence moves: an answer that is still on its way has nothing more to say
        values = {
            "state": state, "reason": "", "sent_at": func.coalesce(messages.c.sent_at, messages.c.sending_at),
            "fence": messages.c.fence + 1, "worker": None, "lease_until_at": None,
        }  # fmt: skip
        self.connection.execute(update(messages).where(where).values(values))

    def _bars(self, one: Feedback, mail: Any, *, elsewhere: bool) -> str | None:
        """Return why the address is not to be mailed again, None when it is. `elsewhere`: another one was told of."""
        match one.kind:
            case Kind.COMPLAINED:
                return "complaint"  # reports hide or change the address; whose mail it was is certain
            case Kind.HARD if not elsewhere:  # else it was forwarded, and the address it went on to is dead
                return "hard_bounce"
            case Kind.SOFT if not elsewhere and self._soft_in_a_row(mail):
                return "soft_bounces"
            case _:
                return None

    def _soft_in_a_row(self, mail: Any) -> bool:
        """Say whether the last mails to the contact's address have all bounced softly."""
        softly = (
            select(feedback.c.id)
            .where(feedback.c.message_row == messages.c.id, feedback.c.kind == Kind.SOFT.value)
            .exists()
        )
        settled = messages.c.bounced_at.is_not(None) | (messages.c.sent_at < self.now - timedelta(days=QUIET_DAYS))
        last = (
            select(and_(messages.c.bounced_at.is_not(None), softly).label("soft"))
            .where(messages.c.contact_id == mail.contact_id, messages.c.address == mail.address)
            .where(messages.c.state.in_(("sent", "delivered", "bounced")), settled)
            .order_by(messages.c.sent_at.desc(), messages.c.id.desc())
            .limit(SOFT_IN_A_ROW)
        )
        found = self.connection.execute(last).scalars().all()
        return len(found) == SOFT_IN_A_ROW and all(found)


def _hash(address: str | None) -> str | None:
    return address_hash(address) if address and "@" in address and address_key(address) else None


def _told(detail: str) -> str:
    """Return the words for people, without the addresses in them: they outlive an erasure."""
    return _ADDRESS.sub("…", " ".join(detail.split()))[:_DETAIL]
