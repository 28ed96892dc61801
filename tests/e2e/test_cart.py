"""The cart campaign of the sample shop, as DESIGN promises it: on time or not at all, and it says why."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from shop import Shop, with_file

if TYPE_CHECKING:
    from lifecycle.base.clock import ManualClock
    from lifecycle.store.engine import Store

CART = {"cart_id": "c1", "product_id": "sahra", "name": "Sahra Trail 2", "price": 549, "quantity": 1}


@pytest.fixture
def shop(store: Store, clock: ManualClock) -> Shop:
    """Return the sample shop at ten in the morning (UTC), with a contact who says yes to offers."""
    clock.advance(timedelta(hours=1))
    made = Shop(store, clock)
    made.contact("sara", locale="ar")
    return made


def _cart_steps(shop: Shop) -> list[tuple[timedelta, str]]:
    start = shop.clock.now()
    return [(at - start, step) for at, _, step in shop.sent() if step.startswith("cart/")]


def test_a_cart_left_at_ten_is_reminded_of_after_an_hour(shop: Shop) -> None:
    """The reminder leaves once it has been quiet for an hour, so between 11:00 and 13:00."""
    ten = shop.clock.now()
    shop.track("sara", "Product Added", **CART)
    shop.run_until(ten + timedelta(hours=3))
    [(at, contact, step)] = [row for row in shop.sent() if row[2].startswith("cart/")]
    assert (contact, step) == ("sara", "cart/reminder")
    assert ten + timedelta(hours=1) <= at <= ten + timedelta(hours=3)
    [mail] = [mail for mail in shop.mails() if "sara@example.com" in mail["To"]]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_an_order_at_ten_forty_means_no_reminder_and_explain_says_why(shop: Shop) -> None:
    """The order ends the enrolment while it still waits for quiet."""
    ten = shop.clock.now()
    shop.track("sara", "Product Added", **CART)
    shop.run_until(ten + timedelta(minutes=40))
    shop.track("sara", "Order Completed", order_id="o1", total=549)
    shop.run_until(ten + timedelta(days=5))
    assert not [row for row in shop.sent() if row[2].startswith("cart/")]
    [campaign] = shop.explain("sara", "cart-abandonment").campaigns
    [entered] = campaign.entered
    assert (entered.state, entered.reason) == ("exited", "exit_condition")
    assert [decision["decision"] for decision in entered.decisions] == ["opened", "exited"]
    assert entered.decisions[-1]["detail"]["event"] == "Order Completed"


def test_an_engine_that_was_down_until_half_past_one_sends_no_late_reminder(shop: Shop) -> None:
    """The deadline is three hours after the last cart event: at 13:30 the reminder is skipped, past_deadline."""
    ten = shop.clock.now()
    shop.track("sara", "Product Added", **CART)
    shop.clock.move_to(ten + timedelta(hours=3, minutes=30))
    shop.work()
    [row] = shop.ledger(step="cart/reminder")
    assert (row.state, row.reason) == ("skipped", "past_deadline")
    assert not [mail for mail in shop.provider.accepted if mail.recipient == "sara@example.com"]


def test_what_follows_a_late_reminder_does_not_bunch_up(shop: Shop) -> None:
    """A wait that is reached late starts late: the second mail comes 23 hours after the engine was back."""
    ten = shop.clock.now()
    back = ten + timedelta(hours=30)
    shop.track("sara", "Product Added", **CART)
    shop.clock.move_to(back)
    shop.run_until(back + timedelta(days=2))
    [(at, _, step)] = [row for row in shop.sent() if row[2].startswith("cart/")]
    assert (step, at) == ("cart/sizing", back + timedelta(hours=23))


def test_an_order_during_the_downtime_still_prevents_the_reminder(shop: Shop) -> None:
    """Both came while the engine was down: the order is acknowledged, so nothing is mailed."""
    ten = shop.clock.now()
    shop.track("sara", "Product Added", **CART)
    shop.clock.move_to(ten + timedelta(hours=2))
    shop.track("sara", "Order Completed", ten + timedelta(minutes=90), order_id="o1", total=549)
    shop.run_until(ten + timedelta(days=4))
    assert not [row for row in shop.sent() if row[2].startswith("cart/")]
    [row] = shop.ledger(step="cart/reminder")
    assert (row.state, row.reason) == ("cancelled", "goal_met")


def test_each_further_cart_event_restarts_the_hour_and_the_deadline(shop: Shop) -> None:
    """Quiet is counted from the last event, and so is the deadline."""
    ten = shop.clock.now()
    shop.track("sara", "Product Added", **CART)
    shop.run_until(ten + timedelta(minutes=50))
    shop.track("sara", "Product Added", **{**CART, "product_id": "sock", "price": 45})
    shop.run_until(ten + timedelta(hours=1, minutes=49))
    assert not [row for row in shop.sent() if row[2].startswith("cart/")]
    shop.run_until(ten + timedelta(hours=1, minutes=50))
    assert [step for _, _, step in shop.sent() if step.startswith("cart/")] == ["cart/reminder"]
    [row] = shop.ledger(step="cart/reminder")
    assert row.deadline_at == ten + timedelta(minutes=50) + timedelta(hours=3)


def test_an_order_after_the_row_was_queued_but_before_it_left_cancels_it(shop: Shop) -> None:
    """Whatever was acknowledged before `sending` is committed prevents the mail, also before the journey saw it."""
    from lifecycle.deliver.send import deliver_batch
    from lifecycle.journey.advance import advance

    ten = shop.clock.now()
    shop.track("sara", "Product Added", **CART)
    shop.work()
    shop.clock.move_to(ten + timedelta(hours=1))
    advance(shop.store, shop.versions, b"a key of tests, long enough", shop.clock.now())
    [queued] = shop.ledger(step="cart/reminder")
    assert queued.state == "queued"
    shop.clock.advance(timedelta(seconds=1))
    shop.track("sara", "Order Completed", order_id="o1", total=549)
    deliver_batch(shop.parts)
    assert not shop.provider.accepted
    shop.run_until(ten + timedelta(hours=6))
    [row] = shop.ledger(step="cart/reminder")
    assert (row.state, row.reason) == ("cancelled", "goal_met")


def test_an_unsubscribe_while_queued_prevents_the_mail(shop: Shop) -> None:
    """Consent is asked again in the transaction that commits `sending`."""
    ten = shop.clock.now()
    shop.track("sara", "Product Added", **CART)
    shop.run_until(ten + timedelta(minutes=59))
    shop.contact("sara", consent={"offers": False})
    shop.run_until(ten + timedelta(hours=3))
    [row] = shop.ledger(step="cart/reminder")
    assert (row.state, row.reason) == ("skipped", "not_consented")


def test_an_event_that_ends_one_entry_and_opens_the_next_does_both(store: Store, clock: ManualClock) -> None:
    """The ended entry is stored before the new one of the same key, so that only one is ever open."""
    text = """
campaign: restart
stage: decision
topic: offers
trigger: {event: Checkout Started, quiet_for: 1h}
reentry: always
exit_when: {event: Checkout Started}
steps: [{send: cart/reminder}]
"""
    shop = Shop(store, clock, with_file("campaigns/restart.yaml", text))
    shop.contact("sara")
    for minute in (0, 10, 20):
        shop.track("sara", "Checkout Started", clock.now() + timedelta(minutes=minute), **CART)
        shop.clock.advance(timedelta(minutes=minute))
        shop.work()
    assert [(entry.state, entry.reason) for entry in shop.entries("restart")] == [
        ("exited", "exit_condition"),
        ("exited", "exit_condition"),
        ("waiting", ""),
    ]
