"""Putting content into force: what becomes of the people inside, and that no edit sends a step twice."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from lifecycle.plan.apply import apply
from lifecycle.store.tables import applications, decisions, memberships, versions
from shop import Shop, with_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lifecycle.base.clock import ManualClock
    from lifecycle.store.engine import Store

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OLD = """
campaign: edited
stage: awareness
topic: offers
on_change: HOW
trigger: {event: Signed Up}
send_window: {quiet_hours: ignore}
steps:
  - send: welcome/hello
  - {wait: 2d, id: pause}
  - send: welcome/fit
"""
NEW = """
campaign: edited
stage: awareness
topic: offers
on_change: HOW
trigger: {event: Signed Up}
send_window: {quiet_hours: ignore}
steps:
  - {send: newsletter/issue, id: new-first}
  - send: welcome/hello
  - {wait: 5d, id: pause}
  - send: welcome/fit
  - {send: newsletter/issue, id: new-last}
"""


def _files(text: str, how: str = "keep") -> Mapping[str, str]:
    return with_file("campaigns/edited.yaml", text.replace("HOW", how))


def _quiet_shop(store: Store, clock: ManualClock, how: str = "keep") -> Shop:
    shop = Shop(store, clock, _without_caps(_files(OLD, how)))
    shop.contact("sara")
    shop.track("sara", "Signed Up")
    shop.work()
    clock.advance(DAY)
    return shop


def _without_caps(files: Mapping[str, str]) -> Mapping[str, str]:
    """Leave out the sample project's other welcome and its caps, so that only the edit shows."""
    lines = files["lifecycle.yaml"].splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if line.startswith("policies:"))
    end = next(
        number for number in range(start + 1, len(lines)) if lines[number][:1].strip() and lines[number][0] != "#"
    )
    kept = {path: text for path, text in files.items() if path != "campaigns/welcome.yaml"}
    return {**kept, "lifecycle.yaml": "".join(lines[:start] + lines[end:])}


def _steps(shop: Shop) -> list[str]:
    return [row.step for row in shop.ledger(campaign="edited") if row.state == "sent"]


@pytest.mark.parametrize(
    ("how", "steps", "last_at"),
    [
        ("keep", ["welcome/hello", "welcome/fit"], 2 * DAY),
        ("migrate", ["welcome/hello", "welcome/fit", "new-last"], 2 * DAY),
        ("restart", ["welcome/hello", "new-first", "welcome/fit", "new-last"], DAY + 5 * DAY),
        ("exit", ["welcome/hello"], 0 * DAY),
    ],
)
def test_an_edit_does_to_those_inside_what_it_says(
    store: Store, clock: ManualClock, how: str, steps: list[str], last_at: timedelta
) -> None:
    """And never sends one step twice to one occurrence, also when the steps begin again (9)."""
    start = clock.now()
    shop = _quiet_shop(store, clock)
    shop.apply(_without_caps(_files(NEW, how)))
    shop.run_until(start + 30 * DAY)
    assert _steps(shop) == steps
    assert shop.sent()[-1][0] - start == last_at
    assert len(Counter(row.step for row in shop.ledger(campaign="edited"))) == len(shop.ledger(campaign="edited"))


def test_a_step_that_is_gone_ends_whoever_stood_at_it(store: Store, clock: ManualClock) -> None:
    """`migrate` goes by the step's id; there is no place to go on from. The decision says so."""
    shop = _quiet_shop(store, clock)
    shop.apply(_without_caps(_files(NEW.replace("id: pause", "id: other"), "migrate")))
    [entry] = shop.entries("edited")
    assert (entry.state, entry.reason) == ("exited", "step_removed")
    with store.read() as connection:
        told = connection.execute(select(decisions).where(decisions.c.enrolment_id == entry.id)).all()
    assert [(row.decision, row.reason) for row in told][-1] == ("exited", "step_removed")


def test_migrating_goes_by_the_version_a_contact_is_pinned_to(store: Store, clock: ManualClock) -> None:
    """Two edits: the first is kept, so positions are still those of the version before it."""
    start = clock.now()
    shop = _quiet_shop(store, clock)
    shop.apply(_without_caps(_files(NEW, "keep")))
    shop.apply(_without_caps(_files(NEW.replace("wait: 5d", "wait: 6d"), "migrate")))
    shop.run_until(start + 30 * DAY)
    assert _steps(shop) == ["welcome/hello", "welcome/fit", "new-last"]


def test_a_step_that_became_another_kind_under_its_id_begins(store: Store, clock: ManualClock) -> None:
    """The wait became a mail: whoever waited gets it at once, and goes on from there."""
    shop = _quiet_shop(store, clock)
    changed = OLD.replace("- {wait: 2d, id: pause}", "- {send: newsletter/issue, id: pause}")
    shop.apply(_without_caps(_files(changed, "migrate")))
    shop.work()
    assert _steps(shop) == ["welcome/hello", "pause", "welcome/fit"]


@pytest.mark.parametrize("edit", ["removed", "draft"])
def test_a_campaign_that_is_removed_or_drafted_ends_and_cancels_what_waits(
    store: Store, clock: ManualClock, edit: str
) -> None:
    """Enrolments and queued mails, reason campaign_ended; when it comes back, nobody is mailed the rest (9)."""
    from lifecycle.journey.advance import advance

    shop = Shop(store, clock, _without_caps(_files(OLD)))
    shop.contact("sara")
    shop.track("sara", "Signed Up")
    advance(store, shop.versions, b"a key of tests, long enough", clock.now())
    files = dict(_without_caps(_files(OLD)))
    if edit == "removed":
        del files["campaigns/edited.yaml"]
    else:
        files["campaigns/edited.yaml"] += "status: draft\n"
    shop.apply(files)
    assert [(row.state, row.reason) for row in shop.ledger()] == [("cancelled", "campaign_ended")]
    assert [(row.state, row.reason) for row in shop.entries("edited")] == [("exited", "campaign_ended")]
    shop.apply(_without_caps(_files(OLD)))
    shop.run_until(clock.now() + 9 * DAY)
    assert shop.sent() == []


def test_rolling_back_is_applying_the_older_version(store: Store, clock: ManualClock) -> None:
    """The version is stored once, the application twice; whoever entered in between goes on as they entered."""
    shop = _quiet_shop(store, clock)
    old = shop.content
    shop.apply(_without_caps(_files(NEW)))
    shop.contact("new")
    shop.track("new", "Signed Up")
    shop.work()
    done = apply(store, old, shop.content, clock.now())
    shop.content = old
    assert (done.version, done.inside["kept"]) == (old.hash, 2)
    shop.run_until(clock.now() + 9 * DAY)
    got = Counter(contact for _, contact, _ in shop.sent())
    assert got == {"sara": 2, "new": 4}
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(versions)).scalar() == 2
        assert connection.execute(select(func.count()).select_from(applications)).scalar() == 3


def test_applying_what_is_in_force_changes_nothing(store: Store, clock: ManualClock) -> None:
    """Not even an application is written."""
    shop = _quiet_shop(store, clock)
    assert not apply(store, shop.content, shop.content, clock.now()).changed
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(applications)).scalar() == 1


def test_memberships_that_an_apply_changes_trigger_nothing(store: Store, clock: ManualClock) -> None:
    """A new segment that somebody is in, and a campaign on entering it (11)."""
    shop = _quiet_shop(store, clock)
    text = OLD.replace("campaign: edited", "campaign: fresh").replace("{event: Signed Up}", "{segment_entered: fresh}")
    segment = "segment: fresh\nlabel: Fresh\nwhere: {event: Signed Up}\n"
    files = {**_without_caps(_files(OLD)), "campaigns/fresh.yaml": text.replace("HOW", "keep")}
    shop.apply({**files, "segments/fresh.yaml": segment})
    shop.work()
    assert shop.entries("fresh") == []
    with store.read() as connection:
        stays = connection.execute(select(memberships).where(memberships.c.segment == "fresh")).all()
    assert [row.cause for row in stays] == ["apply"]
