"""Stays in segments: one open at a time, whatever happens within one instant."""

from __future__ import annotations

from datetime import datetime, timedelta

from audience_worlds import EPOCH, rolled_back
from sqlalchemy import Connection, select

from lifecycle.audience.stays import ContactStays, begin_stays, end_stays, load_stays
from lifecycle.base.units import Duration
from lifecycle.store.engine import Store
from lifecycle.store.tables import memberships

HOUR = timedelta(hours=1)


def _stored(connection: Connection) -> list[tuple[str, datetime, datetime | None]]:
    found = select(memberships.c.segment, memberships.c.entered_at, memberships.c.left_at)
    return [tuple(row) for row in connection.execute(found.order_by(*memberships.primary_key))]


def test_whoever_leaves_and_comes_back_within_an_instant_has_never_left(store: Store) -> None:
    """A frozen clock is an instant of any length: three events of one moment leave one open stay."""
    with rolled_back(store) as connection:
        begin_stays(connection, [(1, "vip", EPOCH, "import"), (1, "regular", EPOCH, "import")])
        end_stays(connection, [(1, EPOCH, "vip")])
        assert ("vip", EPOCH, EPOCH) in _stored(connection)
        begin_stays(connection, [(1, "vip", EPOCH, "Order Completed")])
        assert _stored(connection) == [("regular", EPOCH, None), ("vip", EPOCH, None)]


def test_the_end_of_a_stay_leaves_those_before_alone(store: Store) -> None:
    """And those of others, and of other segments."""
    with rolled_back(store) as connection:
        begin_stays(connection, [(1, "vip", EPOCH, "a"), (2, "vip", EPOCH, "a"), (1, "regular", EPOCH, "a")])
        end_stays(connection, [(1, EPOCH + HOUR, "vip")])
        begin_stays(connection, [(1, "vip", EPOCH + 2 * HOUR, "a")])
        end_stays(connection, [(1, EPOCH + 3 * HOUR, "vip")])
        assert _stored(connection) == [
            ("regular", EPOCH, None), ("vip", EPOCH, EPOCH + HOUR),
            ("vip", EPOCH + 2 * HOUR, EPOCH + 3 * HOUR), ("vip", EPOCH, None),
        ]  # fmt: skip


def test_a_stage_is_kept_from_the_latest_end_and_no_longer_than_it_keeps(store: Store) -> None:
    """By `stage:ID`; an end that lies further back, and that of a stage which keeps nobody, say nothing."""
    kept = {"stage:fan": Duration.parse("2h"), "stage:buyer": Duration.parse("9h")}
    with rolled_back(store) as connection:
        for began, ended, name in ((0, 1, "fan"), (2, 3, "fan"), (0, 1, "buyer"), (0, 3, "reader")):
            begin_stays(connection, [(1, f"stage:{name}", EPOCH + began * HOUR, "a")])
            end_stays(connection, [(1, EPOCH + ended * HOUR, f"stage:{name}")])
        begin_stays(connection, [(1, "vip", EPOCH, "a")])
        found = load_stays(connection, [1, 2], kept, EPOCH + 4 * HOUR)
        assert found[1] == ContactStays({"vip"}, {"stage:fan": EPOCH + 5 * HOUR, "stage:buyer": EPOCH + 10 * HOUR})
        assert found[2] == ContactStays()
        later = load_stays(connection, [1], kept, EPOCH + 6 * HOUR)
        assert later[1].kept == {"stage:buyer": EPOCH + 10 * HOUR}
