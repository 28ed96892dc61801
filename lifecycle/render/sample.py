"""The person that previews and checks render for: `NAME.sample.yaml` beside the template, over one that is built in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from lifecycle.base.errors import ContentError, NotFoundError
from lifecycle.render.localise import direction
from lifecycle.render.render import Addresses
from lifecycle.render.sample_file import read_samples
from lifecycle.render.scope import address_values, brand_values, points_values
from lifecycle.render.usage import campaigns_of
from lifecycle.spec.diagnostics import did_you_mean
from lifecycle.spec.model import Content, Coupon, Send, walk_steps

#: an instant for samples, so that a preview is the same on every day
SAMPLE_NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)

SAMPLE_ADDRESSES = Addresses(
    open_url="https://mail.example/o/sample-token-of-the-usual-length-Yp4vJ2n1q8.gif",
    click_url="https://mail.example/c/sample-token-of-the-usual-length-Yp4vJ2n1q8",
    unsubscribe_url="https://mail.example/u/sample-token-of-the-usual-length-Yp4vJ2n1q8",
    preferences_url="https://mail.example/p/sample-token-of-the-usual-length-Yp4vJ2n1q8",
    view_url="https://mail.example/v/sample-token-of-the-usual-length-Yp4vJ2n1q8",
    survey_url="https://mail.example/s/sample-token-of-the-usual-length-Yp4vJ2n1q8",
    confirm_url="https://mail.example/confirm/sample-token-of-the-usual-length-Yp4vJ2n1q8",
)


def sample_names(content: Content, template: str) -> tuple[str, ...]:
    """Return the names of a template's further samples, in the order of the file; "" is the plain one, always there."""
    return tuple(read_samples(content, template).named)


def sample_scope(
    content: Content, template: str, locale: str, addresses: Addresses = SAMPLE_ADDRESSES, *, sample: str = ""
) -> dict[str, Any]:
    """Return a scope for previews of a template, for the plain sample or the one of that name.

    Raises ContentError when there is an error in the sample file, NotFoundError when there is no sample of the name.
    """
    read = read_samples(content, template)
    errors = [problem for problem in read.problems if problem.is_error]
    if errors:
        raise ContentError(f"{errors[0].place}: {errors[0].message}", diagnostics=errors, hint=errors[0].hint)
    if sample and sample not in read.named:
        hint = did_you_mean(sample, read.named) or f"there are: {', '.join(read.named) or 'none but the plain one'}"
        raise NotFoundError(f'{template} has no sample "{sample}"', hint=hint)
    project = content.project
    person = _person(locale, project.brand.url)
    found: dict[str, Any] = {
        **person,
        **_given(content, template, person["coupon"]["code"]),
        "brand": brand_values(project, locale),
        "campaign": _campaign(content, template, locale),
        "now": SAMPLE_NOW,
        "locale": locale,
        "dir": direction(locale),
        **address_values(addresses),
    }
    made = found | read.given | read.named.get(sample, {})
    points = made["points"] or {}
    told = points_values(points.get("balance"), points.get("tier"), project, locale)
    return made | {"points": told | points}


def _person(locale: str, url: str) -> dict[str, Any]:
    first, last = ("سارة", "الحربي") if locale.startswith("ar") else ("Sara", "Alharbi")
    line = {
        "name": "Madar Daily", "quantity": 2, "price": Decimal(429), "url": f"{url}/shoes/madar", "product_id": "madar",
        "image_url": None, "category": "road",
    }  # fmt: skip
    sock, race, trail = (
        {
            "product_id": key, "name": name, "price": Decimal(price), "category": kind, "url": f"{url}/shoes/{key}",
            "sold": 9,
        }
        for key, name, price, kind in (
            ("sock", "Heat Sock", 45, "kit"), ("najm", "Najm Race", 699, "road"),
            ("rimal", "Rimal Trail", 549, "trail"),
        )
    )  # fmt: skip
    return {
        "contact": {
            "first_name": first, "last_name": last, "email": "sara@example.com", "external_id": "u-1001",
            "locale": locale,
            "country": "SA", "city": "Riyadh", "timezone": "Asia/Riyadh",
        },
        "account": {"name": "Example Runners", "plan": "team"},
        "event": {"name": "Order Completed", "at": SAMPLE_NOW, "properties": {"order_id": "R-20418", "total": 858}},
        "cart": {"lines": [line], "total": Decimal(858), "count": 2, "url": f"{url}/cart", "cart_id": "c-7301"},
        "views": [
            {name: line[name] for name in ("product_id", "name", "price", "url", "category")} | {"at": SAMPLE_NOW},
            {
                "product_id": "rimal", "name": "Rimal Trail", "price": Decimal(549), "url": f"{url}/shoes/rimal",
                "category": "trail", "at": SAMPLE_NOW - timedelta(hours=3),
            },
        ],
        "order": {
            "id": "R-20418", "total": Decimal(858), "at": SAMPLE_NOW, "lines": [line], "count": 2, "currency": None,
            "url": f"{url}/orders/R-20418", "refunded": Decimal(0),
        },
        "recommendations": {
            "cross_sell": [{**sock, "because": line["name"]}, {**trail, "because": line["name"]}],
            "upsell": [{**race, "because": line["name"]}],
            "popular": [race, trail, sock],
        },
        "segments": [],
        "coupon": {"code": "RUN-7F3K2", "percent": 10, "amount": None, "expires_at": SAMPLE_NOW + timedelta(hours=48)},
        "points": {"balance": 840, "tier": "starter"},
        "referral": {"code": "SARA-10", "url": f"{url}/r/SARA-10", "count": 1},
    }  # fmt: skip


def _given(content: Content, template: str, code: str) -> dict[str, Any]:
    """Return what the campaigns that send the template give it: coupons by name, the data of the first send.

    A coupon has what its step says and no more: one without `expires` has no end to print.
    """
    campaigns = campaigns_of(content, template)
    steps = [step for campaign in campaigns for step in walk_steps(campaign.steps)]
    made = [step for step in steps if isinstance(step, Coupon)]
    coupons = {step.name: _coupon(step, code) for step in made}
    if made:
        coupons.setdefault("coupon", coupons[made[-1].name])
    data = next((step.data for step in steps if isinstance(step, Send) and step.template == template), {})
    return {**coupons, "data": dict(data)}


def _coupon(step: Coupon, code: str) -> dict[str, Any]:
    expires_at = None if step.expires is None else SAMPLE_NOW + timedelta(seconds=step.expires.approximate_s())
    return {"code": code, "percent": step.percent, "amount": step.amount, "expires_at": expires_at}


def _campaign(content: Content, template: str, locale: str) -> Mapping[str, Any]:
    found = next(iter(campaigns_of(content, template)), None)
    if found is None:
        return {"id": "sample", "name": "sample", "topic": None, "stage": None, "kind": "marketing"}
    return {
        "id": found.campaign, "name": found.label.text(locale, content.project.default_locale) or found.campaign,
        "topic": found.topic, "stage": found.stage, "kind": found.kind,
    }  # fmt: skip
