"""Contacts to be looked at for time's sake: found when it is time, however often the instant was put off meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
from audience_worlds import BLANK, EPOCH, Person, rolled_back, store_people
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from lifecycle.audience.reviews import any_early, catch_up, due_reviews, keep_reviews
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts

PEOPLE = 3


def _at(hour: int) -> datetime:
    return EPOCH + timedelta(hours=hour)


def _people(connection: Connection) -> list[int]:
    return store_people(connection, [Person(BLANK) for _ in range(PEOPLE)])


def _due(connection: Connection, now: datetime) -> set[int]:
    return {row[0] for row in connection.execute(due_reviews(now))}


def _keep(connection: Connection, hours: Mapping[int, int | None]) -> None:
    stored = select(contacts.c.id, contacts.c.review_at).where(contacts.c.id.in_(hours))
    before = {row.id: row.review_at for row in connection.execute(stored)}
    rows = [(one, None if hour is None else _at(hour), None, None) for one, hour in hours.items()]
    keep_reviews(connection, rows, before)


def _wakes(connection: Connection) -> list[datetime | None]:
    return list(connection.execute(select(contacts.c.wake_at).order_by(contacts.c.id)).scalars())


_writes = st.tuples(st.integers(0, PEOPLE - 1), st.none() | st.integers(0, 30))
_steps = st.lists(st.one_of(_writes, st.integers(0, 30)), max_size=12)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_steps, until=st.integers(0, 30))
def test_whoever_is_due_is_found_before_and_after_others_catch_up(
    store: Store, steps: list[tuple[int, int | None] | int], until: int
) -> None:
    """Against a dictionary. After catching up nobody is left who would be found too early."""
    with rolled_back(store) as connection:
        ids = _people(connection)
        wanted: dict[int, int | None] = {}
        for step in steps:
            if isinstance(step, int):
                catch_up(connection, _at(step))
                continue
            who, hour = step
            _keep(connection, {ids[who]: hour})
            wanted[ids[who]] = hour
        due = {contact for contact, hour in wanted.items() if hour is not None and hour <= until}
        assert _due(connection, _at(until)) == due
        catch_up(connection, _at(until))
        assert _due(connection, _at(until)) == due
        assert not connection.execute(any_early(_at(until), PEOPLE)).scalar()


def test_what_is_put_off_is_written_where_it_is_found_only_when_it_comes(store: Store) -> None:
    """Three weekly orders move the instant three times, and the index knows the first until then."""
    with rolled_back(store) as connection:
        first, *_ = _people(connection)
        for hour in (10, 20, 30):
            _keep(connection, {first: hour})
            assert _wakes(connection)[0] == _at(10)
        assert not connection.execute(any_early(_at(9), PEOPLE)).scalar()
        assert connection.execute(any_early(_at(10), PEOPLE)).scalar()
        assert not connection.execute(due_reviews(_at(10))).all()
        catch_up(connection, _at(10))
        assert _wakes(connection)[0] == _at(30)
        _keep(connection, {first: 25})
        assert _wakes(connection)[0] == _at(25)


def test_nobody_waits_for_a_contact_that_another_holds(store: Store) -> None:
    """Whoever has his turn is passed over, and catches up at the next look."""
    if store.is_sqlite:
        pytest.skip("SQLite has one writer: nobody else is there")
    with store.write() as connection:
        ids = _people(connection)
        _keep(connection, dict.fromkeys(ids, 1))
        _keep(connection, dict.fromkeys(ids, 9))
    with store.write() as holding:
        held = select(contacts.c.id).where(contacts.c.id == ids[0]).with_for_update()
        holding.execute(held)
        with store.write() as connection:
            catch_up(connection, _at(2))
            assert _wakes(connection) == [_at(1), _at(9), _at(9)]
    with store.write() as connection:
        catch_up(connection, _at(2))
        assert _wakes(connection) == [_at(9)] * PEOPLE
