"""Cohorts of first orders, and what mail hosts did."""

from __future__ import annotations

from typing import Any

from lifecycle.report.cohorts import cohorts
from lifecycle.report.deliverability import deliverability
from lifecycle.report.window import ALL_TIME, Window
from lifecycle.spec.model import Content
from lifecycle.store.engine import Store

DAY = 24


def test_cohorts_are_cumulative_by_calendar_month(store: Store, content: Content, pen: Any) -> None:
    """November has three customers: one again in the same month, one in January; December has one, never again."""
    one, two, three, four = (pen.contact() for _ in range(4))
    pen.order(one, "A", 0, "10")
    pen.order(one, "B", 5 * DAY, "10")
    pen.order(one, "C", 40 * DAY, "10")
    pen.order(two, "A", 1, "10")
    pen.order(two, "B", 70 * DAY, "10")  # 10 January
    pen.order(three, "A", 2, "10")
    pen.order(four, "A", 35 * DAY, "10")
    pen.order(four, "R", 36 * DAY, "0")
    with store.write() as connection:  # a refund whose order never came is no order
        connection.exec_driver_sql("UPDATE orders SET total = NULL WHERE order_id = 'R'")
    with store.read() as connection:
        found = cohorts(connection, content, ALL_TIME).data
        december = cohorts(connection, content, Window(pen.at(30 * DAY), None)).data
    assert found["cohorts"] == [
        {
            "cohort": "2026-11", "customers": 3, "repeat": 2, "repeat_rate": 0.666667,
            "by_month": [0.333333, 0.333333, 0.666667],
        },
        {"cohort": "2026-12", "customers": 1, "repeat": 0, "repeat_rate": 0.0, "by_month": [0.0, 0.0]},
    ]  # fmt: skip
    assert (found["customers"], found["repeat"], found["repeat_rate"]) == (4, 2, 0.5)
    assert [row["cohort"] for row in december["cohorts"]] == ["2026-12"]


def test_a_month_is_that_of_the_project_s_zone(store: Store, content: Content, pen: Any) -> None:
    """22:00 UTC on 30 November is December in Riyadh."""
    pen.order(pen.contact(), "A", 29 * DAY + 13, "10")
    with store.read() as connection:
        assert cohorts(connection, content, ALL_TIME).data["cohorts"][0]["cohort"] == "2026-12"


def test_mail_hosts_are_told_apart_by_day(store: Store, content: Content, pen: Any) -> None:
    """Three sent to one host over two local days, one bounced and complained of; another host put one off."""
    contact = pen.contact()
    pen.message(contact, "sent", address="a@Mail.Example")
    pen.message(contact, "bounced", address="b@mail.example", complained_at=pen.at(2))
    pen.message(contact, "sent", address="c@mail.example", hour=20)
    pen.message(contact, "rejected", address="d@mail.example", sending_at=pen.at(20))
    pen.message(contact, "deferred", address="e@slow.example", hour=1)
    pen.message(contact, "sent", address="f@slow.example", attempts=3)
    pen.message(contact, "skipped", reason="not_consented", address="g@mail.example")
    with store.read() as connection:
        found = deliverability(connection, content, ALL_TIME).data
    keys = ("domain", "sent", "rejected", "bounced", "complained", "deferred")
    assert [tuple(row[key] for key in keys) for row in found["domains"]] == [
        ("mail.example", 3, 1, 1, 1, 0), ("slow.example", 1, 0, 0, 0, 2),
    ]  # fmt: skip
    assert [(row["day"], row["domain"], row["sent"], row["rejected"]) for row in found["days"]] == [
        ("2026-11-01", "mail.example", 2, 0), ("2026-11-01", "slow.example", 1, 0),
        ("2026-11-02", "mail.example", 1, 1),
    ]  # fmt: skip
    assert found["domains"][0]["bounce_rate"] == 0.333333


def test_an_erased_address_falls_back_to_nothing(store: Store, content: Content, pen: Any) -> None:
    """A row without an address, of a contact without one, counts under no domain."""
    contact = pen.contact(email=None)
    pen.message(contact, "sent", address=None)
    with store.read() as connection:
        assert deliverability(connection, content, ALL_TIME).data["domains"][0]["domain"] == ""
