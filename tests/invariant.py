"""The invariant of delivery, at rest: the ledger against what the mail server has, the same for every harness.

For each row the server accepted at most one marketing mail; of a transactional one at most one more than it had
ambiguous endings, all with one Message-ID and one Date; at least one where the row says `sent`, and none where it says
that none left. Only `unknown` may be either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from lifecycle.store.engine import Store
from lifecycle.store.tables import messages

OPEN = frozenset({"queued", "deferred", "claimed", "sending"})
#: States in which a provider took the mail.
TAKEN = frozenset({"sent", "delivered", "bounced"})
#: States of which no mail came, unless an earlier attempt was ambiguous.
NOT_TAKEN = frozenset({"rejected", "failed", "skipped", "cancelled"})


@dataclass(frozen=True, slots=True)
class Row:
    """What the ledger says."""

    id: int
    campaign: str
    step: str
    contact_id: int
    occurrence: str
    kind: str
    message_id: str
    state: str
    reason: str
    crashes: int
    attempts: int
    worker: str | None
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """One mail that the server accepted: whose, under which name, dated how."""

    recipient: str
    message_id: str
    date: str


def ledger(store: Store) -> list[Row]:
    """Return the rows in the order of ids."""
    columns = [messages.c[name] for name in Row.__dataclass_fields__]
    with store.read() as connection:
        return [Row(*found) for found in connection.execute(select(*columns).order_by(messages.c.id))]


def broken(
    rows: Sequence[Row], log: Iterable[Arrival], *, expected: int, ambiguous: Mapping[int, int] | None = None
) -> list[str]:
    """Return every way in which the invariant does not hold, in words; nothing when it holds.

    `ambiguous` says how many attempts of a row ended without a certain answer. None: it was not counted, and
    a transactional mail may have come as often as the row says that it was tried or lost.
    """
    found: list[str] = []
    by_name: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in log:
        by_name[arrival.message_id].append(arrival)
    names = {f"{row.message_id}@rihla.example" for row in rows}
    found += [f"stranger: {name} arrived, and no row has that Message-ID" for name in by_name if name not in names]
    if len(rows) != expected or len({(r.campaign, r.step, r.contact_id, r.occurrence) for r in rows}) != expected:
        found.append(f"sum: there are {len(rows)} rows, and there were {expected}")
    for row in rows:
        arrived = by_name[f"{row.message_id}@rihla.example"]
        found += _of_row(row, arrived, None if ambiguous is None else ambiguous.get(row.id, 0))
    return found


def _of_row(row: Row, arrived: list[Arrival], ambiguous: int | None) -> Iterable[str]:
    said = f"row {row.id} ({row.kind} {row.campaign}) is {row.state}{'/' * bool(row.reason)}{row.reason}"
    marketing = row.kind != "transactional"
    if row.state in OPEN:
        yield f"open: {said} for ever"
    elif row.state not in TAKEN | NOT_TAKEN | {"unknown"}:
        yield f"state: {said}, which is no state"
    elif row.worker is not None:
        yield f"state: {said}, and still held by {row.worker}"
    if marketing and len(arrived) > 1:
        yield f"twice: {said}, and arrived {len(arrived)} times"
    if not marketing and ambiguous is not None and len(arrived) > 1 + ambiguous:
        yield f"twice: {said}, arrived {len(arrived)} times, and was in doubt {ambiguous} times"
    if not marketing and len(arrived) > row.attempts + row.crashes:
        yield f"twice: {said}, arrived {len(arrived)} times in {row.attempts} attempts and {row.crashes} crashes"
    if len({one.date for one in arrived}) > 1 and not marketing:
        yield f"date: {said}, and arrived dated {sorted({one.date for one in arrived})}"
    if row.state in TAKEN and not arrived:
        yield f"lost: {said}, and never arrived"
    if row.state in TAKEN and row.sent_at is None:
        yield f"sum: {said}, without an instant"
    if row.state in NOT_TAKEN and arrived and (marketing or ambiguous == 0):
        yield f"unsaid: {said}, and arrived"
    if row.state == "unknown" and ambiguous == 0:
        yield f"unknown: {said}, and nothing about it was ever in doubt"
    if row.reason == "quarantined" and row.crashes < 3:
        yield f"quarantine: {said} after {row.crashes} crashes"
