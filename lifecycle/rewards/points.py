"""Points: a ledger of entries, the balance their sum, the tier the last whose threshold the balance reaches."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select, update

from lifecycle.rewards.tiers import tier_of
from lifecycle.spec.model import Rewards
from lifecycle.store.once import add_once
from lifecycle.store.tables import facts, points


def give(
    connection: Connection,
    contact_id: int,
    entry: str,
    amount: int,
    *,
    at: datetime,
    reason: str,
    rewards: Rewards,
) -> bool:
    """Give (or, negative, take) points under the name `entry`; False when that entry was made before.

    Keeps points.balance and points.tier; `rewards` is the project's, for its tiers.
    """
    row = {"contact_id": contact_id, "entry": entry, "points": amount, "at": at, "reason": reason}
    if add_once(connection, points, row) is None:
        return False
    balance = connection.execute(select(func.sum(points.c.points)).where(points.c.contact_id == contact_id)).scalar()
    add_once(connection, facts, {"contact_id": contact_id, "orders_count": 0})
    values = {"points_balance": int(balance or 0), "points_tier": tier_of(int(balance or 0), rewards)}
    connection.execute(update(facts).where(facts.c.contact_id == contact_id).values(values))
    return True
