"""Referral codes: each contact has one of its own, which leads a friend to the shop and the friend back to them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, select

from lifecycle.base.tokens import Tokens
from lifecycle.store.tables import referrals


def code_of(tokens: Tokens, contact_id: int) -> str:
    """Return the contact's code; always the same one."""
    return tokens.code("referral", str(contact_id))


def store_codes(connection: Connection, codes: Mapping[int, str], now: datetime) -> None:
    """Store the codes, by contact id, of contacts whose code is about to leave in a mail."""
    if not codes:
        return
    query = select(referrals.c.code).where(referrals.c.code.in_(list(codes.values())), referrals.c.friend_id.is_(None))
    known = set(connection.execute(query).scalars())
    rows = [
        {"code": code, "contact_id": contact_id, "friend_id": None, "at": now}
        for contact_id, code in codes.items()
        if code not in known
    ]
    if rows:
        connection.execute(referrals.insert(), rows)
