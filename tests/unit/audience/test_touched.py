"""Imports that die between what they store and their refresh: somebody makes up for it, and nothing is triggered."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from lifecycle.audience import touched as audience_touched
from lifecycle.audience.membership import Refreshed, refresh
from lifecycle.audience.touched import SILENT, is_left_alone, refresh_touched
from lifecycle.base.clock import ManualClock
from lifecycle.intake.messages import accept
from lifecycle.intake.news import News
from lifecycle.intake.touched import leave_touched, take_touched
from lifecycle.runtime import TOUCHED_S, Runtime
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts, enrolments, memberships, messages, stage_transitions, touched
from lifecycle.wiring import Engine, Settings
from shop import content_of, sample_files
from terminal import SECRET, event, person, shop

CONTENT = content_of(sample_files())


def buy(store: Store, clock: ManualClock, name: str, *orders: str) -> int | None:
    """Store somebody's past orders, as an import does before its refresh; return the note."""
    at = (clock.now() - timedelta(days=40)).isoformat()
    payloads = [person(name), *(event(name, "Order Completed", at, order_id=order, total=50) for order in orders)]
    done = accept(store, payloads, clock=clock, content=CONTENT, live=False)
    assert not done.rejected
    return done.note


def members(store: Store, segment: str) -> set[str]:
    """Return who is in a segment as it is stored."""
    query = select(contacts.c.external_id).join(memberships, memberships.c.contact_id == contacts.c.id)
    with store.read() as connection:
        found = connection.execute(query.where(memberships.c.segment == segment, memberships.c.left_at.is_(None)))
        return set(found.scalars())


def left(connection: Connection) -> list[Any]:
    """Return the notes that are there."""
    return list(connection.execute(select(touched.c.id)).scalars())


def rebuilt(store: Store, clock: ManualClock) -> Refreshed:
    """Return what a rebuild of everybody finds to do."""
    with store.write() as connection:
        return refresh(connection, CONTENT, clock.now(), "rebuild")


def test_the_next_one_takes_what_is_left_with_its_own(store: Store, clock: ManualClock) -> None:
    """Nobody needs to know that an import has died."""
    buy(store, clock, "ada", "a1", "a2")
    buy(store, clock, "badr", "b1", "b2")
    assert members(store, "repeat-customers") == set()
    with store.write() as connection:
        done = refresh_touched(connection, CONTENT, clock.now())
        assert left(connection) == []
    assert done.moved == 2
    assert members(store, "repeat-customers") == {"ada", "badr"}
    assert rebuilt(store, clock) == Refreshed()


def test_a_request_looks_at_its_own_contacts_alone(store: Store, clock: ManualClock) -> None:
    """The notes of a large import beside it are not its business."""
    buy(store, clock, "ada", "a1", "a2")
    note = buy(store, clock, "badr", "b1", "b2")
    assert note is not None
    with store.write() as connection:
        refresh_touched(connection, CONTENT, clock.now(), note)
        assert len(left(connection)) == 1
    assert members(store, "repeat-customers") == {"badr"}


def test_what_somebody_is_at_is_left_to_them(store: Store, clock: ManualClock) -> None:
    """Nobody waits for a refresh that takes minutes only to do it again; an apply beside it forgets the others."""
    if store.is_sqlite:
        pytest.skip("SQLite has one writer: nobody else is there")
    buy(store, clock, "ada", "a1", "a2")
    with store.write() as at_it:
        assert len(take_touched(at_it, most=10).notes) == 1
        buy(store, clock, "badr", "b1", "b2")
        with store.write() as other:
            assert refresh_touched(other, CONTENT, clock.now()).moved == 1
        buy(store, clock, "badr", "b3")
        rebuilt(store, clock)
        with store.read() as connection:
            assert len(left(connection)) == 1
    with store.write() as connection:
        assert len(take_touched(connection, most=10).notes) == 1, "who took it did not get to it"


def test_past_a_number_everybody_is_asked(store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is no slower than naming them, and what a note of another kind says is asked too."""
    monkeypatch.setattr(audience_touched, "MOST_NAMED", 1)
    buy(store, clock, "ada", "a1", "a2")
    buy(store, clock, "badr", "b1", "b2")
    with store.write() as connection:
        refresh_touched(connection, CONTENT, clock.now())
    assert members(store, "repeat-customers") == {"ada", "badr"}
    assert rebuilt(store, clock) == Refreshed()


def test_whoever_asks_everybody_everything_leaves_no_note(store: Store, clock: ManualClock) -> None:
    """An apply or a rebuild; and what is live, or touches nobody, makes none."""
    buy(store, clock, "ada", "a1", "a2")
    rebuilt(store, clock)
    with store.write() as connection:
        assert left(connection) == []
        assert leave_touched(connection, (), News.of("message"), clock.now()) is None
    assert buy(store, clock, "ada", "a1", "a2") is None, "stored before"
    assert accept(store, [event("ada", "Signed Up")], clock=clock, content=CONTENT, live=True).note is None
    with store.read() as connection:
        assert left(connection) == []


def test_who_is_silent_is_taken_for_dead(store: Store, clock: ManualClock) -> None:
    """An import that is under way leaves a note every second or two, and is left alone."""
    buy(store, clock, "ada", "a1")
    clock.advance(SILENT - timedelta(seconds=1))
    buy(store, clock, "badr", "b1")
    clock.advance(timedelta(seconds=1))
    with store.read() as connection:
        assert not is_left_alone(connection, clock.now())
        assert is_left_alone(connection, clock.now() + SILENT)


def test_the_scheduler_makes_up_for_an_import_that_died(tmp_path: Path, clock: ManualClock) -> None:
    """Without another command: memberships and stages are those of a rebuild, by `import`, and nobody gets a mail."""
    terminal = shop(tmp_path / "shop", LIFECYCLE_SECRET_KEY=SECRET)
    terminal.ok("apply")
    engine = Engine(Settings.read(terminal.folder, terminal.variables), clock)
    buy(engine.store, clock, "ada", "a1", "a2")
    runtime = Runtime(engine, web=False).start(ticking=False)
    assert runtime.schedule is not None
    for _ in range(2):
        runtime.schedule.tick()
        assert members(engine.store, "repeat-customers") == set()
        clock.advance(timedelta(seconds=TOUCHED_S))
    clock.advance(SILENT)
    runtime.schedule.tick()
    assert members(engine.store, "repeat-customers") == {"ada"}
    runtime.wait_idle()
    runtime.stop()
    with engine.store.read() as connection:
        causes = set(connection.execute(select(stage_transitions.c.cause)).scalars())
        assert causes == {"import"}
        for table in (enrolments, messages, touched):
            assert connection.execute(select(table)).all() == []
    engine.close()
    found = terminal.json("rebuild")
    assert (found["memberships"], found["stages"]) == (0, 0)
