"""What a decision may look at, and nothing else: no clock, no dice, no SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import Any

from lifecycle.audience.evaluate import evaluate
from lifecycle.audience.setting import Setting
from lifecycle.audience.state import ContactState
from lifecycle.intake.facts import EventFact, FactSheet
from lifecycle.intake.news import NOTHING, News
from lifecycle.rewards.tiers import tier_of
from lifecycle.spec.conditions import Condition
from lifecycle.spec.model import Points, Rewards, Step, Update


@dataclass(frozen=True, slots=True)
class Known:
    """The contact, the content its enrolment is pinned to, its zone, a key for codes, and the splits that are decided.

    `winners` gives the variant that won, by (campaign, split).
    """

    state: ContactState
    setting: Setting
    zone: tzinfo
    key: bytes = b"rehearsal"
    winners: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def holds(self, condition: Condition, at: datetime, *, after: EventFact | None = None) -> bool:
        """Say whether the condition holds of the contact at `at`; see audience.evaluate."""
        return evaluate(condition, self.state, self.setting, at, after=after)

    def event(self, event_id: int | None) -> EventFact | None:
        """Return the event of that id from the contact's history."""
        return next((event for event in reversed(self.state.events) if event.id == event_id), None)

    def after_step(self, step: Step, made: Mapping[str, Any]) -> Known:
        """Return what is known once an `update` or `points` step was carried out, so that the next step sees it."""
        told = replace(self.state, kept=dict(self.state.kept), _sheet=FactSheet(), _folded=0)
        carry_over(told, step, made, self.setting.project.rewards)
        return replace(self, state=told)


def carry_over(state: ContactState, step: Step, made: Mapping[str, Any], rewards: Rewards) -> None:
    """Let the contact's state tell of a step that was carried out; `rewards` is the project's, for its tiers."""
    match step:
        case Update(attributes=attributes):
            state.attributes = {**state.attributes, **attributes}
        case Points():
            balance = int(state.kept.get("points.balance") or 0) + int(made["points"])
            state.kept |= {"points.balance": balance, "points.tier": tier_of(balance, rewards)}
        case _:
            return


def changed_by(step: Step) -> News:
    """Return the news that a step is for conditions, once it was carried out."""
    match step:
        case Update():
            return News.of("attribute")
        case Points():
            return News.of("reward")
        case _:
            return NOTHING
