"""What lifecycle.yaml says beside the mails: rewards, referrals, surveys, and the webhooks that steps call."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, cast
from urllib.parse import urlsplit

from lifecycle.base.units import Duration
from lifecycle.spec import model, rules_shape
from lifecycle.spec.decode import Fields, Reading, listed, mapped
from lifecycle.spec.decode_values import duration, integer, key_name, local_text, name, option, percents, text, url
from lifecycle.spec.model import LocalText
from lifecycle.spec.source import Entry, Node

#: More points, or more money, than any shop of ours counts.
_MOST = 1_000_000_000
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_HEADER_VALUE = re.compile(r"[!-~]([ -~]{0,998}[!-~])?")
#: What the engine writes itself, or what says how the request is to be read.
_OWN_HEADERS = frozenset({"host", "connection", "content-length", "content-type", "transfer-encoding", "te", "trailer"})
_INSIDE = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


def rewards(node: Node, reading: Reading) -> model.Rewards:
    """Read the loyalty programme."""
    fields = Fields(node, "rewards", reading, hint="as rewards: {tiers: [{tier: gold, from: 1000}]}")
    made = model.Rewards(fields.optional("tiers", _tiers, ()), place=node.place)
    fields.close()
    return made


def _tiers(node: Node, reading: Reading) -> tuple[model.Tier, ...]:
    found = listed(_tier, least=1)(node, reading)
    names: set[str] = set()
    for lower, tier in zip((None, *found), found, strict=False):
        if tier.tier in names:
            message = f'the tier "{tier.tier}" stands here twice'
            reading.refuse(rules_shape.DuplicateId.at(tier.place or node.place, message))
        names.add(tier.tier)
        if lower is not None and tier.at_least <= lower.at_least:
            message = f'"{tier.tier}" begins at {tier.at_least}, "{lower.tier}" before it at {lower.at_least}'
            place = tier.from_place or node.place
            reading.refuse(rules_shape.TiersOutOfOrder.at(place, message, hint="put the lower first"))
    return found


def _tier(node: Node, reading: Reading) -> model.Tier:
    fields = Fields(node, "a tier", reading, hint="as {tier: gold, from: 1000}")
    called = fields.required("tier", name)
    made = model.Tier(
        called,
        fields.required("from", integer(0, _MOST), hint="the points that it begins at"),
        fields.optional("label", local_text, LocalText(called)),
        from_place=fields.value_place("from"),
        place=fields.place("tier"),
    )
    fields.close()
    return made


def referrals(node: Node, reading: Reading) -> model.Referrals:
    """Read what both sides of a referral get."""
    fields = Fields(node, "referrals", reading, hint="as referrals: {friend: {percent: 15}, advocate: {points: 300}}")
    made = model.Referrals(
        fields.maybe("friend", _gift),
        fields.maybe("advocate", _gift),
        fields.optional("release_after", duration, Duration()),
        place=node.place,
    )
    fields.close()
    return made


def _gift(node: Node, reading: Reading) -> model.Gift:
    fields = Fields(node, "a gift", reading, hint="as {percent: 15}, {amount: 50} or {points: 300}")
    chosen = fields.one_of(("percent", "amount", "points"))
    most = integer(1, _MOST)
    made = model.Gift(
        fields.required("percent", percents) if chosen == "percent" else None,
        fields.required("amount", most) if chosen == "amount" else None,
        fields.required("points", most) if chosen == "points" else None,
        fields.maybe("expires", duration),
        place=node.place,
    )
    if chosen == "points" and fields.has("expires"):
        message = '"expires" is of a coupon; points do not expire'
        fields.report(rules_shape.IdleKey.at(fields.place("expires"), message))
    fields.close()
    return made


def survey(entry: Entry, reading: Reading) -> model.Survey:
    """Read one survey under its name."""
    called = key_name(entry, reading)
    fields = Fields(entry.value, "a survey", reading, hint="as nps: {kind: nps}")
    kind = fields.required("kind", option("nps", "csat"), hint="nps: 0 to 10; csat: 1 to scale")
    question = fields.optional("question", local_text, LocalText(""))
    scale = fields.optional("scale", integer(2, 10), 5)
    if kind == "nps" and fields.has("scale"):
        message = '"scale" is of csat; the scores of an nps survey are 0 to 10'
        fields.report(rules_shape.IdleKey.at(fields.place("scale"), message))
    fields.close()
    return model.Survey(called, cast("Any", kind), question, scale, place=entry.key.place)


def webhook(entry: Entry, reading: Reading) -> model.WebhookTarget:
    """Read one webhook under its name."""
    key_name(entry, reading)
    fields = Fields(entry.value, "a webhook", reading, hint="as crm: {url: https://crm.example/hook}")
    made = model.WebhookTarget(
        fields.required("url", _public_url),
        cast("Any", fields.optional("method", option("POST", "PUT", "PATCH"), "POST")),
        fields.maybe("headers", mapped(_header)) or {},
        place=entry.key.place,
    )
    fields.close()
    return made


def _public_url(node: Node, reading: Reading) -> str:
    """Read an address outside of this network. Names are resolved, and looked at again, when the call is made."""
    found = url(node, reading)
    parts = urlsplit(found)
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme != "https":
        message = "a webhook goes to https"
        hint = f'did you mean "https{found.removeprefix("http")}"?'
        reading.refuse(rules_shape.UnsafeAddress.at(node.place, message, hint=hint))
    if parts.username is not None or parts.password is not None:
        message = "an address with a password in it ends up in logs"
        reading.refuse(rules_shape.UnsafeAddress.at(node.place, message, hint="take it out of the address"))
    if _is_inside(host):
        message = f'"{host}" is inside the network that the engine runs in'
        reading.refuse(rules_shape.UnsafeAddress.at(node.place, message))
    return found


def _is_inside(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith(_INSIDE)


def _header(entry: Entry, reading: Reading) -> str:
    called = entry.name.lower()
    if not _HEADER.fullmatch(entry.name):
        reading.refuse(rules_shape.BadHeader.at(entry.key.place, f'"{entry.name}" is not the name of a header'))
    if called in _OWN_HEADERS or called.startswith("webhook-"):
        message = f"{entry.name} is written by the engine"
        reading.refuse(rules_shape.BadHeader.at(entry.key.place, message, hint="take it away"))
    value = text(entry.value, reading)
    if not _HEADER_VALUE.fullmatch(value):
        message = "the value of a header is one line of ASCII, without spaces around it"
        reading.refuse(rules_shape.BadHeader.at(entry.value.place, message))
    return value
