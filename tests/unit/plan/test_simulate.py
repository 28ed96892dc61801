"""Rehearsals: byte for byte the same, row for row what really happens, and what a script of twenty lines says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import SQLModel

from click_log import FIRST, click_log
from journey_worlds import content_of
from ledger import PlainCompose
from lifecycle.base.clock import ManualClock
from lifecycle.intake.messages import accept
from lifecycle.plan.simulate import as_row, simulate
from lifecycle.report.balance import balance
from lifecycle.spec.model import Content
from lifecycle.spec.project import load
from lifecycle.store.engine import Store
from lifecycle.store.tables import contacts, messages
from shop import Shop, sample_files

CART = """
campaign: cart
stage: decision
topic: offers
reentry: always
trigger: {event: [Product Added, Checkout Started], quiet_for: QUIET}
exit_when: {event: Order Completed}
send_window: {quiet_hours: ignore}
steps: [{send: reminder}]
"""


def _replayed(
    folder: Path, log: Iterable[dict[str, Any]], content: Content, days: int, **options: Any
) -> list[dict[str, Any]]:
    store = Store(f"sqlite:///{folder / 'replay.db'}")
    try:
        SQLModel.metadata.create_all(store.engine)
        clock = ManualClock(FIRST + timedelta(days=400))
        done = accept(store, list(log), clock=clock, content=content, live=False)
        assert not done.rejected
        start = options.pop("start", FIRST)
        found = simulate(store, content, start, FIRST + timedelta(days=days), replay=True, **options)
        return [as_row(row) for row in found.rows]
    finally:
        store.close()


def _reminders(log: Iterable[dict[str, Any]], quiet: timedelta, end: datetime) -> list[tuple[datetime, str]]:
    """Say independently who is to be reminded when.

    Each cart event starts a timer of X, a later cart event supersedes it, an order at or before its due time ends it.
    """
    lives: dict[str, list[tuple[datetime, str]]] = {}
    for message in log:
        if message["type"] == "track":
            at = datetime.fromisoformat(message["timestamp"])
            lives.setdefault(message["userId"], []).append((at, message["event"]))
    said_yes = {
        message["userId"] for message in log if message["type"] == "identify" and message["traits"]["consent"]["offers"]
    }
    found = []
    for name, life in lives.items():
        for index, (at, event) in enumerate(life):
            if event not in {"Product Added", "Checkout Started"} or name not in said_yes:
                continue
            due = at + quiet
            ends = {"Product Added", "Checkout Started", "Order Completed"}
            if not any(later <= due and what in ends for later, what in life[index + 1 :]) and due < end:
                found.append((due, name))
    return sorted(found)


@pytest.mark.parametrize("quiet", ["1h", "3h", "24h"])
def test_the_reminders_are_those_of_an_independent_script(tmp_path: Path, quiet: str) -> None:
    """The same reminders, to the same contacts, at the same second."""
    days = 20
    log = click_log(150, days, seed=5)
    content = content_of(CART.replace("QUIET", quiet))
    rows = _replayed(tmp_path, log, content, days)
    expected = _reminders(log, timedelta(hours=int(quiet[:-1])), FIRST + timedelta(days=days))
    assert len(expected) > 100
    assert sorted((row["at"], row["contact"]) for row in rows if row["outcome"] == "sent") == expected


def test_the_same_log_gives_the_same_bytes_in_any_order_of_lines(tmp_path: Path) -> None:
    """Rows do not depend on which contact was stored first."""
    days = 12
    log = click_log(40, days, seed=9)
    content = load(sample_files()).content
    assert content is not None
    written = []
    for number, lines in enumerate((log, log, log[::-1])):
        folder = tmp_path / str(number)
        folder.mkdir()
        rows = _replayed(folder, lines, content, days)
        written.append("\n".join(json.dumps(row, default=str, sort_keys=True) for row in rows).encode())
    assert written[0] == written[1] == written[2]
    assert len(written[0]) > 1000


def test_history_before_the_start_triggers_nothing_and_one_campaign_runs_alone(tmp_path: Path) -> None:
    """`--from` and `--campaign`: rows of [from, to), of that campaign."""
    days = 12
    log = click_log(40, days, seed=9)
    content = load(sample_files()).content
    assert content is not None
    start = FIRST + timedelta(days=6)
    rows = _replayed(tmp_path, log, content, days, start=start, campaign="cart-abandonment")
    assert {row["campaign"] for row in rows} == {"cart-abandonment"}
    assert all(start <= row["at"] < FIRST + timedelta(days=days) for row in rows)
    first_cart = min(datetime.fromisoformat(m["timestamp"]) for m in log if m.get("event") == "Product Added"
                     and datetime.fromisoformat(m["timestamp"]) >= start)  # fmt: skip
    assert min(row["at"] for row in rows) >= first_cart


GIVER = """
campaign: giver
stage: awareness
topic: offers
trigger: {event: Signed Up}
STEPS
"""
TAKER = """
campaign: taker
stage: retention
topic: offers
trigger: {segment_entered: special}
steps: [{send: hello}]
"""
VIP, GOLDEN = "{contact.vip: true}", "{points.tier: gold}"


@pytest.mark.parametrize(
    ("steps", "special", "expected"),
    [
        # a segment that a step's own change brings the contact into
        ("steps: [update: {vip: true}]", VIP, [("taker", "hello", "sent")]),
        ("steps: [points: 120]", GOLDEN, [("taker", "hello", "sent")]),
        ("steps: [points: 20]", GOLDEN, []),
        # nothing leaves before what the turn itself brought about was looked at: here it ends the campaign
        (
            f"exit_when: {VIP}\nsteps: [update: {{vip: true}}, send: mail]",
            GOLDEN,
            [("giver", "mail", "exit_condition")],
        ),
        ("exit_when: {event: Pong}\nsteps: [emit: Pong, send: mail]", GOLDEN, [("giver", "mail", "exit_condition")]),
    ],
)
def test_what_a_step_changes_is_news_to_a_rehearsal_as_it_is_for_real(
    tmp_path: Path, sqlite_tables: Path, steps: str, special: str, expected: list[tuple[str, str, str]]
) -> None:
    """Attributes, points and events that steps bring about: the same mails in virtual time and on a real store."""
    content = content_of(GIVER.replace("STEPS", steps), TAKER, segments={"special": special})
    log = [
        {"type": "identify", "userId": "sara", "messageId": "1", "timestamp": FIRST.isoformat(),
         "traits": {"email": "sara@example.com"}},
        {"type": "track", "userId": "sara", "messageId": "2", "event": "Signed Up", "properties": {},
         "timestamp": (FIRST + timedelta(hours=1)).isoformat()},
    ]  # fmt: skip
    rehearsed = [
        (row["campaign"], row["step"], row["reason"] or row["outcome"]) for row in _replayed(tmp_path, log, content, 2)
    ]
    store = Store(f"sqlite:///{shutil.copy(sqlite_tables, tmp_path / 'real.db')}")
    try:
        clock = ManualClock(FIRST)
        shop = Shop(store, clock, content.files, PlainCompose())
        shop.post(log[0])
        shop.run_until(FIRST + timedelta(hours=1))
        shop.post(log[1])
        shop.run_until(FIRST + timedelta(days=2))
        real = [(row.campaign, row.step, row.reason or row.state) for row in shop.ledger()]
    finally:
        store.close()
    assert rehearsed == real == expected


def test_the_real_run_of_the_same_events_has_the_same_rows(store: Store, tmp_path: Path) -> None:
    """The sample campaigns, quiet hours, caps, holdouts and all, on a manual clock: every row, every reason."""
    days = 8 if store.engine.dialect.name == "sqlite" else 4  # each commit waits for another process there
    topics = ("offers", "newsletter", "launches")
    log = click_log(14, days, seed=3, topics=topics)
    clock = ManualClock(FIRST - timedelta(minutes=1))
    shop = Shop(store, clock)
    shop.work()
    for timestamp, together in groupby(log, key=itemgetter("timestamp")):
        at = datetime.fromisoformat(timestamp).astimezone(UTC)
        # what arrives at the instant of a timer arrives before it (1), whoever else has an event then
        shop.run_until(at - timedelta(milliseconds=1))
        clock.move_to(at)
        shop.post(*together)
    shop.run_until(FIRST + timedelta(days=days) - timedelta(seconds=1))
    with store.read() as connection:
        query = select(messages, contacts.c.external_id).join(contacts, contacts.c.id == messages.c.contact_id)
        ledger = connection.execute(query).all()
        assert balance(connection).adds_up
    real = sorted(
        (row.campaign, row.external_id, row.step, row.reached_at, row.reason, row.sent_at)
        for row in ledger if row.state not in {"queued", "deferred"}
    )  # fmt: skip
    rehearsed = sorted(
        (row["campaign"], row["contact"], row["step"], row["at"], row["reason"], row["outcome"])
        for row in _replayed(tmp_path, log, shop.content, days)
    )
    assert len(real) > 3 * days
    assert [(*row[:3], row[4]) for row in rehearsed] == [(*row[:3], row[4]) for row in real]
    for foreseen, happened in zip(rehearsed, real, strict=True):
        assert (foreseen[5] == "sent") == (happened[5] is not None)
        if happened[5] is not None:
            # a release looks again a second later where the turn itself left work for the journey
            assert timedelta(0) <= happened[5] - foreseen[3] < timedelta(seconds=2)
