"""Coupons of one contact's own. The code comes from a keyed hash, so that making it again gives the same one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from lifecycle.base.units import parse_instant
from lifecycle.store.once import add_once
from lifecycle.store.tables import coupons


def store_coupon(
    connection: Connection, contact_id: int, campaign: str, made: Mapping[str, Any], *, at: datetime
) -> bool:
    """Store the coupon that a step made ({code, percent, amount, expires_at}); False when it is stored already."""
    expires_at = parse_instant(made["expires_at"]) if made.get("expires_at") else None
    row = {"code": made["code"], "contact_id": contact_id, "campaign": campaign, "made_at": at}
    row |= {"percent": made.get("percent"), "amount": made.get("amount"), "expires_at": expires_at}
    return add_once(connection, coupons, row) is not None
