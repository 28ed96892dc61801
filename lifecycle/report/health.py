"""What `lifecycle doctor` looks at inside the database: clock, balance, unknown rows, stuck leases, late mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, func, select

from lifecycle.report.balance import balance
from lifecycle.store.tables import messages

Verdict: TypeAlias = Literal["ok", "note", "wrong"]

#: Leases, deadlines and quiet hours go wrong when the machines' clocks differ by more.
MOST_SKEW = timedelta(seconds=5)
#: The reconciler comes by every minute; a lease that ended longer ago was not seen by anyone.
LEASE_GRACE = timedelta(minutes=2)
#: Mail that is later than this is not being sent by anyone.
LATE_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `todo` says what to do, where something is to be done."""

    what: str
    verdict: Verdict
    detail: str
    todo: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"what": self.what, "verdict": self.verdict, "detail": self.detail, "todo": self.todo}


def clock_finding(connection: Connection, now: datetime) -> Finding:
    """Compare our clock with the database's; SQLite has none of its own."""
    if connection.dialect.name == "sqlite":
        return Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC; the database is on this machine")
    theirs: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    skew = now - theirs
    seconds = skew.total_seconds()
    if abs(skew) <= MOST_SKEW:
        return Finding("clock", "ok", f"within {abs(seconds):.1f} s of the database's")
    ahead = "ahead of" if seconds > 0 else "behind"
    return Finding(
        "clock",
        "wrong",
        f"{abs(seconds):.0f} s {ahead} the database's",
        "turn on time synchronisation on both machines",
    )


def ledger_findings(connection: Connection, now: datetime) -> list[Finding]:
    """Return whether the ledger adds up, and what in it waits for somebody."""
    adds = balance(connection)
    if adds.adds_up:
        found = [Finding("ledger", "ok", f"{adds.selected:,} messages, each with one outcome")]
    else:
        astray = ", ".join(f"{count:,} × {what}" for what, count in adds.astray.items())
        detail = f"{adds.selected:,} messages, {adds.explained:,} explained" + (f"; {astray}" if astray else "")
        found = [Finding("ledger", "wrong", detail, "this is a defect: keep a copy of the database and report it")]
    found.append(
        Finding("unknown", "wrong", f"{adds.unknown:,} messages may or may not have been sent", "`lifecycle outbox` "
                "lists them; `lifecycle outbox resolve` settles each as your mail server's log says")
        if adds.unknown
        else Finding("unknown", "ok", "no message is in doubt")
    )  # fmt: skip
    held = messages.c.state.in_(("claimed", "sending"))
    stuck = _count(connection, held & (messages.c.lease_until_at < now - LEASE_GRACE))
    found.append(
        Finding("leases", "wrong", f"{stuck:,} messages are held by a worker that is gone", "start `lifecycle run` (or "
                "`scheduler`): the reconciler takes them back within a minute")
        if stuck
        else Finding("leases", "ok", "no worker has left mail behind")
    )  # fmt: skip
    late = _count(
        connection,
        messages.c.state.in_(("queued", "deferred"))
        & (messages.c.queue == "")
        & (messages.c.due_at < now - LATE_AFTER),
    )
    if late:
        found.append(
            Finding(
                "late mail",
                "note",
                f"{late:,} messages are due and not sent",
                "is `lifecycle run` (or `worker` and `scheduler`) up? a paused campaign also holds its mail",
            )
        )
    return found


def _count(connection: Connection, condition: Any) -> int:
    return connection.execute(select(func.count()).select_from(messages).where(condition)).scalar_one()
