"""Clicks that only a machine makes together: found over the new ones and those stored just before.

What was taken for a person's and turns out to be a machine's is taken back: its verdict, and the first open and click
on the ledger row. What the journey did on it meanwhile stays done.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, select, update

from lifecycle.engagement.bots import SWEEP_WITHIN, Click, swept
from lifecycle.store.tables import hits, messages

_RECENT = (
    select(hits.c.id, hits.c.message_row, hits.c.link, hits.c.at, hits.c.why, hits.c.verdict)
    .where(
        hits.c.message_row.in_(bindparam("rows", expanding=True)),
        hits.c.kind == "click",
        hits.c.at > bindparam("since", type_=hits.c.at.type),
    )
    .order_by(hits.c.at, hits.c.id)
)
_JUDGED_AGAIN = update(hits).where(hits.c.id == bindparam("hit")).values(verdict="machine", why=bindparam("new_why"))


class Fresh(NamedTuple):
    """A click that is being stored; `place` is how the caller knows it."""

    place: int
    message_row: int
    at: datetime
    link: int


def find(connection: Connection, fresh: Sequence[Fresh], links: Mapping[int, int]) -> dict[int, str]:
    """Return those of `fresh` that are part of a sweep, by their place, with the rule.

    `links` says how many links each message has. Stored clicks of the same sweep are judged again, in this transaction.
    """
    if not fresh:
        return {}
    new: dict[int, list[Fresh]] = defaultdict(list)
    for click in fresh:
        new[click.message_row].append(click)
    stored: dict[int, list[Any]] = defaultdict(list)
    since = min(click.at for click in fresh) - SWEEP_WITHIN
    for hit in connection.execute(_RECENT, {"rows": sorted(new), "since": since}):
        stored[hit.message_row].append(hit)
    found: dict[int, str] = {}
    for message_row, clicks in new.items():
        before = stored[message_row]
        together: list[tuple[Click, Any]] = [
            *((Click(hit.at, hit.link), hit) for hit in before),
            *((Click(click.at, click.link), click.place) for click in clicks),
        ]
        together.sort(key=lambda pair: pair[0].at)
        taken_back = []
        for position, rule in swept([click for click, _ in together], links.get(message_row, 0)).items():
            which = together[position][1]
            if isinstance(which, int):
                found[which] = rule
            elif which.verdict == "human":
                taken_back.append({"hit": which.id, "new_why": f"{which.why} {rule}"})
        if taken_back:
            _take_back(connection, message_row, taken_back)
    return found


def _take_back(connection: Connection, message_row: int, judged: list[dict[str, Any]]) -> None:
    connection.execute(_JUDGED_AGAIN, judged)
    human = select(func.min(hits.c.at)).where(hits.c.message_row == message_row, hits.c.verdict == "human")
    connection.execute(
        update(messages)
        .where(messages.c.id == message_row)
        .values(
            clicked_at=human.where(hits.c.kind == "click").scalar_subquery(),
            opened_at=human.where(hits.c.kind.in_(("open", "click"))).scalar_subquery(),
        )
    )
