"""Opens and clicks into the tables, a batch of them in one transaction.

Each hit is one raw row in `hits`. The first human open or click of a message is written on its ledger row as well, and
leaves an inbox row, so that conditions on messages are decided again. A human click implies an open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias

from sqlalchemy import Connection, Row

from lifecycle.engagement import sweeps
from lifecycle.engagement.bots import Verdict, classify
from lifecycle.engagement.strokes import Mail, mark_first, read_mails, store_hits
from lifecycle.engagement.targets import Targets, safe_target
from lifecycle.intake.inbox import leave_word

#: Agents are kept up to here: long enough for every rule.
MAX_AGENT = 400

HitKind: TypeAlias = Literal["open", "click", "unsubscribe", "preferences", "view", "survey"]


class Sighting(NamedTuple):
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
    mails = read_mails(connection, (sighting.message_row for sighting in sightings), links=clicks)
    answers = [_answer(connection, mails.get(sighting.message_row), sighting, targets) for sighting in sightings]
    kept = [sighting for sighting, answer in zip(sightings, answers, strict=True) if answer is not None]
    if not kept:
        return answers
    verdicts = [_judge(sighting, mails[sighting.message_row].delivered_at) for sighting in kept]
    if clicks:
        _judge_together(connection, kept, verdicts, mails, targets)
    together = zip(kept, verdicts, strict=True)
    store_hits(connection, [_row(seen, verdict, mails[seen.message_row].contact_id) for seen, verdict in together])
    _mark(connection, kept, verdicts, mails)
    return answers


def note(connection: Connection, sighting: Sighting, message: Row[Any]) -> None:
    """Store one hit of another kind (unsubscribe, preferences, view, survey) on `message`, a row of the ledger."""
    verdict = _judge(sighting, message.delivered_at or message.sent_at or message.sending_at)
    store_hits(connection, [_row(sighting, verdict, message.contact_id)])


def _answer(connection: Connection, mail: Mail | None, sighting: Sighting, targets: Targets) -> str | None:
    if mail is None:
        return None
    if sighting.kind == "open":
        return ""
    number = str(sighting.link)
    return safe_target(mail.links.get(number) or targets.fixed(connection, mail.template_hash).get(number))


def _judge(sighting: Sighting, delivered_at: datetime | None) -> Verdict:
    since = None if delivered_at is None else sighting.at - delivered_at
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
    mails: Mapping[int, Mail],
    targets: Targets,
) -> None:
    new = [
        sweeps.Fresh(place, seen.message_row, seen.at, seen.link or 0)
        for place, seen in enumerate(kept)
        if seen.kind == "click"
    ]
    links = {
        row: len({*mails[row].links, *targets.fixed(connection, mails[row].template_hash)})
        for row in {click.message_row for click in new}
    }
    for place, rule in sweeps.find(connection, new, links).items():
        verdicts[place] = Verdict((*verdicts[place].reasons, rule))


def _mark(
    connection: Connection, kept: Sequence[Sighting], verdicts: Sequence[Verdict], mails: Mapping[int, Mail]
) -> None:
    opened: dict[int, datetime] = {}
    clicked: dict[int, datetime] = {}
    for sighting, verdict in zip(kept, verdicts, strict=True):
        if verdict.is_machine:
            continue
        mail = mails[sighting.message_row]
        if not mail.is_opened:
            opened.setdefault(mail.id, sighting.at)
        if sighting.kind == "click" and not mail.is_clicked:
            clicked.setdefault(mail.id, sighting.at)
    mark_first(connection, "opened_at", opened)
    mark_first(connection, "clicked_at", clicked)
    leave_word(connection, (mails[row].contact_id for row in {*opened, *clicked}), "message")
