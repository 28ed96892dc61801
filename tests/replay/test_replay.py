"""Recorded histories: a change that alters an old decision fails, and says for whom, at which step, then and now.

`UPDATE_GOLDEN=1 pytest tests/replay` records them anew: read in the diff who is decided otherwise before committing.
tests/histories.py says what a history is made of.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from histories import History, Records, differences, histories
from lifecycle.spec.model import Step, Trigger, walk_steps
from lifecycle.store.engine import Store

EVERY = histories()
#: A release looks again a second later where the turn itself left work for the journey.
SOON = timedelta(seconds=2)


@pytest.fixture
def stores(tmp_path: Path, sqlite_tables: Path) -> Iterator[list[Store]]:
    """Yield two empty databases: for the rehearsal and for the real run."""
    made = [Store(f"sqlite:///{shutil.copy(sqlite_tables, tmp_path / name)}") for name in ("rehearsal.db", "real.db")]
    yield made
    for store in made:
        store.close()


@pytest.mark.parametrize("history", EVERY, ids=lambda history: history.name)
def test_what_was_decided_then_is_decided_now(history: History, stores: list[Store]) -> None:
    """Every row of the rehearsal, every enrolment and every mail of the real run, byte for byte."""
    then, now = history.recorded(), history.replay(*stores)
    if os.environ.get("UPDATE_GOLDEN"):
        history.record(now)
        then = history.recorded()
    if found := differences(then, now):
        again = "Where that is meant, UPDATE_GOLDEN=1 pytest tests/replay records it anew."
        pytest.fail("\n".join([f"{history.name} is decided otherwise than it was:", *found, again]), pytrace=False)
    foreseen, happened = _foreseen(now), _happened(now)
    if "rehearsal_differs" in history.about:
        assert foreseen != happened, "the rehearsal foresees it all: take rehearsal_differs away"
        return
    assert [row[:-1] for row in foreseen] == [row[:-1] for row in happened]
    assert all(timedelta(0) <= real[-1] - planned[-1] < SOON for planned, real in zip(foreseen, happened, strict=True))


def test_the_histories_cover_the_language() -> None:
    """Between them: every trigger that time, events and people pull, every step, every end, most reasons."""
    campaigns = [campaign for history in EVERY for campaign in history.content.campaigns.values()]
    triggers = {type(campaign.trigger) for campaign in campaigns}
    by_hand = "ManualTrigger"  # nothing that happens pulls it
    assert {found.__name__ for found in Trigger.__args__} - {found.__name__ for found in triggers} == {by_hand}
    steps = {type(step) for campaign in campaigns for step in walk_steps(campaign.steps)}
    assert set(Step.__args__) == steps
    recorded = [history.recorded() for history in EVERY]
    ends = {(row["state"], row["reason"]) for each in recorded for row in each["enrolments"]}
    assert ends >= {
        ("completed", "completed"), ("goal_met", "goal_met"), ("held_out", "held_out"), ("exited", "exit_condition"),
        ("exited", "merged"), ("exited", "a friend of the house"), ("refused", "reentry"),
        ("refused", "not_in_audience"),
    }  # fmt: skip
    assert {row["arm"] for each in recorded for row in each["enrolments"]} >= {"held_out", "held_out_global", "treated"}
    mails = {row["reason"] or row["state"] for each in recorded for row in each["mails"]}
    assert mails >= {
        "sent", "past_deadline", "quiet_hours", "frequency_capped", "not_consented", "held_out", "skip_if",
        "goal_met", "exit_condition",
    }  # fmt: skip


def test_a_difference_is_said_in_words() -> None:
    """For whom, at which step, what was decided then, and what now; or that only the order is another."""
    mail = {"at": "2026-11-02T09:00:00Z", "campaign": "cart", "step": "reminder", "contact": "noura", "outcome": "sent"}
    entry = {"contact": "lina", "campaign": "cart", "state": "exited", "reason": "exit_condition"}
    then: Records = {"decisions": [mail], "enrolments": [entry]}
    now: Records = {"decisions": [], "enrolments": [{**entry, "state": "completed", "reason": "completed"}]}
    assert differences(then, now) == [
        "noura · cart · reminder (decisions)",
        "  then  at 2026-11-02T09:00:00Z, outcome sent",
        "  now   nothing",
        "lina · cart (enrolments)",
        "  then  state exited, reason exit_condition",
        "  now   state completed, reason completed",
    ]
    both: Records = {"decisions": [mail, {**mail, "contact": "lina"}]}
    assert differences(both, {"decisions": both["decisions"][::-1]}) == ["the rows of decisions come in another order"]


def _foreseen(found: Records) -> list[tuple[Any, ...]]:
    """Return the mails of the rehearsal: campaign, contact, step, why it did not leave, and when it left."""
    return sorted(_mail(row, row["at"] if row["outcome"] == "sent" else None) for row in found["decisions"])


def _happened(found: Records) -> list[tuple[Any, ...]]:
    return sorted(_mail(row, row["sent_at"]) for row in found["mails"])


def _mail(row: Mapping[str, Any], left_at: str | None) -> tuple[Any, ...]:
    left = datetime.fromisoformat(left_at) if left_at is not None else datetime.max.replace(tzinfo=UTC)
    return (row["campaign"], row["contact"], row["step"], row["reason"], left)
