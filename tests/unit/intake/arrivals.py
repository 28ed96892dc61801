"""What the tests of intake share: messages, and what came of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from lifecycle.audience.membership import refresh
from lifecycle.base.clock import ManualClock
from lifecycle.intake.messages import Accepted, accept
from lifecycle.spec.model import Content
from lifecycle.store import tables
from lifecycle.store.engine import Store


def take(store: Store, clock: ManualClock, *payloads: Any, live: bool = True) -> Accepted:
    """Accept payloads without content."""
    return accept(store, payloads, clock=clock, content=None, live=live)


def rows(store: Store, table: Any) -> list[dict[str, Any]]:
    """Return every row of the table, oldest first."""
    with store.read() as connection:
        return [dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()]


def track(user: str, event: str, message: str, **more: Any) -> dict[str, Any]:
    """Return a track message."""
    return {"type": "track", "userId": user, "event": event, "messageId": message, **more}


def identify(user: str, **traits: Any) -> dict[str, Any]:
    """Return an identify."""
    return {"type": "identify", "userId": user, "messageId": f"i-{user}", "traits": traits}


def enrol(store: Store, clock: ManualClock, contact: int, state: str, position: list[int], arm: str = "treated") -> Any:
    """Open an enrolment by hand and return its id."""
    values = {
        "campaign": "cart", "contact_id": contact, "occurrence": f"o{contact}", "version": "v", "state": state,
        "entry_key": "", "reason": "", "opened_at": clock.now(), "anchor_at": clock.now(), "position": position,
        "variants": {}, "context": {}, "arm": arm,
    }  # fmt: skip
    with store.write() as connection:
        made = connection.execute(tables.enrolments.insert().values(**values).returning(tables.enrolments.c.id))
        return made.scalar_one()


def refreshed(store: Store, clock: ManualClock, content: Content) -> set[Any]:
    """Bring everybody's memberships and stages up, and return what that changed: nothing, if they were kept."""

    def standing() -> set[Any]:
        inside = [(row["segment"], row["contact_id"]) for row in rows(store, tables.memberships) if not row["left_at"]]
        assert len(inside) == len(set(inside)), "somebody is in a segment twice"
        return {*inside} | {("", row["id"], row["stage"]) for row in rows(store, tables.contacts)}

    before = standing()
    with store.write() as connection:
        refresh(connection, content, clock.now(), "rebuild")
    return before ^ standing()
