"""Which message an order is owed to: the last one its contact clicked, as a human, within policies.attribution.

Opens earn nothing, machines' clicks earn nothing, and a refund takes the revenue back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, and_, func, select, union_all

from lifecycle.base.units import Duration
from lifecycle.report.window import ALL_TIME, Window
from lifecycle.store.tables import hits, messages, orders


@dataclass(frozen=True, slots=True)
class Credit:
    """An order and the message it is owed to. `revenue` is net of refunds, in the project's currency."""

    contact_id: int
    order_id: str
    ordered_at: datetime
    clicked_at: datetime
    message: int
    campaign: str
    step: str
    revenue: Decimal


@dataclass(frozen=True, slots=True)
class Revenue:
    """What some messages are credited with."""

    orders: int = 0
    revenue: Decimal = Decimal(0)

    def __add__(self, other: Revenue) -> Revenue:
        return Revenue(self.orders + other.orders, self.revenue + other.revenue)


def credits_of(connection: Connection, click: Duration, window: Window = ALL_TIME) -> Iterator[Credit]:
    """Yield each order that is owed to a message reached in `window`.

    The last click before an order decides, whatever it clicked; if that is older than `click`, nobody is credited.
    """
    # an imported history has the instant of the click on its rows, and no hits
    clicks = union_all(
        select(hits.c.message_row.label("message"), hits.c.contact_id, hits.c.at).where(
            hits.c.kind == "click", hits.c.verdict == "human"
        ),
        select(messages.c.id, messages.c.contact_id, messages.c.clicked_at).where(
            messages.c.clicked_at.is_not(None), messages.c.enrolment_id.is_(None)
        ),
    ).subquery()
    ranked = (
        select(
            orders.c.contact_id, orders.c.order_id, orders.c.at.label("ordered_at"), orders.c.total, orders.c.refunded,
            clicks.c.message, clicks.c.at.label("clicked_at"),
            func.row_number().over(
                partition_by=(orders.c.contact_id, orders.c.order_id),
                order_by=(clicks.c.at.desc(), clicks.c.message.desc()),
            ).label("nearness"),
        )
        .join(clicks, and_(clicks.c.contact_id == orders.c.contact_id, clicks.c.at <= orders.c.at))
        .where(orders.c.total.is_not(None))
        .subquery()
    )  # fmt: skip
    last = (
        select(ranked, messages.c.campaign, messages.c.step)
        .join(messages, messages.c.id == ranked.c.message)
        .where(ranked.c.nearness == 1, window.covers(messages.c.reached_at))
        .order_by(ranked.c.ordered_at, ranked.c.contact_id, ranked.c.order_id)
    )
    for row in connection.execute(last):
        # a calendar month is no fixed length, so the window is measured here and not in SQL
        if row.clicked_at < click.before(row.ordered_at):
            continue
        yield Credit(
            row.contact_id, row.order_id, row.ordered_at, row.clicked_at, row.message, row.campaign, row.step,
            row.total - row.refunded,
        )  # fmt: skip


def revenue_by_step(
    connection: Connection, click: Duration, window: Window = ALL_TIME
) -> dict[tuple[str, str], Revenue]:
    """Return what each (campaign, step) is credited with."""
    found: dict[tuple[str, str], Revenue] = defaultdict(Revenue)
    for credit in credits_of(connection, click, window):
        found[credit.campaign, credit.step] += Revenue(1, credit.revenue)
    return dict(found)


def by_campaign(steps: dict[tuple[str, str], Revenue]) -> dict[str, Revenue]:
    """Sum the steps of each campaign."""
    found: dict[str, Revenue] = defaultdict(Revenue)
    for (campaign, _), revenue in steps.items():
        found[campaign] += revenue
    return dict(found)
