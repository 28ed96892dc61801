"""Until `flips_at`, the passing of time alone changes nothing: the journey may sleep until then."""

from __future__ import annotations

from datetime import datetime, timedelta

from audience_worlds import (
    BLANK,
    EPOCH,
    TICK,
    TICKS,
    Person,
    clocked,
    conditions,
    content_of,
    contents,
    history_of,
    moments,
    people,
    state_of,
    visits,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lifecycle.audience.boundary import Boundary
from lifecycle.audience.evaluate import verdict
from lifecycle.audience.review import apply_review, review
from lifecycle.audience.setting import Setting, top_shares
from lifecycle.spec.conditions import Condition
from lifecycle.spec.model import Content

#: Only who has the most is at the top: the contact, if it has the fact at all.
FIRST = Boundary(2**62, 1)
JUST_BEFORE = timedelta(microseconds=1)


def _setting(content: Content, *asked: Condition) -> Setting:
    setting = Setting.of(content)
    named = [*asked, *(stage.when for stage in content.project.stages), *(s.where for s in content.segments.values())]
    return Setting.of(content, {key: FIRST for condition in named for key in top_shares(condition, setting)})


@given(person=people, content=contents, condition=conditions, now=moments)
def test_an_answer_stays_until_it_flips(person: Person, content: Content, condition: Condition, now: datetime) -> None:
    """At every later moment before `flips_at`, for a contact to whom nothing happens, the answer is the same."""
    _stays_until_it_flips(person, _setting(content, condition), condition, now)


@settings(max_examples=300)
@given(ages=visits, condition=clocked)
def test_a_clocked_answer_stays_until_it_flips(ages: list[tuple[str, int]], condition: Condition) -> None:
    """The same, where nearly every answer flips by itself: windows over counts, sums and instants, joined."""
    now = EPOCH + 100 * TICK
    person = Person(BLANK, events=history_of(ages, now))
    _stays_until_it_flips(person, Setting.of(content_of([], {})), condition, now)


def _stays_until_it_flips(person: Person, setting: Setting, condition: Condition, now: datetime) -> None:
    state = state_of(person, now)
    found = verdict(condition, state, setting, now)
    assert found.flips_at is None or found.flips_at > now
    end = found.flips_at or EPOCH + 2 * TICKS * TICK
    later = [EPOCH + tick * TICK for tick in range(2 * TICKS) if now < EPOCH + tick * TICK < end]
    for moment in [*later, end - JUST_BEFORE]:
        assert verdict(condition, state, setting, moment).holds == found.holds, moment


@given(person=people, content=contents, now=moments, seed=st.integers(0, 3))
def test_a_contact_reviewed_when_it_flips_is_where_a_review_at_any_moment_finds_it(
    person: Person, content: Content, now: datetime, seed: int
) -> None:
    """Sleeping from flip to flip misses nothing: right after each, a review at any moment before the next is empty."""
    state, setting = state_of(person, now), _setting(content)
    assume(not state.erased)
    for _ in range(30):
        found = review(state, setting, now)
        apply_review(state, found, now)
        settled = review(state, setting, now)
        assert not settled.changed
        end = settled.flips_at or EPOCH + 2 * TICKS * TICK
        if end <= now:
            return
        between = now + (end - now) * seed / 4
        assert not review(state, setting, min(between, end - JUST_BEFORE)).changed
        assert not review(state, setting, end - JUST_BEFORE).changed
        if settled.flips_at is None:
            return
        now = settled.flips_at
