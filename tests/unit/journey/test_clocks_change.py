"""Nights in which clocks change, lived through by the whole engine: everything comes once, at the instants given here.

Each life is lived twice, on a real store with a clock that is moved by hand and as a rehearsal, and both must agree.
Instants are UTC and were counted by hand from the tz database's rules for 2026. London goes forward on 29 March and
back on 25 October, both at 01:00; New York on 8 March at 07:00 and on 1 November at 06:00; Cairo as 24 April begins
(22:00 of the 23rd) and as 29 October ends (21:00, so that it is eleven twice there). Riyadh never does.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from journey_worlds import content_of
from ledger import PlainCompose
from lifecycle.base.clock import ManualClock
from lifecycle.intake.messages import accept
from lifecycle.journey.broadcasts import open_due
from lifecycle.journey.timed import is_timed
from lifecycle.plan.simulate import simulate
from lifecycle.store.engine import Store
from shop import KEY, Shop
from shop import content_of as checked

#: How often the scheduler looks: on the hour and on the half, so that nothing is late.
TICK = timedelta(minutes=30)
HEAD = """
campaign: CAMPAIGN
stage: awareness
topic: offers
reentry: always
trigger: TRIGGER
steps:
"""


@dataclass(frozen=True, kw_only=True)
class Night:
    """A night in which clocks of a zone change, and what must come of it. Instants are UTC."""

    zone: str
    #: a time of day that the change skips, or shows twice, and the local day on which it does
    wall: str
    day: str
    #: twelve o'clock on the day before, 24 hours after it, and the same day of the next month at twelve o'clock
    noon: str
    day_later: str
    month_later: str
    #: when somebody who waits for the wall time from that noon goes on, and the next time
    waits: tuple[str, str]
    #: when a cron line of that time comes: on the day before, in the night, on the day after
    cron: tuple[str, str, str]
    #: ten o'clock of the evening before (nine in Cairo, where eleven comes twice)
    evening: str
    #: ten past in the hour that comes again, and when the wall time is shown again; None where no hour does
    again: tuple[str, str] | None = None

    @property
    def begins(self) -> str:
        """Return where the life begins: before the first cron line."""
        return _text(_utc(self.cron[0]) - TICK)

    @property
    def ends(self) -> str:
        """Return where the life ends: after the last cron line, also had it come an hour late."""
        return _text(_utc(self.cron[-1]) + 3 * TICK)


FORWARD = {
    # 01:30 is skipped and becomes 02:30 of summer time
    "London": Night(
        zone="Europe/London", wall="01:30", day="2026-03-29", noon="2026-03-28T12:00",
        day_later="2026-03-29T12:00", month_later="2026-04-28T11:00", waits=("2026-03-29T01:30", "2026-03-30T00:30"),
        cron=("2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"), evening="2026-03-28T22:00",
    ),
    # 02:30 is skipped and becomes 03:30 of summer time
    "New York": Night(
        zone="America/New_York", wall="02:30", day="2026-03-08", noon="2026-03-07T17:00",
        day_later="2026-03-08T17:00", month_later="2026-04-07T16:00", waits=("2026-03-08T07:30", "2026-03-09T06:30"),
        cron=("2026-03-07T07:30", "2026-03-08T07:00", "2026-03-09T06:30"), evening="2026-03-08T03:00",
    ),
    # 00:30 of the 24th is skipped and becomes 01:30 of summer time
    "Cairo": Night(
        zone="Africa/Cairo", wall="00:30", day="2026-04-24", noon="2026-04-23T10:00",
        day_later="2026-04-24T10:00", month_later="2026-05-23T09:00", waits=("2026-04-23T22:30", "2026-04-24T21:30"),
        cron=("2026-04-22T22:30", "2026-04-23T22:00", "2026-04-24T21:30"), evening="2026-04-23T20:00",
    ),
    # the night of London's change, in which nothing happens here; nor does it in autumn
    "Riyadh": Night(
        zone="Asia/Riyadh", wall="01:30", day="2026-03-29", noon="2026-03-28T09:00",
        day_later="2026-03-29T09:00", month_later="2026-04-28T09:00", waits=("2026-03-28T22:30", "2026-03-29T22:30"),
        cron=("2026-03-27T22:30", "2026-03-28T22:30", "2026-03-29T22:30"), evening="2026-03-28T19:00",
    ),
}  # fmt: skip
BACK = {
    # 01:30 comes at 00:30 and again at 01:30 UTC
    "London": Night(
        zone="Europe/London", wall="01:30", day="2026-10-25", noon="2026-10-24T11:00",
        day_later="2026-10-25T11:00", month_later="2026-11-24T12:00", waits=("2026-10-25T00:30", "2026-10-26T01:30"),
        cron=("2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"), evening="2026-10-24T21:00",
        again=("2026-10-25T01:10", "2026-10-25T01:30"),
    ),
    # 01:30 comes at 05:30 and again at 06:30 UTC; a month after 31 October is 30 November
    "New York": Night(
        zone="America/New_York", wall="01:30", day="2026-11-01", noon="2026-10-31T16:00",
        day_later="2026-11-01T16:00", month_later="2026-11-30T17:00", waits=("2026-11-01T05:30", "2026-11-02T06:30"),
        cron=("2026-10-31T05:30", "2026-11-01T05:30", "2026-11-02T06:30"), evening="2026-11-01T02:00",
        again=("2026-11-01T06:10", "2026-11-01T06:30"),
    ),
    # 23:30 of the 29th comes at 20:30 and again at 21:30 UTC
    "Cairo": Night(
        zone="Africa/Cairo", wall="23:30", day="2026-10-29", noon="2026-10-29T09:00",
        day_later="2026-10-30T09:00", month_later="2026-11-29T10:00", waits=("2026-10-29T20:30", "2026-10-30T21:30"),
        cron=("2026-10-28T20:30", "2026-10-29T20:30", "2026-10-30T21:30"), evening="2026-10-29T18:00",
        again=("2026-10-29T21:10", "2026-10-29T21:30"),
    ),
}  # fmt: skip
NIGHTS = [
    pytest.param(night, id=f"{name}, {season}")
    for season, nights in (("forward", FORWARD), ("back", BACK))
    for name, night in nights.items()
]
ZONES = {"london": "Europe/London", "york": "America/New_York", "cairo": "Africa/Cairo", "riyadh": "Asia/Riyadh"}

#: Who did what when: (contact, event, instant).
Event = tuple[str, str, str]
#: What was sent: (instant, contact, step).
Mail = tuple[str, str, str]
Live = Callable[..., list[Mail]]


@pytest.fixture
def live(tmp_path: Path, sqlite_tables: Path) -> Iterator[Live]:
    """Yield what lives through some days twice, and returns the mails on which both lives agree."""
    stores = [Store(f"sqlite:///{shutil.copy(sqlite_tables, tmp_path / name)}") for name in ("real.db", "rehearsal.db")]

    def both(
        campaigns: Sequence[str], contacts: Mapping[str, Mapping[str, Any]], start: str, end: str,
        events: Sequence[Event] = (), *, policies: str = "{}", project_zone: str = "Asia/Riyadh",
    ) -> list[Mail]:  # fmt: skip
        files = dict(content_of(*campaigns, policies=policies).files)
        files["lifecycle.yaml"] = files["lifecycle.yaml"].replace("timezone: Asia/Riyadh", f"timezone: {project_zone}")
        log = [
            {"type": "identify", "userId": name, "messageId": name, "timestamp": f"{start}Z",
             "traits": {"email": f"{name}@example.com", **traits}}
            for name, traits in contacts.items()
        ] + [
            {"type": "track", "userId": name, "event": event, "messageId": f"{name}-{number}", "timestamp": f"{at}Z",
             "properties": {}}
            for number, (name, event, at) in enumerate(events)
        ]  # fmt: skip
        real = _really(stores[0], files, log, _utc(start), _utc(end))
        assert _rehearsed(stores[1], files, log, _utc(start), _utc(end)) == real
        return real

    yield both
    for store in stores:
        store.close()


def _really(
    store: Store, files: Mapping[str, str], log: Sequence[Mapping[str, Any]], start: datetime, end: datetime
) -> list[Mail]:
    clock = ManualClock(start)
    shop = Shop(store, clock, files, PlainCompose())
    arrivals = [(_utc(message["timestamp"]), message) for message in log]
    for at, message in arrivals:
        shop.run_until(at)
        shop.post(message)
    while any(is_timed(campaign.trigger) for campaign in shop.content.campaigns.values()) and clock.now() < end:
        if open_due(store, shop.versions, KEY, clock.advance(TICK)):
            shop.work()
    shop.run_until(end)
    return sorted((_text(at), name, step) for at, name, step in shop.sent())


def _rehearsed(
    store: Store, files: Mapping[str, str], log: Sequence[Mapping[str, Any]], start: datetime, end: datetime
) -> list[Mail]:
    content = checked(files)
    accept(store, log, clock=ManualClock(end), content=content, live=False)
    rows = simulate(store, content, start, end + timedelta(seconds=1), replay=True).rows
    return sorted((_text(row.at), row.contact, row.step) for row in rows if row.outcome == "sent")


@pytest.mark.parametrize("night", NIGHTS)
def test_a_day_is_24_hours_and_a_month_is_on_the_calendar(live: Live, night: Night) -> None:
    """`wait: 1d` is exact, whatever clocks show then; `wait: 1mo` ends at the same time of day a month later."""
    campaigns = [_campaign("{event: Ping}", f"wait: {long}; send: a{long}", f"after-{long}") for long in ("1d", "1mo")]
    found = live(
        campaigns, {"sara": {"timezone": night.zone}}, night.begins, night.month_later, [("sara", "Ping", night.noon)]
    )
    assert found == [(night.day_later, "sara", "a1d"), (night.month_later, "sara", "a1mo")]


@pytest.mark.parametrize("night", NIGHTS)
def test_a_wait_until_a_time_that_is_skipped_or_comes_twice_ends_once(live: Live, night: Night) -> None:
    """Half an hour after the first it waits for that time again: the second showing of the night is not one."""
    until = f"wait: {{until: '{night.wall}'}}"
    steps = f"{until}; send: first; wait: 30m; {until}; send: second"
    found = live(
        [_campaign("{event: Ping}", steps)],
        {"sara": {"timezone": night.zone}},
        night.begins,
        night.ends,
        [("sara", "Ping", night.noon)],
    )
    assert found == [(night.waits[0], "sara", "first"), (night.waits[1], "sara", "second")]


@pytest.mark.parametrize("night", NIGHTS)
def test_quiet_hours_that_end_in_the_change_end(live: Live, night: Night) -> None:
    """A mail of the evening leaves when the night first ends; one of the hour that comes again, when it ends again."""
    events = [("sara", "Ping", night.evening)]
    expected = [(night.waits[0], "sara", "a")]
    if night.again is not None:
        events.append(("sara", "Ping", night.again[0]))
        expected.append((night.again[1], "sara", "a"))
    policies = f"{{quiet_hours: {{from: '20:00', to: '{night.wall}'}}}}"
    found = live(
        [_campaign("{event: Ping}", "send: a")],
        {"sara": {"timezone": night.zone}},
        night.begins,
        night.ends,
        events,
        policies=policies,
    )
    assert found == expected


@pytest.mark.parametrize("night", NIGHTS)
def test_a_schedule_comes_once_a_day(live: Live, night: Night) -> None:
    """Cron in the project's zone; a time that is skipped comes just after the gap."""
    hour, minute = night.wall.split(":")
    campaign = _campaign(f'{{schedule: "{int(minute)} {int(hour)} * * *"}}', "send: a")
    # the contact lives elsewhere: its own clock does not matter
    found = live(
        [campaign], {"sara": {"timezone": "Pacific/Kiritimati"}}, night.begins, night.ends, project_zone=night.zone
    )
    assert found == [(at, "sara", "a") for at in night.cron]


@pytest.mark.parametrize("night", NIGHTS)
def test_a_broadcast_and_a_birthday_in_the_night_come_once(live: Live, night: Night) -> None:
    """`at` by the contact's clock, and a birthday at that time of the day."""
    broadcast = _campaign(f"{{at: {night.day}T{night.wall}, timezone: contact}}", "send: sale", "sale")
    birthday = _campaign(
        f"{{date: {{of: contact.birthday, every: year, at: '{night.wall}'}}}}", "send: wishes", "birthday"
    )
    sara = {"timezone": night.zone, "birthday": f"1990{night.day[4:]}"}
    found = live([broadcast, birthday], {"sara": sara}, night.noon, night.day_later)
    assert found == [(night.waits[0], "sara", "sale"), (night.waits[0], "sara", "wishes")]


@pytest.mark.parametrize(
    ("day", "wall", "riyadh", "cairo", "london", "york"),
    [
        # London skips it; New York has changed already, Cairo will
        ("2026-03-29", "01:30", "2026-03-28T22:30", "2026-03-28T23:30", "2026-03-29T01:30", "2026-03-29T05:30"),
        # London shows it twice; Cairo and New York are still in summer time
        ("2026-10-25", "01:30", "2026-10-24T22:30", "2026-10-24T22:30", "2026-10-25T00:30", "2026-10-25T05:30"),
        # New York skips it, and nobody else has changed
        ("2026-03-08", "02:30", "2026-03-07T23:30", "2026-03-08T00:30", "2026-03-08T02:30", "2026-03-08T07:30"),
        # Cairo shows it twice; London has gone back, New York has not
        ("2026-10-29", "23:30", "2026-10-29T20:30", "2026-10-29T20:30", "2026-10-29T23:30", "2026-10-30T03:30"),
    ],
)
def test_one_broadcast_reaches_four_zones_once_each(
    live: Live, day: str, wall: str, riyadh: str, cairo: str, london: str, york: str
) -> None:
    """At the same time of four clocks, in the night in which one of them changes."""
    people = {name: {"timezone": zone} for name, zone in ZONES.items()}
    start, end = _utc(riyadh) - 3 * TICK, _utc(york) + 3 * TICK
    campaign = _campaign(f"{{at: {day}T{wall}, timezone: contact}}", "send: sale")
    found = live([campaign], people, _text(start), _text(end))
    expected = [
        (riyadh, "riyadh", "sale"),
        (cairo, "cairo", "sale"),
        (london, "london", "sale"),
        (york, "york", "sale"),
    ]
    assert found == sorted(expected)


@pytest.mark.parametrize(
    ("day", "start", "end"),
    [("2027-02-28", "2027-02-28T02:00", "2027-03-01T15:00"), ("2028-02-29", "2028-02-28T05:00", "2028-03-01T15:00")],
)
def test_a_leap_day_birthday_comes_once_in_every_year(live: Live, day: str, start: str, end: str) -> None:
    """At nine of each contact's clock: on the 28th in a common year, on the 29th in a leap year (8)."""
    people = {name: {"timezone": zone, "birthday": "2000-02-29"} for name, zone in ZONES.items()}
    campaign = _campaign("{date: {of: contact.birthday, every: year}}", "send: wishes")
    found = live([campaign], people, start, end)
    assert found == [
        (f"{day}T06:00", "riyadh", "wishes"), (f"{day}T07:00", "cairo", "wishes"),
        (f"{day}T09:00", "london", "wishes"), (f"{day}T14:00", "york", "wishes"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("long", "begun", "over"),
    [
        ("1mo", "2027-01-31T09:00", "2027-02-28T09:00"),
        ("1mo", "2028-01-31T09:00", "2028-02-29T09:00"),
        ("1y", "2028-02-29T09:00", "2029-02-28T09:00"),
        ("365d", "2028-02-29T09:00", "2029-02-28T09:00"),
        ("365d", "2027-02-28T09:00", "2028-02-28T09:00"),
    ],
)
def test_a_wait_across_a_leap_day_ends_once(live: Live, long: str, begun: str, over: str) -> None:
    """Months and years by the calendar, days by the clock."""
    found = live(
        [_campaign("{event: Ping}", f"wait: {long}; send: a")], {"sara": {}}, begun, over, [("sara", "Ping", begun)]
    )
    assert found == [(over, "sara", "a")]


def _text(at: datetime) -> str:
    """Return the instant as the tables here write it; its seconds only where it has any."""
    return at.astimezone(UTC).isoformat().removesuffix("+00:00").removesuffix(":00")


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)


def _campaign(trigger: str, steps: str, name: str = "night") -> str:
    head = HEAD.replace("CAMPAIGN", name).replace("TRIGGER", trigger)
    return head + "".join(f"  - {step}\n" for step in steps.split("; "))
