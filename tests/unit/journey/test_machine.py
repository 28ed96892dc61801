"""The machine: what an event, a timer and a change make of an enrolment. DESIGN section 4, "What campaigns mean"."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from journey_worlds import DAY, HOUR, MINUTE, START, Person, content_of

CART = """
campaign: cart
stage: decision
topic: offers
trigger:
  event: [Product Added, Checkout Started]
  quiet_for: 1h
  restart_on: Product Removed
  key: properties.cart_id
reentry: {after: 7d}
exit_when: {event: Order Completed}
goal: {event: Order Completed, within: 5d, value: properties.total}
steps:
  - {send: reminder, deadline: 3h}
  - wait: 23h
  - send: last-call
"""
SIMPLE = """
campaign: simple
stage: awareness
topic: offers
trigger: {event: Ping}
"""


def _steps(text: str, head: str = SIMPLE) -> Person:
    return Person(content_of(head + "steps:\n" + text))


def test_quiet_is_counted_from_the_last_event() -> None:
    """Each further event starts the hour again, and the deadline counts from it too."""
    sara = Person(content_of(CART))
    sara.does(0 * HOUR, "Product Added", cart_id="c")
    sara.does(50 * MINUTE, "Product Added", cart_id="c")
    sara.does(100 * MINUTE, "Product Removed", cart_id="c")
    sara.lives_until(3 * HOUR)
    assert sara.mails() == [(160 * MINUTE, "reminder")]
    assert sara.entry.anchor_at == START + 100 * MINUTE
    assert sara.decisions() == ["opened", "restarted", "restarted", "activated", "waits"]


def test_what_only_restarts_never_starts() -> None:
    """`restart_on` alone opens nothing."""
    sara = Person(content_of(CART))
    sara.does(0 * HOUR, "Product Removed", cart_id="c")
    assert sara.entries == []


def test_an_event_at_the_instant_of_a_timer_comes_first() -> None:
    """At one instant events precede timers: the order that comes as the hour ends prevents the reminder (1)."""
    sara = Person(content_of(CART))
    sara.does(0 * HOUR, "Product Added", cart_id="c")
    sara.does(1 * HOUR, "Order Completed", total=10)
    assert sara.states() == [("exited", "exit_condition")]
    assert sara.mails() == []


def test_a_timer_before_an_event_of_the_same_turn_comes_first() -> None:
    """After downtime both are new, and still happen in the order of time."""
    sara = Person(content_of(CART))
    sara.does(0 * HOUR, "Product Added", cart_id="c")
    sara.does(90 * MINUTE, "Order Completed", now=5 * HOUR, total=10)
    assert sara.mails() == [(HOUR, "reminder")]
    assert sara.states() == [("goal_met", "goal_met")]


def test_a_late_cart_event_older_than_the_last_restarts_nothing() -> None:
    """The clock stands at the newest event, whatever arrives later."""
    sara = Person(content_of(CART))
    sara.does(30 * MINUTE, "Product Added", cart_id="c")
    sara.does(10 * MINUTE, "Product Added", now=40 * MINUTE, cart_id="c")
    sara.lives_until(2 * HOUR)
    assert sara.mails() == [(90 * MINUTE, "reminder")]


def test_goal_comes_before_exit_and_keeps_its_value() -> None:
    """The event meets both: it counts as the goal (4), with the order's total."""
    sara = Person(content_of(CART))
    sara.does(0 * HOUR, "Product Added", cart_id="c")
    sara.lives_until(2 * HOUR)
    sara.does(3 * HOUR, "Order Completed", total=249.5)
    assert sara.states() == [("goal_met", "goal_met")]
    assert (sara.entry.goal_at, float(sara.entry.goal_value or 0)) == (START + 3 * HOUR, 249.5)


def test_an_order_before_the_cart_was_filled_ends_nothing() -> None:
    """`exit_when` counts only what comes after the first event."""
    sara = Person(content_of(CART))
    sara.does(0 * HOUR, "Order Completed", total=10)
    sara.does(0 * HOUR, "Product Added", cart_id="c")
    sara.lives_until(2 * HOUR)
    assert [step for _, step in sara.mails()] == ["reminder"]


def test_a_late_order_that_was_before_the_cart_ends_nothing() -> None:
    """It arrives after the cart was filled and happened before."""
    sara = Person(content_of(CART))
    sara.does(1 * HOUR, "Product Added", cart_id="c")
    sara.does(30 * MINUTE, "Order Completed", now=70 * MINUTE, total=10)
    sara.lives_until(3 * HOUR)
    assert [step for _, step in sara.mails()] == ["reminder"]


def test_an_order_ends_the_wait_whatever_the_key() -> None:
    """Two carts wait; the order, which names none, ends both (4)."""
    sara = Person(content_of(CART))
    sara.does(0 * HOUR, "Product Added", cart_id="one")
    sara.does(1 * MINUTE, "Product Added", cart_id="two")
    sara.does(2 * MINUTE, "Order Completed", total=10)
    assert sara.states() == [("exited", "exit_condition")] * 2


def test_an_event_that_is_trigger_and_exit_at_once_ends_the_old_entry_and_opens_a_new_one() -> None:
    """The event that opens an entry is not one that comes after it."""
    head = SIMPLE + "exit_when: {event: Ping}\nreentry: always\n"
    sara = _steps("  - wait: 1d\n  - send: a\n", head)
    sara.does(0 * HOUR, "Ping")
    sara.does(1 * HOUR, "Ping")
    assert sara.states() == [("exited", "exit_condition"), ("active", "")]


def test_what_holds_already_when_a_contact_comes_in_is_no_exit_by_the_trigger_itself() -> None:
    """`exit_when` on a state that the contact is in at once ends the entry before the first mail."""
    head = SIMPLE + "exit_when: {contact.vip: true}\n"
    sara = _steps("  - send: a\n", head)
    sara.state.attributes = {"vip": True}
    sara.does(0 * HOUR, "Ping")
    assert (sara.states(), sara.mails()) == ([("exited", "exit_condition")], [])


def test_a_goal_that_held_before_the_contact_came_in_is_not_met_by_coming_in() -> None:
    """The condition must become true: otherwise every entrant would convert."""
    head = SIMPLE + "goal: {orders.count: {at_least: 1}}\n"
    sara = _steps("  - send: a\n  - wait: 2d\n  - send: b\n", head)
    sara.does(-1 * HOUR, "Order Completed", total=5)
    sara.does(0 * HOUR, "Ping")
    sara.does(1 * HOUR, "Pong")
    assert (sara.entry.state, sara.entry.goal_at) == ("active", None)


def test_a_goal_after_the_last_step_is_remembered() -> None:
    """The entry is completed, its mail has left: the goal is written down and changes nothing else."""
    head = SIMPLE + "goal: {event: Order Completed, within: 5d, value: properties.total}\n"
    sara = _steps("  - send: a\n", head)
    sara.does(0 * HOUR, "Ping")
    _everything_left(sara)
    sara.does(1 * HOUR, "Order Completed", total=7)
    assert (sara.entry.state, sara.entry.goal_at) == ("completed", START + HOUR)
    sara.does(2 * HOUR, "Order Completed", total=70)
    assert sara.entry.goal_value == 7


@pytest.mark.parametrize(("after", "met"), [(5 * DAY, True), (5 * DAY + MINUTE, False)])
def test_the_window_of_a_goal_includes_its_last_moment(after: timedelta, *, met: bool) -> None:
    """`within: 5d` counts from the activation."""
    head = SIMPLE + "goal: {event: Order Completed, within: 5d}\n"
    sara = _steps("  - send: a\n", head)
    sara.does(0 * HOUR, "Ping")
    _everything_left(sara)
    sara.does(after, "Order Completed", total=7)
    assert (sara.entry.goal_at is not None) is met


def test_the_held_out_are_followed_like_everybody() -> None:
    """They get no mail, one row that says so, and their goals count."""
    head = SIMPLE + "holdout: 100%\ngoal: {event: Order Completed, within: 5d}\n"
    sara = _steps("  - send: a\n  - send: b\n", head)
    sara.does(0 * HOUR, "Ping")
    sara.does(1 * HOUR, "Order Completed", total=7)
    assert sara.passed_over() == [("a", "held_out")]
    assert (sara.entry.state, sara.entry.goal_at, sara.entry.arm) == ("held_out", START + HOUR, "held_out")


def test_the_global_holdout_comes_first_and_transactional_knows_none() -> None:
    """Both holdouts would take the contact; the row says which did (6)."""
    everybody = "{global_holdout: 100%}"
    both = Person(content_of(SIMPLE + "holdout: 100%\nsteps: [{send: a}]\n", policies=everybody))
    both.does(0 * HOUR, "Ping")
    assert both.entry.arm == "held_out_global"
    receipt = SIMPLE.replace("topic: offers", "kind: transactional") + "steps: [{send: a}]\n"
    plain = Person(content_of(receipt, policies=everybody))
    plain.does(0 * HOUR, "Ping")
    assert plain.mails() == [(0 * HOUR, "a")]


@pytest.mark.parametrize("end", ["Order Completed", "Product Removed"])
def test_whatever_ends_an_entry_calls_back_its_last_mail_too(end: str) -> None:
    """The steps are done, the mail waits for the end of the quiet hours: exit, goal and audience still count."""
    head = SIMPLE + "audience: {cart.items: {at_least: 1}}\nexit_when: {event: Order Completed}\n"
    sara = _steps("  - send: a\n", head)
    sara.does(-1 * MINUTE, "Product Added", product_id="p", quantity=1)
    sara.does(0 * HOUR, "Ping")
    assert (sara.entry.state, sara.entry.unsent) == ("completed", True)
    sara.does(1 * HOUR, end, product_id="p")
    reason = {"Order Completed": "exit_condition", "Product Removed": "not_in_audience"}[end]
    assert sara.states() == [("exited", reason)]
    assert "CancelOpen" in {type(effect).__name__ for _, effect in sara.effects}


def test_an_exit_step_lets_the_mails_before_it_leave() -> None:
    """The end that the author wrote calls nothing back, whatever reason is given for it."""
    sara = _steps("  - send: a\n  - exit: goal_met\n")
    sara.does(0 * HOUR, "Ping")
    assert sara.states() == [("exited", "exit_step")]
    assert "CancelOpen" not in {type(effect).__name__ for _, effect in sara.effects}


def test_failing_audience_at_a_message_ends_the_enrolment() -> None:
    """Looked at again before each mail (4)."""
    head = SIMPLE + "audience: {contact.vip: {is_not: true}}\n"
    sara = _steps("  - send: a\n  - wait: 1d\n  - send: b\n", head)
    sara.does(0 * HOUR, "Ping")
    _everything_left(sara)
    sara.changes(1 * HOUR, vip=True)
    assert sara.states() == [("active", "")]
    sara.lives_until(2 * DAY)
    assert sara.states() == [("exited", "not_in_audience")]
    assert sara.passed_over() == [("b", "not_in_audience")]


def test_a_wait_for_ends_by_its_event_or_in_time() -> None:
    """`then` on the event, `on_timeout` without; both go on behind."""
    text = """
  - wait_for: {event: Pong, timeout: 2d, then: [{send: came}], on_timeout: [{send: waited}]}
  - send: after
"""
    came = _steps(text)
    came.does(0 * HOUR, "Ping")
    came.does(1 * HOUR, "Pong")
    assert came.mails() == [(HOUR, "came"), (HOUR, "after")]
    waited = _steps(text)
    waited.does(0 * HOUR, "Ping")
    waited.lives_until(3 * DAY)
    assert waited.mails() == [(2 * DAY, "waited"), (2 * DAY, "after")]


def test_a_wait_for_looks_at_where_and_not_at_the_past() -> None:
    """An event that happened before the step was reached is not waited for."""
    sara = _steps(
        "  - wait: 1h\n  - wait_for: {event: Ping, where: {properties.n: 2}, timeout: 2d, then: [{send: came}]}\n"
    )
    sara.does(0 * HOUR, "Ping", n=1)
    sara.lives_until(90 * MINUTE)
    sara.does(30 * MINUTE, "Ping", now=95 * MINUTE, n=2)
    sara.does(2 * HOUR, "Ping", n=3)
    assert sara.mails() == []
    sara.does(3 * HOUR, "Ping", n=2)
    assert sara.mails() == [(3 * HOUR, "came")]


def test_history_feeds_exits_and_goals_alone() -> None:
    """An imported or day-old event restarts nothing, answers no wait_for and triggers nothing (11)."""
    cart = Person(content_of(CART))
    cart.does(0 * HOUR, "Product Added", cart_id="c")
    cart.does(30 * MINUTE, "Product Added", live=False, cart_id="c")
    assert cart.entry.anchor_at == START
    cart.does(40 * MINUTE, "Order Completed", live=False, total=1)
    assert cart.states() == [("exited", "exit_condition")]
    waiting = _steps("  - wait_for: {event: Pong, timeout: 2d, then: [{send: came}]}\n")
    waiting.does(0 * HOUR, "Ping")
    waiting.does(1 * HOUR, "Pong", live=False)
    assert waiting.mails() == []
    assert _steps("  - send: a\n").does(0 * HOUR, "Ping", live=False).entries == []


def test_waits_start_late_where_the_engine_was_late() -> None:
    """What follows a late step does not bunch up; the step itself keeps its instant."""
    sara = _steps("  - wait: 1d\n  - send: a\n  - wait: 1d\n  - send: b\n")
    sara.does(0 * HOUR, "Ping")
    sara.wakes_at(5 * DAY)
    assert sara.mails() == [(DAY, "a")]
    sara.lives_until(9 * DAY)
    assert sara.mails() == [(DAY, "a"), (6 * DAY, "b")]


def test_waits_until_a_time_a_weekday_and_a_date_in_the_event() -> None:
    """Local time of the contact; Monday the 2nd; the day before the delivery."""
    text = """
  - wait: {until: "10:30"}
  - send: at
  - wait: {until: "08:00", weekdays: [tue]}
  - send: tuesday
"""
    sara = _steps(text)
    sara.state.timezone = "Asia/Riyadh"
    sara.does(0 * HOUR, "Ping")
    sara.lives_until(9 * DAY)
    assert [START + after for after, _ in sara.mails()] == [
        datetime(2026, 11, 2, 7, 30, tzinfo=UTC), datetime(2026, 11, 3, 5, 0, tzinfo=UTC),
    ]  # fmt: skip
    head = SIMPLE.replace("Ping", "Order Completed")
    date = _steps("  - wait: {until: properties.deliver_on, offset: -1d}\n  - send: soon\n", head)
    date.does(0 * HOUR, "Order Completed", deliver_on="2026-11-05T12:00:00Z")
    date.lives_until(9 * DAY)
    assert date.mails() == [(3 * DAY + 3 * HOUR, "soon")]


def test_a_date_that_is_none_is_not_waited_for() -> None:
    """Whatever stands there, the contact goes on."""
    head = SIMPLE.replace("Ping", "Order Completed")
    for value in ("soon", None, {"a": 1}, "9999-12-31T23:59:59Z"):
        sara = _steps("  - wait: {until: properties.deliver_on, offset: 1y}\n  - send: soon\n", head)
        sara.does(0 * HOUR, "Order Completed", deliver_on=value)
        assert sara.mails() == [(0 * HOUR, "soon")], value


def test_a_step_sees_what_the_step_before_it_did() -> None:
    """A branch right after an update or points decides by the new value."""
    text = """
  - update: {vip: true}
  - points: {give: 120}
  - branch:
      - when: {all: [{contact.vip: true}, {points.balance: {at_least: 100}}]}
        steps: [{send: rich}]
      - otherwise: [{send: poor}]
"""
    sara = _steps(text)
    sara.does(0 * HOUR, "Ping")
    assert sara.mails() == [(0 * HOUR, "rich")]
    assert sara.state.kept["points.balance"] == 120


def test_a_step_sees_the_tier_that_the_points_before_it_reach() -> None:
    """The tier follows the balance at once."""
    text = """
  - points: {give: 120}
  - branch:
      - when: {points.tier: gold}
        steps: [{send: golden}]
      - otherwise: [{send: plain}]
"""
    sara = _steps(text)
    sara.does(0 * HOUR, "Ping")
    assert sara.mails() == [(0 * HOUR, "golden")]


def test_a_split_is_stable_and_follows_its_weights() -> None:
    """By hash of the first identifier: the same contact, the same variant; one in four for 1 to 3."""
    text = "  - split: [{variant: a, weight: 1, steps: [{send: one}]}, {variant: b, weight: 3, steps: [{send: two}]}]\n"
    content = content_of(SIMPLE + "steps:\n" + text)
    counts = {"one": 0, "two": 0}
    for number in range(400):
        sara = Person(content)
        sara.state.identifier = f"contact-{number}"
        sara.does(0 * HOUR, "Ping")
        counts[sara.mails()[0][1]] += 1
    assert 70 <= counts["one"] <= 130


def test_a_winner_takes_everybody_who_comes_later() -> None:
    """The variant that won is in force for the entrants after it."""
    from dataclasses import replace

    text = "  - split: [{variant: a, steps: [{send: one}]}, {variant: b, steps: [{send: two}]}]\n    id: test\n"
    sara = _steps(text)
    for variant, step in (("a", "one"), ("b", "two")):
        again = Person(sara.world.content)
        again.world = replace(again.world, winners={("simple", "test"): variant})
        again.does(0 * HOUR, "Ping")
        assert again.mails() == [(0 * HOUR, step)]


def _everything_left(sara: Person) -> None:
    """Let every mail that was reached have left."""
    from dataclasses import replace

    sara.entries = [replace(entry, unsent=False) for entry in sara.entries]
