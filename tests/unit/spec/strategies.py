"""Any model that the content language can express, for Hypothesis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, time
from typing import Any

from hypothesis import strategies as st

from lifecycle.base.units import Duration, LocalWindow, Share
from lifecycle.spec import conditions as c
from lifecycle.spec import model as m

LOCALES = ("en", "ar")

names = st.sampled_from(["loyal", "vip-2", "a.b", "x_1", "no", "null", "12", "1e3", "on"])
words = st.text(st.characters(exclude_categories=["Cs", "Cn", "Co"]), min_size=1, max_size=12).filter(
    lambda word: bool(word.strip())
)
events = st.sampled_from(["Order Completed", "Signed Up", "طلب", "yes", "12:30", "a: b", "# no"])
event_lists = st.lists(events, min_size=1, max_size=3).map(tuple)
numbers = st.one_of(st.integers(-(10**12), 10**12), st.floats(-1e9, 1e9, allow_nan=False))
scalars = st.one_of(numbers, st.booleans(), words)
data: st.SearchStrategy[Any] = st.recursive(
    st.one_of(scalars, st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(words, inner, max_size=2)),
    max_leaves=4,
)
maps = st.dictionaries(words, data, max_size=3)
path_names = st.sampled_from(["total", "cart_id", "first name", "مدينة", "no", "1"])
paths = st.lists(path_names, min_size=1, max_size=3).map(tuple)
durations = st.one_of(
    st.builds(lambda n, unit: Duration.parse(f"{n}{unit}"), st.integers(1, 1000), st.sampled_from("smhdw")),
    st.builds(lambda n, unit: Duration.parse(f"{n}{unit}"), st.integers(1, 90), st.sampled_from(["mo", "y"])),
)
offsets = st.one_of(
    durations, durations.map(lambda found: Duration(-found.seconds, -found.months)), st.just(Duration())
)
shares = st.integers(0, 1_000_000).map(lambda n: Share.parse(f"{n / 10_000:.4f}%"))
instants = st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - aware by `timezones`
times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
windows = st.builds(LocalWindow, times, times)
weekdays = st.lists(st.sampled_from(["mon", "tue", "sun"]), max_size=2).map(tuple)
local_texts = st.one_of(
    words.map(m.LocalText),
    st.dictionaries(st.sampled_from(LOCALES), words, min_size=1).map(lambda texts: m.LocalText(None, texts)),
)
owners = st.sampled_from(["contact", "account"])


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw from the strategy, or None."""
    return st.one_of(st.none(), strategy)


# ---------------------------------------------------------------- conditions

_any_tests = st.one_of(
    st.builds(c.Test, st.sampled_from(["is", "is_not", "contains"]), scalars),
    st.builds(c.Test, st.sampled_from(["in", "not_in"]), st.lists(scalars, min_size=1, max_size=3).map(tuple)),
    st.builds(c.Test, st.sampled_from(["at_least", "less_than"]), numbers),
    st.builds(c.Test, st.just("between"), st.tuples(numbers, numbers).map(lambda two: tuple(sorted(two)))),
    st.builds(c.Test, st.sampled_from(["starts_with", "ends_with"]), words),
    st.builds(c.Test, st.just("exists"), st.booleans()),
    st.builds(c.Test, st.sampled_from(["before", "after"]), instants),
    st.builds(c.Test, st.sampled_from(["within", "older_than"]), durations),
).map(lambda test: (test,))
_where = st.lists(st.builds(c.PropertyTest, paths, _any_tests), max_size=2, unique_by=lambda test: test.path).map(tuple)
_spans = st.one_of(
    st.just(c.Span()),
    st.builds(c.Span, within=durations),
    st.builds(c.Span, since=instants),
    st.builds(c.Span, until=instants),
)
_number_tests = st.builds(c.Test, st.sampled_from(["is", "at_least", "less_than"]), numbers).map(lambda test: (test,))
_count_tests = st.builds(c.Test, st.sampled_from(["is", "at_least"]), st.integers(0, 99)).map(lambda test: (test,))
_int_facts = st.builds(
    c.FactLeaf,
    st.sampled_from(["orders.count", "cart.items", "nps.score"]),
    st.builds(c.Test, st.sampled_from(["is", "at_most"]), st.integers(0, 99)).map(lambda test: (test,)),
)
_leaves = st.one_of(
    st.builds(c.StageLeaf, st.sampled_from(["is", "is_not", "at_least"]), names, optional(durations)),
    st.builds(c.StageLeaf, st.sampled_from(["in", "not_in"]), st.lists(names, min_size=1, max_size=2).map(tuple)),
    st.builds(c.SegmentLeaf, names),
    st.builds(c.AttributeLeaf, owners, paths, _any_tests),
    _int_facts,
    st.builds(c.FactLeaf, st.just("orders.total"), st.builds(c.Test, st.just("top"), shares).map(lambda test: (test,))),
    st.builds(
        c.FactLeaf,
        st.just("orders.last_at"),
        st.builds(c.Test, st.just("older_than"), durations).map(lambda test: (test,)),
    ),
    st.builds(c.FactLeaf, st.just("points.tier"), st.builds(c.Test, st.just("is"), words).map(lambda test: (test,))),
    st.builds(c.EventLeaf, event_lists, _where, st.one_of(st.just(()), _count_tests), _spans),
    st.builds(c.TotalLeaf, event_lists, paths, _number_tests, _where, _spans),
    st.builds(
        c.MessageLeaf,
        st.sampled_from(["sent", "opened"]),
        names,
        optional(names),
        optional(durations),
        optional(st.integers(1, 9)),
    ),
    st.builds(c.ConsentLeaf, names),
    st.builds(c.DateLeaf, owners, paths, optional(st.sampled_from(["year", "month"])), in_next=durations),
    st.builds(c.DateLeaf, owners, paths, st.none(), in_last=durations),
    st.builds(c.SampleLeaf, shares, st.one_of(st.just(""), names)),
)


def _compound(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    parts = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.one_of(st.builds(c.AllOf, parts), st.builds(c.AnyOf, parts), st.builds(c.Negation, inner))


_nested = st.recursive(_leaves, _compound, max_leaves=4)


@st.composite
def _drawn(draw: st.DrawFn, strategy: Callable[[], st.SearchStrategy[Any]]) -> Any:
    """Draw from a large strategy by its name: Hypothesis would write it out in full at every level."""
    return draw(strategy())


conditions: st.SearchStrategy[Any] = _drawn(lambda: _nested)

# ---------------------------------------------------------------- campaigns

triggers = st.one_of(
    st.builds(m.EventTrigger, event_lists, _where, durations, event_lists, optional(paths)),
    st.builds(m.EventTrigger, event_lists, _where, key=optional(paths)),
    st.builds(m.SegmentTrigger, names, st.sampled_from(["entered", "left"])),
    st.builds(m.StageTrigger, names),
    st.builds(m.DateTrigger, owners, paths, optional(st.sampled_from(["year", "month"])), offsets, times),
    st.builds(m.ScheduleTrigger, st.sampled_from(["0 9 * * 1", "*/15 8-20 1 * *"])),
    st.builds(
        m.BroadcastTrigger,
        st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1)),  # noqa: DTZ001 - wall-clock time
        st.sampled_from(["contact", "project"]),
    ),
    st.just(m.ManualTrigger()),
)
_templates = st.sampled_from(["welcome/hello", "cart/reminder", "x"])
_long_waits = st.builds(Duration, st.integers(1, 10**8), st.integers(0, 24))
_effects = st.one_of(
    st.builds(m.Send, st.just(""), _templates, optional(durations), optional(conditions), optional(names), maps),
    st.builds(m.Wait, st.just(""), _long_waits),
    st.builds(m.Wait, st.just(""), until=times, weekdays=weekdays),
    st.builds(m.Wait, st.just(""), date=paths, offset=offsets),
    st.builds(m.Update, st.just(""), st.dictionaries(path_names, scalars, min_size=1, max_size=2)),
    st.builds(m.Points, st.just(""), st.integers(-500, 500), st.none(), st.one_of(st.just(""), words)),
    st.builds(m.Points, st.just(""), st.just(0), paths),
    st.builds(m.Coupon, st.just(""), st.integers(1, 100), st.none(), optional(durations), names),
    st.builds(m.Coupon, st.just(""), st.none(), st.integers(1, 500)),
    st.builds(m.Emit, st.just(""), events, maps),
    st.builds(m.Webhook, st.just(""), names, maps),
    st.builds(m.Ticket, st.just(""), words, st.one_of(st.just(""), words)),
    st.builds(m.Exit, st.just(""), st.one_of(st.just(""), words)),
)


def _ways(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    steps = st.lists(inner, min_size=1, max_size=2).map(tuple)
    arms = st.lists(st.builds(m.Arm, conditions, steps), min_size=1, max_size=2)
    otherwise: st.SearchStrategy[Any] = st.one_of(st.just([]), steps.map(lambda found: [m.Arm(None, found)]))
    variants = st.lists(
        st.builds(m.Variant, names, st.integers(0, 9), steps),
        min_size=2,
        max_size=3,
        unique_by=lambda each: each.variant,
    ).map(tuple)
    winners = st.builds(m.Winner, st.sampled_from(["conversion", "opened"]), durations)
    return st.one_of(
        st.builds(m.WaitFor, st.just(""), event_lists, durations, _where, steps, steps),
        st.builds(m.WaitFor, st.just(""), event_lists, durations),
        st.builds(lambda first, last: m.Branch("", (*first, *last)), arms, otherwise),
        st.builds(m.Split, st.just(""), variants, optional(winners)),
    )


_steps = st.lists(st.recursive(_effects, _ways, max_leaves=4), min_size=1, max_size=4).map(tuple)


def _with_ids(steps: Any, counter: Counter[str]) -> Any:
    """Give each step an id of its own, as the decoder would demand."""
    from dataclasses import replace

    done = []
    for step in steps:
        counter["step"] += 1
        changes: dict[str, Any] = {"id": f"s{counter['step']}"}
        match step:
            case m.WaitFor():
                changes |= {"then": _with_ids(step.then, counter), "on_timeout": _with_ids(step.on_timeout, counter)}
            case m.Branch():
                changes["arms"] = tuple(replace(arm, steps=_with_ids(arm.steps, counter)) for arm in step.arms)
            case m.Split():
                changes["variants"] = tuple(replace(way, steps=_with_ids(way.steps, counter)) for way in step.variants)
            case _:
                pass
        done.append(replace(step, **changes))
    return tuple(done)


step_lists: st.SearchStrategy[Any] = _drawn(lambda: _named_steps)
_named_steps: st.SearchStrategy[Any] = _steps.map(lambda found: _with_ids(found, Counter()))


def _goal(when: Any, within: Any, value: Any) -> m.Goal:
    has_event = any(isinstance(part, c.EventLeaf) for part in c.walk(when))
    return m.Goal(when, within, value if has_event else None)


_campaigns = st.builds(
    m.Campaign,
    names,
    stage=names,
    trigger=triggers,
    steps=step_lists,
    topic=optional(names),
    label=st.one_of(st.just(m.LocalText("")), local_texts),
    status=st.sampled_from(["live", "draft"]),
    kind=st.sampled_from(["marketing", "transactional"]),
    starts=optional(instants),
    ends=optional(instants),
    priority=st.integers(0, 100),
    audience=optional(conditions),
    reentry=st.one_of(
        st.sampled_from([m.Reentry(), m.Reentry("always")]), durations.map(lambda after: m.Reentry("after", after))
    ),
    enroll=st.sampled_from(["future", "current_and_future"]),
    exit_when=optional(conditions),
    goal=optional(st.builds(_goal, conditions, optional(durations), optional(paths))),
    holdout=optional(shares),
    send_window=st.builds(
        m.SendWindow,
        st.sampled_from(["keep", "ignore"]),
        optional(windows),
        weekdays,
        st.sampled_from(["next", "skip"]),
    ),
    on_change=st.sampled_from(["keep", "migrate", "restart", "exit"]),
)
_segments = st.builds(m.Segment, names, local_texts, conditions, st.one_of(st.just(m.LocalText("")), local_texts))

# ---------------------------------------------------------------- lifecycle.yaml

_urls = st.sampled_from(["https://shop.example", "https://shop.example/a?b=c#d"])
_types = st.sampled_from(["text", "number", "int", "bool", "instant", "date", "list", "object"])
_typed = st.dictionaries(st.sampled_from(["total", "products[].price", "a.b", "مدينة"]), _types)
_named = st.dictionaries(names, words, max_size=2)
_quiet = windows.filter(lambda window: window.start != window.end)
_projects = st.builds(
    m.Project,
    names,
    brand=st.builds(m.Brand, local_texts, _urls, optional(_urls), local_texts, _named, _named),
    senders=st.dictionaries(
        names,
        st.builds(
            m.Sender, st.just("hello@shop.example"), local_texts, optional(st.just("a@b.example")), optional(names)
        ),
        min_size=1,
        max_size=2,
    ),
    default_locale=st.sampled_from(LOCALES),
    locales=st.just(LOCALES),
    timezone=st.sampled_from(["UTC", "Asia/Riyadh"]),
    currency=st.sampled_from(["SAR", "EUR"]),
    topics=st.lists(
        st.builds(m.Topic, names, local_texts, local_texts, st.sampled_from(["granted", "denied"])),
        max_size=2,
        unique_by=lambda topic: topic.topic,
    ).map(tuple),
    stages=st.lists(
        st.builds(
            m.Stage,
            names,
            local_texts,
            st.sampled_from(["tofu", "mofu", "bofu", "post"]),
            conditions,
            optional(durations),
            st.lists(words, max_size=2).map(tuple),
            st.one_of(st.just(""), words),
            st.lists(words, max_size=2).map(tuple),
        ),
        min_size=1,
        max_size=3,
        unique_by=lambda stage: stage.stage,
    ).map(tuple),
    policies=st.builds(
        m.Policies,
        st.lists(st.builds(m.FrequencyCap, st.integers(0, 9), durations, optional(names)), max_size=2).map(tuple),
        optional(st.builds(m.QuietHours, _quiet, st.sampled_from(["next", "skip"]))),
        optional(shares),
        durations,
        st.sampled_from(["single", "double"]),
        st.dictionaries(st.sampled_from(["source", "medium"]), words),
    ),
    events=st.dictionaries(events, st.just(None), max_size=2).flatmap(
        lambda found: st.fixed_dictionaries(
            {name: st.builds(m.EventSchema, st.just(name), _typed, st.one_of(st.just(""), words)) for name in found}
        )
    ),
    contact_attributes=_typed,
    account_attributes=_typed,
    rewards=maps,
    referrals=maps,
    surveys=maps,
    webhooks=maps,
)

campaigns: st.SearchStrategy[m.Campaign] = _drawn(lambda: _campaigns)
segments: st.SearchStrategy[m.Segment] = _drawn(lambda: _segments)
projects: st.SearchStrategy[m.Project] = _drawn(lambda: _projects)
