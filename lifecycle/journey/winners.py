"""Splits that choose a winner: decided once, from those who came in before the time was up, and written down.

The decision is a row of `decisions` under contact 0, with the figures it saw, so that it never changes afterwards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, func, insert, select

from lifecycle.spec.model import Campaign, Content, Split, Winner, walk_steps
from lifecycle.store.tables import decisions, enrolments, messages

#: Whose decisions these are: nobody's in particular.
NOBODY = 0


def winners(connection: Connection, content: Content, now: datetime) -> Mapping[tuple[str, str], str]:
    """Return the variants that won, by (campaign, split); decides what is due at `now`. Must be able to write."""
    asked = list(_asked(content))
    if not asked:
        return {}
    found = known_winners(connection)
    for campaign, split, winner in asked:
        key = (campaign.campaign, split.id)
        if key not in found:
            chosen = _decide(connection, campaign, split, winner, content, now)
            if chosen is not None:
                found[key] = chosen
    return found


def known_winners(connection: Connection) -> dict[tuple[str, str], str]:
    """Return the winners that were decided, by (campaign, split)."""
    query = select(decisions.c.campaign, decisions.c.step, decisions.c.detail).where(
        decisions.c.contact_id == NOBODY, decisions.c.decision == "winner"
    )
    rows = connection.execute(query.order_by(decisions.c.id.desc())).all()
    return {(row.campaign, row.step): str(row.detail["variant"]) for row in rows}  # of two, the first holds


def _asked(content: Content) -> Iterator[tuple[Campaign, Split, Winner]]:
    for campaign in content.campaigns.values():
        if campaign.status != "live":
            continue
        for step in walk_steps(campaign.steps):
            if isinstance(step, Split) and step.winner is not None:
                yield campaign, step, step.winner


def _decide(
    connection: Connection, campaign: Campaign, split: Split, winner: Winner, content: Content, now: datetime
) -> str | None:
    name = campaign.campaign
    first = connection.execute(
        select(func.min(enrolments.c.activated_at)).where(enrolments.c.campaign == name, enrolments.c.arm == "treated")
    ).scalar()
    if first is None or (until := winner.after.after(first)) > now:
        return None
    figures = _figures(connection, name, split, winner, until)
    if not any(total for _, total in figures.values()):
        return None  # nothing tells them apart yet: the weights go on
    rates = {variant: float(total) / count for variant, (count, total) in figures.items() if count}
    chosen = max((one.variant for one in split.variants if one.variant in rates), key=lambda one: rates[one])
    detail = {"variant": chosen, "metric": winner.metric, "rates": rates, "until": until}
    connection.execute(
        insert(decisions).values(
            contact_id=NOBODY, campaign=name, version=content.hash, at=until, step=split.id, decision="winner",
            reason=winner.metric, detail=detail,
        )
    )  # fmt: skip
    return chosen


def _figures(
    connection: Connection, campaign: str, split: Split, winner: Winner, until: datetime
) -> dict[str, tuple[int, Decimal]]:
    """Return, by variant, how many took it before `until`, and the sum of the metric over them."""
    moment = {"clicked": messages.c.clicked_at, "opened": messages.c.opened_at}.get(winner.metric)
    reacted: set[int] = set()
    if moment is not None:
        query = select(messages.c.enrolment_id).where(messages.c.campaign == campaign, moment <= until)
        reacted = {found for found in connection.execute(query).scalars() if found is not None}
    query = select(enrolments.c.id, enrolments.c.variants, enrolments.c.goal_at, enrolments.c.goal_value).where(
        enrolments.c.campaign == campaign, enrolments.c.activated_at < until
    )
    figures: dict[str, tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for row in connection.execute(query):
        variant = (row.variants or {}).get(split.id)
        if variant is None:
            continue
        reached = row.goal_at is not None and row.goal_at <= until
        match winner.metric:
            case "conversion":
                gained = Decimal(reached)
            case "value":
                gained = Decimal(row.goal_value or 0) if reached else Decimal(0)
            case _:
                gained = Decimal(row.id in reacted)
        count, total = figures[variant]
        figures[variant] = (count + 1, total + gained)
    return dict(figures)
