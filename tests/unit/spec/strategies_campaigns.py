"""Every trigger and every step; steps within steps; segments and campaigns."""

from __future__ import annotations

from typing import Any

import strategies as s
from hypothesis import strategies as st
from strategies_conditions import LEAVES, conditions, where

from lifecycle.base.units import Duration
from lifecycle.spec import conditions as c
from lifecycle.spec import model as m

local_texts = st.one_of(
    s.words.map(m.LocalText),
    st.dictionaries(st.sampled_from(s.LOCALES), s.words, min_size=1).map(lambda texts: m.LocalText(None, texts)),
)
no_text_or = st.one_of(st.just(m.LocalText("")), local_texts)

TRIGGERS: dict[str, st.SearchStrategy[Any]] = {
    "event": st.builds(m.EventTrigger, s.event_lists, where, key=s.optional(s.paths)),
    "quiet_for": st.builds(
        m.EventTrigger, s.event_lists, where, s.durations, st.one_of(st.just(()), s.event_lists), s.optional(s.paths)
    ),
    "segment": st.builds(m.SegmentTrigger, s.names, st.sampled_from(["entered", "left"])),
    "stage": st.builds(m.StageTrigger, s.names),
    "date": st.builds(m.DateTrigger, s.owners, s.paths, s.optional(s.every), s.offsets, s.times),
    "schedule": st.builds(m.ScheduleTrigger, st.sampled_from(["0 9 * * 1", "*/15 8-20 1 * *"])),
    "broadcast": st.builds(m.BroadcastTrigger, s.moments, st.sampled_from(["contact", "project"])),
    "manual": st.just(m.ManualTrigger()),
}
_templates = st.sampled_from(["welcome/hello", "12", "no", "x.y/z_1"])
_lengths = st.one_of(s.durations, st.builds(Duration, st.integers(1, 10**8), st.integers(0, 24)))


class Ids:
    """Gives each step of one list an id of its own, as the decoder would demand."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self) -> str:
        """Return the next."""
        self._count += 1
        return f"s{self._count}"


#: Steps that hold no others: by name, a strategy whose steps have no id yet.
EFFECTS: dict[str, st.SearchStrategy[Any]] = {
    "send": st.builds(
        m.Send, st.just(""), _templates, s.optional(s.durations), s.optional(conditions(1)), s.optional(s.names), s.maps
    ),
    "wait": st.builds(m.Wait, st.just(""), _lengths),
    "wait until a time": st.builds(m.Wait, st.just(""), until=s.times, weekdays=s.weekdays),
    "wait until a date": st.builds(m.Wait, st.just(""), date=s.paths, offset=s.offsets),
    "update": st.builds(
        m.Update,
        st.just(""),
        st.dictionaries(
            s.paths.map(".".join),
            st.one_of(st.none(), s.scalars, st.lists(s.scalars, max_size=2)),
            min_size=1,
            max_size=2,
        ),
    ),
    "points": st.builds(m.Points, st.just(""), st.integers(-500, 500), st.none(), s.blank_or(s.words)),
    "points all": st.builds(m.Points, st.just(""), st.just(0), st.none(), s.blank_or(s.words), st.just(True)),  # noqa: FBT003 - takes_all
    "points per": st.builds(m.Points, st.just(""), st.just(0), s.paths, s.blank_or(s.words)),
    "coupon percent": st.builds(
        m.Coupon, st.just(""), st.integers(1, 100), st.none(), s.optional(s.durations), s.names
    ),
    "coupon amount": st.builds(m.Coupon, st.just(""), st.none(), st.integers(1, 500), s.optional(s.durations), s.names),
    "emit": st.builds(m.Emit, st.just(""), s.events, s.maps),
    "webhook": st.builds(m.Webhook, st.just(""), s.names, s.maps),
    "ticket": st.builds(m.Ticket, st.just(""), s.words, s.blank_or(s.words)),
    "exit": st.builds(m.Exit, st.just(""), s.blank_or(s.words)),
}  # fmt: skip
WAYS = ("wait_for", "branch", "split")
_winners = st.builds(m.Winner, st.sampled_from(["conversion", "value", "clicked", "opened"]), s.durations)


@st.composite
def step(draw: st.DrawFn, kind: str, ids: Ids, depth: int) -> Any:
    """Draw a step of that kind, with steps inside of at most that depth."""

    def inside(least: int = 1) -> Any:
        return draw(steps(ids, depth - 1, least))

    given = ids()
    match kind:
        case "wait_for":
            names, timeout, tests = draw(s.event_lists), draw(s.durations), draw(where)
            return m.WaitFor(given, names, timeout, tests, inside(0), inside(0))
        case "branch":
            arms = tuple(m.Arm(draw(conditions(1)), inside()) for _ in range(draw(st.integers(1, 2))))
            return m.Branch(given, (*arms, m.Arm(None, inside())) if draw(st.booleans()) else arms)
        case "split":
            called = draw(st.lists(s.names, min_size=2, max_size=2, unique=True))
            ways = tuple(m.Variant(each, draw(st.integers(0, 9)), inside()) for each in called)
            return m.Split(given, ways, draw(s.optional(_winners)))
        case _:
            made = draw(EFFECTS[kind])
            object.__setattr__(made, "id", given)  # just made, and nobody else's
            return made


@st.composite
def steps(draw: st.DrawFn, ids: Ids, depth: int = 1, least: int = 1) -> tuple[Any, ...]:
    """Draw a list of steps; it shrinks to one, and to none where `least` is 0."""
    kinds = [*EFFECTS, *WAYS] if depth > 0 else list(EFFECTS)
    count = draw(st.integers(least, 2))
    return tuple(draw(step(draw(st.sampled_from(kinds)), ids, depth)) for _ in range(count))


@st.composite
def step_of(draw: st.DrawFn, kind: str) -> Any:
    """Draw one step of that kind, complete."""
    return draw(step(kind, Ids(), 1))


@st.composite
def step_lists(draw: st.DrawFn) -> tuple[Any, ...]:
    """Draw the steps of a campaign, two levels deep."""
    return draw(steps(Ids(), 2))


@st.composite
def goals(draw: st.DrawFn) -> m.Goal:
    """Draw a goal; only one with an event has a value."""
    when = draw(st.one_of(conditions(1), LEAVES["event"]))
    has_event = any(isinstance(part, c.EventLeaf) for part in c.walk(when))
    return m.Goal(when, draw(s.optional(s.durations)), draw(s.optional(s.paths)) if has_event else None)


segments: st.SearchStrategy[m.Segment] = st.builds(m.Segment, s.names, local_texts, conditions(), no_text_or)
campaigns: st.SearchStrategy[m.Campaign] = st.builds(
    m.Campaign,
    s.names,
    stage=s.names,
    trigger=st.one_of(*TRIGGERS.values()),
    steps=step_lists(),
    topic=s.optional(s.names),
    label=no_text_or,
    status=st.sampled_from(["live", "draft"]),
    kind=st.sampled_from(["marketing", "transactional"]),
    starts=s.optional(s.instants),
    ends=s.optional(s.instants),
    priority=st.integers(0, 100),
    audience=s.optional(conditions()),
    reentry=st.one_of(
        st.sampled_from([m.Reentry(), m.Reentry("always")]), s.durations.map(lambda after: m.Reentry("after", after))
    ),
    enroll=st.sampled_from(["future", "current_and_future"]),
    exit_when=s.optional(conditions()),
    goal=s.optional(goals()),
    holdout=s.optional(s.shares),
    send_window=st.builds(
        m.SendWindow,
        st.sampled_from(["keep", "ignore"]),
        s.optional(s.windows),
        s.weekdays,
        st.sampled_from(["next", "skip"]),
    ),
    on_change=st.sampled_from(["keep", "migrate", "restart", "exit"]),
)
