"""Holds what a template needs against what each campaign that sends it gives, on every way to each send."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes

from lifecycle.base.units import Duration
from lifecycle.intake.facts import ORDER_EVENTS
from lifecycle.render import rules, rules_givens
from lifecycle.render.jinja_check import Known, Reading, heads
from lifecycle.render.needs import Need, needs, path_of, reads
from lifecycle.render.scope import CART_EVENTS, NAMES
from lifecycle.spec.chosen import chosen_by
from lifecycle.spec.diagnostics import Diagnostic, did_you_mean
from lifecycle.spec.model import Campaign, Content, Coupon, EventTrigger, Send, walk_steps
from lifecycle.spec.opening_hours import opening_hours
from lifecycle.spec.paths import Passage
from lifecycle.spec.place import Place
from lifecycle.spec.rules_time import sends

#: what each recipient of a mail has
_ALWAYS_THERE = frozenset({"contact.email", "contact.locale"})


def check_givens(content: Content, template: str, readings: list[Reading], known: Known) -> Iterator[Diagnostic]:
    """Yield what the campaigns that send the template cannot fill, or not on every way to it."""
    coupons = {name for name, below in known.below.items() if below is NAMES["coupon"]}
    wanted = list(needs(readings))
    yield from _brand(wanted, content)
    named = {path[0] for path in reads(readings)} & coupons
    unguarded = {need.path[0] for need in wanted if not need.sure} & coupons
    for campaign in known.campaigns:
        lacking = _lacking(campaign, content, coupons)
        for need in wanted:
            if need.path[0] in lacking and not need.sure:
                message = f'"{need.path[0]}" is empty: the campaign {campaign.campaign} {lacking[need.path[0]]}'
                yield rules.NotInScope.at(need.place, message, hint=f"guard it with {{% if {need.path[0]} %}}")
            else:
                yield from _property(need, campaign, content)
        for passage, step, place in sends(campaign):
            if step.template == template:
                yield from _coupons(passage, unguarded - set(lacking), place)
                yield from _expired(passage, named, place, opening_hours(campaign, content.project).longest_s)
                yield from _data(step, wanted, place)


def check_attributes(readings: list[Reading]) -> Iterator[Diagnostic]:
    """Yield attributes of people that are printed as if everybody had them; a loop over none is just empty."""
    looped = {path_of(loop.iter) for reading in readings for loop in reading.each(nodes.For)}
    for need in needs(readings):
        called = ".".join(need.path[:2])
        if need.path[0] not in {"contact", "account"} or called in _ALWAYS_THERE or need.path in looped:
            continue
        if len(need.path) > 1 and need.sure < 2:
            message = f'not every contact has "{called}": whoever has none gets no mail'
            hint = f'{{{{ {called} or "…" }}}}, or guard it with {{% if {called} %}}'
            yield rules_givens.AttributeMayBeMissing.at(need.place_of(need.path[1]), message, hint=hint)


def _brand(wanted: list[Need], content: Content) -> Iterator[Diagnostic]:
    """Yield colours and fonts that the brand does not have."""
    brand = content.project.brand
    for need in wanted:
        names = {"colours": brand.colours, "fonts": brand.fonts}.get(need.path[1] if len(need.path) > 2 else "")
        if need.path[0] == "brand" and names is not None and need.path[2] not in names:
            message = f'brand.{need.path[1]} has no "{need.path[2]}"'
            yield rules.UndefinedVariable.at(
                need.place_of(need.path[2]), message, hint=did_you_mean(need.path[2], names)
            )


def _lacking(campaign: Campaign, content: Content, coupons: set[str]) -> dict[str, str]:
    """Return the names that the campaign can never fill, each with why."""
    made = {step.name for step in walk_steps(campaign.steps) if isinstance(step, Coupon)}
    lacking = {name: f"has no coupon step{'' if name == 'coupon' else f' with as: {name}'}" for name in coupons - made}
    if made:
        lacking.pop("coupon", None)  # the last one made goes by that name too
    events = set(campaign.trigger.events) if isinstance(campaign.trigger, EventTrigger) else set()
    if not events:
        lacking["event"] = "has no event for a trigger"
    facts, asked = chosen_by(campaign, content)
    if not (events & CART_EVENTS or asked & CART_EVENTS or any(fact.startswith("cart.") for fact in facts)):
        lacking["cart"] = "has nothing to do with a cart"
    if not (events & ORDER_EVENTS or asked & ORDER_EVENTS or any(fact.startswith("orders.") for fact in facts)):
        lacking["order"] = "has nothing to do with an order"
    return lacking


def _property(need: Need, campaign: Campaign, content: Content) -> Iterator[Diagnostic]:
    """Yield a property that only some of the trigger's events have."""
    if need.path[:2] != ("event", "properties") or len(need.path) < 3 or not isinstance(campaign.trigger, EventTrigger):
        return
    name = need.path[2]
    having = {}
    for event in campaign.trigger.events:
        schema = content.project.events.get(event)
        declared = heads(schema.properties) if schema is not None else set()
        having[event] = not declared or name in declared  # of an event without a declaration, any property may come
    without = [event for event, has in having.items() if not has]
    if without and len(without) < len(having):
        message = f'"event.properties.{name}" is empty when "{without[0]}" begins the campaign {campaign.campaign}'
        yield rules.NotInScope.at(
            need.place_of(name), message, hint=f"guard it with {{% if event.properties.{name} %}}"
        )


def _coupons(passage: Passage, wanted: set[str], place: Place) -> Iterator[Diagnostic]:
    """Yield the coupons that are made after the send, or on some ways to it only."""
    possible = {made.coupon.name for made in passage.coupons}
    for name in sorted(wanted):
        if name in passage.certain or (name == "coupon" and passage.certain):
            continue
        some = bool(possible) if name == "coupon" else name in possible
        message = (
            f'"{name}" is made on some ways to this mail only' if some else f'no step before this mail makes "{name}"'
        )
        yield rules_givens.CouponNotMade.at(place, message, hint="a coupon step right before the send")


def _expired(passage: Passage, named: set[str], place: Place, held_s: int) -> Iterator[Diagnostic]:
    """Yield the coupons that are no longer valid when the mail is sent, or when the night that holds it ends."""
    one_is_called_so = any(made.coupon.name == "coupon" for made in passage.coupons)
    for made in passage.coupons:
        coupon = made.coupon
        called = coupon.name in named or ("coupon" in named and made.last and not one_is_called_so)
        if coupon.expires is None or not called:
            continue
        valid_s = coupon.expires.approximate_s()
        if made.age_s >= valid_s:
            message = f'"{coupon.name}" is valid for {coupon.expires} and mailed {Duration(int(made.age_s))} later'
            yield rules_givens.CouponExpired.at(place, message, hint="make it right before the send")
        elif made.age_s + held_s >= valid_s and passage.wall is None:
            message = f'"{coupon.name}" is valid for {coupon.expires}, and this mail may be held for {Duration(held_s)}'
            yield rules_givens.CouponExpired.at(place, message, hint="let it be valid for longer than a night")


def _data(step: Send, wanted: list[Need], place: Place) -> Iterator[Diagnostic]:
    """Yield what the template reads of `data` and this send does not give, once."""
    names = dict.fromkeys(need.path[1] for need in wanted if need.path[0] == "data" and len(need.path) > 1)
    missing = [name for name in names if name not in step.data]
    if missing:
        message = f'the template {step.template} reads "data.{missing[0]}", which this send does not give'
        yield rules_givens.DataNotGiven.at(place, message, hint=f"data: {{{missing[0]}: …}}")
