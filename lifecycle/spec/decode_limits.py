"""How fast mail may leave: sending limits of providers and domains, and warm-ups."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from lifecycle.base.address import ascii_domain, parse_address
from lifecycle.base.errors import UsageError
from lifecycle.base.units import Duration
from lifecycle.spec import model, rules_shape
from lifecycle.spec.decode import Decoder, Fields, Reading, listed, one_or_more
from lifecycle.spec.decode_values import duration, formatted, integer, name
from lifecycle.spec.place import Place
from lifecycle.spec.source import Node

_DAY_S = 86400
_MOST = 1_000_000_000
#: A warm-up takes weeks; one of more days is a mistake.
_MOST_DAYS = 366
_DATE = re.compile(r"\d{4}-?\d{2}-?\d{2}")


def provider_name(node: Node, reading: Reading) -> str:
    """Read the name of a provider, which there must be."""
    return reading.refer("provider", name(node, reading), node.place)


@lru_cache(maxsize=4096)
def domain_name(word: str) -> str:
    """Return the domain of addresses as it is compared: lower-case A-labels. Raises ValueError."""
    if "@" in word or "*" in word or "." not in word:
        raise ValueError("what stands behind the @ of an address, as gmail.com")
    try:
        return ascii_domain(parse_address(f"x@{word.strip()}").rpartition("@")[2]).lower()
    except (UsageError, UnicodeError) as error:
        raise ValueError("what stands behind the @ of an address, as gmail.com") from error


def _as_written(word: str) -> str:
    domain_name(word)
    return word.strip().lower()


_domain = formatted(_as_written, "a domain")


def _date(word: str) -> date:
    if not _DATE.fullmatch(word.strip()):
        raise ValueError("write it as 2026-12-01")
    return date.fromisoformat(word.strip())


def _placed(read: Decoder[str]) -> Decoder[tuple[str, Place]]:
    return lambda node, reading: (read(node, reading), node.place)


def sending_limits(node: Node, reading: Reading) -> tuple[model.SendingLimit, ...]:
    """Read the list of limits, none of which may be of mails that another one limits already."""
    taken: set[tuple[str | None, str]] = set()

    def one(node: Node, reading: Reading) -> model.SendingLimit:
        return _limit(node, reading, taken)

    return listed(one)(node, reading)


def _limit(node: Node, reading: Reading, taken: set[tuple[str | None, str]]) -> model.SendingLimit:
    fields = Fields(node, "a sending limit", reading, hint="as {provider: ses, at_most: 14, per: 1s}")
    provider = fields.maybe("provider", provider_name)
    domains = fields.optional("domains", listed(_placed(_domain), least=1), ())
    at_most = fields.required("at_most", integer(1, _MOST))
    per = fields.required("per", duration)
    if not fields.refused and provider is None and not domains:
        message = '"provider" or "domains" is missing in a sending limit'
        fields.report(rules_shape.MissingKey.at(node.place, message, hint="as domains: [gmail.com, googlemail.com]"))
    if not fields.refused and per.approximate_s() > _DAY_S:
        message = f"per is a day at most, not {per}"
        fields.report(rules_shape.OutOfRange.at(fields.value_place("per"), message, hint="per: 1d"))
    if not fields.refused:
        _refuse_taken(fields, provider, domains or (("", fields.place("provider")),), per, taken)
    fields.close()
    return model.SendingLimit(at_most, per, provider, tuple(found for found, _ in domains), place=node.place)


def _refuse_taken(
    fields: Fields,
    provider: str | None,
    domains: Iterable[tuple[str, Place]],
    per: Duration,
    taken: set[tuple[str | None, str]],
) -> None:
    """Report what another limit has already: a domain for the provider (or for all), or the provider itself."""
    for domain, place in domains:
        # a provider grants so many a second and so many a day: there the window tells them apart
        key = (provider, domain_name(domain) if domain else str(per))
        if key in taken:
            what = f"mail to {domain}" + (f" by {provider}" if provider else "") if domain else f"{provider} per {per}"
            fields.report(rules_shape.LimitedTwice.at(place, f"{what} is limited twice"))
        taken.add(key)


def warm_ups(node: Node, reading: Reading) -> tuple[model.WarmUp, ...]:
    """Read one warm-up, or a list of them, one for each provider."""
    taken: set[str] = set()

    def one(node: Node, reading: Reading) -> model.WarmUp:
        return _warm_up(node, reading, taken)

    return one_or_more(one)(node, reading)


def _warm_up(node: Node, reading: Reading, taken: set[str]) -> model.WarmUp:
    hint = "as {provider: ses, starts: 2026-12-01, from: 200, to: 50000, over: 30d}"
    fields = Fields(node, "a warm-up", reading, hint=hint)
    made = model.WarmUp(
        fields.required("provider", provider_name),
        fields.required("starts", formatted(_date, "a date")),
        fields.required("from", integer(1, _MOST)),
        fields.required("to", integer(1, _MOST)),
        fields.required("over", duration),
        place=node.place,
    )
    if not fields.refused:
        days, rest = divmod(made.over.seconds, _DAY_S)
        if rest or made.over.months or days > _MOST_DAYS:
            message = f"a warm-up takes whole days, {_MOST_DAYS} at most, not {made.over}"
            fields.report(rules_shape.OutOfRange.at(fields.value_place("over"), message, hint="over: 30d"))
        if made.to < made.first:
            message = f"the warm-up shrinks from {made.first:,} to {made.to:,} mails a day"
            fields.report(rules_shape.WarmUpShrinks.at(fields.value_place("to"), message))
        if made.provider in taken:
            message = f"the warm-up of {made.provider} stands here twice"
            fields.report(rules_shape.LimitedTwice.at(fields.place("provider"), message))
        taken.add(made.provider)
    fields.close()
    return made
