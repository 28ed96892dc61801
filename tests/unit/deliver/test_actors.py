"""Lanes, hints and the scheduler, without a server; `conformance/test_brokers.py` has those."""

from __future__ import annotations

import logging
import sys
from collections import Counter

import pytest

from ledger import START, add_contacts, add_rows, make_parts, states
from lifecycle.base.clock import ManualClock
from lifecycle.base.errors import SettingsError, StoreError
from lifecycle.deliver.actors import ADVANCE, DELIVER, Hints, Lanes, declare_actors
from lifecycle.deliver.brokers import OnceInAWhile, make_broker
from lifecycle.deliver.outbox import claim
from lifecycle.deliver.reach import check_broker
from lifecycle.deliver.scheduler import Scheduler
from lifecycle.providers.memory import MemoryProvider
from lifecycle.store.engine import Store


def test_busy_lane_takes_no_second_hint() -> None:
    """One lane is worked by one thread; another lane beside it is free."""
    lanes = Lanes()
    with lanes.alone(DELIVER, 0) as first, lanes.alone(DELIVER, 0) as again, lanes.alone(ADVANCE, 0) as other:
        assert (first, again, other) == (True, False, True)
        assert lanes.is_busy(DELIVER, 0)
    assert not lanes.is_busy(DELIVER, 0)


def test_hints_are_few(clock: ManualClock) -> None:
    """A hundred ticks in one instant are one hint a lane."""
    broker = make_broker(None)
    declare_actors(broker, deliver=lambda: None, advance=lambda: None)
    hints = Hints(broker, clock)
    assert [hints.send(DELIVER, 0) for _ in range(100)].count(True) == 1
    broker.close()


def test_scheduler_brings_back_what_crashed(store: Store, clock: ManualClock) -> None:
    """A tick reconciles, runs the chores, and hints at nothing when nothing is due."""
    add_rows(store, add_contacts(store, 4))
    chores: list[str] = []
    sent: list[tuple[str, int]] = []

    class Told:
        def send(self, kind: str, lane: int) -> bool:
            sent.append((kind, lane))
            return True

    parts = make_parts(store, clock, MemoryProvider())
    scheduler = Scheduler(parts, Told(), chores=[lambda: chores.append("chore")])
    claim(store, clock, "crashed")
    scheduler.tick()
    assert sent == []
    clock.move_to(START.replace(minute=5))
    scheduler.tick()
    assert sent == [(DELIVER, 0), (DELIVER, 1)]
    assert chores == ["chore", "chore"]
    assert states(store) == Counter(queued=4)


def test_scheduler_outlives_what_a_tick_raises(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A database that is away and a bug are said once each; the loop goes on until it is told to stop."""
    monkeypatch.setattr("lifecycle.deliver.scheduler.TICK_S", 0)
    parts = make_parts(store, clock, MemoryProvider())
    troubles = iter([StoreError("away"), StoreError("away"), KeyError("bug"), KeyError("bug")])

    def chore() -> None:
        trouble = next(troubles, None)
        if trouble is None:
            parts.stop.set()
        else:
            raise trouble

    Scheduler(parts, Hints(make_broker(None), clock), chores=[chore]).run()
    assert [record.message for record in caplog.records] == [
        "the scheduler waits: away", "the scheduler failed, and goes on",
    ]  # fmt: skip


@pytest.mark.parametrize("url", ["kafka://x", "amqp://host:port", "redis://host:port"])
def test_broker_url_that_cannot_be_read_is_a_settings_error(url: str) -> None:
    """A mistyped URL says what one looks like."""
    with pytest.raises(SettingsError) as caught:
        make_broker(url)
    assert "redis://" in caught.value.hint
    assert "amqp://" in caught.value.hint


def test_rabbitmq_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pika: a sentence with the extra's name, when it is used and when `doctor` asks."""
    monkeypatch.delitem(sys.modules, "lifecycle.deliver.rabbitmq", raising=False)
    monkeypatch.setitem(sys.modules, "pika", None)
    for use in (make_broker, check_broker):
        with pytest.raises(SettingsError) as caught:
            use("amqp://localhost")
        assert "lifecycle[rabbitmq]" in caught.value.hint


def test_broker_that_is_away_fills_no_log() -> None:
    """Dramatiq's sentences about it are let through once in five minutes; everything else always."""
    once = OnceInAWhile()

    def passes(message: str, at: float) -> bool:
        record = logging.LogRecord("x", logging.CRITICAL, "", 0, message, (), None)
        record.created = at
        return once.filter(record)

    away = "Consumer encountered a connection error: %s"
    assert [passes(away, at) for at in (0.0, 3.0, 299.0, 300.0, 303.0)] == [True, False, False, True, False]
    assert [passes("Failed to process message", at) for at in (0.0, 0.0)] == [True, True]
