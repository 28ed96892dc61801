"""What has changed about where one contact stands, and when it may next change by itself. Pure.

The journey reviews a contact at each of its events and changes, and at the moment that the last review named; then
memberships and stages are exact without any scan.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lifecycle.audience.evaluate import STRETCH_PREFIX, stage_verdict, verdict
from lifecycle.audience.setting import Setting
from lifecycle.audience.state import ContactState, MembershipFact


@dataclass(frozen=True, slots=True)
class Review:
    """What changed at the moment of a review.

    `entered` and `left` name segments, in the order of their names, and, as `stage:ID`, stages with `keep_for` whose
    own condition began or ceased to hold. `flips_at`: when to review again if nothing happens; None: never.
    """

    before: str | None
    stage: str | None
    entered: tuple[str, ...]
    left: tuple[str, ...]
    flips_at: datetime | None

    @property
    def stage_changed(self) -> bool:
        """Say whether the contact came to another stage, or left the last one."""
        return self.before != self.stage

    @property
    def changed(self) -> bool:
        """Say whether anything is to be stored."""
        return self.stage_changed or bool(self.entered or self.left)


def review(state: ContactState, setting: Setting, now: datetime) -> Review:
    """Return what changed since the memberships and the stage in `state` were stored.

    An erased contact leaves everything. Raises ContentError as `evaluate` does.
    """
    inside = {name for name, stay in state.memberships.items() if stay.left_at is None}
    if state.erased:
        return Review(state.stage, None, (), tuple(sorted(inside)), None)
    stages = stage_verdict(state, setting, now)
    kept = {stage.stage for stage in setting.project.stages if stage.keep_for is not None}
    belongs = {STRETCH_PREFIX + stage for stage in stages.holding & kept}
    flips = [stages.flips_at]
    for name, segment in setting.segments.items():
        found = verdict(segment.where, state, setting, now)
        flips.append(found.flips_at)
        if found.holds:
            belongs.add(name)
    return Review(
        before=state.stage,
        stage=stages.stage,
        entered=tuple(sorted(belongs - inside)),
        left=tuple(sorted(inside - belongs)),
        flips_at=min((moment for moment in flips if moment is not None), default=None),
    )


def apply_review(state: ContactState, found: Review, now: datetime) -> None:
    """Store the review in the state, as `journey.write` stores it in the tables."""
    for name in found.entered:
        state.memberships[name] = MembershipFact(now)
    for name in found.left:
        state.memberships[name] = MembershipFact(state.memberships[name].entered_at, now)
    if found.stage_changed:
        state.stage, state.stage_since_at = found.stage, now
