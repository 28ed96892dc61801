"""Orders are owed to the last message that a human clicked within the window."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from lifecycle.base.units import Duration
from lifecycle.report.attribution import Revenue, by_campaign, credits_of, revenue_by_step
from lifecycle.report.window import Window
from lifecycle.store.engine import Store

FIVE_DAYS = Duration.parse("5d")


def test_the_last_click_before_the_order_earns_it(store: Store, pen: Any) -> None:
    """Two mails were clicked before the order and one after it: the second has the order, whole."""
    contact = pen.contact()
    first, second, third = (pen.message(contact, "sent", step=step) for step in ("hello", "tips", "late"))
    pen.hit(first, contact, "click", 1)
    pen.hit(second, contact, "click", 2)
    pen.order(contact, "A", 3, "120.50")
    pen.hit(third, contact, "click", 4)
    with store.read() as connection:
        assert revenue_by_step(connection, FIVE_DAYS) == {("welcome", "tips"): Revenue(1, Decimal("120.5"))}


def test_a_click_older_than_the_window_earns_nothing(store: Store, pen: Any) -> None:
    """Five days and a minute is too long; five days to the minute is not."""
    late, punctual = pen.contact(), pen.contact()
    for contact, hours in ((late, 120 + 1 / 60), (punctual, 120)):
        row = pen.message(contact, "sent")
        pen.hit(row, contact, "click", 1)
        pen.order(contact, "A", 1 + hours, "10")
    with store.read() as connection:
        assert [credit.contact_id for credit in credits_of(connection, FIVE_DAYS)] == [punctual]


def test_opens_machines_and_strangers_earn_nothing(store: Store, pen: Any) -> None:
    """An open, a scanner's click, and another contact's click before an order leave it to nobody."""
    contact, other = pen.contact(), pen.contact()
    row = pen.message(contact, "sent")
    pen.hit(row, contact, "open", 1)
    pen.hit(row, contact, "click", 1, verdict="machine")
    pen.hit(pen.message(other, "sent"), other, "click", 1)
    pen.order(contact, "A", 2, "10")
    with store.read() as connection:
        assert list(credits_of(connection, FIVE_DAYS)) == []


def test_a_refund_takes_the_revenue_back(store: Store, pen: Any) -> None:
    """200 of which 50 were refunded is 150; an order refunded whole is an order worth nothing."""
    contact = pen.contact()
    row = pen.message(contact, "sent")
    pen.hit(row, contact, "click", 1)
    pen.order(contact, "A", 2, "200", refunded="50")
    pen.order(contact, "B", 3, "80", refunded="80")
    with store.read() as connection:
        steps = revenue_by_step(connection, FIVE_DAYS)
    assert by_campaign(steps) == {"welcome": Revenue(2, Decimal(150))}


def test_a_click_in_an_imported_history_earns_too(store: Store, pen: Any) -> None:
    """Such a row has the instant of its click and no hits; a row of ours goes by its hits alone."""
    one, two = pen.contact(), pen.contact()
    pen.message(one, "sent", campaign="spring", enrolment_id=None, clicked_at=pen.at(1))
    pen.message(two, "sent", clicked_at=pen.at(1))  # its hit was judged again: a machine's
    pen.order(one, "A", 2, "10")
    pen.order(two, "B", 2, "10")
    with store.read() as connection:
        assert by_campaign(revenue_by_step(connection, FIVE_DAYS)) == {"spring": Revenue(1, Decimal(10))}


def test_revenue_belongs_to_the_window_of_the_message(store: Store, pen: Any) -> None:
    """A message of the window keeps its order though that came after the window's end."""
    contact = pen.contact()
    row = pen.message(contact, "sent", hour=1)
    pen.hit(row, contact, "click", 2)
    pen.order(contact, "A", 50, "10")
    with store.read() as connection:
        assert len(list(credits_of(connection, FIVE_DAYS, Window(pen.at(0), pen.at(5))))) == 1
        assert list(credits_of(connection, FIVE_DAYS, Window(pen.at(5), None))) == []
