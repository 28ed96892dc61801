"""Counts and rates of messages, goals, consents."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from lifecycle.report.metrics import journeys, sent_by_day, tallies
from lifecycle.report.people import people, topics
from lifecycle.report.window import Window
from lifecycle.spec.model import Content
from lifecycle.store.engine import Store
from lifecycle.store.tables import messages


def test_rates_are_over_what_was_delivered(store: Store, pen: Any) -> None:
    """Four delivered of five sent; two opened, one clicked, one unsubscribed: the rates are 80%, 50%, 25%, 25%."""
    one, two, three, four, five = (pen.contact() for _ in range(5))
    pen.message(one, "sent", opened_at=pen.at(1), clicked_at=pen.at(1))
    pen.message(two, "sent", opened_at=pen.at(2), unsubscribed_at=pen.at(2))
    pen.message(three, "sent")
    pen.message(four, "sent")
    pen.message(five, "bounced", bounced_at=pen.at(1))
    pen.message(five, "skipped", reason="suppressed", step="tips")
    with store.read() as connection:
        found = tallies(connection, messages.c.campaign)[("welcome",)]
    assert (found.selected, found.sent, found.delivered, found.bounced, found.skipped) == (6, 5, 4, 1, 1)
    assert (found.delivered_rate, found.open_rate, found.click_rate, found.unsubscribe_rate) == (0.8, 0.5, 0.25, 0.25)


def test_a_sent_mail_counts_as_delivered_only_where_its_provider_never_says_so(store: Store, pen: Any) -> None:
    """SES reports deliveries, so its silent mail is not delivered yet; plain SMTP reports none, so its mail is."""
    contact = pen.contact()
    pen.message(contact, "delivered", provider="ses", delivered_at=pen.at(1), sent_at=pen.at(0))
    pen.message(contact, "sent", provider="ses")
    pen.message(contact, "sent", provider="smtp")
    pen.message(contact, "sent", provider=None)
    with store.read() as connection:
        found = tallies(connection, messages.c.campaign)[("welcome",)]
    assert (found.sent, found.delivered) == (4, 3)


def test_a_machine_counts_apart_and_once_a_message(store: Store, pen: Any) -> None:
    """A scanner that opens twice and clicks once is one machine open and one machine click, and no human one."""
    contact = pen.contact()
    row = pen.message(contact, "sent")
    for hour in (1, 2):
        pen.hit(row, contact, "open", hour, verdict="machine")
    pen.hit(row, contact, "click", 2, verdict="machine")
    with store.read() as connection:
        found = tallies(connection, messages.c.step)[("hello",)]
    assert (found.machine_opened, found.machine_clicked, found.opened, found.clicked) == (1, 1, 0, 0)


def test_a_rate_over_nothing_is_nothing(store: Store, pen: Any) -> None:
    """A campaign whose mails were all skipped has no open rate, rather than one of zero."""
    pen.message(pen.contact(), "skipped", reason="not_consented")
    with store.read() as connection:
        found = tallies(connection, messages.c.campaign)[("welcome",)]
    assert found.open_rate is None
    assert found.as_json()["delivered_rate"] is None


def test_goals_count_also_after_the_last_step_but_not_those_of_the_held_out(store: Store, pen: Any) -> None:
    """One goal ends its enrolment, one comes after completion, one is the control's; 250 and 100 are earned."""
    one, two, three, four, five = (pen.contact() for _ in range(5))
    pen.enrolment(one, "goal_met", reason="goal_met", goal_at=pen.at(3), goal_value=Decimal(250))
    pen.enrolment(two, "completed", goal_at=pen.at(4), goal_value=Decimal(100))
    pen.enrolment(three, "held_out", arm="held_out", reason="held_out", goal_at=pen.at(4), goal_value=Decimal(900))
    pen.enrolment(four, "refused", reason="reentry", activated_at=None)
    pen.enrolment(five, "waiting", activated_at=None)
    with store.read() as connection:
        found = journeys(connection)["welcome"]
    assert (found.entered, found.goals, found.goal_value) == (2, 2, Decimal(350))
    assert found.by_state == {"completed": 1, "goal_met": 1, "held_out": 1, "refused": 1, "waiting": 1}
    assert found.reasons["refused: reentry"] == 1


def test_days_are_those_of_the_project_s_zone(store: Store, pen: Any) -> None:
    """A mail at 22:00 UTC leaves on the next day in Riyadh (UTC+3)."""
    contact = pen.contact()
    pen.message(contact, "sent", hour=0)  # 09:00 UTC
    pen.message(contact, "sent", hour=13)  # 22:00 UTC, 01:00 in Riyadh
    with store.read() as connection:
        days = sent_by_day(connection, ZoneInfo("Asia/Riyadh"))
    assert days == {date(2026, 11, 1): 1, date(2026, 11, 2): 1}


def test_the_last_word_on_a_topic_holds(store: Store, content: Content, pen: Any) -> None:
    """Granted, then withdrawn, is no consent; a topic granted by default loses only those who said no."""
    one, two, _ = (pen.contact() for _ in range(3))
    pen.contact(merged_into=one)
    pen.contact(erased_at=pen.at(0), email=None)
    pen.consent(one, "offers", granted=True, hour=0)
    pen.consent(two, "offers", granted=True, hour=0)
    pen.consent(two, "offers", granted=False, hour=5)
    pen.consent(two, "news", granted=False, hour=1)
    with store.read() as connection:
        assert people(connection) == {"contacts": 3, "with_address": 3}
        now = {row["topic"]: row for row in topics(connection, content)}
        before = {row["topic"]: row for row in topics(connection, content, Window(None, pen.at(5)))}
    assert (now["offers"]["consenting"], now["offers"]["granted"], now["offers"]["withdrawn"]) == (1, 2, 1)
    assert now["news"]["consenting"] == 2
    assert before["offers"]["consenting"] == 2
