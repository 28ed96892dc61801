"""A history of mails from elsewhere: rows `{contact, campaign, step, variant, at, outcome, …}` become ledger rows.

They count for frequency caps, reports and lift as our own do; steps and variants named there need not exist. Outcome
`held_out` is a control: an enrolment that was held out, and a ledger row that was skipped for that reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Connection

from lifecycle.base.address import address_key
from lifecycle.base.ids import content_hash
from lifecycle.base.units import parse_instant
from lifecycle.intake.bulk import allocate, look_up
from lifecycle.intake.bulk import insert as insert_rows
from lifecycle.intake.payload import Refused
from lifecycle.intake.plain import find_users
from lifecycle.spec.diagnostics import did_you_mean
from lifecycle.spec.model import Content
from lifecycle.store import tables

#: What a row may say became of its mail, and the ledger's state for it.
OUTCOMES: Mapping[str, str] = {
    "sent": "sent", "delivered": "delivered", "opened": "delivered", "clicked": "delivered", "complained": "delivered",
    "unsubscribed": "delivered", "bounced": "bounced", "rejected": "rejected", "failed": "failed", "unknown": "unknown",
    "cancelled": "cancelled", "skipped": "skipped", "held_out": "skipped",
}  # fmt: skip
_ACCEPTED = frozenset({"sent", "delivered", "bounced"})
#: Instants that a row may give, each with the outcome that implies it.
_INSTANTS = {
    "delivered_at": "delivered", "opened_at": "opened", "clicked_at": "clicked", "bounced_at": "bounced",
    "complained_at": "complained", "unsubscribed_at": "unsubscribed",
}  # fmt: skip
_COLUMNS = (
    "id", "campaign", "step", "contact_id", "occurrence", "version", "kind", "topic", "template", "variant", "data",
    "priority", "state", "reason", "reached_at", "due_at", "fence", "crashes", "attempts", "message_id", "detail",
    "links", "sending_at", "sent_at", *_INSTANTS,
)  # fmt: skip
_ENROLMENT_COLUMNS = (
    "campaign", "contact_id", "entry_key", "occurrence", "version", "state", "reason", "opened_at", "anchor_at",
    "activated_at", "ended_at", "position", "arm", "variants", "context",
)  # fmt: skip
#: What stands where our own rows name the content version that made them.
VERSION = "imported"


@dataclass(frozen=True, slots=True)
class PastMessage:
    """One row, read and checked."""

    contact: str
    campaign: str
    step: str
    at: datetime
    outcome: str
    variant: str | None
    occurrence: str
    reason: str
    instants: Mapping[str, datetime | None]


def read_past(row: Mapping[str, Any], zone: tzinfo, now: datetime) -> PastMessage:
    """Read one row. Raises Refused with what is wrong."""
    told = {key: str(value).strip() for key, value in row.items() if value is not None and str(value).strip()}
    contact = told.get("contact") or told.get("external_id") or told.get("email")
    for name, value in (("contact", contact), *((key, told.get(key)) for key in ("campaign", "step", "at", "outcome"))):
        if not value and not (name == "step" and told.get("outcome") == "held_out"):
            raise Refused(f"{name} is missing")
    outcome = told["outcome"].lower()
    if outcome not in OUTCOMES:
        hint = did_you_mean(outcome, OUTCOMES) or f"one of {', '.join(OUTCOMES)}"
        raise Refused(f'outcome: "{outcome[:40]}" is none; {hint}')

    def instant(name: str) -> datetime | None:
        try:
            return min(parse_instant(told[name], zone), now) if name in told else None
        except (ValueError, OverflowError) as error:
            raise Refused(f"{name}: {error}") from None

    at = instant("at")
    if at is None or contact is None:
        raise Refused("at is missing")
    instants = {name: instant(name) or (at if outcome == implied else None) for name, implied in _INSTANTS.items()}
    if OUTCOMES[outcome] == "delivered":
        instants["delivered_at"] = instants["delivered_at"] or at
    return PastMessage(
        contact, told["campaign"], told.get("step", "held_out"), at, outcome, told.get("variant"),
        told.get("occurrence") or f"import:{at.isoformat()}",
        "held_out" if outcome == "held_out" else told.get("reason", ""), instants,
    )  # fmt: skip


def store_past(
    connection: Connection, rows: Sequence[PastMessage], content: Content | None
) -> tuple[list[int], list[int], frozenset[int]]:
    """Store rows in the ledger.

    Returns the places of those that were there already, the places of those whose contact is not known, and the
    contacts whose history has grown. One is there already when campaign, step, contact and occurrence (its time, where
    it has none) are the same.
    """
    who = find_contacts(connection, [row.contact for row in rows])
    unknown = [place for place, row in enumerate(rows) if row.contact not in who]
    keys = [(row.campaign, row.step, who.get(row.contact, 0), row.occurrence) for row in rows]
    by = ("campaign", "step", "contact_id", "occurrence")
    wanted = [key for key in keys if key[2]]
    known = {tuple(row) for row in look_up(connection, tables.messages, by, by, wanted)}
    duplicates, new = [], []
    for place, (row, key) in enumerate(zip(rows, keys, strict=True)):
        if not key[2]:
            continue
        if key in known:
            duplicates.append(place)
            continue
        known.add(key)
        new.append((row, key[2]))
    numbers = allocate(connection, tables.messages, len(new))
    ledger = [_ledger_row(number, row, contact, content) for number, (row, contact) in zip(numbers, new, strict=True)]
    insert_rows(connection, tables.messages, _COLUMNS, ledger)
    _hold_out(connection, [(row, contact) for row, contact in new if row.outcome == "held_out"])
    return duplicates, unknown, frozenset(contact for _, contact in new)


def find_contacts(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    """Return the row of each contact named by external id, alias or, failing these, address; those that exist."""
    wanted = set(names)
    found = find_users(connection, wanted)
    by_key: dict[str, list[str]] = {}
    for name in wanted - found.keys():
        if "@" in name:
            by_key.setdefault(address_key(name), []).append(name)
    keys = [(key,) for key in by_key]
    for row in look_up(connection, tables.contacts, ("id", "address_key"), ("address_key",), keys):
        found.update(dict.fromkeys(by_key[row.address_key], row.id))
    return found


def _ledger_row(number: int, row: PastMessage, contact: int, content: Content | None) -> tuple[Any, ...]:
    campaign = content.campaigns.get(row.campaign) if content is not None else None
    state = OUTCOMES[row.outcome]
    sent_at = row.at if state in _ACCEPTED else None
    key = content_hash(row.campaign, row.step, str(contact), row.occurrence)
    return (
        number, row.campaign, row.step, contact, row.occurrence, VERSION,
        campaign.kind if campaign is not None else "marketing", campaign.topic if campaign is not None else None,
        row.step, row.variant, "{}", 50, state, row.reason, row.at, row.at, 0, 0, 0, f"<{key}@imported.invalid>", "",
        "{}", sent_at, sent_at, *(row.instants[name] for name in _INSTANTS),
    )  # fmt: skip


def _hold_out(connection: Connection, rows: Sequence[tuple[PastMessage, int]]) -> None:
    """Make an enrolment that was held out for each control that has none in the campaign."""
    by = ("campaign", "contact_id")
    wanted = {(row.campaign, contact): row for row, contact in reversed(rows)}
    only = "t.arm = 'held_out'"
    known = {tuple(row) for row in look_up(connection, tables.enrolments, by, by, wanted, only=only)}
    new = [
        (
            campaign, contact, "", row.occurrence, VERSION, "held_out", "held_out", row.at, row.at, row.at, row.at,
            "[]", "held_out", "{}", "{}",
        )
        for (campaign, contact), row in sorted(wanted.items())
        if (campaign, contact) not in known
    ]  # fmt: skip
    numbers = allocate(connection, tables.enrolments, len(new))
    enrolments = [(number, *row) for number, row in zip(numbers, new, strict=True)]
    insert_rows(connection, tables.enrolments, ("id", *_ENROLMENT_COLUMNS), enrolments)
