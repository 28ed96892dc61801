"""`lifecycle test`: each journey test is a rehearsal of one contact on a virtual clock, and a diff when it differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from lifecycle.audience.boundary import NOBODY
from lifecycle.audience.setting import wanted_tops
from lifecycle.audience.state import ConsentChange, ContactState
from lifecycle.base.units import Duration
from lifecycle.intake.facts import EventFact
from lifecycle.journey.contact import ContactTurn, World
from lifecycle.journey.enrol import Opening
from lifecycle.plan.rehearse import Rehearsal
from lifecycle.plan.rows import Row
from lifecycle.rewards.tiers import tier_of
from lifecycle.spec.journey_tests import Expected, Given, JourneyTest
from lifecycle.spec.model import Content, ManualTrigger, Rewards

#: Where a test without a start begins: a Sunday, ten in the morning of the project's zone.
ANY_DAY = datetime(2026, 11, 1, 10, 0)  # noqa: DTZ001 - the project's zone is put in
#: How far beyond its last event and mail a test looks for mails that nobody expected.
BEYOND = timedelta(days=120)
#: The last moment before a test, and when its contact said what it says of topics.
_BEFORE, _SAID = timedelta(microseconds=1), timedelta(days=1)

#: the run in which a test sends a campaign by hand
_RUN = "journey test"
_COLUMNS = ("email", "locale", "timezone")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one test. `diff` has a line for each mail: two blanks as expected, - missing, + unexpected."""

    test: JourneyTest
    passed: bool
    diff: tuple[str, ...] = field(default_factory=tuple)


def run_tests(tests: Iterable[JourneyTest], content: Content) -> list[Result]:
    """Return the result of each test, in their order."""
    return [run_test(test, content) for test in tests]


def run_test(test: JourneyTest, content: Content) -> Result:
    """Rehearse the test's contact through its campaign and compare the mails with those expected."""
    zone = ZoneInfo(content.project.timezone)
    start = test.given.start or ANY_DAY.replace(tzinfo=zone)
    state = contact_state(test.given, start, content.project.rewards)
    ends = [event.at for event in state.events] + [mail.at.after(start, zone) for mail in test.expect] + [start]
    # one contact alone is in no top share
    tops = dict.fromkeys(wanted_tops(content), NOBODY)
    world = World(content, lambda _hash: content, tops, only=test.campaign)
    # what the contact is before anything happens triggers nothing
    review_at = ContactTurn(world, state, (), start).settle(start - _BEFORE)
    rehearsal = Rehearsal(world, max(ends) + BEYOND, timed_after=start - _BEFORE)
    campaign = content.campaigns.get(test.campaign)
    by_hand = campaign is not None and isinstance(campaign.trigger, ManualTrigger)
    # what somebody sends by hand is sent as the test begins
    joining = [(campaign, Opening(start, _RUN, immediate=True))] if campaign is not None and by_hand else []
    rows = list(rehearsal.contact(state, after=start - _BEFORE, joining=joining, review_at=review_at))
    return _compare(test, rows, start, zone, str(state.email or ""))


def contact_state(given: Given, start: datetime, rewards: Rewards) -> ContactState:
    """Return the contact of a test as it stands at the start, with its events to come."""
    traits = dict(given.contact)
    said: Mapping[str, Any] = traits.pop("consent", {})
    columns = {name: traits.pop(name, None) for name in _COLUMNS}
    name = str(traits.pop("external_id", columns["email"] or "the contact"))
    consents = [ConsentChange(topic, _granted(word), start - _SAID) for topic, word in said.items()]
    events = [
        EventFact(number, event.event, event.at.after(start), event.properties, message_id=f"test:{number}")
        for number, event in enumerate(given.events, 1)
    ]
    events.sort(key=lambda event: event.order)
    points = given.points
    kept = {} if points is None else {"points.balance": points, "points.tier": tier_of(points, rewards)}
    return ContactState(
        id=1, identifier=name, created_at=start - _SAID, external_id=name, attributes=traits, consents=consents,
        events=events, kept=kept, **columns,
    )  # fmt: skip


def _granted(word: Any) -> bool:
    return bool(word.get("granted")) if isinstance(word, Mapping) else bool(word)


def _compare(test: JourneyTest, rows: Iterable[Row], start: datetime, zone: ZoneInfo, address: str) -> Result:
    sent = [row for row in rows if row.outcome == "sent"]
    skipped = [row for row in rows if row.outcome != "sent"]
    diff: list[str] = []
    passed = True
    for mail in test.expect:
        found = next((row for row in sent if _is(mail, row, start, zone, address)), None)
        if found is not None:
            sent.remove(found)
            diff.append(f"  {_line(found.at - start, mail.send)}")
            continue
        passed = False
        why = next((row for row in skipped if mail.send in {row.step, row.template}), None)
        note = f" (skipped: {why.reason} at {_offset(why.at - start)})" if why is not None else ""
        diff.append(f"- {_line(mail.at.after(start, zone) - start, mail.send)}{note}")
    for row in sent:
        passed = False
        diff.append(f"+ {_line(row.at - start, row.template)}")
    return Result(test, passed, tuple(diff))


def _is(mail: Expected, row: Row, start: datetime, zone: ZoneInfo, address: str) -> bool:
    if row.at != mail.at.after(start, zone) or mail.send not in {row.step, row.template}:
        return False
    if mail.to is not None and mail.to != address:
        return False
    return all(getattr(row, name, None) == value for name, value in mail.where.items())


def _line(after: timedelta, what: str) -> str:
    return f"{_offset(after):>8}  {what}"


def _offset(after: timedelta) -> str:
    return f"+{Duration(int(after.total_seconds()))}" if after else "+0m"
