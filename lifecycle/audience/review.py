"""What has changed about where one contact stands, and when it may next change by itself. Pure.

The journey reviews a contact at each of its events and changes, and at the moment that the last review named; then
memberships and stages are exact without any scan. A review asks only what the news can have changed, and what time can
have: the rest stands as it is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lifecycle.audience.evaluate import kept_until, verdict
from lifecycle.audience.setting import STAGE_PREFIX, Setting
from lifecycle.audience.state import ContactState, MembershipFact
from lifecycle.intake.news import ANYTHING, News


@dataclass(frozen=True, slots=True)
class Review:
    """What changed at the moment of a review.

    `entered` and `left` name segments, in the order of their names, and, as `stage:ID`, stages with `keep_for` whose
    own condition began or ceased to hold. `holding`: the stages whose own condition holds. `flips`: by segment and
    `stage:ID` the moment at which time may next change it.
    """

    before: str | None
    stage: str | None
    entered: tuple[str, ...]
    left: tuple[str, ...]
    holding: frozenset[str]
    flips: Mapping[str, datetime]

    @property
    def flips_at(self) -> datetime | None:
        """Return when to review again if nothing happens; None: never."""
        return min(self.flips.values(), default=None)

    @property
    def stage_changed(self) -> bool:
        """Say whether the contact came to another stage, or left the last one."""
        return self.before != self.stage

    @property
    def changed(self) -> bool:
        """Say whether anything is to be stored beside what to ask next, and when."""
        return self.stage_changed or bool(self.entered or self.left)


def review(state: ContactState, setting: Setting, now: datetime, news: News = ANYTHING) -> Review:
    """Return what changed since the memberships and the stage in `state` were stored.

    Asks the segments and stages that read what is in `news`, and those that time may have changed by `now`; all of
    them where it is not known what held, or when time changes it. An erased contact leaves everything. Raises
    ContentError as `evaluate` does.
    """
    inside = {name for name, stay in state.memberships.items() if stay.left_at is None}
    if state.erased:
        return Review(state.stage, None, (), tuple(sorted(inside)), frozenset(), {})
    if state.flips is None or state.holding is None:
        news = ANYTHING
    flips = {name: moment for name, moment in (state.flips or {}).items() if moment > now and not news.anything}
    due = (state.flips or {}).keys() - flips.keys()
    asked = [name for name in setting.conditions if name in due or setting.reads(name).meets(news)]
    belongs = set[str]() if news.anything else {STAGE_PREFIX + stage for stage in state.holding or ()}
    for name in asked:
        found = verdict(setting.conditions[name], state, setting, now)
        belongs.discard(name)
        if found.holds:
            belongs.add(name)
        flips.pop(name, None)
        if found.flips_at is not None:
            flips[name] = found.flips_at
    stage = None
    kept = set[str]()
    for each in setting.project.stages:
        name = STAGE_PREFIX + each.stage
        counts = name in belongs
        if each.keep_for is not None:
            kept.add(name)
            until = None if counts else kept_until(each, each.keep_for, state, now)
            if until is not None and until > now:
                counts = True
                flips[name] = min(until, flips.get(name, until))
        stage = each.stage if counts else stage
    stored = {name for name in belongs if name in kept or not name.startswith(STAGE_PREFIX)}
    # what no content names any more is left only when everything is asked
    told = inside if news.anything else inside & {*asked, *kept}
    return Review(
        before=state.stage,
        stage=stage,
        entered=tuple(sorted(stored - inside)),
        left=tuple(sorted(told - stored)),
        holding=frozenset(name.removeprefix(STAGE_PREFIX) for name in belongs if name.startswith(STAGE_PREFIX)),
        flips=flips,
    )


def apply_review(state: ContactState, found: Review, now: datetime) -> None:
    """Store the review in the state, as `journey.write` stores it in the tables."""
    for name in found.entered:
        state.memberships[name] = MembershipFact(now)
    for name in found.left:
        state.memberships[name] = MembershipFact(state.memberships[name].entered_at, now)
    if found.stage_changed:
        state.stage, state.stage_since_at = found.stage, now
    state.holding, state.flips = found.holding, dict(found.flips)
