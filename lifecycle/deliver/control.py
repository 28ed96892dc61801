"""What an operator does to a campaign: pause, resume, cancel. Each is one transaction, and safe to repeat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, func, insert, literal, null, select, update
from sqlalchemy.dialects import postgresql, sqlite

from lifecycle.base.clock import Clock
from lifecycle.store.engine import Store
from lifecycle.store.tables import campaign_states, decisions, enrolments, messages

_OPEN_ENROLMENTS = ("waiting", "active")
_OPEN_MESSAGES = ("queued", "deferred", "claimed")
#: These cannot be called back: they may have left. They are only told not to try again.
_MAYBE_GONE = ("sending", "unknown")


def pause(store: Store, clock: Clock, campaign: str, by: str) -> bool:
    """Hold the campaign's mails from the next release on; False when it was paused already. `by` is who or what."""
    with store.write() as connection:
        return hold(connection, campaign, clock.now(), by)


def hold(connection: Connection, campaign: str, now: datetime, by: str) -> bool:
    """Pause the campaign in this transaction; False when it was paused already."""
    if _paused_at(connection, campaign) is not None:
        return False
    upsert = (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(campaign_states)
    values = {"paused_at": now, "paused_by": by}
    connection.execute(
        upsert.values(campaign=campaign, **values).on_conflict_do_update(
            index_elements=[campaign_states.c.campaign], set_=values
        )
    )
    return True


def resume(store: Store, clock: Clock, campaign: str) -> int | None:
    """Let the campaign go on; return how many mails it held that ask again now, None when it was not paused."""
    with store.write() as connection:
        if _paused_at(connection, campaign) is None:
            return None
        connection.execute(
            update(campaign_states)
            .where(campaign_states.c.campaign == campaign)
            .values(paused_at=None, paused_by=None, resumed_at=clock.now())
        )
        held = connection.execute(
            update(messages)
            .where(
                messages.c.campaign == campaign,
                messages.c.state.in_(("queued", "deferred")),
                messages.c.reason == "campaign_paused",
            )
            .values(due_at=clock.now(), reason="")
        )
        return held.rowcount


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What `cancel` ended, and the mails that were being sent and cannot be called back."""

    messages: int
    enrolments: int
    sending: int


def cancel(store: Store, clock: Clock, campaign: str) -> Cancelled:
    """Cancel the campaign's open mails and end its open enrolments, both for the reason `cancelled`.

    What is in `sending` or `unknown` gets the reason alone: if it did not leave, it is cancelled, not tried again.
    """
    with store.write() as connection:
        now = clock.now()
        _explain(connection, campaign, now)
        ended = connection.execute(
            update(enrolments)
            .where(enrolments.c.campaign == campaign, enrolments.c.state.in_(_OPEN_ENROLMENTS))
            .values(state="exited", reason="cancelled", ended_at=now, due_at=None)
        )
        maybe_gone = messages.c.state.in_(_MAYBE_GONE)
        # in one statement: a row must not come back from `sending` between two
        changed = connection.execute(
            update(messages)
            .where(
                messages.c.id.in_(
                    select(messages.c.id)
                    .where(messages.c.campaign == campaign, messages.c.state.in_((*_OPEN_MESSAGES, *_MAYBE_GONE)))
                    .order_by(messages.c.id)
                    .with_for_update()
                )
            )
            .values(
                state=case((maybe_gone, messages.c.state), else_="cancelled"),
                reason="cancelled",
                # the fence moves: a worker that holds one of these finds that it is no longer its own
                fence=case((maybe_gone, messages.c.fence), else_=messages.c.fence + 1),
                worker=case((maybe_gone, messages.c.worker), else_=null()),
                lease_until_at=case((maybe_gone, messages.c.lease_until_at), else_=null()),
            )
        )
        left = select(messages.c.state, func.count()).where(messages.c.campaign == campaign, maybe_gone)
        counts: dict[str, int] = {found[0]: found[1] for found in connection.execute(left.group_by(messages.c.state))}
        return Cancelled(changed.rowcount - sum(counts.values()), ended.rowcount, counts.get("sending", 0))


def _explain(connection: Connection, campaign: str, now: datetime) -> None:
    """Write the decision on each open enrolment, so that `explain` tells of it."""
    columns = ["contact_id", "campaign", "enrolment_id", "version", "at", "step", "decision", "reason", "detail"]
    about = select(
        enrolments.c.contact_id,
        enrolments.c.campaign,
        enrolments.c.id,
        enrolments.c.version,
        literal(now, enrolments.c.opened_at.type),
        literal(""),
        literal("exited"),
        literal("cancelled"),
        literal({"by": "hand"}, decisions.c.detail.type),
    ).where(enrolments.c.campaign == campaign, enrolments.c.state.in_(_OPEN_ENROLMENTS))
    connection.execute(insert(decisions).from_select(columns, about))


def _paused_at(connection: Connection, campaign: str) -> datetime | None:
    found = select(campaign_states.c.paused_at).where(campaign_states.c.campaign == campaign)
    return connection.execute(found.with_for_update()).scalar()
