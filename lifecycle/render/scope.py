"""What a template can speak of: one contact's facts as plain maps, under the names of docs/templates.md."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from lifecycle.audience.setting import STAGE_PREFIX
from lifecycle.audience.state import ContactState
from lifecycle.intake.facts import ORDER_EVENTS, EventFact, FactSheet
from lifecycle.intake.properties import amount, product_id
from lifecycle.intake.shelf import Shelf
from lifecycle.intake.viewed import last_viewed
from lifecycle.render.localise import direction
from lifecycle.render.recommended import recommended
from lifecycle.spec.model import Campaign, Content, Project

if TYPE_CHECKING:
    from lifecycle.render.render import Addresses

#: every name a template may use, and what is below it; None means that anything may be. `views` is a list of maps,
#: `segments` one of names
NAMES: Mapping[str, frozenset[str] | None] = {
    "contact": None,
    "account": None,
    "event": frozenset({"name", "at", "properties"}),
    "cart": frozenset({"lines", "total", "count", "url", "updated_at", "cart_id"}),
    "views": frozenset(),
    "order": frozenset({"id", "total", "at", "lines", "count", "currency", "refunded", "url"}),
    "coupon": frozenset({"code", "percent", "amount", "expires_at"}),
    "points": frozenset({"balance", "tier", "tier_label", "next_tier", "to_next"}),
    "referral": frozenset({"code", "url", "count"}),
    "recommendations": frozenset({"cross_sell", "upsell", "popular"}),
    "segments": frozenset(),
    "brand": frozenset({"name", "url", "logo", "postal_address", "colours", "fonts"}),
    "campaign": frozenset({"id", "name", "topic", "stage", "kind"}),
    "data": None,
    "now": None,
    "locale": None,
    "dir": None,
    "unsubscribe_url": None,
    "preferences_url": None,
    "view_url": None,
    "confirm_url": None,
    "survey_url": None,
    "t": None,
}

_EMPTY = Shelf()
#: what each of `views` has, as far as the event said so; `at` always
VIEWED = frozenset({"product_id", "name", "price", "url", "image_url", "category", "at"})
#: events that say what is in the cart
CART_EVENTS = frozenset(
    {
        "Product Added", "Wishlist Product Added to Cart", "Product Updated", "Cart Updated", "Cart Viewed",
        "Checkout Started",
    }
)  # fmt: skip
#: those of them whose own `url` is the product's
_PRODUCT_EVENTS = frozenset({"Product Added", "Wishlist Product Added to Cart", "Product Updated"})


def build(
    state: ContactState, content: Content, campaign: Campaign, *, now: datetime, event: EventFact | None,
    context: Mapping[str, Any], addresses: Addresses, locale: str, data: Mapping[str, Any], shelf: Shelf | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the scope of one mail. `context` is what the enrolment's steps made: coupons by the name of their step.

    `locale` is the one the template was compiled for; `shelf` is given for templates that show recommendations. Only
    maps, lists, text, numbers and instants are in it.
    """
    project = content.project
    sheet = state.sheet(now)
    scope: dict[str, Any] = {
        "contact": _contact(state, locale),
        "account": dict(state.account),
        "event": _event(event),
        "cart": _cart(state, sheet, project, now),
        "views": [_view(event) for event in last_viewed(event for event in reversed(state.events) if event.at <= now)],
        "order": _order(state, event, now),
        "recommendations": recommended(shelf or _EMPTY, state, event, now),
        "segments": _segments(state),
        "points": points_values(state.kept.get("points.balance"), state.kept.get("points.tier"), project, locale),
        "referral": {
            "code": state.kept.get("referral.code"), "url": state.kept.get("referral.url"),
            "count": state.kept.get("referrals.count"),
        },
        "coupon": {},
        "brand": brand_values(project, locale),
        "campaign": {
            "id": campaign.campaign, "name": campaign.label.text(locale, project.default_locale) or campaign.campaign,
            "topic": campaign.topic, "stage": campaign.stage, "kind": campaign.kind,
        },
        "data": dict(data),
        "now": now,
        "_zone": _zone(state, project),
    }  # fmt: skip
    scope |= _made(context)
    return scope | address_values(addresses) | {"locale": locale, "dir": direction(locale)}


def address_values(addresses: Addresses) -> dict[str, Any]:
    """Return the recipient's own links as templates name them; survey_url is called with a score."""
    prefix = addresses.survey_url

    def survey_url(score: object = "") -> str:
        return f"{prefix}{'&' if '?' in prefix else '?'}score={score}"

    return {
        "unsubscribe_url": addresses.unsubscribe_url, "preferences_url": addresses.preferences_url,
        "view_url": addresses.view_url, "confirm_url": addresses.confirm_url, "survey_url": survey_url,
    }  # fmt: skip


def brand_values(project: Project, locale: str) -> dict[str, Any]:
    """Return the brand in a locale."""
    brand = project.brand
    return {
        "name": brand.name.text(locale, project.default_locale), "url": brand.url, "logo": brand.logo,
        "postal_address": brand.postal_address.text(locale, project.default_locale),
        "colours": dict(brand.colours), "fonts": dict(brand.fonts),
    }  # fmt: skip


def _contact(state: ContactState, locale: str) -> dict[str, Any]:
    return {
        **state.attributes, "email": state.email, "external_id": state.external_id, "locale": state.locale or locale,
        "timezone": state.timezone, "stage": state.stage,
    }  # fmt: skip


def points_values(balance: int | None, tier: str | None, project: Project, locale: str) -> dict[str, Any]:
    """Return the balance, the tier by id and in words, and what the next one is and how many points it takes."""
    tiers = project.rewards.tiers
    words = {each.tier: each.label.text(locale, project.default_locale) for each in tiers}
    above = next((each for each in tiers if each.at_least > (balance or 0)), None)
    return {
        "balance": balance, "tier": tier, "tier_label": words.get(tier or ""),
        "next_tier": None if above is None else words[above.tier],
        "to_next": None if above is None else above.at_least - (balance or 0),
    }  # fmt: skip


def _segments(state: ContactState) -> list[str]:
    """Return the ids of the segments that the contact is in, as they were last kept."""
    inside = (name for name, stay in state.memberships.items() if stay.left_at is None)
    return [name for name in inside if not name.startswith(STAGE_PREFIX)]


def _event(event: EventFact | None) -> dict[str, Any]:
    return {} if event is None else {"name": event.name, "at": event.at, "properties": event.properties}


def _cart(state: ContactState, sheet: FactSheet, project: Project, now: datetime) -> dict[str, Any]:
    if sheet.cart is None:
        return {}
    url = _last_url(state, now, ("cart_url", "checkout_url", "url"))
    return {
        "lines": [_line(line) for line in sheet.cart["lines"]],
        "total": sheet.cart_total, "count": sheet.cart_items, "updated_at": sheet.cart.get("updated_at"),
        "cart_id": sheet.cart.get("cart_id"), "url": url or project.brand.url.rstrip("/") + "/cart",
    }  # fmt: skip


def _view(event: EventFact) -> dict[str, Any]:
    """Return a product that was viewed, as far as the event says what it is."""
    said = event.properties
    told = {name: said.get(name) for name in ("name", "url", "image_url", "category")}
    told |= {"product_id": product_id(said), "price": amount(said.get("price")), "at": event.at}
    return {name: value for name, value in told.items() if value is not None}


def _last_url(state: ContactState, now: datetime, names: tuple[str, ...]) -> str | None:
    for event in reversed(state.events):
        if event.name in CART_EVENTS and event.at <= now:
            wanted = names[:2] if event.name in _PRODUCT_EVENTS else names
            found = next((event.properties[name] for name in wanted if event.properties.get(name)), None)
            return str(found) if found else None
    return None


def _order(state: ContactState, event: EventFact | None, now: datetime) -> dict[str, Any]:
    """Return the order that the trigger is about, else the contact's last."""
    found = event if event is not None and event.name in ORDER_EVENTS else None
    if found is None:
        found = next(
            (past for past in reversed(state.events) if past.at <= now and past.name == "Order Completed"), None
        )
    if found is None:
        return {}
    properties = found.properties
    lines = [_line(line) for line in properties.get("products") or () if isinstance(line, Mapping)]
    fact = state.sheet(now).orders.get(str(properties.get("order_id")))
    total = next(
        (value for key in ("total", "revenue", "value") if (value := amount(properties.get(key))) is not None), None
    )
    return {
        "id": properties.get("order_id"), "total": total, "at": found.at, "lines": lines, "url": properties.get("url"),
        "count": sum(line["quantity"] for line in lines), "currency": properties.get("currency"),
        "refunded": fact.refunded if fact else None,
    }  # fmt: skip


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return a product with its price and quantity as numbers; Segment's `image_url` and `url` stay as they are."""
    quantity = amount(line.get("quantity"))
    return {
        **line,
        "price": amount(line.get("price")) or Decimal(0),
        "quantity": int(quantity) if quantity is not None else 1,
    }


def _made(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the enrolment's steps made, by name: coupons, whole or under `coupons`."""
    coupons = context.get("coupons")
    found = dict(coupons) if isinstance(coupons, Mapping) else {}
    found |= {name: value for name, value in context.items() if isinstance(value, Mapping) and "code" in value}
    if found and "coupon" not in found:
        found["coupon"] = list(found.values())[-1]
    return found


def _zone(state: ContactState, project: Project) -> ZoneInfo:
    try:
        return ZoneInfo(state.timezone or project.timezone)
    except (KeyError, ValueError, OSError):
        return ZoneInfo(project.timezone)
