"""Every section of lifecycle.yaml, and the whole of it."""

from __future__ import annotations

from datetime import date
from typing import Any, get_args

import strategies as s
from hypothesis import strategies as st
from strategies_campaigns import local_texts, no_text_or
from strategies_conditions import conditions

from lifecycle.base.units import Duration
from lifecycle.spec import model as m

_urls = st.sampled_from(["https://shop.example", "http://متجر.example/a?b=c#d", "https://shop.example:8443/%20'x'"])
_typed = st.dictionaries(
    st.sampled_from(["total", "products[].price", "a.b", "مدينة", "no", "1", "a: b"]),
    st.sampled_from(get_args(m.PropertyType)),
    max_size=2,
)
_named = st.dictionaries(s.names, s.words, max_size=2)
_addresses = st.sampled_from(["hello@shop.example", "a.b+c@shop.example"])
_amounts = st.integers(1, 10**9)
_expires = s.optional(s.durations)


@st.composite
def _tiers(draw: st.DrawFn) -> tuple[m.Tier, ...]:
    called = draw(st.lists(s.names, max_size=3, unique=True))
    begins = sorted(draw(st.lists(st.integers(0, 10**9), min_size=len(called), max_size=len(called), unique=True)))
    return tuple(m.Tier(tier, points, draw(local_texts)) for tier, points in zip(called, begins, strict=True))


_gifts = st.one_of(
    st.builds(m.Gift, st.integers(1, 100), expires=_expires),
    st.builds(m.Gift, amount=_amounts, expires=_expires),
    st.builds(m.Gift, points=_amounts),
)
_surveys = st.one_of(st.tuples(st.just("nps"), no_text_or), st.tuples(st.just("csat"), no_text_or, st.integers(2, 10)))


_provider = st.sampled_from(m.PROVIDERS)
_providers = st.lists(_provider, max_size=2, unique=True).map(tuple)
_pers = st.integers(1, 24).map(lambda hours: Duration(hours * 3600))


@st.composite
def _limits(draw: st.DrawFn) -> tuple[m.SendingLimit, ...]:
    """Draw limits of a provider, of domains, and of both, none of them twice."""
    named = draw(st.lists(_provider, max_size=2, unique=True))
    found = [m.SendingLimit(draw(st.integers(1, 10**9)), draw(_pers), provider) for provider in named]
    for provider in draw(st.lists(s.optional(_provider), max_size=2, unique=True)):
        domains = draw(st.lists(st.sampled_from(["gmail.com", "live.com", "بريد.example"]), min_size=1, unique=True))
        found.append(m.SendingLimit(draw(st.integers(1, 10**9)), draw(_pers), provider, tuple(domains)))
    return tuple(found)


@st.composite
def _warm_ups(draw: st.DrawFn) -> tuple[m.WarmUp, ...]:
    found = []
    for provider in draw(st.lists(_provider, max_size=2, unique=True)):
        first, to = sorted(draw(st.lists(st.integers(1, 10**9), min_size=2, max_size=2)))
        over = Duration(draw(st.integers(1, 365)) * 86400)
        found.append(m.WarmUp(provider, draw(st.dates(date(2020, 1, 1), date(2030, 1, 1))), first, to, over))
    return tuple(found)


@st.composite
def _by_name(draw: st.DrawFn, make: Any, least: int = 0) -> dict[str, Any]:
    """Draw a mapping of what `make` draws for each name."""
    return {name: draw(make(name)) for name in draw(st.lists(s.names, min_size=least, max_size=2, unique=True))}


@st.composite
def _event_schemas(draw: st.DrawFn) -> dict[str, m.EventSchema]:
    called = draw(st.lists(s.events, max_size=2, unique=True))
    return {name: m.EventSchema(name, draw(_typed), draw(s.blank_or(s.words))) for name in called}


_stages = st.builds(
    m.Stage,
    s.names,
    local_texts,
    st.sampled_from(get_args(m.Funnel)),
    conditions(1),
    s.optional(s.durations),
    st.lists(s.words, max_size=2).map(tuple),
    s.blank_or(s.words),
    st.lists(s.words, max_size=2).map(tuple),
)

#: The sections, by the field of Project that each is.
SECTIONS: dict[str, st.SearchStrategy[Any]] = {
    "brand": st.builds(m.Brand, local_texts, _urls, s.optional(_urls), no_text_or, _named, _named),
    "senders": _by_name(
        lambda _: st.builds(m.Sender, _addresses, local_texts, s.optional(_addresses), _providers), least=1
    ),
    "timezone": st.sampled_from(["UTC", "Asia/Riyadh"]),
    "currency": st.sampled_from(["USD", "SAR"]),
    "topics": st.lists(
        st.builds(m.Topic, s.names, local_texts, no_text_or, st.sampled_from(["granted", "denied"])),
        max_size=2,
        unique_by=lambda topic: topic.topic,
    ).map(tuple),
    "stages": st.lists(_stages, min_size=1, max_size=2, unique_by=lambda stage: stage.stage).map(tuple),
    "policies": st.builds(
        m.Policies,
        st.lists(st.builds(m.FrequencyCap, st.integers(0, 9), s.durations, s.optional(s.names)), max_size=2).map(tuple),
        s.optional(
            st.builds(
                m.QuietHours, s.windows.filter(lambda window: window.start != window.end),
                st.sampled_from(["next", "skip"]),
            )
        ),
        s.optional(s.shares),
        s.durations,
        st.sampled_from(["single", "double"]),
        st.dictionaries(st.sampled_from(["source", "medium", "term", "id"]), s.words, max_size=2),
        _limits(),
        _warm_ups(),
    ),
    "events": _event_schemas(),
    "contact_attributes": _typed,
    "account_attributes": _typed,
    "rewards": st.builds(m.Rewards, _tiers()),
    "referrals": st.builds(
        m.Referrals, s.optional(_gifts), s.optional(_gifts), st.one_of(st.just(Duration()), s.durations)
    ),
    "surveys": _by_name(lambda name: _surveys.map(lambda found: m.Survey(name, *found))),
    "webhooks": _by_name(
        lambda _: st.builds(
            m.WebhookTarget,
            st.sampled_from(["https://crm.example/hook", "https://8.8.8.8:8443/a?b=c"]),
            st.sampled_from(["POST", "PUT", "PATCH"]),
            st.dictionaries(st.sampled_from(["X-Shop", "accept"]), st.sampled_from(["no", "a: b", "#1"]), max_size=2),
        )
    ),
}  # fmt: skip
#: What a project of nothing else has.
_PLAIN: dict[str, Any] = {
    "brand": m.Brand(m.LocalText("Shop"), "https://shop.example"),
    "senders": {"shop": m.Sender("hello@shop.example", m.LocalText("Shop"))},
    "timezone": "UTC",
    "currency": "USD",
    "topics": (),
}


@st.composite
def project_with(draw: st.DrawFn, section: str) -> m.Project:
    """Draw a project in which only that section is of interest."""
    from lifecycle.spec.decode_project import default_stages

    parts = _PLAIN | {"stages": default_stages()} | {section: draw(SECTIONS[section])}
    return m.Project(draw(s.names), default_locale="en", locales=s.LOCALES, **parts)


@st.composite
def projects(draw: st.DrawFn) -> m.Project:
    """Draw a project with all of its sections."""
    locales = draw(st.permutations(s.LOCALES).map(tuple))
    parts = {section: draw(strategy) for section, strategy in SECTIONS.items()}
    return m.Project(draw(s.names), default_locale=draw(st.sampled_from(locales)), locales=locales, **parts)
