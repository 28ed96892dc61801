"""Opens and clicks into the tables, a batch of them in one transaction.

Each hit is one raw row in `hits`. The first human open or click of a message is written on its ledger row as well, and
leaves an inbox row, so that conditions on messages are decided again. A human click implies an open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, Row, bindparam, update

from lifecycle.engagement import sweeps
from lifecycle.engagement.bots import Verdict, classify
from lifecycle.engagement.targets import Targets, safe_target
from lifecycle.intake import bulk
from lifecycle.store.tables import hits, inbox, messages

#: Agents are kept up to here: long enough for every rule.
MAX_AGENT = 400

HitKind: TypeAlias = Literal["open", "click", "unsubscribe", "preferences", "view", "survey"]

_FIND = (
    "id", "contact_id", "sending_at", "sent_at", "delivered_at", "opened_at", "clicked_at", "template_hash", "links",
)  # fmt: skip
#: Opens need no targets, and reading JSON is what costs most.
_FIND_OPENED = _FIND[:-2]
_HIT = ("message_row", "contact_id", "kind", "link", "at", "method", "user_agent", "ip", "verdict", "why")
_OPENED = (
    update(messages)
    .where(messages.c.id == bindparam("row"), messages.c.opened_at.is_(None))
    .values(opened_at=bindparam("first"))
)
_CLICKED = (
    update(messages)
    .where(messages.c.id == bindparam("row"), messages.c.clicked_at.is_(None))
    .values(clicked_at=bindparam("first"))
)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One request that a mail caused, as it came. `message_row` is messages.id, `link` the number of a click's link."""

    message_row: int
    kind: HitKind
    at: datetime
    method: str = "GET"
    user_agent: str = ""
    ip: str = ""
    link: int | None = None


def record(connection: Connection, sightings: Sequence[Sighting], targets: Targets) -> list[str | None]:
    """Store opens and clicks; the caller commits.

    Return for each, in order, where to go: a safe absolute URL for a click, "" for an open, and None where there is no
    such message or link (those are not stored).
    """
    clicks = any(sighting.kind == "click" for sighting in sightings)
    keys = {(sighting.message_row,) for sighting in sightings}
    rows = {row.id: row for row in bulk.look_up(connection, messages, _FIND if clicks else _FIND_OPENED, ["id"], keys)}
    answers = [_answer(connection, rows.get(sighting.message_row), sighting, targets) for sighting in sightings]
    kept = [sighting for sighting, answer in zip(sightings, answers, strict=True) if answer is not None]
    if not kept:
        return answers
    verdicts = [_judge(sighting, rows[sighting.message_row]) for sighting in kept]
    if clicks:
        _judge_together(connection, kept, verdicts, rows, targets)
    together = zip(kept, verdicts, strict=True)
    bulk.insert(
        connection, hits, _HIT, [_row(seen, verdict, rows[seen.message_row].contact_id) for seen, verdict in together]
    )
    _mark_first(connection, kept, verdicts, rows)
    return answers


def note(connection: Connection, sighting: Sighting, message: Row[Any]) -> None:
    """Store one hit of another kind (unsubscribe, preferences, view, survey) on `message`, a row of the ledger."""
    bulk.insert(connection, hits, _HIT, [_row(sighting, _judge(sighting, message), message.contact_id)])


def leave_word(connection: Connection, contact_ids: Iterable[int]) -> None:
    """Leave an inbox row for each contact: something about it changed, decide again."""
    bulk.insert(connection, inbox, ["contact_id"], [(contact_id,) for contact_id in sorted(set(contact_ids))])


def _answer(connection: Connection, message: Row[Any] | None, sighting: Sighting, targets: Targets) -> str | None:
    if message is None:
        return None
    if sighting.kind == "open":
        return ""
    number = str(sighting.link)
    own = (message.links or {}).get(number)
    return safe_target(own or targets.fixed(connection, message.template_hash).get(number))


def _judge(sighting: Sighting, message: Row[Any]) -> Verdict:
    delivered = message.delivered_at or message.sent_at or message.sending_at
    since = None if delivered is None else sighting.at - delivered
    return classify(sighting.method, sighting.user_agent, sighting.ip, since)


def _row(sighting: Sighting, verdict: Verdict, contact_id: int) -> tuple[Any, ...]:
    # PostgreSQL has no NUL in text
    agent = sighting.user_agent[:MAX_AGENT].replace("\0", "")
    return (
        sighting.message_row, contact_id, sighting.kind, sighting.link, sighting.at, sighting.method, agent,
        sighting.ip, verdict.name, verdict.why,
    )  # fmt: skip


def _judge_together(
    connection: Connection,
    kept: Sequence[Sighting],
    verdicts: list[Verdict],
    rows: Mapping[int, Row[Any]],
    targets: Targets,
) -> None:
    new = [
        sweeps.Fresh(index, seen.message_row, seen.at, seen.link or 0)
        for index, seen in enumerate(kept)
        if seen.kind == "click"
    ]
    links = {
        row: len({*(rows[row].links or {}), *targets.fixed(connection, rows[row].template_hash)})
        for row in {click.message_row for click in new}
    }
    for index, rule in sweeps.find(connection, new, links).items():
        verdicts[index] = Verdict((*verdicts[index].reasons, rule))


def _mark_first(
    connection: Connection, kept: Sequence[Sighting], verdicts: Sequence[Verdict], rows: Mapping[int, Row[Any]]
) -> None:
    opened: dict[int, datetime] = {}
    clicked: dict[int, datetime] = {}
    for sighting, verdict in zip(kept, verdicts, strict=True):
        if verdict.is_machine:
            continue
        row = rows[sighting.message_row]
        if row.opened_at is None:
            opened.setdefault(row.id, sighting.at)
        if sighting.kind == "click" and row.clicked_at is None:
            clicked.setdefault(row.id, sighting.at)
    # in the order of keys, so that two web processes never wait for each other in a circle
    if opened:
        connection.execute(_OPENED, [{"row": row, "first": opened[row]} for row in sorted(opened)])
    if clicked:
        connection.execute(_CLICKED, [{"row": row, "first": clicked[row]} for row in sorted(clicked)])
    leave_word(connection, [rows[row].contact_id for row in {*opened, *clicked}])
