"""Under a cap the campaign of the higher priority gets the mail, also where it brings the other about."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from journey_worlds import content_of
from ledger import PlainCompose
from shop import Shop

if TYPE_CHECKING:
    from lifecycle.base.clock import ManualClock
    from lifecycle.store.engine import Store

FIRST = """
campaign: first
stage: awareness
topic: offers
priority: 90
trigger: {event: Ping}
steps: [{emit: {event: Pong}}, {send: mail}]
"""
SECOND = """
campaign: second
stage: awareness
topic: offers
priority: PRIORITY
trigger: {event: Pong}
steps: [{send: mail}]
"""


@pytest.mark.parametrize(("priority", "gets"), [(10, "first"), (95, "second")])
def test_the_higher_priority_gets_the_mail_that_the_cap_allows(
    store: Store, clock: ManualClock, priority: int, gets: str
) -> None:
    """The first mail waits a moment for what its campaign brought about; the other waits for it."""
    content = content_of(
        FIRST, SECOND.replace("PRIORITY", str(priority)), policies="{frequency_caps: [{at_most: 1, per: 1d}]}"
    )
    shop = Shop(store, clock, content.files, compose=PlainCompose())
    shop.contact("sara")
    shop.work()
    clock.advance(timedelta(minutes=5))
    start = clock.now()
    shop.track("sara", "Ping")
    shop.run_until(start + timedelta(minutes=1))
    rows = {row.campaign: (row.state, row.reason) for row in shop.ledger()}
    assert rows.pop(gets) == ("sent", "")
    assert set(rows.values()) == {("skipped", "frequency_capped")}
