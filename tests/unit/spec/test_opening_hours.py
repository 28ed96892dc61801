"""When mail may leave, as `check` reckons it from the file: held against the policy that decides it at release."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lifecycle.audience.state import ContactState
from lifecycle.base.units import LocalWindow
from lifecycle.journey.policy import Skip, next_opening
from lifecycle.spec.model import (
    WEEKDAYS,
    Brand,
    Campaign,
    Content,
    LocalText,
    ManualTrigger,
    Policies,
    Project,
    QuietHours,
    Sender,
    SendWindow,
)
from lifecycle.spec.opening_hours import opening_hours
from lifecycle.spec.paths import Wall

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 30, 59]))
windows = st.builds(LocalWindow, times, times)
weekdays = st.lists(st.sampled_from(WEEKDAYS), max_size=3, unique=True).map(tuple)
send_windows = st.builds(
    SendWindow,
    st.sampled_from(["keep", "ignore"]),
    st.none() | windows,
    weekdays,
    st.sampled_from(["next", "skip"]),
)
quiet_hours = st.none() | st.builds(QuietHours, windows, st.sampled_from(["next", "skip"]))
SHOP = Project(
    "shop", Brand(LocalText("Shop"), "https://shop.example"), {"shop": Sender("a@shop.example", LocalText("Shop"))},
    "en", ("en",), "UTC", "SAR", (), (),
)  # fmt: skip


def made(window: SendWindow, quiet: QuietHours | None) -> tuple[Campaign, Content]:
    """Return a marketing campaign with that window in a project with those quiet hours."""
    campaign = Campaign("c", "awareness", ManualTrigger(), (), topic="offers", send_window=window)
    return campaign, Content(replace(SHOP, policies=Policies(quiet_hours=quiet)), {}, {"c": campaign}, {}, "v", {})


@given(send_windows, quiet_hours, times, weekdays)
def test_a_mail_is_held_for_as_long_as_the_policy_holds_it(
    window: SendWindow, quiet: QuietHours | None, at: time, days: tuple[str, ...]
) -> None:
    """On each weekday it may fall due: the same minutes, and skipped where the policy skips."""
    campaign, content = made(window, quiet)
    hours = opening_hours(campaign, content.project)
    wall = Wall(at, days)  # type: ignore[arg-type] # hypothesis knows no literals
    shown = [day for day in range(7) if not days or WEEKDAYS[day] in days]
    state = ContactState(1, "e@x.example", MONDAY, email="e@x.example", timezone="UTC")
    for day, (then, held) in zip(shown, hours.at(wall), strict=True):
        due = MONDAY + timedelta(days=day, hours=at.hour, minutes=at.minute)
        opening = next_opening(campaign, content, state, due)
        if hours.never:
            assert isinstance(opening, Skip)
        elif isinstance(opening, Skip):
            assert then == "skip"
        else:
            assert opening - due == timedelta(seconds=held)
            assert then == ("next" if held else "")
            assert held <= hours.longest_s


@given(send_windows, quiet_hours)
def test_never_open_means_that_no_minute_of_the_week_lets_mail_through(
    window: SendWindow, quiet: QuietHours | None
) -> None:
    """And the other way round: an open minute is one at which the policy says so."""
    campaign, content = made(window, quiet)
    hours = opening_hours(campaign, content.project)
    state = ContactState(1, "e@x.example", MONDAY, email="e@x.example", timezone="UTC")
    for minute in range(0, 7 * 1440, 29):
        due = MONDAY + timedelta(minutes=minute)
        assert (next_opening(campaign, content, state, due) == due) is not bool(hours.shut[minute])
    assert hours.never == all(hours.shut)
