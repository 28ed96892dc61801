"""Conditions about mails that were sent: the journey hears of it, in earnest and in rehearsal alike."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlmodel import SQLModel

from lifecycle.audience.membership import Refreshed, refresh
from lifecycle.base.clock import ManualClock
from lifecycle.intake.messages import accept
from lifecycle.journey.advance import advance
from lifecycle.plan.simulate import simulate
from lifecycle.store.engine import Store
from lifecycle.store.tables import inbox, memberships
from shop import KEY, Shop, content_of, sample_files

GREETED = """
segment: greeted
label: {en: Greeted, ar: حُيّوا}
where: {message: {campaign: welcome, is: sent}}
"""
ECHO = """
campaign: echo
stage: awareness
topic: offers
trigger: {segment_entered: greeted}
send_window: {quiet_hours: ignore}
steps: [{send: welcome/hello}]
"""


FILES = {**sample_files(), "segments/greeted.yaml": GREETED, "campaigns/echo.yaml": ECHO}


def test_a_segment_of_those_who_were_sent_a_mail_is_entered_when_it_was_sent(store: Store, clock: ManualClock) -> None:
    """The mail sets off a campaign of its own, and a rebuild finds nothing that was missed."""
    shop = Shop(store, clock, FILES)
    shop.contact("sara")
    shop.track("sara", "Signed Up")
    shop.work()
    assert [(who, step) for _, who, step in shop.sent()] == [("sara", "welcome/hello"), ("sara", "welcome/hello")]
    assert [entry.campaign for entry in shop.entries("echo")] == ["echo"]
    with store.write() as connection:
        stays = select(func.count()).where(memberships.c.segment == "greeted", memberships.c.left_at.is_(None))
        assert connection.execute(stays).scalar_one() == 1
        assert refresh(connection, shop.content, clock.now(), "rebuild") == Refreshed()


def test_a_rehearsal_hears_of_it_too(tmp_path: Path, clock: ManualClock) -> None:
    """The same campaign in virtual time."""
    content = content_of(FILES)
    store = Store(f"sqlite:///{tmp_path / 'replay.db'}")
    SQLModel.metadata.create_all(store.engine)
    common = {"userId": "sara", "timestamp": clock.now().isoformat()}
    consent = {"offers": {"granted": True, "at": common["timestamp"], "source": "form", "text": "yes"}}
    told = {"type": "identify", **common, "traits": {"email": "sara@example.com", "consent": consent}}
    signed_up = {"type": "track", **common, "event": "Signed Up", "messageId": "1", "properties": {}}
    assert not accept(store, [told, signed_up], clock=clock, content=content, live=False).rejected
    found = simulate(store, content, clock.now(), clock.now() + timedelta(hours=1), replay=True)
    assert [(row.campaign, row.outcome) for row in found.rows] == [("echo", "sent"), ("welcome", "sent")]
    store.close()


@pytest.mark.parametrize(("files", "left"), [(sample_files(), 0), (FILES, 1)], ids=["nothing asks", "a segment asks"])
def test_who_was_mailed_is_looked_at_again_only_where_a_condition_asks_of_it(
    store: Store, clock: ManualClock, files: dict[str, str], left: int
) -> None:
    """A mail to a million leaves no million rows to look at for nothing."""
    shop = Shop(store, clock, files)
    shop.contact("sara")
    shop.track("sara", "Signed Up")
    while advance(store, shop.versions, KEY, clock.now()).contacts:
        pass
    shop.work_mails()
    assert len(shop.sent()) == 1
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(inbox)).scalar_one() == left
