"""A contact's turn: events, timers and reviews in the order of time, through every campaign."""

from __future__ import annotations

from dataclasses import replace

from journey_worlds import DAY, HOUR, MINUTE, START, Person, content_of
from lifecycle.audience.state import ContactState
from lifecycle.audience.windows import zone_name
from lifecycle.base.errors import NotFoundError
from lifecycle.journey.entry import Entry
from lifecycle.journey.policy import zone_of

VIPS = """
campaign: vips
stage: awareness
topic: offers
trigger: {segment_entered: vips}
reentry: always
steps: [{send: hello-vip}]
"""
LOST = (
    VIPS.replace("campaign: vips", "campaign: lost").replace("segment_entered", "segment_left").replace("hello", "bye")
)
RECENT = {"vips": "{event: Order Completed, within: 2d}"}


def test_segments_are_entered_by_events_and_left_by_time() -> None:
    """The window closes by itself, at its moment, and that triggers too."""
    sara = Person(content_of(VIPS, LOST, segments=RECENT))
    sara.does(0 * HOUR, "Order Completed", total=1)
    sara.lives_until(5 * DAY)
    assert sara.mails() == [(0 * HOUR, "hello-vip"), (2 * DAY, "bye-vip")]
    entered = [(at - START, cause) for found, at, cause in sara.reviews if "vips" in found.entered]
    left = [(at - START, cause) for found, at, cause in sara.reviews if "vips" in found.left]
    assert (entered, left) == ([(0 * HOUR, "Order Completed")], [(2 * DAY, "time")])


def test_a_late_event_makes_nobody_leave_what_a_newer_event_brought() -> None:
    """Seen from the late event's own instant the newer one would not have happened yet."""
    sara = Person(content_of(VIPS, LOST, segments=RECENT))
    sara.does(1 * HOUR, "Order Completed", total=1)
    sara.does(30 * MINUTE, "Ping", now=2 * HOUR)
    assert sara.mails() == [(HOUR, "hello-vip")]
    assert sara.state.memberships["vips"].left_at is None


def test_stage_transitions_keep_their_time_and_cause_and_trigger() -> None:
    """A stage is entered by an event and left by time; entering it opens the campaign at that instant."""
    text = VIPS.replace("{segment_entered: vips}", "{stage_entered: decision}")
    sara = Person(content_of(text))
    sara.does(0 * HOUR, "Checkout Started")
    sara.lives_until(4 * DAY)
    moved = [(found.before, found.stage, at - START, cause) for found, at, cause in sara.reviews if found.stage_changed]
    assert moved == [
        (None, "decision", 0 * HOUR, "Checkout Started"), ("decision", "awareness", 2 * DAY, "time"),
    ]  # fmt: skip
    assert sara.mails() == [(0 * HOUR, "hello-vip")]


def test_a_stage_that_time_brings_ends_what_says_so_at_once() -> None:
    """`exit_when` ends a wait at once, also when no event brings it (4)."""
    text = """
campaign: nudge
stage: decision
topic: offers
trigger: {event: Checkout Started}
exit_when: {stage: awareness}
steps: [{wait: 10d}, {send: a}]
"""
    sara = Person(content_of(text))
    sara.does(0 * HOUR, "Checkout Started")
    sara.lives_until(3 * DAY)
    assert (sara.entry.state, sara.entry.ended_at) == ("exited", START + 2 * DAY)


def test_a_late_trigger_is_shown_what_has_happened_since() -> None:
    """The order was handled before its cart event arrived: the entry ends at once, and its mail is called back."""
    text = """
campaign: nudge
stage: decision
topic: offers
trigger: {event: Checkout Started}
exit_when: {event: Order Completed}
goal: {event: Order Completed, within: 5d, value: properties.total}
steps: [{send: a}]
"""
    sara = Person(content_of(text))
    sara.does(1 * HOUR, "Order Completed", total=12)
    sara.does(30 * MINUTE, "Checkout Started", now=2 * HOUR)
    assert (sara.entry.state, sara.entry.goal_at) == ("goal_met", START + HOUR)
    assert sara.entry.goal_value == 12
    assert not sara.entry.unsent


def test_an_event_stored_by_a_machine_whose_clock_is_ahead_is_not_lost() -> None:
    """Its instant lies in our future; its inbox row is handled, so it must be too."""
    sara = Person(content_of(VIPS, segments=RECENT))
    sara.does(1 * HOUR, "Order Completed", now=0 * HOUR, total=1)
    assert sara.mails() == [(HOUR, "hello-vip")]


def test_history_that_brings_somebody_into_a_segment_triggers_nothing() -> None:
    """The membership is stored, and no campaign opens (11)."""
    sara = Person(content_of(VIPS, segments=RECENT))
    sara.does(0 * HOUR, "Order Completed", live=False, total=1)
    assert "vips" in sara.state.memberships
    assert sara.entries == []


def test_the_steps_and_conditions_are_those_of_the_version_a_contact_entered() -> None:
    """The campaign and the segment it names were edited since: whoever is inside goes on as they entered (9)."""
    text = """
campaign: pinned
stage: awareness
topic: offers
trigger: {event: Ping}
steps:
  - wait: 1d
  - branch:
      - when: {segment: big}
        steps: [{send: old-big}]
      - otherwise: [{send: old-small}]
"""
    old = content_of(text, segments={"big": "{contact.score: {at_least: 10}}"})
    new = content_of(text.replace("old-", "new-"), segments={"big": "{contact.score: {at_least: 1000}}"})
    sara = Person(old, versions={old.hash: old, new.hash: new}, attributes={"score": 50})
    sara.does(0 * HOUR, "Ping")
    sara.world = replace(sara.world, content=new)
    sara.lives_until(2 * DAY)
    assert sara.mails() == [(DAY, "old-big")]


def test_a_removed_drafted_or_ended_campaign_ends_whoever_is_inside() -> None:
    """At the next thing that happens to them, reason campaign_ended; goals are still counted (9)."""
    text = """
campaign: gone
stage: awareness
topic: offers
trigger: {event: Ping}
goal: {event: Order Completed, within: 9d}
steps: [{wait: 1d}, {send: a}]
"""
    old = content_of(text)
    edits = ("status: draft", "ends: 2026-11-01T12:00:00Z")
    for new in (content_of(VIPS, segments=RECENT), *(content_of(f"{text}{edit}\n") for edit in edits)):
        sara = Person(old, versions={old.hash: old, new.hash: new})
        sara.does(0 * HOUR, "Ping")
        sara.world = replace(sara.world, content=new)
        sara.lives_until(2 * DAY)
        assert sara.states() == [("exited", "campaign_ended")]
        sara.does(3 * DAY, "Order Completed", total=1)
        assert sara.entries[0].goal_at == START + 3 * DAY


def test_an_imported_control_is_followed_by_the_version_in_force() -> None:
    """Its version was never applied here; an event of such a contact must not break its turn."""
    text = VIPS.replace("{segment_entered: vips}", "{event: Ping}") + "goal: {event: Order Completed, within: 9d}\n"
    content = content_of(text, segments=RECENT)

    def unknown(wanted: str) -> object:
        raise NotFoundError(f"no version {wanted}")

    sara = Person(content)
    sara.world = replace(sara.world, version=unknown)  # type: ignore[arg-type]  # it only raises
    control = Entry(
        "vips", 1, "import:1", "imported", "held_out", START, START, activated_at=START, arm="held_out", id=1
    )
    sara.entries = [control]
    sara.does(1 * HOUR, "Order Completed", total=3)
    assert sara.entries[0].goal_at == START + HOUR


def test_campaigns_open_by_priority() -> None:
    """Who is claimed first under a cap is also who is asked first."""
    text = (
        "campaign: NAME\nstage: awareness\ntopic: offers\npriority: N\ntrigger: {event: Ping}\nsteps: [{send: NAME}]\n"
    )
    pairs = [("low", 10), ("high", 90), ("also-high", 90)]
    content = content_of(*(text.replace("NAME", name).replace("N\n", f"{n}\n") for name, n in pairs))
    sara = Person(content)
    sara.does(0 * HOUR, "Ping")
    assert [step for _, step in sara.mails()] == ["also-high", "high", "low"]


def test_arabic_text_and_empty_data_go_through() -> None:
    """Names of events, values and attributes are text of any script; a contact without anything has a turn too."""
    text = VIPS.replace("{segment_entered: vips}", "{event: Ping, where: {properties.n: {is_not: 3}}}")
    sara = Person(
        content_of(text, segments={"vips": "{contact.name: {contains: سارة}}"}), attributes={"name": "سارة العلي"}
    )
    sara.does(0 * HOUR, "طلب", "", قيمة="١٢")
    assert "vips" in sara.state.memberships
    sara.does(1 * HOUR, "Ping")
    assert len(sara.mails()) == 1
    empty = Person(content_of(text, segments=RECENT))
    empty.state = ContactState(1, "", START)
    empty.wakes_at(0 * HOUR)
    empty.changes(1 * HOUR)
    assert empty.entries == []


def test_an_unknown_zone_is_the_projects() -> None:
    """A zone that does not exist must not stop a contact's mail; conditions and windows agree on it."""
    content = content_of(VIPS, segments=RECENT)
    for wrong in ("Mars/Olympus", "", "../../etc/passwd", "Asia", "العربية"):
        state = ContactState(1, "x", START, timezone=wrong)
        assert str(zone_of(state, content)) == "Asia/Riyadh", wrong
        assert zone_name(wrong, "Asia/Riyadh") == "Asia/Riyadh"
