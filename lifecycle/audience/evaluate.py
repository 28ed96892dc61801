"""One condition for one contact, at one moment: does it hold, and when may it change by itself? Pure.

`audience.compile` says the same in SQL for sets; a property test holds the two equal. Nothing after `now` counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias, assert_never

from lifecycle.audience import leaves
from lifecycle.audience.setting import STAGE_PREFIX, Nesting, Setting
from lifecycle.audience.state import ContactState
from lifecycle.audience.verdict import Verdict
from lifecycle.audience.windows import window_leave
from lifecycle.base.units import Duration
from lifecycle.intake.facts import EventFact
from lifecycle.spec.conditions import (
    AllOf,
    AnyOf,
    AttributeLeaf,
    Condition,
    ConsentLeaf,
    DateLeaf,
    EventLeaf,
    FactLeaf,
    MessageLeaf,
    Negation,
    SampleLeaf,
    SegmentLeaf,
    StageLeaf,
    TotalLeaf,
)
from lifecycle.spec.model import Stage

__all__ = ["Setting", "StageVerdict", "Verdict", "evaluate", "stage_verdict", "verdict"]


def evaluate(
    condition: Condition, state: ContactState, setting: Setting, now: datetime, *, after: EventFact | None = None
) -> bool:
    """Say whether the condition holds of the contact at `now`.

    With `after`, as for exit_when and goal, events and totals without a span of their own count only events that come
    after that one in the order of time. Raises ContentError for unknown names, cycles and too deep nesting.
    """
    return verdict(condition, state, setting, now, after=after).holds


def verdict(
    condition: Condition, state: ContactState, setting: Setting, now: datetime, *, after: EventFact | None = None
) -> Verdict:
    """Return whether the condition holds at `now`, and until when that is certain if nothing happens; see evaluate."""
    return _Asking(state, setting, now, after).verdict(condition, Nesting())


def kept_until(stage: Stage, keep_for: Duration, state: ContactState, now: datetime) -> datetime | None:
    """Return until when a stage whose condition has ceased to hold is kept; None when it never held, as far as stored.

    A stretch that nobody has closed yet ended just now.
    """
    stretch = state.memberships.get(STAGE_PREFIX + stage.stage)
    if stretch is None or stretch.entered_at > now:
        return None
    left_at = now if stretch.left_at is None else min(stretch.left_at, now)
    return window_leave(left_at, keep_for)


@dataclass(frozen=True, slots=True)
class StageVerdict:
    """The stage that a contact is in (None: none), and the stages whose own condition holds now.

    `flips_at` is the earliest moment at which any of that may change by the passing of time.
    """

    stage: str | None
    holding: frozenset[str]
    flips_at: datetime | None


def stage_verdict(state: ContactState, setting: Setting, now: datetime) -> StageVerdict:
    """Return the stage of the contact at `now`: the last whose condition holds, or held within its `keep_for`."""
    return _Asking(state, setting, now).stage(Nesting())


_Standing: TypeAlias = tuple[Verdict, bool]


@dataclass(frozen=True, slots=True)
class _Asking:
    """One question. `_stages` remembers the answer about stages, which several leaves may need."""

    state: ContactState
    setting: Setting
    now: datetime
    after: EventFact | None = None
    _stages: list[StageVerdict] = field(default_factory=list)

    def verdict(self, condition: Condition, nesting: Nesting) -> Verdict:
        state, now = self.state, self.now
        match condition:
            case AllOf(parts=parts):
                return _all([self.verdict(part, nesting.deeper()) for part in parts])
            case AnyOf(parts=parts):
                return _all([self.verdict(part, nesting.deeper()).negated() for part in parts]).negated()
            case Negation(part=part):
                return self.verdict(part, nesting.deeper()).negated()
            case SegmentLeaf(segment=name):
                segment, inner = nesting.into_segment(name, self.setting)
                return self.verdict(segment.where, inner)
            case StageLeaf():
                return self._stage_leaf(condition, nesting)
            case AttributeLeaf():
                return leaves.attribute(condition, state, now)
            case EventLeaf():
                return leaves.event(condition, state, now, self.after)
            case TotalLeaf():
                return leaves.total(condition, state, now, self.after)
            case FactLeaf():
                return leaves.fact(condition, state, self.setting, now)
            case MessageLeaf():
                return leaves.message(condition, state, now)
            case ConsentLeaf(topic=topic):
                return Verdict(state.consents_to(topic, now, default=self.setting.consent_default(topic)))
            case DateLeaf():
                return leaves.date(condition, state, self.setting, now)
            case SampleLeaf():
                return leaves.sample(condition, state)
            case _:
                assert_never(condition)

    def stage(self, nesting: Nesting) -> StageVerdict:
        if not self._stages:
            asking = _Asking(self.state, self.setting, self.now)  # stages know nothing of `after`
            standing = [(stage, *asking._standing(stage, nesting)) for stage in self.setting.project.stages]
            self._stages.append(
                StageVerdict(
                    next((stage.stage for stage, _, counts in reversed(standing) if counts), None),
                    frozenset(stage.stage for stage, own, _ in standing if own.holds),
                    _first(own.flips_at for _, own, _ in standing),
                )
            )
        return self._stages[0]

    def _standing(self, stage: Stage, nesting: Nesting) -> _Standing:
        """Return whether the stage's own condition holds (flips_at: of all that matters), and whether it counts."""
        own = self.verdict(stage.when, nesting.into_stage(stage))
        if own.holds or stage.keep_for is None:
            return own, own.holds
        until = kept_until(stage, stage.keep_for, self.state, self.now)
        if until is None or until <= self.now:
            return own, False
        return Verdict(holds=False, flips_at=_first((own.flips_at, until))), True

    def _stage_leaf(self, leaf: StageLeaf, nesting: Nesting) -> Verdict:
        found = self.stage(nesting)
        holds = leaf.operator == "is_not" if found.stage is None else found.stage in self.setting.reached_stages(leaf)
        if leaf.held_for is None or not holds or found.stage is None:
            return Verdict(holds and leaf.held_for is None, found.flips_at)
        # a stage that is not stored yet began just now, as far as is known
        stored = self.state.stage_since_at if found.stage == self.state.stage else None
        ripe_at = window_leave(stored or self.now, leaf.held_for)
        if ripe_at <= self.now:
            return Verdict(holds=True, flips_at=found.flips_at)
        return Verdict(holds=False, flips_at=_first((ripe_at, found.flips_at)))


def _all(parts: Sequence[Verdict]) -> Verdict:
    failing = [part.flips_at for part in parts if not part.holds]
    if not failing:
        return Verdict(holds=True, flips_at=_first(part.flips_at for part in parts))
    if len(failing) == 1:
        return Verdict(holds=False, flips_at=failing[0])
    # it holds again only once each failing part has flipped
    known = [moment for moment in failing if moment is not None]
    return Verdict(holds=False, flips_at=max(known) if len(known) == len(failing) else None)


def _first(moments: Iterable[datetime | None]) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
