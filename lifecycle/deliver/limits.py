"""The limits in force: what content says of providers, domains and warm-ups, and the rate that the settings give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from lifecycle.base.units import parse_zone
from lifecycle.deliver.allowance import Allowance, Ramp, Rate
from lifecycle.spec.decode_limits import domain_name
from lifecycle.spec.model import Project, SendingLimit


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit. `key` names it in the ledger, `words` for people: "the limit of gmail.com: 1,000 per 1h".

    It is of a provider, of domains (A-labels), or of both. One of `everything` holds every mail, since the provider
    would refuse it; the others are about reputation: transactional mail counts, and is not held.
    """

    key: str
    words: str
    allowance: Allowance
    provider: str | None = None
    domains: frozenset[str] = frozenset()
    everything: bool = False

    @property
    def narrowness(self) -> int:
        """Return 0 for a warm-up, 1 for domains, 2 for domains of a provider: rows only move to a narrower limit."""
        return bool(self.domains) + bool(self.domains and self.provider)

    def covers(self, provider: str, domain: str) -> bool:
        """Say whether a mail by that provider to that domain counts."""
        return self.provider in {None, provider} and (not self.domains or domain in self.domains)


class Limits:
    """All limits in force, in the order of their keys, which is the order in which they are locked."""

    def __init__(self, found: Mapping[str, Limit]) -> None:
        self.by_key = {key: found[key] for key in sorted(found)}
        self._of: dict[tuple[str, str], tuple[Limit, ...]] = {}

    def __iter__(self) -> Iterator[Limit]:
        """Yield each."""
        return iter(self.by_key.values())

    def __bool__(self) -> bool:
        """Say whether there is any."""
        return bool(self.by_key)

    @cached_property
    def parking(self) -> tuple[Limit, ...]:
        """Return those at which marketing mail waits in a queue of its own, the widest first."""
        return tuple(sorted((each for each in self if not each.everything), key=lambda each: each.narrowness))

    @cached_property
    def _domains(self) -> frozenset[str]:
        return frozenset().union(*(each.domains for each in self))

    def of(self, provider: str, domain: str) -> tuple[Limit, ...]:
        """Return those for which a mail by that provider to that domain counts, the widest first."""
        key = (provider, domain if domain in self._domains else "")
        if key not in self._of:
            found = (each for each in self if each.covers(*key))
            self._of[key] = tuple(sorted(found, key=lambda each: each.narrowness))
        return self._of[key]


def limits_of(project: Project, rates: Mapping[str, float | None]) -> Limits:
    """Return the limits of the project, and of `rates` (mails a second) by provider."""
    found = [_written(each) for each in project.policies.sending_limits]
    zone = parse_zone(project.timezone)
    for plan in project.policies.warm_up:
        words = f"the warm-up of {plan.provider}"
        found.append(Limit(words, words, Ramp(plan, zone), plan.provider))
    for provider, rate in rates.items():
        if rate is not None:
            words = f"the limit of {provider}: {rate:g} per 1s (LIFECYCLE_RATE_PER_S)"
            found.append(Limit(f"the rate of {provider}", words, Rate.of(rate, 1), provider, everything=True))
    return Limits({each.key: each for each in found})


def _written(limit: SendingLimit) -> Limit:
    rate = Rate.of(limit.at_most, limit.per.seconds)
    much = f"{limit.at_most:,} per {limit.per}"
    if not limit.domains:
        key = f"{limit.provider} per {limit.per}"
        return Limit(key, f"the limit of {limit.provider}: {much}", rate, limit.provider, everything=True)
    first = domain_name(limit.domains[0])
    of = first if limit.provider is None else f"{first} by {limit.provider}"
    return Limit(of, f"the limit of {of}: {much}", rate, limit.provider, frozenset(map(domain_name, limit.domains)))
