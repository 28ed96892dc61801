"""lifecycle.yaml: brand, senders, locales, topics, stages, policies, declared events and attributes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, cast

from lifecycle.base.units import Duration, LocalWindow, parse_zone
from lifecycle.spec import model, rules_shape
from lifecycle.spec.conditions import AllOf, AnyOf, Condition, EventLeaf, FactLeaf, Test
from lifecycle.spec.decode import Fields, Reading, listed, mapped, one_or_more
from lifecycle.spec.decode_condition import condition
from lifecycle.spec.decode_limits import provider_name, sending_limits, warm_ups
from lifecycle.spec.decode_rewards import referrals, rewards, survey, webhook
from lifecycle.spec.decode_values import (
    currency,
    duration,
    email_address,
    integer,
    key_name,
    local_text,
    locale,
    name,
    option,
    share,
    text,
    time_of_day,
    time_zone,
    url,
)
from lifecycle.spec.model import LocalText, PropertyType
from lifecycle.spec.source import Entry, Node

_TYPES: tuple[PropertyType, ...] = ("text", "number", "int", "bool", "instant", "date", "list", "object")
_PATH = re.compile(r"[^\s.\[\]][^.\[\]]{0,99}(\[\])?(\.[^\s.\[\]][^.\[\]]{0,99}(\[\])?){0,9}")


def project(node: Node, reading: Reading) -> model.Project:
    """Read lifecycle.yaml. The reading learns the locales and the zone first: other decoders need them."""
    fields = Fields(node, "lifecycle.yaml", reading)
    called = fields.required("project", name)
    instead: tuple[str, tuple[str, ...]] = ("en", ()) if fields.has("locales") else ("en", ("en",))
    default_locale, locales = fields.optional("locales", _locales, instead)
    reading.locales = locales or None  # where they do not read, no text is blamed for its locale
    zone = fields.optional("timezone", time_zone, "UTC")
    reading.zone = parse_zone(zone)
    made = model.Project(
        called,
        brand=fields.required("brand", _brand),
        senders=fields.required("senders", mapped(_sender, least=1), hint="who the mails are from"),
        default_locale=default_locale,
        locales=locales,
        timezone=zone,
        currency=fields.optional("currency", currency, "USD"),
        topics=tuple((fields.maybe("topics", mapped(_topic)) or {}).values()),
        stages=fields.optional("stages", _stages, ()) or default_stages(),
        policies=fields.optional("policies", _policies, model.Policies()),
        events=(fields.maybe("events", mapped(_event)) or {}),
        contact_attributes=(fields.maybe("contact", _attributes("contact")) or {}),
        account_attributes=(fields.maybe("account", _attributes("account")) or {}),
        rewards=fields.optional("rewards", rewards, model.Rewards()),
        referrals=fields.optional("referrals", referrals, model.Referrals()),
        surveys=(fields.maybe("surveys", mapped(survey)) or {}),
        webhooks=(fields.maybe("webhooks", mapped(webhook)) or {}),
        place=fields.place("project"),
    )
    fields.close()
    return made


def _locales(node: Node, reading: Reading) -> tuple[str, tuple[str, ...]]:
    fields = Fields(node, "locales", reading, hint="as locales: {default: en, available: [en, ar]}")
    default = fields.required("default", locale)
    available = fields.optional("available", listed(locale, least=1), (default,))
    if not fields.refused and default not in available:
        message = f'the default locale "{default}" is not among the available ones'
        fields.report(rules_shape.NotAnOption.at(fields.place("default"), message))
    for found in (each for each, count in Counter(available).items() if count > 1):
        fields.report(rules_shape.DuplicateId.at(fields.place("available"), f'the locale "{found}" stands here twice'))
    fields.close()
    return default, available


def _brand(node: Node, reading: Reading) -> model.Brand:
    fields = Fields(node, "brand", reading)
    made = model.Brand(
        fields.required("name", local_text),
        fields.required("url", url),
        fields.maybe("logo", url),
        fields.optional("postal_address", local_text, LocalText("")),
        (fields.maybe("colours", mapped(_named_text)) or {}),
        (fields.maybe("fonts", mapped(_named_text)) or {}),
        place=node.place,
    )
    fields.close(hints=lambda key: 'did you mean "colours"?' if key == "colors" else "")
    return made


def _named_text(entry: Entry, reading: Reading) -> str:
    key_name(entry, reading)
    return text(entry.value, reading)


def _sender(entry: Entry, reading: Reading) -> model.Sender:
    key_name(entry, reading)
    fields = Fields(entry.value, "a sender", reading, hint="as {from: hello@shop.example, name: Shop}")
    made = model.Sender(
        fields.required("from", email_address),
        fields.required("name", local_text),
        fields.maybe("reply_to", email_address),
        fields.optional("provider", one_or_more(provider_name), ()),
        place=entry.key.place,
    )
    fields.close()
    return made


def _topic(entry: Entry, reading: Reading) -> model.Topic:
    called = key_name(entry, reading)
    fields = Fields(entry.value, "a topic", reading, hint="as offers: {label: Offers}")
    made = model.Topic(
        called,
        fields.optional("label", local_text, LocalText(called)),
        fields.optional("description", local_text, LocalText("")),
        cast("Any", fields.optional("default", option("granted", "denied"), "denied")),
        place=entry.key.place,
    )
    fields.close()
    return made


def _stages(node: Node, reading: Reading) -> tuple[model.Stage, ...]:
    found = listed(_stage, least=1)(node, reading)
    seen: set[str] = set()
    for stage in found:
        if stage.stage in seen:
            message = f'the stage "{stage.stage}" stands here twice'
            reading.refuse(rules_shape.DuplicateId.at(stage.place or node.place, message))
        seen.add(stage.stage)
    return found


def _stage(node: Node, reading: Reading) -> model.Stage:
    fields = Fields(node, "a stage", reading)
    called = fields.required("stage", name)
    made = model.Stage(
        called,
        fields.optional("label", local_text, LocalText(called)),
        cast("Any", fields.required("funnel", option("tofu", "mofu", "bofu", "post"))),
        fields.required("when", condition),
        fields.maybe("keep_for", duration),
        fields.optional("needs", listed(text), ()),
        fields.optional("moment", text, ""),
        fields.optional("actions", listed(text), ()),
        place=fields.place("stage"),
    )
    fields.close()
    return made


def _policies(node: Node, reading: Reading) -> model.Policies:
    fields = Fields(node, "policies", reading)
    made = model.Policies(
        fields.optional("frequency_caps", listed(_cap), ()),
        fields.maybe("quiet_hours", _quiet_hours),
        fields.maybe("global_holdout", share),
        fields.optional("attribution", _attribution, Duration(5 * 86400)),
        cast("Any", fields.optional("consent", option("single", "double"), "single")),
        (fields.maybe("utm", _utm) or {}),
        fields.optional("sending_limits", sending_limits, ()),
        fields.optional("warm_up", warm_ups, ()),
        place=node.place,
    )
    fields.close()
    return made


def _cap(node: Node, reading: Reading) -> model.FrequencyCap:
    fields = Fields(node, "a frequency cap", reading)
    made = model.FrequencyCap(
        fields.required("at_most", integer(0, 1_000_000)),
        fields.required("per", duration),
        fields.maybe("topic", lambda node, _: reading.refer("topic", name(node, reading), node.place)),
        place=node.place,
    )
    fields.close()
    return made


def _quiet_hours(node: Node, reading: Reading) -> model.QuietHours:
    fields = Fields(node, "quiet_hours", reading)
    start, end = fields.required("from", time_of_day), fields.required("to", time_of_day)
    then = fields.optional("then", option("next", "skip"), "next")
    if not fields.refused and start == end:
        message = "quiet hours from and to the same time never end"
        fields.report(rules_shape.OutOfRange.at(fields.place("to"), message))
    fields.close()
    return model.QuietHours(LocalWindow(start, end), cast("Any", then), place=node.place)


def _attribution(node: Node, reading: Reading) -> Duration:
    fields = Fields(node, "attribution", reading)
    click = fields.required("click", duration)
    fields.close()
    return click


def _utm(node: Node, reading: Reading) -> dict[str, str]:
    fields = Fields(node, "utm", reading)
    found = {key: fields.maybe(key, text) for key in ("source", "medium", "term", "id")}
    fields.close(
        hints=lambda key: "campaign and content are added to each link" if key in {"campaign", "content"} else ""
    )
    return {key: value for key, value in found.items() if value is not None}


def _event(entry: Entry, reading: Reading) -> model.EventSchema:
    fields = Fields(entry.value, "an event", reading, hint="as Order Completed: {properties: {total: number}}")
    made = model.EventSchema(
        entry.name,
        (fields.maybe("properties", _typed) or {}),
        fields.optional("description", text, ""),
        place=entry.key.place,
    )
    fields.close()
    return made


def _attributes(owner: str) -> Callable[[Node, Reading], Mapping[str, PropertyType]]:
    def decode(node: Node, reading: Reading) -> Mapping[str, PropertyType]:
        fields = Fields(node, owner, reading, hint=f"as {owner}: {{attributes: {{country: text}}}}")
        found = fields.maybe("attributes", _typed) or {}
        fields.close()
        return found

    return decode


def _typed(node: Node, reading: Reading) -> Mapping[str, PropertyType]:
    """Read types by dotted path; `[]` marks the items of a list."""

    def one(entry: Entry, reading: Reading) -> PropertyType:
        if not _PATH.fullmatch(entry.name):
            hint = "names with a dot between them, [] after a list, as products[].price"
            reading.refuse(rules_shape.BadFormat.at(entry.key.place, f'"{entry.name}" is not a path', hint=hint))
        return option(*_TYPES)(entry.value, reading)

    return mapped(one)(node, reading)


def default_stages() -> tuple[model.Stage, ...]:
    """Return the five stages that a project has when lifecycle.yaml names none."""

    def at_least(fact: str, value: int) -> Condition:
        return FactLeaf(fact, (Test("at_least", value),))

    viewed = EventLeaf(("Product Viewed", "Product Added"))
    decision = AnyOf((at_least("cart.items", 1), EventLeaf(("Checkout Started",))))
    advocacy = AnyOf((at_least("referrals.count", 1), at_least("nps.score", 9)))
    return (
        model.Stage("awareness", LocalText("Awareness"), "tofu", AllOf(())),
        model.Stage("consideration", LocalText("Consideration"), "mofu", viewed),
        model.Stage("decision", LocalText("Decision"), "bofu", decision),
        model.Stage("retention", LocalText("Retention"), "post", at_least("orders.count", 1)),
        model.Stage("advocacy", LocalText("Advocacy"), "post", advocacy),
    )
