"""The funnel by stage and level, and the canvas that stands on it."""

from __future__ import annotations

from typing import Any

from lifecycle.report.canvas import canvas
from lifecycle.report.funnel import funnel, median_stay_s, passages
from lifecycle.report.window import ALL_TIME, Window
from lifecycle.spec.model import Content
from lifecycle.store.engine import Store

HOUR = 3600


def _three_walks(pen: Any) -> None:
    """One goes all the way, one falls back to awareness, one skips decision."""
    one = pen.contact(stage="retention")
    pen.transition(one, None, "awareness", 0)
    pen.transition(one, "awareness", "decision", 2)
    pen.transition(one, "decision", "retention", 5)
    two = pen.contact(stage="awareness")
    pen.transition(two, None, "awareness", 0)
    pen.transition(two, "awareness", "decision", 4)
    pen.transition(two, "decision", "awareness", 5)
    three = pen.contact(stage="retention")
    pen.transition(three, None, "awareness", 0)
    pen.transition(three, "awareness", "retention", 30)
    pen.contact(stage=None)


def test_conversion_is_by_contact_and_to_any_later_stage(store: Store, content: Content, pen: Any) -> None:
    """All three entered awareness and went on; of two in decision one did; falling back twice is entering once."""
    _three_walks(pen)
    with store.read() as connection:
        found = funnel(connection, content, ALL_TIME).data
    stages = {row["stage"]: row for row in found["stages"]}
    assert (stages["awareness"]["entered"], stages["awareness"]["went_on"]) == (3, 3)
    assert (stages["decision"]["entered"], stages["decision"]["conversion_rate"]) == (2, 0.5)
    assert (stages["retention"]["entered"], stages["retention"]["conversion_rate"]) == (2, 0.0)
    assert (stages["advocacy"]["entered"], stages["advocacy"]["conversion_rate"]) == (0, None)
    assert [stages[name]["contacts"] for name in stages] == [1, 0, 2, 0]
    assert found["unstaged"] == 1
    levels = {row["funnel"]: row for row in found["funnel"]}
    assert list(levels) == ["tofu", "bofu", "post"]
    assert (levels["post"]["contacts"], levels["post"]["entered"], levels["post"]["conversion_rate"]) == (2, 2, None)


def test_the_median_is_of_stays_that_ended(store: Store, pen: Any) -> None:
    """Awareness was left after 2, 4 and 30 hours, decision after 3 and 1: medians of 4 and 2 hours."""
    _three_walks(pen)
    with store.read() as connection:
        assert median_stay_s(connection, ALL_TIME) == {"awareness": 4 * HOUR, "decision": 2 * HOUR}
        assert median_stay_s(connection, Window(pen.at(0), pen.at(5))) == {"awareness": 3 * HOUR}


def test_moving_inside_a_level_enters_nothing(store: Store, content: Content, pen: Any) -> None:
    """From retention to advocacy a contact stays after the sale."""
    contact = pen.contact(stage="advocacy")
    pen.transition(contact, None, "retention", 0)
    pen.transition(contact, "retention", "advocacy", 1)
    levels = {stage.stage: stage.funnel for stage in content.project.stages}
    with store.read() as connection:
        assert passages(connection, levels, ALL_TIME) == {"post": (1, 0)}
        assert passages(connection, levels, Window(pen.at(1), None)) == {}


def test_entering_in_the_window_and_going_on_after_it_is_conversion(store: Store, content: Content, pen: Any) -> None:
    """The window is about the entering; patience is not punished."""
    contact = pen.contact(stage="decision")
    pen.transition(contact, None, "awareness", 1)
    pen.transition(contact, "awareness", "decision", 90)
    with store.read() as connection:
        found = funnel(connection, content, Window(pen.at(0), pen.at(2))).data
    assert found["stages"][0]["conversion_rate"] == 1.0
    assert found["stages"][1]["entered"] == 0


def test_the_canvas_joins_needs_campaigns_mails_and_numbers(store: Store, content: Content, pen: Any) -> None:
    """Awareness has its needs, its one campaign with two mails, and what these did, a removed step's mail included."""
    contact = pen.contact(stage="awareness")
    row = pen.message(contact, "sent", opened_at=pen.at(1), clicked_at=pen.at(1))
    pen.message(contact, "sent", step="gone")
    pen.hit(row, contact, "click", 1)
    pen.order(contact, "A", 2, "75")
    with store.read() as connection:
        stage = canvas(connection, content, ALL_TIME).data["stages"][0]
    assert (stage["needs"], stage["moment"], stage["actions"]) == (["To know us"], "First look", ["Welcome"])
    assert [campaign["campaign"] for campaign in stage["campaigns"]] == ["welcome"]
    assert stage["campaigns"][0]["trigger"] == "after Signed Up"
    assert [(mail["step"], mail["sent"], mail["revenue"]) for mail in stage["campaigns"][0]["touchpoints"]] == [
        ("hello", 1, 75), ("tips", 0, 0),
    ]  # fmt: skip
    assert (stage["numbers"]["contacts"], stage["numbers"]["sent"], stage["numbers"]["revenue"]) == (1, 2, 75)
