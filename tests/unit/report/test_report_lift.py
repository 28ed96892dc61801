"""Lift: who is in which arm, what they did, and what may be said of the difference."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert

from lifecycle.base.errors import NotFoundError
from lifecycle.base.ids import bucket
from lifecycle.report.lift import Arm, lift, sample_ratio_p
from lifecycle.report.window import ALL_TIME, Window
from lifecycle.spec.model import Content
from lifecycle.store import tables
from lifecycle.store.engine import Store


def _contacts(pen: Any, count: int) -> list[int]:
    """Insert many contacts in one transaction."""
    with pen.store.write() as connection:
        connection.execute(
            insert(tables.contacts),
            [{"identifier": f"p{n}", "attributes": {}, "created_at": pen.start} for n in range(count)],
        )
        return sorted(connection.scalars(tables.contacts.select().with_only_columns(tables.contacts.c.id)))[-count:]


def _enrol(pen: Any, contacts: list[int], arm: str, values: list[int], **more: Any) -> None:
    """Enrol them; the first ones reach the goal with those values."""
    rows = []
    for index, contact in enumerate(contacts):
        reached = index < len(values)
        rows.append(
            {
                "campaign": "welcome", "contact_id": contact, "entry_key": "", "occurrence": f"o{contact}",
                "version": "v1", "state": "held_out" if arm != "treated" else "completed", "reason": "",
                "opened_at": pen.at(0), "anchor_at": pen.at(0), "activated_at": pen.at(0), "arm": arm, "variants": {},
                "position": [], "context": {}, "goal_at": pen.at(9) if reached else None,
                "goal_value": Decimal(values[index]) if reached else None, **more,
            }
        )  # fmt: skip
    with pen.store.write() as connection:
        connection.execute(insert(tables.enrolments), rows)


def _lift(store: Store, content: Content, name: str = "welcome", window: Window = ALL_TIME) -> Any:
    with store.read() as connection:
        return lift(connection, content, window, name).data


def test_lift_of_a_holdout_is_what_the_formulas_say(store: Store, content: Content, pen: Any) -> None:
    """40 held out with 4 orders, 160 treated with 32: 20% against 10%, ± 1.96 × √(0.001 + 0.00225) = 0.1117."""
    everyone = _contacts(pen, 200)
    _enrol(pen, everyone[:40], "held_out", [100] * 4)
    _enrol(pen, everyone[40:], "treated", [100] * 16 + [50] * 16)
    found = _lift(store, content)
    assert found["arms"] == [
        {"arm": "held_out", "contacts": 40, "conversions": 4, "rate": 0.1, "value": 400, "value_per_contact": 10.0},
        {"arm": "treated", "contacts": 160, "conversions": 32, "rate": 0.2, "value": 2400, "value_per_contact": 15.0},
    ]
    conversion, value = found["comparisons"]
    assert (conversion["arm"], conversion["against"], conversion["metric"]) == ("treated", "held_out", "conversion")
    assert conversion["difference"] == pytest.approx(0.1)
    assert conversion["low"] == pytest.approx(0.1 - 1.959964 * math.sqrt(0.00325), abs=1e-6)
    assert conversion["high"] == pytest.approx(0.1 + 1.959964 * math.sqrt(0.00325), abs=1e-6)
    assert conversion["p"] == pytest.approx(math.erfc(0.1 / math.sqrt(0.00325) / math.sqrt(2)), abs=1e-9)
    assert conversion["anytime_low"] < conversion["low"]
    assert conversion["p_adjusted"] > conversion["p"]
    assert (value["metric"], value["difference"]) == ("value", 5.0)
    assert found["sample_ratio_p"] == pytest.approx(1.0)
    assert list(found) == ["campaign", "window", "arms", "comparisons", "sample_ratio_p"]


def test_a_contact_counts_once_however_often_it_entered(store: Store, content: Content, pen: Any) -> None:
    """Two entries of one contact, both with an order, are one contact, one conversion and both values."""
    contact = pen.contact()
    for value in (10, 30):
        pen.enrolment(contact, "completed", goal_at=pen.at(5), goal_value=Decimal(value))
    treated = _lift(store, content)["arms"][1]
    assert (treated["contacts"], treated["conversions"], treated["value"]) == (1, 1, 40)


def test_contacts_merged_across_arms_leave_the_analysis(store: Store, content: Content, pen: Any) -> None:
    """One contact in both arms is in neither, and the report says so."""
    both, one = pen.contact(), pen.contact()
    pen.enrolment(both, "completed", goal_at=pen.at(5), goal_value=Decimal(10))
    pen.enrolment(both, "held_out", arm="held_out")
    pen.enrolment(one, "completed")
    with store.read() as connection:
        found = lift(connection, content, ALL_TIME, "welcome")
    assert [arm["contacts"] for arm in found.data["arms"]] == [0, 1]
    assert any("1 contacts were in two arms" in note for note in found.notes)


def test_only_entries_activated_in_the_window_count(store: Store, content: Content, pen: Any) -> None:
    """One at its start is in, one at its end is not; waiting and refused entries have no arm."""
    for hour in (0, 1, 2):
        pen.enrolment(pen.contact(), "active", hour=hour)
    pen.enrolment(pen.contact(), "waiting", activated_at=None, arm=None)
    window = Window(pen.at(0), pen.at(2))
    assert [arm["contacts"] for arm in _lift(store, content, window=window)["arms"]] == [0, 2]


def test_the_globally_held_out_stand_beside_a_campaign_s_own_control(store: Store, content: Content, pen: Any) -> None:
    """They get no campaign at all, so they say nothing about this one; without another control they are it."""
    for arm in ("held_out", "held_out_global", "treated"):
        pen.enrolment(pen.contact(), "completed" if arm == "treated" else "held_out", arm=arm)
        pen.enrolment(pen.contact(), "completed", arm=arm, campaign="spring") if arm != "held_out" else None
    own = _lift(store, content)["arms"]
    assert [(arm["arm"], arm["contacts"]) for arm in own] == [("held_out", 1), ("treated", 1)]
    borrowed = _lift(store, content, "spring")["arms"]
    assert [(arm["arm"], arm["contacts"]) for arm in borrowed] == [("held_out", 1), ("treated", 1)]


def test_who_left_before_the_split_is_counted_in_the_arm_it_would_have_taken(
    store: Store, content: Content, pen: Any
) -> None:
    """Its hash says which; without it, those who ordered early would be in no arm, and both arms would look worse."""
    pen.enrolment(pen.contact("seen"), "completed", campaign="subject-test", variants={"subject": "long"})
    pen.enrolment(pen.contact("early"), "goal_met", campaign="subject-test", goal_at=pen.at(1), goal_value=Decimal(5))
    expected = "short" if bucket("early", "split:subject-test:subject") * 4 < 1 else "long"
    arms = {arm["arm"]: arm for arm in _lift(store, content, "subject-test")["arms"]}
    assert set(arms) == {"short", "long"}
    assert arms[expected]["conversions"] == 1
    assert sum(arm["contacts"] for arm in arms.values()) == 2


def test_without_a_control_the_first_variant_is_what_others_are_compared_with(
    store: Store, content: Content, pen: Any
) -> None:
    """A split without a holdout still answers which variant is better, and says that it is no lift."""
    for variant in ("short", "long"):
        for _ in range(3):
            pen.enrolment(pen.contact(), "completed", campaign="subject-test", variants={"subject": variant})
    with store.read() as connection:
        found = lift(connection, content, ALL_TIME, "subject-test")
    assert {(row["arm"], row["against"]) for row in found.data["comparisons"]} == {("long", "short")}
    assert any("no lift" in note for note in found.notes)


def test_an_imported_experiment_is_analysed_like_our_own(store: Store, content: Content, pen: Any) -> None:
    """Two variants and a control from a history; orders within 14 days of the first row count, later ones do not."""
    arms = {"mens": [40, 60], "womens": [25], None: [10]}
    for variant, values in arms.items():
        for index in range(4):
            contact = pen.contact()
            state, reason = ("sent", "") if variant else ("skipped", "held_out")
            pen.message(
                contact, state, campaign="spring", variant=variant, reason=reason, enrolment_id=None, hour=1
            )  # fmt: skip
            pen.event(contact, "Order Completed", 0.5, order_id="before", total=999)
            pen.event(contact, "Order Completed", 1 + 14 * 24 + 1, order_id="late", total=999)
            if index < len(values):
                pen.event(contact, "Order Completed", 20, order_id="in time", total=values[index])
                pen.event(contact, "Order Completed", 30, order_id="second", total=999)
    found = _lift(store, content, "spring")
    assert [(arm["arm"], arm["contacts"], arm["conversions"], arm["value"]) for arm in found["arms"]] == [
        ("held_out", 4, 1, 10), ("mens", 4, 2, 100), ("womens", 4, 1, 25),
    ]  # fmt: skip
    assert [(row["arm"], row["against"], row["metric"]) for row in found["comparisons"]] == [
        ("mens", "held_out", "conversion"), ("womens", "held_out", "conversion"),
        ("mens", "held_out", "value"), ("womens", "held_out", "value"),
    ]  # fmt: skip
    assert found["comparisons"][2]["difference"] == 22.5
    assert found["sample_ratio_p"] == pytest.approx(1.0)


def test_a_goal_of_several_parts_is_evaluated_event_by_event(store: Store, content: Content, pen: Any) -> None:
    """Ordered and signed up after the mail: reached at the second of the two, whichever it is."""
    from dataclasses import replace

    from lifecycle.spec.conditions import AllOf, EventLeaf

    both = AllOf((EventLeaf(("Order Completed",)), EventLeaf(("Signed Up",))))
    spring = content.campaigns["spring"]
    assert spring.goal is not None
    changed = replace(content, campaigns={"spring": replace(spring, goal=replace(spring.goal, when=both))})
    one, two = pen.contact(), pen.contact()
    for contact in (one, two):
        pen.message(contact, "sent", campaign="spring", enrolment_id=None, hour=1)
        pen.event(contact, "Signed Up", 2)
    pen.event(two, "Order Completed", 3, order_id="A", total=70)
    arm = _lift(store, changed, "spring")["arms"][0]
    assert (arm["contacts"], arm["conversions"], arm["value"]) == (2, 1, 70)


def test_shares_are_tested_against_what_was_declared() -> None:
    """Declared weights count; undeclared variants share equally, an undeclared control beside declared ones not."""
    twenty = [Arm("held_out", 20), Arm("treated", 80)]
    assert sample_ratio_p(twenty, 0.2, {}) == pytest.approx(1.0)
    assert (sample_ratio_p(twenty, 0.5, {}) or 0) < 1e-8
    assert sample_ratio_p([Arm("held_out", 40), Arm("a", 15), Arm("b", 45)], 0.4, {"a": 1, "b": 3}) == pytest.approx(
        1.0
    )
    assert sample_ratio_p([Arm("held_out", 33), Arm("a", 33), Arm("b", 33)], None, {}) == pytest.approx(1.0)
    assert sample_ratio_p([Arm("held_out", 7), Arm("a", 25), Arm("b", 75)], None, {"a": 1, "b": 3}) == pytest.approx(
        1.0
    )
    assert sample_ratio_p([Arm("held_out", 0), Arm("treated", 0)], 0.2, {}) is None


def test_nobody_assigned_is_an_empty_answer_not_an_error(store: Store, content: Content) -> None:
    """The declared arms stand there with nothing in them, and nothing is claimed."""
    found = _lift(store, content)
    assert [(arm["arm"], arm["contacts"], arm["rate"]) for arm in found["arms"]] == [
        ("held_out", 0, None),
        ("treated", 0, None),
    ]
    assert {row["p"] for row in found["comparisons"]} == {None}
    assert found["sample_ratio_p"] is None


def test_an_unknown_campaign_is_named_with_a_guess(store: Store, content: Content) -> None:
    """`welcom` is answered with `welcome`."""
    with store.read() as connection, pytest.raises(NotFoundError) as caught:
        lift(connection, content, ALL_TIME, "welcom")
    assert 'did you mean "welcome"?' in caught.value.hint
