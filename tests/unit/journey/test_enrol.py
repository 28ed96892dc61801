"""Who enters: one open entry for a contact, campaign and key, and re-entry by what it says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from journey_worlds import DAY, HOUR, MINUTE, START, Person, content_of
from lifecycle.journey.contact import ContactTurn
from lifecycle.journey.enrol import Opening

HEAD = """
campaign: keyed
stage: awareness
topic: offers
trigger: {event: Checkout Started, key: properties.cart_id}
REENTRY
steps:
  - wait: 1d
  - send: a
"""


def _person(reentry: str = "reentry: once", head: str = HEAD) -> Person:
    return Person(content_of(head.replace("REENTRY", reentry)))


def test_one_open_entry_for_each_key() -> None:
    """The second trigger of an open key is ignored and written down; another key enters beside."""
    sara = _person()
    sara.does(0 * HOUR, "Checkout Started", cart_id="one")
    sara.does(1 * HOUR, "Checkout Started", cart_id="one")
    sara.does(2 * HOUR, "Checkout Started", cart_id="two")
    assert [entry.entry_key for entry in sara.entries] == ["one", "two"]
    assert sara.decisions().count("ignored") == 1


@pytest.mark.parametrize("value", [None, "", [], {"a": 1}, True])
def test_a_missing_key_is_one_key(value: object) -> None:
    """Whatever is no identifier is the missing key."""
    sara = _person()
    sara.does(0 * HOUR, "Checkout Started", cart_id=value)
    sara.does(1 * HOUR, "Checkout Started")
    assert [entry.entry_key for entry in sara.entries] == [""]


def test_a_number_is_a_key_and_a_long_text_is_cut() -> None:
    """Keys are identifiers, as everywhere."""
    sara = _person()
    sara.does(0 * HOUR, "Checkout Started", cart_id=17)
    sara.does(1 * HOUR, "Checkout Started", cart_id="ع" * 2000)
    assert [entry.entry_key for entry in sara.entries] == ["17", "ع" * 500]


@pytest.mark.parametrize(
    ("reentry", "second", "expected"),
    [
        ("reentry: once", 30 * DAY, ("refused", "reentry")),
        ("reentry: always", 2 * DAY, ("active", "")),
        ("reentry: {after: 7d}", 7 * DAY - MINUTE, ("refused", "reentry")),
        ("reentry: {after: 7d}", 7 * DAY, ("active", "")),
    ],
)
def test_reentry_counts_from_the_last_activation(reentry: str, second: timedelta, expected: tuple[str, str]) -> None:
    """A trigger that does not enrol is written down with its reason (3)."""
    sara = _person(reentry)
    sara.does(0 * HOUR, "Checkout Started", cart_id="c")
    sara.lives_until(1 * DAY)
    sara.does(second, "Checkout Started", cart_id="c")
    assert sara.states()[-1] == expected


def test_an_entry_that_ended_while_waiting_does_not_count() -> None:
    """Whoever ordered before the reminder may be reminded of the next cart."""
    head = HEAD.replace("key: properties.cart_id", "quiet_for: 1h") + "exit_when: {event: Order Completed}\n"
    sara = _person(head=head)
    sara.does(0 * HOUR, "Checkout Started")
    sara.does(1 * MINUTE, "Order Completed", total=1)
    sara.does(2 * MINUTE, "Checkout Started")
    sara.lives_until(3 * HOUR)
    assert sara.states() == [("exited", "exit_condition"), ("active", "")]


def test_the_held_out_and_the_mailed_reenter_alike() -> None:
    """Both arms are treated alike, or the comparison would be none."""
    sara = _person("reentry: {after: 7d}\nholdout: 100%")
    sara.does(0 * HOUR, "Checkout Started", cart_id="c")
    sara.does(1 * DAY, "Checkout Started", cart_id="c")
    assert sara.states() == [("held_out", "held_out"), ("refused", "reentry")]


def test_the_same_trigger_twice_enrols_once() -> None:
    """The occurrence is the messageId: said again, it is a duplicate, also when re-entry is free."""
    sara = _person("reentry: always")
    event_turn = sara.does(0 * HOUR, "Checkout Started", cart_id="c")
    sara.lives_until(2 * DAY)
    [event] = sara.state.events
    turn = ContactTurn(sara.world, sara.state, sara.entries, START + 3 * DAY)
    again = turn.open(sara.world.content.campaigns["keyed"], Opening(event.at, event.message_id, event, "c"))
    assert event_turn.entries
    assert again is not None
    assert (again.entry.state, again.entry.reason) == ("refused", "duplicate")


def test_nobody_enters_before_the_start_or_after_the_end() -> None:
    """`starts` is included, `ends` is not; drafts take nobody."""
    sara = _person("reentry: always\nstarts: 2026-11-02T09:00:00Z\nends: 2026-11-04T09:00:00Z")
    for after in (DAY - MINUTE, DAY, 3 * DAY):
        sara.does(after, "Checkout Started", cart_id=str(after))
    assert [entry.opened_at for entry in sara.entries] == [START + DAY]
    draft = _person("status: draft")
    draft.does(0 * HOUR, "Checkout Started")
    assert draft.entries == []


def test_an_erased_contact_enters_nothing() -> None:
    """An old event of theirs, looked up by hand, is refused."""
    sara = _person()
    sara.state.erased = True
    turn = ContactTurn(sara.world, sara.state, [], START)
    tracked = turn.open(sara.world.content.campaigns["keyed"], Opening(START, "run"))
    assert tracked is not None
    assert (tracked.entry.state, tracked.entry.reason) == ("refused", "erased")


def test_campaigns_that_set_each_other_off_by_attributes_stop() -> None:
    """One sets vip when vip is lost, the other takes it away when it is won: the circle is cut, not run for ever."""
    texts = [
        f"campaign: {name}\nstage: awareness\ntopic: offers\ntrigger: {{{edge}: vips}}\nreentry: always\n"
        f"steps: [{{send: {name}}}, {{update: {{vip: {value}}}}}]\n"
        for name, edge, value in (("win", "segment_left", "true"), ("lose", "segment_entered", "false"))
    ]
    sara = Person(content_of(*texts, segments={"vips": "{contact.vip: true}"}))
    sara.changes(0 * HOUR, vip=True)
    for second in range(1, 60):
        sara.changes(timedelta(seconds=second))
    entered = [entry for entry in sara.entries if entry.state == "completed"]
    assert len(entered) == 20
    assert sara.states()[-1] == ("refused", "reentry")
