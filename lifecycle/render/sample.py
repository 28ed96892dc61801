"""The person that previews and checks render for: `NAME.sample.yaml` beside the template, over one that is built in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import yaml

from lifecycle.base.errors import ContentError
from lifecycle.render.localise import direction
from lifecycle.render.render import Addresses
from lifecycle.render.scope import address_values, brand_values
from lifecycle.render.source import ROOT
from lifecycle.spec.model import Content

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


def sample_scope(
    content: Content, template: str, locale: str, addresses: Addresses = SAMPLE_ADDRESSES
) -> dict[str, Any]:
    """Return a scope for previews of a template. Raises ContentError when its sample file is no YAML map."""
    project = content.project
    found: dict[str, Any] = {
        **_person(locale, project.brand.url),
        "brand": brand_values(project, locale),
        "campaign": _campaign(content, template, locale),
        "data": {},
        "now": SAMPLE_NOW,
        "locale": locale,
        "dir": direction(locale),
        **address_values(addresses),
    }
    sample: dict[str, Any] = _typed(_read(content, template))
    return found | sample


def _person(locale: str, url: str) -> dict[str, Any]:
    first, last = ("سارة", "الحربي") if locale.startswith("ar") else ("Sara", "Alharbi")
    line = {
        "name": "Madar Daily", "quantity": 2, "price": Decimal(429), "url": f"{url}/shoes/madar", "product_id": "madar",
        "image_url": None, "category": "road",
    }  # fmt: skip
    return {
        "contact": {
            "first_name": first, "last_name": last, "email": "sara@example.com", "external_id": "u-1001",
            "locale": locale,
            "country": "SA", "city": "Riyadh", "timezone": "Asia/Riyadh",
        },
        "account": {"name": "Example Runners", "plan": "team"},
        "event": {"name": "Order Completed", "at": SAMPLE_NOW, "properties": {"order_id": "R-20418", "total": 858}},
        "cart": {"lines": [line], "total": Decimal(858), "count": 2, "url": f"{url}/cart", "cart_id": "c-7301"},
        "order": {
            "id": "R-20418", "total": Decimal(858), "at": SAMPLE_NOW, "lines": [line], "count": 2, "currency": None,
            "url": f"{url}/orders/R-20418", "refunded": Decimal(0),
        },
        "coupon": {"code": "RUN-7F3K2", "percent": 10, "amount": None, "expires_at": SAMPLE_NOW + timedelta(hours=48)},
        "points": {"balance": 840, "tier": "starter"},
        "referral": {"code": "SARA-10", "url": f"{url}/r/SARA-10", "count": 1},
    }  # fmt: skip


def _campaign(content: Content, template: str, locale: str) -> Mapping[str, Any]:
    from lifecycle.render.usage import campaigns_of

    found = next(iter(campaigns_of(content, template)), None)
    if found is None:
        return {"id": "sample", "name": "sample", "topic": None, "stage": None, "kind": "marketing"}
    return {
        "id": found.campaign, "name": found.label.text(locale, content.project.default_locale) or found.campaign,
        "topic": found.topic, "stage": found.stage, "kind": found.kind,
    }  # fmt: skip


def _read(content: Content, template: str) -> dict[str, Any]:
    path = f"{ROOT}{template}.sample.yaml"
    text = content.files.get(path)
    if text is None:
        return {}
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ContentError(f"{path} is no YAML: {error}") from error
    if read is not None and not isinstance(read, dict):
        raise ContentError(f"{path} is no map of the names in scope")
    return read or {}


def _typed(value: Any) -> Any:
    """Return a sample's values as a real scope has them: money exact, instants aware."""
    match value:
        case dict():
            return {str(key): _typed(item) for key, item in value.items()}
        case list():
            return [_typed(item) for item in value]
        case float():
            return Decimal(str(value))
        case datetime():
            return value if value.tzinfo else value.replace(tzinfo=UTC)
        case _:
            return value
