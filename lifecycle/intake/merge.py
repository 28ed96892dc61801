"""Two stored contacts become one: everything that points at the one who goes is given to the one who stays.

There is no undo. The row of the one who goes stays, with its identifier, its times and `merged_into`, and `merges` says
when and why, so that what was merged can be seen; events keep their messageIds, but not whom they were first about.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, delete, func, insert, or_, select, update

from lifecycle.store import tables

#: Tables that point at a contact and need no more than the new number.
_FOLLOWERS = (
    tables.events, tables.consents, tables.identities, tables.inbox, tables.decisions, tables.hits, tables.points,
    tables.coupons, tables.tickets, tables.stage_transitions,
)  # fmt: skip
_OPEN = ("waiting", "active")
#: Ledger rows that nobody has begun to send, and those of which something left or may have left.
_UNSENT = ("queued", "deferred", "claimed")
_BEGUN = ("sending", "sent", "delivered", "bounced", "unknown")


def merge_contacts(connection: Connection, goes: int, stays: int, now: datetime) -> None:
    """Merge the stored contact `goes` into `stays` (rows, both locked).

    The caller folds the facts again, and has recorded what the two disagree about (`consent.Union`).
    """
    for follower in _FOLLOWERS:
        _follow(connection, follower, goes, stays)
    _merge_kept_facts(connection, goes, stays)
    _merge_memberships(connection, goes, now)
    _lock_messages(connection, goes, stays)
    _merge_enrolments(connection, goes, stays, now)
    _merge_messages(connection, goes, stays)
    _merge_referrals(connection, goes, stays)
    for table in (tables.orders, tables.facts):
        connection.execute(delete(table).where(table.c.contact_id == goes))
    contacts = tables.contacts
    gone: dict[str, Any] = dict.fromkeys(
        ("external_id", "email", "address_key", "account_id", "stage", "review_at", "wake_at")
    )
    gone["attributes"] = {}
    connection.execute(update(contacts).where(contacts.c.id == goes).values(merged_into=stays, **gone))
    connection.execute(update(contacts).where(contacts.c.merged_into == goes).values(merged_into=stays))


def _follow(connection: Connection, table: Table, goes: int, stays: int) -> None:
    connection.execute(update(table).where(table.c.contact_id == goes).values(contact_id=stays))


def _merge_kept_facts(connection: Connection, goes: int, stays: int) -> None:
    table = tables.facts
    rows = {
        row.contact_id: row for row in connection.execute(select(table).where(table.c.contact_id.in_((goes, stays))))
    }
    if goes not in rows:
        return
    old, new = rows[goes], rows.get(stays)
    kept = {
        "points_balance": _sum(old.points_balance, new.points_balance if new else None),
        "points_tier": (new.points_tier if new else None) or old.points_tier,
        "nps_score": old.nps_score if new is None or new.nps_score is None else new.nps_score,
        "referrals_count": _sum(old.referrals_count, new.referrals_count if new else None),
    }
    if new is None:
        connection.execute(insert(table).values(contact_id=stays, orders_count=0, **kept))
    else:
        connection.execute(update(table).where(table.c.contact_id == stays).values(**kept))


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)


def _merge_memberships(connection: Connection, goes: int, now: datetime) -> None:
    table = tables.memberships
    left = update(table).where(table.c.contact_id == goes, table.c.left_at.is_(None)).values(left_at=now)
    connection.execute(left)


def _merge_enrolments(connection: Connection, goes: int, stays: int, now: datetime) -> None:
    """Give all enrolments to `stays`; of two open ones of a campaign and key the furthest goes on."""
    table = tables.enrolments
    rows = connection.execute(select(table).where(table.c.contact_id.in_((goes, stays))).order_by(table.c.id)).all()
    open_ones: dict[tuple[str, str], list[Row[Any]]] = {}
    for row in rows:
        if row.state in _OPEN:
            open_ones.setdefault((row.campaign, row.entry_key), []).append(row)
    for pair in open_ones.values():
        *rest, furthest = sorted(pair, key=_progress)
        if rest and furthest.state == "waiting":
            # all wait for quiet, and the last event of any of them is the last of the one that they are
            last = max(pair, key=lambda row: row.anchor_at)
            quiet = {"anchor_at": last.anchor_at, "due_at": last.due_at, "last_event_id": last.last_event_id}
            connection.execute(update(table).where(table.c.id == furthest.id).values(**quiet))
        for behind in rest:
            end = {"state": "exited", "reason": "merged", "ended_at": now, "due_at": None}
            connection.execute(update(table).where(table.c.id == behind.id).values(**end))
            _cancel(connection, tables.messages.c.enrolment_id == behind.id)
    arms: dict[str, set[str]] = {}
    for row in rows:
        if row.arm is not None:
            arms.setdefault(row.campaign, set()).add(row.arm)
    for row in rows:
        if row.arm is not None and len(arms[row.campaign]) > 1:
            # held out as one and treated as the other: such a contact leaves the analysis (DESIGN, meaning 6)
            context: Mapping[str, Any] = {**(row.context or {}), "merged_across_arms": True}
            connection.execute(update(table).where(table.c.id == row.id).values(context=context))
    _follow(connection, table, goes, stays)


def _progress(row: Row[Any]) -> tuple[bool, list[int], float]:
    return (row.state == "active", list(row.position or []), -row.opened_at.timestamp())


def _lock_messages(connection: Connection, goes: int, stays: int) -> list[Any]:
    """Return the ledger of both, held in the order of ids, as everybody locks ledger rows."""
    table = tables.messages
    names = ("id", "contact_id", "campaign", "step", "occurrence", "state", "reason")
    query = select(*(table.c[name] for name in names)).where(table.c.contact_id.in_((goes, stays))).order_by(table.c.id)
    return list(connection.execute(query.with_for_update()))


def _merge_messages(connection: Connection, goes: int, stays: int) -> None:
    """Give the ledger to `stays`; of a row that both have (same campaign, step, occurrence) one at most is still sent.

    Both rows stay, so that both count for caps: the one that is no more than a copy gets an occurrence of its own.
    """
    table = tables.messages
    rows = _lock_messages(connection, goes, stays)
    ours = {(row.campaign, row.step, row.occurrence): row for row in rows if row.contact_id == stays}
    for row in rows:
        twin = ours.get((row.campaign, row.step, row.occurrence))
        if row.contact_id == stays or twin is None:
            continue
        copy = twin if row.state in _UNSENT and (twin.state, twin.reason) == ("cancelled", "duplicate") else row
        if row.state in _BEGUN and twin.state in _UNSENT:
            _cancel(connection, table.c.id == twin.id)
        elif copy is row:
            _cancel(connection, table.c.id == row.id)
        own = {"occurrence": f"{row.occurrence}~{copy.id}"}
        connection.execute(update(table).where(table.c.id == copy.id).values(**own))
    # what was claimed for `goes` is claimed anew: the release would ask about a contact that is gone
    claimed = update(table).where(table.c.contact_id == goes, table.c.state == "claimed")
    connection.execute(claimed.values(state="queued", worker=None, lease_until_at=None))
    _follow(connection, table, goes, stays)


def _cancel(connection: Connection, which: ColumnElement[bool]) -> None:
    """Never send these rows, if that is still to be decided. A release that holds one finds that it does no more."""
    table = tables.messages
    unsent = update(table).where(which, table.c.state.in_(_UNSENT))
    connection.execute(unsent.values(state="cancelled", reason="duplicate", worker=None, lease_until_at=None))


def _merge_referrals(connection: Connection, goes: int, stays: int) -> None:
    table = tables.referrals
    _follow(connection, table, goes, stays)
    taken = select(func.count()).select_from(table).where(table.c.friend_id == stays).scalar_subquery()
    own = or_(table.c.contact_id == stays, taken > 0)
    # a second referral of the same person, or one of himself, is none
    connection.execute(delete(table).where(table.c.friend_id == goes, own))
    connection.execute(update(table).where(table.c.friend_id == goes).values(friend_id=stays))
