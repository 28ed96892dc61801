"""How it stands with the sending limits, for people: who waits where and until when, and a warm-up's allowance."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from lifecycle.base.clock import Clock
from lifecycle.deliver.allowance import Ramp
from lifecycle.deliver.limits import Limits, limits_of
from lifecycle.deliver.picking import PARKED
from lifecycle.deliver.taking import Limiting, LimitTime, Taking
from lifecycle.spec.model import Project
from lifecycle.store.tables import messages


@dataclass(frozen=True, slots=True)
class AtLimit:
    """How many mails wait at a limit, and about when the last of them goes; None for a limit that is gone."""

    limit: str
    rows: int
    last_at: datetime | None


def _standing(connection: Connection, project: Project, clock: Clock) -> tuple[Limits, Taking]:
    # the rates of the settings park nothing, so they are not asked
    limits = limits_of(project, {})
    return limits, Limiting(limits, LimitTime(clock), clock).look(connection)


def at_limits(connection: Connection, project: Project, clock: Clock) -> list[AtLimit]:
    """Return the limits at which mails wait."""
    query = select(messages.c.queue, func.count()).where(PARKED).group_by(messages.c.queue).order_by(messages.c.queue)
    waiting = connection.execute(query).all()
    if not waiting:
        return []
    limits, standing = _standing(connection, project, clock)
    by_key = limits.by_key
    return [
        AtLimit(by_key[key].words, rows, by_key[key].allowance.last_at(standing.used[key], rows, standing.when))
        if key in by_key
        else AtLimit(key, rows, None)
        for key, rows in waiting
    ]


def warm_ups_today(connection: Connection, project: Project, clock: Clock) -> Iterator[str]:
    """Yield what each warm-up that is under way allows today, and how much of it is used."""
    limits, standing = _standing(connection, project, clock)
    for limit in limits:
        if not isinstance(limit.allowance, Ramp):
            continue
        today = clock.now().astimezone(limit.allowance.zone).date()
        allowed = limit.allowance.of_day(today)
        if allowed is not None:
            day, left = (today - limit.allowance.plan.starts).days + 1, standing.room(limit)
            yield (
                f"{limit.words}: {allowed:,} mails today, day {day} of {limit.allowance.days}; "
                f"{max(allowed - left, 0):,} have gone"
            )


def waits_for(project: Project, queue: str) -> str:
    """Return for what a row in that queue waits: "the limit of gmail.com: 1,000 per 1h"; "" for the general queue."""
    found = limits_of(project, {}).by_key.get(queue) if queue else None
    return found.words if found is not None else ""


def stranded(connection: Connection, providers: Collection[str]) -> dict[str, int]:
    """Return how many mails wait for a provider that may have accepted them, and is none of these; by provider."""
    waiting = (messages.c.state.in_(("queued", "deferred")), messages.c.kind == "transactional")
    query = (
        select(messages.c.provider, func.count().label("rows"))
        .where(*waiting, messages.c.provider.is_not(None), messages.c.provider.not_in(sorted(providers)))
        .group_by(messages.c.provider)
    )
    return {found.provider: found.rows for found in connection.execute(query)}
