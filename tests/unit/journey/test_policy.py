"""Whether a message may leave: the reasons in their order, quiet hours in every zone, caps as rolling windows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_worlds import DAY, HOUR, START, content_of
from lifecycle.audience.state import ConsentChange, ContactState, MessageFact
from lifecycle.base.units import LocalWindow, next_wall
from lifecycle.journey.policy import Go, Hold, Judgement, Release, Skip, judge
from lifecycle.spec.model import Content, QuietHours

CAMPAIGN = """
campaign: news
stage: awareness
topic: offers
trigger: manual
EXTRA
steps: [{send: a}]
"""
NO = ConsentChange("offers", granted=False, at=START)
MOMENT = timedelta(microseconds=1)
ZONES = ["Africa/Cairo", "Europe/London", "America/New_York", "Asia/Riyadh", "Asia/Kathmandu", "Pacific/Apia"]


def _content(policies: str = "{}", extra: str = "priority: 50") -> Content:
    return content_of(CAMPAIGN.replace("EXTRA", extra), policies=policies)


def _contact(**columns: Any) -> ContactState:
    known = {"email": "sara@example.com", "timezone": "UTC", **columns}
    return ContactState(1, "sara", START, **known)


def _ask(content: Content, state: ContactState | None = None, now: datetime = START, **release: Any) -> Judgement:
    asking = replace(Release("news", "marketing", "offers", None), **release)
    return judge(asking, state or _contact(), content, now)


def test_nothing_in_the_way_lets_it_go() -> None:
    """A contact who consents, by day, without caps."""
    assert _ask(_content()) == Go()


@pytest.mark.parametrize(
    ("columns", "release", "expected"),
    [
        ({"erased": True}, {}, Skip("erased", "cancelled")),
        ({"email": None}, {}, Skip("no_address")),
        ({"email": ""}, {}, Skip("no_address")),
        ({"suppressed": "hard_bounce"}, {}, Skip("suppressed")),
        ({"consents": [NO]}, {}, Skip("not_consented")),
        ({}, {"topic": None}, Skip("not_consented")),
        ({}, {"deadline_at": START - MOMENT}, Skip("past_deadline")),
        ({}, {"deadline_at": START}, Go()),
        ({}, {"ended": "goal_met"}, Skip("goal_met", "cancelled")),
        ({}, {"ended": "merged"}, Skip("duplicate", "cancelled")),
        ({}, {"ended": "completed"}, Go()),
        ({}, {"paused": True}, Hold(START + timedelta(minutes=1), "campaign_paused")),
        ({}, {"paused": True, "deadline_at": START - MOMENT}, Skip("past_deadline")),
        ({}, {"campaign": "removed"}, Skip("campaign_ended", "cancelled")),
    ],
)
def test_each_reason_has_its_judgement(columns: dict[str, Any], release: dict[str, Any], expected: Judgement) -> None:
    """One thing in the way at a time; the deadline itself is still in time."""
    assert _ask(_content(), _contact(**columns), **release) == expected


def test_what_ends_the_contact_is_said_before_what_is_late() -> None:
    """All at once: the reason that will still hold tomorrow comes first."""
    everything: dict[str, Any] = {"deadline_at": START - HOUR, "paused": True}
    assert _ask(_content(), _contact(suppressed="complaint", erased=True), **everything) == Skip("erased", "cancelled")
    assert _ask(_content(), _contact(suppressed="complaint"), **everything) == Skip("suppressed")


def test_transactional_is_exempt_from_all_but_suppression() -> None:
    """No consent, caps or quiet hours; deadlines and suppression still count (5)."""
    policies = "{quiet_hours: {from: '00:00', to: '23:59'}, frequency_caps: [{at_most: 1, per: 7d}]}"
    content = _content(policies)
    taken = [MessageFact("x", "y", "z", "sent", "offers", sending_at=START)]
    state = _contact(messages=taken, consents=[NO])
    assert _ask(content, state, kind="transactional") == Go()
    assert _ask(content, _contact(suppressed="manual"), kind="transactional") == Skip("suppressed")
    assert _ask(content, state, kind="transactional", deadline_at=START - MOMENT) == Skip("past_deadline")


def test_ended_campaigns_mail_nobody() -> None:
    """From the instant of `ends` on."""
    content = _content(extra="ends: 2026-11-01T09:00:00Z")
    assert _ask(content, now=START - MOMENT) == Go()
    assert _ask(content, now=START) == Skip("campaign_ended", "cancelled")


# ---------------------------------------------------------------- quiet hours and windows

QUIET = "{quiet_hours: {from: '22:00', to: '08:00'}}"


@pytest.mark.parametrize(
    ("zone", "evening", "morning"),
    [
        # an ordinary night
        ("Asia/Riyadh", "2026-11-01T23:00+03:00", "2026-11-02T08:00+03:00"),
        # clocks go forward: London and New York at night, Cairo at midnight
        ("Europe/London", "2026-03-28T23:30+00:00", "2026-03-29T08:00+01:00"),
        ("America/New_York", "2026-03-07T23:30-05:00", "2026-03-08T08:00-04:00"),
        ("Africa/Cairo", "2026-04-23T23:30+02:00", "2026-04-24T08:00+03:00"),
        # and back
        ("Europe/London", "2026-10-24T23:30+01:00", "2026-10-25T08:00+00:00"),
        ("America/New_York", "2026-10-31T23:30-04:00", "2026-11-01T08:00-05:00"),
        ("Africa/Cairo", "2026-10-29T23:30+03:00", "2026-10-30T08:00+02:00"),
    ],
)
def test_the_night_ends_in_the_morning_also_when_clocks_change(zone: str, evening: str, morning: str) -> None:
    """Held until eight of the very next morning, not of the one after."""
    now, until = datetime.fromisoformat(evening), datetime.fromisoformat(morning).astimezone(UTC)
    assert _ask(_content(QUIET), _contact(timezone=zone), now) == Hold(until, "quiet_hours")
    assert _ask(_content(QUIET), _contact(timezone=zone), until) == Go()


@given(
    zone=st.sampled_from(ZONES),
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - see timezones
    start=st.times(),
    end=st.times(),
)
def test_what_is_held_is_never_held_into_the_quiet(zone: str, now: datetime, start: time, end: time) -> None:
    """Whatever the hours: it goes outside them, or is held until a moment outside them within two days."""
    start, end = start.replace(second=0, microsecond=0), end.replace(second=0, microsecond=0)
    quiet = f"{{quiet_hours: {{from: '{start:%H:%M}', to: '{end:%H:%M}'}}}}"
    if start == end:
        return  # the whole day is refused by `check`
    content = _content(quiet)
    window, place = LocalWindow(start, end), ZoneInfo(zone)
    judged = _ask(content, _contact(timezone=zone), now)
    if isinstance(judged, Hold):
        assert window.contains(now, place)
        assert not window.contains(judged.until, place)
        assert now < judged.until <= now + 2 * DAY
    else:
        assert judged == Go()
        assert not window.contains(now, place)


@given(
    zone=st.sampled_from(ZONES),
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - see timezones
    wall=st.times(),
)
def test_the_next_showing_of_a_time_is_at_most_a_day_and_an_hour_away(zone: str, now: datetime, wall: time) -> None:
    """No date is left out, on any day of any zone."""
    found = next_wall(now, wall, ZoneInfo(zone))
    assert now < found <= now + timedelta(hours=25, minutes=30)


def test_quiet_hours_can_give_a_message_up() -> None:
    """`then: skip`; and a campaign may ignore them."""
    night = START.replace(hour=23)
    policies = "{quiet_hours: {from: '22:00', to: '08:00', then: skip}}"
    assert _ask(_content(policies), now=night) == Skip("quiet_hours")
    assert _ask(_content(policies, "send_window: {quiet_hours: ignore}"), now=night) == Go()


def test_a_message_that_quiet_hours_would_hold_past_its_deadline_is_skipped_at_once() -> None:
    """It would only be late in the morning; at the deadline itself it is in time."""
    night, morning = START.replace(hour=23), START.replace(hour=8) + DAY
    assert _ask(_content(QUIET), now=night, deadline_at=morning - MOMENT) == Skip("past_deadline")
    assert _ask(_content(QUIET), now=night, deadline_at=morning) == Hold(morning, "quiet_hours")


def test_a_campaigns_own_window_and_the_quiet_hours_both_hold() -> None:
    """Weekdays and hours of its own: from Saturday evening to Monday at ten."""
    extra = 'send_window: {hours: {from: "07:00", to: "21:00"}, weekdays: [mon, tue]}'
    content = _content("{quiet_hours: {from: '20:00', to: '10:00'}}", extra)
    saturday = datetime(2026, 10, 31, 21, 30, tzinfo=UTC)
    assert _ask(content, now=saturday) == Hold(datetime(2026, 11, 2, 10, 0, tzinfo=UTC), "quiet_hours")


def test_windows_that_never_meet_skip() -> None:
    """Own hours inside the quiet hours, which came later: there is no moment to wait for."""
    content = _content("{}", 'send_window: {hours: {from: "23:00", to: "23:30"}}')
    shut = QuietHours(LocalWindow(time(22), time(8)))  # check refuses such a project (LC414); an old version may be one
    policies = replace(content.project.policies, quiet_hours=shut)
    content = replace(content, project=replace(content.project, policies=policies))
    assert _ask(content) == Skip("quiet_hours")


def test_a_shut_day_ends_at_midnight() -> None:
    """Hours across midnight are open from the first minute of a day on which they may mail."""
    extra = 'send_window: {hours: {from: "22:00", to: "02:00"}, weekdays: [mon]}'
    now = datetime(2026, 11, 8, 12, tzinfo=UTC)  # a Sunday
    judged = _ask(_content("{}", extra), _contact(timezone="Asia/Riyadh"), now)
    assert judged == Hold(datetime(2026, 11, 8, 21, tzinfo=UTC), "quiet_hours")


# ---------------------------------------------------------------- caps


def _taken(*ago: timedelta, state: str = "sent", topic: str = "offers", kind: str = "marketing") -> ContactState:
    mails = [MessageFact("x", f"s{i}", "o", state, topic, kind, sending_at=START - a) for i, a in enumerate(ago)]
    return _contact(messages=mails)


@pytest.mark.parametrize(
    ("ago", "expected"),
    [((16 * HOUR,), Go()), ((16 * HOUR - MOMENT,), Skip("frequency_capped")), ((0 * HOUR,), Skip("frequency_capped"))],
)
def test_a_cap_is_a_rolling_window(ago: tuple[timedelta, ...], expected: Judgement) -> None:
    """(now - per, now]: what was sent exactly that long ago has left it (7)."""
    assert _ask(_content("{frequency_caps: [{at_most: 1, per: 16h}]}"), _taken(*ago)) == expected


@pytest.mark.parametrize("state", ["sending", "sent", "delivered", "bounced", "unknown"])
def test_whatever_may_have_reached_the_contact_uses_up_the_cap(state: str) -> None:
    """Also a bounce, and what nobody knows of."""
    content = _content("{frequency_caps: [{at_most: 1, per: 7d}]}")
    assert _ask(content, _taken(HOUR, state=state)) == Skip("frequency_capped")


def test_what_never_left_and_receipts_use_up_no_cap() -> None:
    """Rejected and failed messages, and transactional ones."""
    content = _content("{frequency_caps: [{at_most: 1, per: 7d}]}")
    assert _ask(content, _taken(HOUR, state="rejected")) == Go()
    assert _ask(content, _taken(HOUR, kind="transactional")) == Go()


def test_a_cap_of_a_topic_counts_that_topic_alone() -> None:
    """Several caps hold side by side."""
    content = _content("{frequency_caps: [{at_most: 3, per: 1d}, {at_most: 1, per: 7d, topic: offers}]}")
    assert _ask(content, _taken(2 * HOUR, 3 * HOUR, topic="other")) == Go()
    assert _ask(content, _taken(2 * HOUR)) == Skip("frequency_capped")
    assert _ask(content, _taken(2 * HOUR, 3 * HOUR, 4 * HOUR, topic="other")) == Skip("frequency_capped")
