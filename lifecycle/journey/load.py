"""Contacts as `ContactState`s, in bulk: a fixed number of queries for a batch, however large its histories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select

from lifecycle.audience.state import ConsentChange, ContactState, MembershipFact, MessageFact
from lifecycle.base.address import key_hash
from lifecycle.intake.facts import EventFact
from lifecycle.store.among import IsOneOf, beside
from lifecycle.store.columns import EPOCH
from lifecycle.store.tables import accounts, consents, contacts, events, facts, memberships, messages, suppressions

#: Ledger states that conditions and caps look at.
COUNTED_STATES = ("sending", "sent", "delivered", "bounced", "unknown")


#: What is asked of a contact before a mail may leave.
_ASKED = [
    contacts.c[name]
    for name in ("id", "identifier", "created_at", "email", "address_key", "timezone", "attributes", "erased_at")
]


def hold_for_release(
    connection: Connection, contact_ids: Iterable[int], *, sent_since: datetime | None
) -> dict[int, ContactState]:
    """Return the contacts by id with what may forbid a mail: consents, suppression, and what was sent since then.

    None: nobody asks what was sent. Their rows are held until the transaction ends, in the order of ids, as everybody
    does.
    """
    rows = connection.execute(_HOLD, {"ids": sorted(set(contact_ids))}).all()
    suppressed = _suppressed(connection, rows)
    states = {
        row.id: ContactState(
            id=row.id, identifier=row.identifier, created_at=row.created_at, email=row.email, timezone=row.timezone,
            attributes=row.attributes or {}, erased=row.erased_at is not None, suppressed=suppressed.get(row.id),
        )
        for row in rows
    }  # fmt: skip
    _consents(connection, states)
    if sent_since is not None:
        _messages(connection, states, sent_since)
    return states


_HOLD = select(*_ASKED).where(IsOneOf(contacts.c.id, bindparam("ids"))).order_by(contacts.c.id).with_for_update()


def load_people(connection: Connection, contact_ids: Iterable[int]) -> dict[int, ContactState]:
    """Return the contacts by id with what mails say of them: attributes, segments, points."""
    states = _contacts(connection, sorted(set(contact_ids)), flips=False, suppressed=False)
    _memberships(connection, states)
    _kept(connection, states)
    return states


def load_states(
    connection: Connection, contact_ids: Iterable[int], *, histories: bool = True, flips: bool = False
) -> dict[int, ContactState]:
    """Return the states of the contacts that exist, by id. Without `histories`, facts of orders and cart are empty too.

    With `flips` they know what held, and when time may change it: for whoever asks what the content in force asks. A
    merged contact is loaded as it stands, not as the one it was merged into.
    """
    states = _contacts(connection, sorted(set(contact_ids)), flips=flips)
    _consents(connection, states)
    _messages(connection, states)
    _memberships(connection, states)
    _kept(connection, states)
    if histories:
        _events(connection, states)
    return states


def _contacts(
    connection: Connection, ids: Sequence[int], *, flips: bool, suppressed: bool = True
) -> dict[int, ContactState]:
    rows = connection.execute(
        select(contacts, accounts.c.attributes.label("account_attributes"))
        .outerjoin(accounts, accounts.c.id == contacts.c.account_id)
        .where(IsOneOf(contacts.c.id, ids))
    ).all()
    reasons = _suppressed(connection, rows) if suppressed else {}
    return {
        row.id: ContactState(
            id=row.id,
            identifier=row.identifier,
            created_at=row.created_at,
            external_id=row.external_id,
            email=row.email,
            locale=row.locale,
            timezone=row.timezone,
            attributes=row.attributes or {},
            account=row.account_attributes or {},
            erased=row.erased_at is not None,
            suppressed=reasons.get(row.id),
            stage=row.stage,
            stage_since_at=row.stage_since_at,
            holding=frozenset(row.holding) if flips and row.holding is not None else None,
            flips=_moments(row.flips) if flips else None,
        )
        for row in rows
    }


def _suppressed(connection: Connection, rows: Sequence[Any]) -> dict[int, str]:
    """Return why each of these contacts is suppressed, by id."""
    hashes = {row.id: key_hash(row.address_key) for row in rows if row.address_key}
    found = connection.execute(_SUPPRESSED, {"hashes": list(hashes.values())})
    reasons: dict[str, str] = {row.address_hash: row.reason for row in found}
    return {contact: reasons[hashed] for contact, hashed in hashes.items() if hashed in reasons} if reasons else {}


_SUPPRESSED = select(suppressions.c.address_hash, suppressions.c.reason).where(
    IsOneOf(suppressions.c.address_hash, bindparam("hashes"))
)


def _moments(stored: Mapping[str, str] | None) -> dict[str, datetime] | None:
    return None if stored is None else {name: datetime.fromisoformat(moment) for name, moment in stored.items()}


def _consents(connection: Connection, states: dict[int, ContactState]) -> None:
    for row in connection.execute(_CONSENTS, {"ids": list(states)}):
        states[row.contact_id].consents.append(ConsentChange(row.topic, row.granted, row.at))


_CONSENTS = (
    select(consents.c.contact_id, consents.c.topic, consents.c.granted, consents.c.at)
    .where(IsOneOf(consents.c.contact_id, bindparam("ids")))
    .order_by(consents.c.at, consents.c.id)
)


#: What conditions and caps see of a ledger row.
_FACT_COLUMNS = tuple(field.name for field in fields(MessageFact))


def message_fact(row: Any) -> MessageFact:
    """Return the ledger row as conditions and caps see it."""
    return MessageFact(**{name: getattr(row, name) for name in _FACT_COLUMNS})


def _messages(connection: Connection, states: dict[int, ContactState], since: datetime = EPOCH) -> None:
    for row in connection.execute(_SENT, {"ids": list(states), "since": since}):
        states[row.contact_id].messages.append(message_fact(row))


_SENDING_AT = messages.c.sending_at
_SENT = (
    select(messages.c.contact_id, *(messages.c[name] for name in _FACT_COLUMNS))
    .where(IsOneOf(messages.c.contact_id, bindparam("ids")), beside(messages.c.state.in_(COUNTED_STATES)))
    # what a history from elsewhere brings need not say when it took its place
    .where(beside(or_(_SENDING_AT.is_(None), bindparam("since", type_=_SENDING_AT.type) <= _SENDING_AT)))
    .order_by(_SENDING_AT, messages.c.id)
)


def _memberships(connection: Connection, states: dict[int, ContactState]) -> None:
    table = memberships
    # of each segment the last counts: the open stay, or else the latest
    for row in connection.execute(
        select(table.c.contact_id, table.c.segment, table.c.entered_at, table.c.left_at)
        .where(IsOneOf(table.c.contact_id, states))
        .order_by(table.c.left_at.is_(None), table.c.entered_at)
    ):
        states[row.contact_id].memberships[row.segment] = MembershipFact(row.entered_at, row.left_at)


def _kept(connection: Connection, states: dict[int, ContactState]) -> None:
    table = facts
    columns = {
        "points.balance": table.c.points_balance, "points.tier": table.c.points_tier,
        "nps.score": table.c.nps_score, "referrals.count": table.c.referrals_count,
    }  # fmt: skip
    for row in connection.execute(
        select(table.c.contact_id, *columns.values()).where(IsOneOf(table.c.contact_id, states))
    ):
        states[row.contact_id].kept = {name: row[index + 1] for index, name in enumerate(columns)}


def _events(connection: Connection, states: dict[int, ContactState]) -> None:
    table = events
    found: dict[int, list[EventFact]] = defaultdict(list)
    for row in connection.execute(
        select(
            table.c.contact_id,
            table.c.id,
            table.c.name,
            table.c.at,
            table.c.properties,
            table.c.live,
            table.c.message_id,
        )
        .where(IsOneOf(table.c.contact_id, states))
        .order_by(table.c.contact_id, table.c.at, table.c.id)
    ):
        found[row.contact_id].append(
            EventFact(row.id, row.name, row.at, row.properties or {}, row.live, row.message_id)
        )
    for contact_id, history in found.items():
        states[contact_id].events = history
