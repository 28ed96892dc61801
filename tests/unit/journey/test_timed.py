"""What time brings: each instant once, also when clocks change, and 29 February every year."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey_worlds import content_of
from lifecycle.audience.state import ContactState
from lifecycle.journey.timed import falls_on, is_for, slots
from lifecycle.spec.model import Campaign, Content, DateTrigger

HEAD = "campaign: timed\nstage: awareness\ntopic: offers\nreentry: always\ntrigger: TRIGGER\nsteps: [{send: a}]\n"
BORN = datetime(1990, 1, 1, tzinfo=UTC)


def _timed(trigger: str, extra: str = "", zone: str = "Asia/Riyadh") -> tuple[Campaign, Content]:
    content = content_of(HEAD.replace("TRIGGER", trigger) + extra)
    content = replace(content, project=replace(content.project, timezone=zone))
    return content.campaigns["timed"], content


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _instants(trigger: str, after: str, until: str, zone: str = "Asia/Riyadh", extra: str = "") -> list[str]:
    campaign, content = _timed(trigger, extra, zone)
    return [f"{slot.at:%Y-%m-%dT%H:%M}" for slot in slots(campaign, content, _at(after), _at(until))]


def _birthdays(born: str, zone: str | None, after: str, until: str, more: str = "") -> list[tuple[str, str]]:
    """Return (instant, occurrence) of the slots that are this contact's."""
    campaign, content = _timed(f"{{date: {{of: contact.birthday, every: year{more}}}}}")
    state = ContactState(1, "x", BORN, timezone=zone, attributes={"birthday": born})
    found = slots(campaign, content, _at(after), _at(until))
    return [(f"{slot.at:%Y-%m-%dT%H:%M}", slot.occurrence) for slot in found if is_for(slot, campaign, state, content)]


@pytest.mark.parametrize(
    ("zone", "after", "until", "expected"),
    [
        # 01:30 does not exist on the day that clocks go forward, and comes twice on the day that they go back
        ("Europe/London", "2026-03-28T12:00Z", "2026-03-30T12:00Z", ["2026-03-29T01:00", "2026-03-30T00:30"]),
        ("Europe/London", "2026-10-24T12:00Z", "2026-10-26T12:00Z", ["2026-10-25T00:30", "2026-10-26T01:30"]),
        ("America/New_York", "2026-10-31T12:00Z", "2026-11-02T12:00Z", ["2026-11-01T05:30", "2026-11-02T06:30"]),
        ("Africa/Cairo", "2026-10-29T12:00Z", "2026-10-31T12:00Z", ["2026-10-29T23:30", "2026-10-30T23:30"]),
        ("Asia/Riyadh", "2026-10-29T12:00Z", "2026-10-31T12:00Z", ["2026-10-29T22:30", "2026-10-30T22:30"]),
    ],
)
def test_a_schedule_comes_once_a_day_whatever_clocks_do(zone: str, after: str, until: str, expected: list[str]) -> None:
    """Cron in the project's zone (8)."""
    assert _instants('{schedule: "30 1 * * *"}', after, until, zone) == expected


def test_slots_are_those_after_the_mark_up_to_and_including_now() -> None:
    """So two looks that meet at an instant see it once."""
    first = _instants('{schedule: "0 9 * * 1"}', "2026-11-01T00:00Z", "2026-11-02T06:00Z")
    second = _instants('{schedule: "0 9 * * 1"}', "2026-11-02T06:00Z", "2026-11-09T06:00Z")
    assert (first, second) == (["2026-11-02T06:00"], ["2026-11-09T06:00"])


def test_nothing_comes_before_starts_or_from_ends_on() -> None:
    """The campaign's dates hold for slots too."""
    extra = "starts: 2026-11-02T06:00:00Z\nends: 2026-11-04T06:00:00Z\n"
    found = _instants('{schedule: "0 9 * * *"}', "2026-10-30T00:00Z", "2026-11-30T00:00Z", extra=extra)
    assert found == ["2026-11-02T06:00", "2026-11-03T06:00"]


def test_a_broadcast_by_the_contacts_clock_comes_to_each_zone_once() -> None:
    """Nine in the morning from Kiritimati to Niue, each zone in one slot."""
    campaign, content = _timed("{at: 2026-12-01T09:00, timezone: contact}")
    found = slots(campaign, content, _at("2026-11-01T00:00Z"), _at("2026-12-31T00:00Z"))
    assert (found[0].at, found[-1].at) == (_at("2026-11-30T19:00Z"), _at("2026-12-01T21:00Z"))
    counts = Counter(zone for slot in found for zone in slot.zones or ())
    assert set(counts.values()) == {1}
    assert {"Asia/Riyadh", "Europe/London", "America/New_York"} <= set(counts)
    assert _instants("{at: 2026-12-01T09:00}", "2026-11-01T00:00Z", "2026-12-31T00:00Z") == ["2026-12-01T06:00"]


def test_a_leap_day_is_kept_on_the_28th() -> None:
    """2027 has none; 2028 has (8)."""
    assert _birthdays("2000-02-29", "Asia/Riyadh", "2027-01-01T00:00Z", "2028-12-31T00:00Z") == [
        ("2027-02-28T06:00", "2027"), ("2028-02-29T06:00", "2028"),
    ]  # fmt: skip


def test_an_anniversary_comes_at_the_contacts_own_time_and_keeps_its_year_across_new_year() -> None:
    """A week before 3 January is in the old year, and the occurrence is that of the birthday."""
    found = _birthdays("1990-01-03", "America/New_York", "2026-12-01T00:00Z", "2027-01-31T00:00Z", ", offset: -7d")
    assert found == [("2026-12-27T14:00", "2027")]
    assert _birthdays("1990-06-01", "Mars/Olympus", "2026-05-01T00:00Z", "2026-07-01T00:00Z", ', at: "07:30"') == [
        ("2026-06-01T04:30", "2026")
    ]


@pytest.mark.parametrize("value", ["", "soon", "1990-13-01", None, 17, {}, "2030-05-05"])
def test_what_is_no_date_or_lies_ahead_has_no_anniversary(value: object) -> None:
    """Whatever stands in the attribute."""
    campaign, content = _timed("{date: {of: contact.birthday, every: year}}")
    state = ContactState(1, "x", BORN, attributes={"birthday": value})
    found = slots(campaign, content, _at("2026-01-01T00:00Z"), _at("2027-01-01T00:00Z"))
    assert not [slot for slot in found if is_for(slot, campaign, state, content)]


@settings(max_examples=20)
@given(
    born=st.dates(date(1950, 1, 1), date(2020, 12, 31)),
    zone=st.sampled_from(["Asia/Riyadh", "Africa/Cairo", "America/New_York", "Europe/London", None]),
    offset=st.sampled_from(["-7d", "0d", "3h", "1mo", "-1mo", "26h"]),
)
def test_every_birthday_comes_once_a_year(born: date, zone: str | None, offset: str) -> None:
    """Any offset, over thirteen months and more: one slot for each year of the birthday, about a year apart."""
    found = _birthdays(born.isoformat(), zone, "2027-07-01T00:00Z", "2028-08-10T00:00Z", f", offset: {offset}")
    assert len(found) in {1, 2}
    assert len({year for _, year in found}) == len(found)
    instants = [datetime.fromisoformat(at) for at, _ in found]
    assert all(timedelta(days=361) < later - earlier < timedelta(days=370) for earlier, later in pairwise(instants))


def test_a_monthly_date_is_kept_on_the_last_day_of_short_months() -> None:
    """The 31st is the 30th in April and the 28th in February."""
    trigger = DateTrigger("contact", ("since",), "month")
    days = [date(2026, 2, 27) + timedelta(days=number) for number in range(100)]
    kept = [f"{day:%m-%d}" for day in days if falls_on(date(2025, 1, 31), day, trigger)]
    assert kept == ["02-28", "03-31", "04-30", "05-31"]
