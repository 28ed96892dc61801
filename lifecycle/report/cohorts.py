"""`report cohorts`: contacts by the month of their first order, and the share that ordered again by months since."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, case, func, select

from lifecycle.report.metrics import share
from lifecycle.report.sheet import Chart, Column, Figure, Report, Sheet
from lifecycle.report.window import Window
from lifecycle.spec.model import Content
from lifecycle.store.tables import orders

#: How many months a cohort is followed in the table; `repeat` counts second orders beyond it too.
MONTHS = 12


def cohorts(connection: Connection, content: Content, window: Window) -> Report:
    """Return the cohorts of contacts whose first order lies in the window, months being those of the project's zone.

    Cohorts are followed to the month of the last order in the data, and 12 months at most.
    """
    zone = ZoneInfo(content.project.timezone)
    second_after: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    sizes: dict[int, int] = defaultdict(int)
    for first_at, second_at in connection.execute(_first_two(window)):
        month = _month(first_at, zone)
        sizes[month] += 1
        if second_at is not None:
            second_after[month][_month(second_at, zone) - month] += 1
    last_at = connection.execute(select(func.max(orders.c.at)).where(orders.c.total.is_not(None))).scalar_one()
    horizon = _month(last_at, zone) if last_at is not None else 0
    rows = [_row(month, sizes[month], second_after[month], horizon) for month in sorted(sizes)]
    width = min(MONTHS, max((horizon - month for month in sizes), default=0))
    customers, repeat = sum(sizes.values()), sum(row["repeat"] for row in rows)
    shown = [row | {f"m{index}": value for index, value in enumerate(row["by_month"])} for row in rows]
    columns = (
        Column("cohort", "First order", "text"), Column("customers", "Customers"),
        Column("repeat_rate", "Ever again", "share"),
        *(Column(f"m{index}", f"+{index}", "share") for index in range(width + 1)),
    )  # fmt: skip
    return Report(
        title="Cohorts",
        period=window.words(zone),
        currency=content.project.currency,
        data={
            "report": "cohorts", "window": window.as_json(), "customers": customers, "repeat": repeat,
            "repeat_rate": share(repeat, customers), "cohorts": rows,
        },
        sheets=(Sheet("Ordered again by the end of month +n (share of the cohort)", columns, shown),),
        figures=(
            Figure("Customers", customers),
            Figure("Ordered again", repeat),
            Figure("Repeat rate", share(repeat, customers), "share", "of customers"),
        ),
        charts=(Chart("New customers by month", [(row["cohort"], row["customers"]) for row in rows]),) if rows else (),
        notes=("Each cell is cumulative: it counts second orders up to the end of that calendar month.",),
        nothing_yet="" if rows else "Nothing yet: no order has come in. `lifecycle import events` brings a history.",
    )  # fmt: skip


def _first_two(window: Window) -> Any:
    """Return the select of each customer's first and second order (None without one)."""
    place = func.row_number().over(partition_by=orders.c.contact_id, order_by=(orders.c.at, orders.c.order_id))
    ranked = (
        select(orders.c.contact_id, orders.c.at, place.label("place"))
        .where(orders.c.total.is_not(None), orders.c.at.is_not(None))
        .subquery()
    )
    first = func.min(case((ranked.c.place == 1, ranked.c.at)), type_=orders.c.at.type)
    second = func.min(case((ranked.c.place == 2, ranked.c.at)), type_=orders.c.at.type)
    return (
        select(first.label("first_at"), second.label("second_at"))
        .where(ranked.c.place <= 2)
        .group_by(ranked.c.contact_id)
        .having(window.covers(first))
    )


def _row(month: int, size: int, second_after: dict[int, int], horizon: int) -> dict[str, Any]:
    """Return one cohort; `by_month[n]` is the share with a second order by the end of the n-th month after."""
    cumulative, by_month = 0, []
    for since in range(min(MONTHS, horizon - month) + 1):
        cumulative += second_after.get(since, 0)
        by_month.append(share(cumulative, size))
    repeat = sum(second_after.values())
    return {
        "cohort": f"{month // 12:04d}-{month % 12 + 1:02d}", "customers": size, "repeat": repeat,
        "repeat_rate": share(repeat, size), "by_month": by_month,
    }  # fmt: skip


def _month(instant: datetime, zone: tzinfo) -> int:
    """Return the months since year 0 of the local date."""
    local = instant.astimezone(zone)
    return local.year * 12 + local.month - 1
