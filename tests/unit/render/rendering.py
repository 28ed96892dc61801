"""A small project for tests of rendering, built by hand so that they need no YAML decoder, and short ways to render."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lifecycle.plan.diagnose import diagnose
from lifecycle.render.check import check_templates
from lifecycle.render.compile import Compiled, Templates
from lifecycle.render.render import Addresses, Rendered, render
from lifecycle.render.sample import sample_scope
from lifecycle.spec.conditions import AllOf
from lifecycle.spec.diagnostics import Diagnostic, as_text
from lifecycle.spec.model import (
    Brand,
    Campaign,
    Content,
    LocalText,
    ManualTrigger,
    Policies,
    Project,
    Send,
    Sender,
    Stage,
    Topic,
)

ADDRESSES = Addresses(
    open_url="https://m.example/o/T.gif",
    click_url="https://m.example/c/T",
    unsubscribe_url="https://m.example/u/T",
    preferences_url="https://m.example/p/T",
    view_url="https://m.example/v/T",
    survey_url="https://m.example/s/T",
    confirm_url="https://m.example/confirm/T",
)
FRONT = "---\nsubject: Hello there\npreheader: Something of forty characters and more, for the inbox\n---\n"
WAY_OUT = '<mj-text><a href="{{ unsubscribe_url }}">Leave</a></mj-text>'


def project(**changes: Any) -> Project:
    """Return a shop's project in English and Arabic."""
    found = Project(
        project="rihla",
        brand=Brand(
            LocalText(by_locale={"en": "Rihla", "ar": "رحلة"}), "https://rihla.example",
            postal_address=LocalText("Riyadh"), colours={"ink": "#111111", "accent": "#c0392b"},
        ),
        senders={"shop": Sender("hello@rihla.example", LocalText("Rihla"))},
        default_locale="en", locales=("en", "ar"), timezone="Asia/Riyadh", currency="SAR",
        topics=(Topic("offers", LocalText("Offers")),),
        stages=(Stage("decision", LocalText("Decision"), "bofu", AllOf(())),),
    )  # fmt: skip
    return replace(found, **changes)


def campaign(*templates: str, name: str = "promo", **changes: Any) -> Campaign:
    """Return a marketing campaign that sends the templates by hand."""
    steps = tuple(Send(template, template) for template in templates)
    return replace(Campaign(name, "decision", ManualTrigger(), steps, topic="offers"), **changes)


def content(
    files: Mapping[str, str], *campaigns: Campaign, utm: Mapping[str, str] | None = None, **changes: Any
) -> Content:
    """Return content of these files; without campaigns, `promo` sends `mail`."""
    made = campaigns or (campaign("mail"),)
    described = project(policies=Policies(utm=utm or {}), **changes)
    return Content(described, {}, {one.campaign: one for one in made}, dict(files), "v1", {})


def mjml(body: str, front: str = FRONT) -> str:
    """Return a template with these elements in one column, and a way out."""
    return f"{front}<mjml><mj-body><mj-section><mj-column>{body}{WAY_OUT}</mj-column></mj-section></mj-body></mjml>"


def compiled(body: str, locale: str = "en", files: Mapping[str, str] | None = None, **changes: Any) -> Compiled:
    """Return `mail` compiled."""
    return Templates(content({"templates/mail.mjml": mjml(body), **(files or {})}, **changes)).compile("mail", locale)


def mail(body: str, locale: str = "en", scope: Mapping[str, Any] | None = None, **changes: Any) -> Rendered:
    """Return `mail` rendered for the sample, with some of its scope replaced."""
    made = content({"templates/mail.mjml": mjml(body), **changes.pop("files", {})}, **changes)
    template = Templates(made).compile("mail", locale)
    return render(template, {**sample_scope(made, "mail", template.locale, ADDRESSES), **(scope or {})}, ADDRESSES)


def checked(files: Mapping[str, str], *campaigns: Campaign, **changes: Any) -> list[Diagnostic]:
    """Return what is wrong with files."""
    return check_templates(content(files, *campaigns, **changes))


# ---------------------------------------------------------------- golden cases

FOLDER = Path(__file__).resolve().parents[2] / "golden" / "diagnostics-render"
_PART = re.compile(r"^--- (\S+)\n", re.MULTILINE)
BASE = {
    "locales/en.yaml": "hello: Hello {name}\npieces:\n  one: One piece\n  other: '{count} pieces'\n",
    "locales/ar.yaml": "hello: مرحباً {name}\npieces:\n  zero: لا شيء\n  one: قطعة\n  two: قطعتان\n"
    "  few: '{count} قطع'\n  many: '{count} قطعة'\n  other: '{count} قطعة'\n",
}
SHOP = """project: shop
brand: {name: Shop, url: https://shop.example, postal_address: 1 Main Street, colours: {accent: "#BA3B12"}}
senders: {shop: {from: hello@shop.example, name: Shop}}
locales: {default: en, available: [en, ar]}
topics: {offers: {label: Offers}}
stages: [{stage: awareness, label: Awareness, funnel: tofu, when: {contact.email: {exists: true}}}]
events:
  Signed Up: {properties: {source: text}}
  Product Added: {properties: {cart_id: text, name: text}}
  Order Completed: {properties: {order_id: text, total: number}}
"""


@dataclass(frozen=True)
class Case:
    """One mistake in files laid over BASE, and the text that is expected."""

    path: Path
    files: dict[str, str]
    expected: str

    @property
    def code(self) -> str:
        """Return the code that the case is for."""
        return self.path.stem.split("-")[0]

    def text(self) -> str:
        """Return what `check` prints."""
        return "".join(as_text(found, self.files) + "\n" for found in self.found())

    def found(self) -> list[Diagnostic]:
        """Return what is wrong; a case with campaigns of its own is a project, others are what `promo` sends."""
        if not any(path.startswith("campaigns/") for path in self.files):
            return checked(self.files)
        return diagnose({"lifecycle.yaml": SHOP, **self.files})


def all_cases() -> list[Case]:
    """Return the cases by name."""
    cases = []
    for path in sorted(FOLDER.glob("*.case")):
        parts = _PART.split(path.read_text(encoding="utf-8"))[1:]
        found = dict(zip(parts[::2], parts[1::2], strict=True))
        expected = found.pop("expected", "")
        cases.append(Case(path, {**BASE, **found}, expected))
    return cases
