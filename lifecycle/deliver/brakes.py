"""Pauses a campaign whose mails bounce or are complained of too often, once enough were sent to know.

Source of the limits: what Gmail, Yahoo and SES act on (STANDARDS: 5% bounces, 0.1% complaints).
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from math import exp, lgamma, log, log1p

from sqlalchemy import Connection, case, func, select

from lifecycle.base.clock import Clock
from lifecycle.deliver.control import hold
from lifecycle.providers.feedback import Kind
from lifecycle.store.engine import Store
from lifecycle.store.tables import campaign_states, feedback, messages

_log = logging.getLogger("lifecycle.deliver")

#: Shares of the accepted mails, and how far back mails count.
MOST_BOUNCES, MOST_COMPLAINTS = 0.05, 0.001
LOOKS_BACK = timedelta(days=7)
#: How unlikely the count has to be for a campaign that is within the limit. Small, since it is asked again and again.
UNLIKELY = 0.001
_BAD = (Kind.HARD.value, Kind.SOFT.value, Kind.BLOCKED.value, Kind.COMPLAINED.value)
_TRIED = ("sent", "delivered", "bounced", "rejected")


def brake(store: Store, clock: Clock, since: datetime) -> dict[str, str]:
    """Pause the campaigns that have to be, of those whose mails something bad was told of; return why, by campaign.

    Counted beside the mails that leave, since counting a large campaign takes a moment. Raises StoreError.
    """
    now = clock.now()
    told = (
        select(messages.c.campaign)
        .join(feedback, feedback.c.message_row == messages.c.id)
        .where(feedback.c.taken_at > since, feedback.c.kind.in_(_BAD), messages.c.kind == "marketing")
        .distinct()
    )
    with store.read() as connection:
        campaigns = sorted(connection.execute(told).scalars())
        found = {campaign: why for campaign in campaigns if (why := _over(connection, campaign, now))}
    pressed = {}
    for campaign, why in found.items():
        with store.write() as connection:
            if hold(connection, campaign, now, f"brake: {why}"):
                _log.error("campaign %s is paused: %s", campaign, why)
                pressed[campaign] = why
    return pressed


def _over(connection: Connection, campaign: str, now: datetime) -> str | None:
    """Return why the campaign has to be paused, None when it goes on.

    Mails count that were sent, or refused at once, in the last week, and since somebody let the campaign go on after a
    brake. Transactional mail is not braked: whoever ordered is owed a receipt.
    """
    query = select(campaign_states.c.resumed_at).where(campaign_states.c.campaign == campaign)
    since = max(now - LOOKS_BACK, connection.execute(query).scalar() or now - LOOKS_BACK)
    tried_at = func.coalesce(messages.c.sent_at, messages.c.sending_at)
    bounces = case((messages.c.bounced_at.is_not(None) | (messages.c.state == "rejected"), 1))
    mails = (messages.c.campaign == campaign, messages.c.kind == "marketing", messages.c.state.in_(_TRIED))
    counts = select(func.count(), func.count(bounces), func.count(messages.c.complained_at))
    sent, bounced, complained = connection.execute(counts.where(*mails, tried_at > since)).one()
    if is_over(bounced, sent, MOST_BOUNCES):
        return f"{bounced:,} of {sent:,} mails bounced"
    return (
        f"{complained:,} of {sent:,} mails were complained of" if is_over(complained, sent, MOST_COMPLAINTS) else None
    )


def is_over(count: int, of: int, share: float) -> bool:
    """Say whether `count` of `of` is more than a share of `share` lets expect: P(X ≥ count) < UNLIKELY, X binomial."""
    return of > 0 and count > share * of and _at_least(count, of, share) < UNLIKELY


def _at_least(count: int, of: int, share: float) -> float:
    """Return P(X ≥ count) for X ~ Binomial(of, share), count above the mean: terms fall from there on."""
    term = exp(
        lgamma(of + 1) - lgamma(count + 1) - lgamma(of - count + 1) + count * log(share) + (of - count) * log1p(-share)
    )
    total, odds = 0.0, share / (1 - share)
    for hits in range(count, of + 1):
        total += term
        term *= (of - hits) / (hits + 1) * odds
        if term < total * 1e-12:
            break
    return total
