"""What became of the messages: counted in the ledger and the hits, by campaign, step or variant.

A message belongs to the window in which its step was reached; its opens, clicks and orders count with it whenever they
came, so that every rate has its numerator among its denominator.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, fields
from datetime import date, tzinfo
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from lifecycle.report.balance import ACCEPTED_STATES, OPEN_STATES
from lifecycle.report.sql import QuarterHour, count_if, instant_of
from lifecycle.report.window import ALL_TIME, Window
from lifecycle.store.tables import enrolments, hits, messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Messages, counted. Opens and clicks are of humans and count each message once."""

    #: ledger rows
    selected: int = 0
    open: int = 0
    #: a provider took it (it may have bounced since)
    sent: int = 0
    #: reported as delivered; where its provider reports none, sent and not bounced
    delivered: int = 0
    bounced: int = 0
    rejected: int = 0
    failed: int = 0
    unknown: int = 0
    skipped: int = 0
    cancelled: int = 0
    complained: int = 0
    opened: int = 0
    clicked: int = 0
    unsubscribed: int = 0
    #: messages that a machine opened or clicked (prefetchers, scanners); not among `opened` and `clicked`
    machine_opened: int = 0
    machine_clicked: int = 0

    @property
    def delivered_rate(self) -> float | None:
        """Return delivered over sent."""
        return share(self.delivered, self.sent)

    @property
    def bounce_rate(self) -> float | None:
        """Return bounced over sent."""
        return share(self.bounced, self.sent)

    @property
    def open_rate(self) -> float | None:
        """Return opened over delivered."""
        return share(self.opened, self.delivered)

    @property
    def click_rate(self) -> float | None:
        """Return clicked over delivered."""
        return share(self.clicked, self.delivered)

    @property
    def unsubscribe_rate(self) -> float | None:
        """Return unsubscribed over delivered."""
        return share(self.unsubscribed, self.delivered)

    @property
    def complaint_rate(self) -> float | None:
        """Return complained over delivered."""
        return share(self.complained, self.delivered)

    def __add__(self, other: Tally) -> Tally:
        return Tally(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)})

    def as_json(self) -> dict[str, Any]:
        """Return the counts and the rates; a rate over nothing is None."""
        counts: dict[str, Any] = {each.name: getattr(self, each.name) for each in fields(self)}
        rates = ("delivered", "bounce", "open", "click", "unsubscribe", "complaint")
        return counts | {f"{rate}_rate": getattr(self, f"{rate}_rate") for rate in rates}


def share(part: int, whole: int) -> float | None:
    """Return part over whole to 6 decimals, None over nothing."""
    return round(part / whole, 6) if whole else None


def tallies(
    connection: Connection, *by: ColumnElement[Any], window: Window = ALL_TIME, campaign: str | None = None
) -> dict[tuple[Any, ...], Tally]:
    """Return the tally of each group of ledger rows, `by` being columns of `messages`."""
    condition = window.covers(messages.c.reached_at)
    if campaign is not None:
        condition &= messages.c.campaign == campaign
    state = messages.c.state
    reporting = select(messages.c.provider).where(
        messages.c.delivered_at.is_not(None), messages.c.provider.is_not(None)
    )
    presumed = and_(
        state == "sent", or_(messages.c.provider.is_(None), messages.c.provider.not_in(reporting.distinct()))
    )
    counted = {
        "selected": func.count(),
        "open": count_if(state.in_(OPEN_STATES)),
        "sent": count_if(state.in_(ACCEPTED_STATES)),
        "delivered": count_if(or_(state == "delivered", presumed)),
        **{
            name: count_if(state == name)
            for name in ("bounced", "rejected", "failed", "unknown", "skipped", "cancelled")
        },
        "complained": count_if(messages.c.complained_at.is_not(None)),
        "opened": count_if(messages.c.opened_at.is_not(None)),
        "clicked": count_if(messages.c.clicked_at.is_not(None)),
        "unsubscribed": count_if(messages.c.unsubscribed_at.is_not(None)),
    }
    size = len(by)
    found = {
        tuple(row[:size]): dict(zip(counted, row[size:], strict=True))
        for row in connection.execute(select(*by, *counted.values()).where(condition).group_by(*by))
    }
    machines = (
        select(*by, hits.c.kind, func.count(hits.c.message_row.distinct()))
        .join(messages, messages.c.id == hits.c.message_row)
        .where(condition, hits.c.verdict == "machine", hits.c.kind.in_(("open", "click")))
        .group_by(*by, hits.c.kind)
    )
    for row in connection.execute(machines):
        name = "machine_opened" if row[size] == "open" else "machine_clicked"
        found[tuple(row[:size])][name] = row[size + 1]
    return {group: Tally(**{name: int(value) for name, value in counts.items()}) for group, counts in found.items()}


@dataclass(slots=True)
class Journeys:
    """The enrolments of one campaign that were opened in the window."""

    #: those that became active and were not held out
    entered: int = 0
    by_state: dict[str, int] = field(default_factory=dict)
    #: why some were refused, left or held out, by `state: reason`
    reasons: dict[str, int] = field(default_factory=dict)
    goals: int = 0
    goal_value: Decimal = Decimal(0)

    def as_json(self) -> dict[str, Any]:
        """Return the counts as JSON."""
        return {"entered": self.entered, "by_state": self.by_state, "reasons": self.reasons}


def journeys(connection: Connection, window: Window = ALL_TIME) -> dict[str, Journeys]:
    """Return each campaign's enrolments.

    A goal counts whether it ended the enrolment or came after its last step; the held-out are for `report lift`.
    """
    entered = and_(enrolments.c.activated_at.is_not(None), enrolments.c.state.not_in(("held_out", "refused")))
    grouped = (
        select(
            enrolments.c.campaign, enrolments.c.state, enrolments.c.reason, func.count().label("rows"),
            count_if(entered).label("entered"), count_if(enrolments.c.goal_at.is_not(None)).label("goals"),
            func.sum(enrolments.c.goal_value).label("value"),
        )
        .where(window.covers(enrolments.c.opened_at))
        .group_by(enrolments.c.campaign, enrolments.c.state, enrolments.c.reason)
        .order_by(enrolments.c.campaign, enrolments.c.state, enrolments.c.reason)
    )  # fmt: skip
    made: dict[str, Journeys] = defaultdict(Journeys)
    for row in connection.execute(grouped):
        one = made[row.campaign]
        one.entered += int(row.entered)
        one.by_state[row.state] = one.by_state.get(row.state, 0) + row.rows
        if row.reason:
            one.reasons[f"{row.state}: {row.reason}"] = row.rows
        if row.state != "held_out":
            one.goals += int(row.goals)
            one.goal_value += row.value or Decimal(0)
    return dict(made)


def sent_by_day(
    connection: Connection, zone: tzinfo, window: Window = ALL_TIME, campaign: str | None = None
) -> dict[date, int]:
    """Return the messages sent on each local day of `zone`, in order; days without any are left out."""
    quarter = QuarterHour(messages.c.sent_at)
    condition = window.covers(messages.c.reached_at) & messages.c.sent_at.is_not(None)
    if campaign is not None:
        condition &= messages.c.campaign == campaign
    days: dict[date, int] = defaultdict(int)
    for start, rows in connection.execute(
        select(quarter, func.count()).where(condition).group_by(quarter).order_by(quarter)
    ):
        days[instant_of(start).astimezone(zone).date()] += rows
    return dict(days)
