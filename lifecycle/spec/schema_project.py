"""The JSON Schema of lifecycle.yaml."""

from __future__ import annotations

from typing import get_args

from lifecycle.spec.model import PROVIDERS, PropertyType
from lifecycle.spec.schema_parts import Schema, by_name, choice, listed, mapping, one_or_more, ref, text, whole

_TYPES = choice(get_args(PropertyType), "what the values are; conditions and templates are checked against it")
_TYPED = by_name(
    _TYPES,
    "types by dotted path; [] marks the items of a list",
    examples=[{"total": "number", "products[].price": "number"}],
)


def _attributes(description: str) -> Schema:
    return mapping({"attributes": _TYPED}, description)


def _email(description: str) -> Schema:
    return text(description, pattern=r"^[^@<>\s]+@[^@<>\s]+\.[^@<>\s]+$", examples=["hello@shop.example"])


_PROVIDER = choice(PROVIDERS, "one of the providers")
_BRAND = mapping(
    {
        "name": ref("local_text", "the shop's name, as people know it"),
        "url": ref("url", "the shop's front door"),
        "logo": ref("url", "an image, at least 2 pixels for each that is shown"),
        "postal_address": ref("local_text", "where the shop is; marketing mails must carry it"),
        "colours": by_name(text(), "brand.colours.NAME in templates", examples=[{"accent": "#BA3B12"}]),
        "fonts": by_name(text(), "brand.fonts.NAME in templates", examples=[{"body": "Tahoma, sans-serif"}]),
    },
    "who sends",
    ["name", "url"],
)
_SENDER = mapping(
    {
        "from": _email("the address that mails come from"),
        "name": ref("local_text", "the name that stands before the address"),
        "reply_to": _email("where answers go, when elsewhere"),
        "provider": one_or_more(
            _PROVIDER, "who delivers, or several in order: a later one while those before it are out", examples=["ses"]
        ),
    },
    "a From identity",
    ["from", "name"],
)
_TOPIC = mapping(
    {
        "label": ref("local_text", "as the preference centre calls it; the id, unless said otherwise"),
        "description": ref("local_text", "what one gets, in a sentence"),
        "default": choice(["granted", "denied"], "for those who never chose", "denied"),
    },
    "something to say yes to",
)
_STAGE = mapping(
    {
        "stage": ref("id", "its id"),
        "label": ref("local_text", "as reports call it; the id, unless said otherwise"),
        "funnel": choice(["tofu", "mofu", "bofu", "post"], "top, middle, bottom of the funnel, or after the sale"),
        "needs": listed(text(), "what the contact needs here", examples=[["To know that we exist"]]),
        "moment": text("what the moment looks like", examples=["Someone gives us their address."]),
        "actions": listed(text(), "how the team serves it", examples=[["Welcome them once"]]),
        "when": ref("condition", "a contact is in the last stage whose condition holds"),
        "keep_for": ref("duration", "kept that long after the condition stops holding"),
    },
    "a stage of the journey",
    ["stage", "funnel", "when"],
)
_CAP = mapping(
    {
        "at_most": whole(0, 1_000_000, "so many marketing mails", examples=[2]),
        "per": ref("duration", "in any window of that length"),
        "topic": ref("id", "counts this topic's mails only"),
    },
    "at most that many mails in any such time",
    ["at_most", "per"],
)
_QUIET = mapping(
    {
        "from": ref("time", "when they begin"),
        "to": ref("time", "when they end; before `from`, it is the next morning"),
        "then": choice(["next", "skip"], "hold the mail until they end, or give it up", "next"),
    },
    "local hours without marketing, in the contact's zone",
    ["from", "to"],
)
_AT_MOST = {
    "at_most": whole(1, 1_000_000_000, "so many mails", examples=[1000]),
    "per": ref("duration", "in any window of that length, a day at most"),
}
_DOMAINS = listed(
    text("a domain", pattern=r"^[^@\s]+\.[^@\s]+$", examples=["gmail.com"]), "of the addresses they go to", least=1
)
_LIMIT: Schema = {
    "description": "never more than that begun in any such time, in all processes together",
    "anyOf": [
        mapping({"provider": _PROVIDER, **_AT_MOST}, "every mail by this provider", ["provider", "at_most", "per"]),
        mapping(
            {"domains": _DOMAINS, "provider": _PROVIDER, **_AT_MOST},
            "mail to these domains; transactional mail counts and is not held",
            ["domains", "at_most", "per"],
        ),
    ],
    "examples": [{"domains": ["gmail.com", "googlemail.com"], "at_most": 1000, "per": "1h"}],
}
_WARM_UP = mapping(
    {
        "provider": _PROVIDER,
        "starts": text("its first day", pattern=r"^\d{4}-?\d{2}-?\d{2}$", examples=["2026-12-01"]),
        "from": whole(1, 1_000_000_000, "mails on the first day", examples=[200]),
        "to": whole(1, 1_000_000_000, "mails on the last day", examples=[50000]),
        "over": text(
            "whole days; each has the same multiple of the one before",
            pattern=r"^\s*0*[1-9]\d*[dw]\s*$",
            examples=["30d"],
        ),
    },
    "how a provider that is new gets more mail by the day",
    ["provider", "starts", "from", "to", "over"],
)
_POLICIES = mapping(
    {
        "frequency_caps": listed(_CAP, "how much is too much; over a cap, the higher priority is mailed"),
        "quiet_hours": _QUIET,
        "global_holdout": ref("share", "who gets no marketing at all, to compare with"),
        "attribution": mapping(
            {"click": ref("duration", "an order counts for the last click in that time", default="5d")},
            "which mail an order counts for",
            ["click"],
        ),
        "consent": choice(["single", "double"], "double asks by mail whether it was them", "single"),
        "utm": mapping(
            {
                "source": text("utm_source of each link", examples=["lifecycle"]),
                "medium": text("utm_medium of each link", examples=["email"]),
                "term": text("utm_term of each link", examples=["shoes"]),
                "id": text("utm_id of each link", examples=["spring"]),
            },
            "added to each link, beside campaign and content",
        ),
        "sending_limits": listed(_LIMIT, "how fast is too fast, for providers and for those who receive"),
        "warm_up": one_or_more(_WARM_UP, "one, or one for each provider"),
    },
    "what holds for every marketing mail",
)
_TIER = mapping(
    {
        "tier": ref("id", "its id, as in points.tier: gold"),
        "from": whole(0, 1_000_000_000, "the points that it begins at", examples=[1000]),
        "label": ref("local_text", "as mails call it; the id, unless said otherwise"),
    },
    "a tier",
    ["tier", "from"],
)
_EXPIRES = ref("duration", "how long the code is good")
_MUCH = (1, 1_000_000_000)


def _gift(description: str) -> Schema:
    ways = {
        "percent": whole(1, 100, "a code for that many percent off", examples=[15]),
        "amount": whole(*_MUCH, "a code for that much off, in the project's currency", examples=[50]),
        "points": whole(*_MUCH, "so many points", examples=[300]),
    }
    beside = {"percent": {"expires": _EXPIRES}, "amount": {"expires": _EXPIRES}, "points": {}}
    kinds = [mapping({key: way, **beside[key]}, "", [key]) for key, way in ways.items()]
    return {"description": description, "anyOf": kinds, "examples": [{"percent": 15}, {"points": 300}]}


_REFERRALS = mapping(
    {
        "friend": _gift("what the friend gets"),
        "advocate": _gift("what the one who sent them gets"),
        "release_after": ref("duration", "after the friend's order; as long as it can be returned. At once otherwise"),
    },
    "what both sides of a referral get",
)
_QUESTION = ref("local_text", "what is asked")
_SURVEY: Schema = {
    "description": "a question with a score",
    "anyOf": [
        mapping({"kind": choice(["nps"], "would they recommend us, 0 to 10"), "question": _QUESTION}, "", ["kind"]),
        mapping(
            {
                "kind": choice(["csat"], "how was it, 1 to scale"),
                "question": _QUESTION,
                "scale": whole(2, 10, "the highest score", default=5),
            },
            "",
            ["kind"],
        ),
    ],
}
_WEBHOOK = mapping(
    {
        "url": text("where it goes", pattern="^https://", examples=["https://crm.example/hook"]),
        "method": choice(["POST", "PUT", "PATCH"], "how it is called", "POST"),
        "headers": by_name(
            text(pattern=r"^[!-~]([ -~]*[!-~])?$"), "headers to send along", examples=[{"X-Shop": "rihla"}],
            propertyNames={"pattern": "^[A-Za-z0-9-]+$"},
        ),
    },
    "where the steps webhook: NAME go",
    ["url"],
)  # fmt: skip

PROJECT = mapping(
    {
        "project": ref("id", "the project's name"),
        "brand": _BRAND,
        "senders": by_name(_SENDER, "From identities; the first is the default", least=1),
        "locales": mapping(
            {
                "default": text("what people get whose language is not known", examples=["en"]),
                "available": listed(text(), "the languages of the mails", least=1, examples=[["en", "ar"]]),
            },
            "languages",
            ["default"],
            default={"default": "en"},
        ),
        "timezone": text("for contacts whose own is not known", default="UTC", examples=["Asia/Riyadh"]),
        "currency": text("ISO 4217", pattern="^[A-Z]{3}$", default="USD", examples=["SAR"]),
        "topics": by_name(_TOPIC, "what people consent to and unsubscribe from"),
        "stages": listed(_STAGE, "the journey, in order; five stages, unless said otherwise", least=1),
        "policies": _POLICIES,
        "events": by_name(
            mapping({"properties": _TYPED, "description": text("what it means", examples=["An order was paid."])}),
            "what the shop tells us, and which properties it has",
        ),
        "contact": _attributes("what may be known about a person"),
        "account": _attributes("what may be known about a company"),
        "rewards": mapping({"tiers": listed(_TIER, "from the lowest to the highest", least=1)}, "points and tiers"),
        "referrals": _REFERRALS,
        "surveys": by_name(_SURVEY, "surveys by name"),
        "webhooks": by_name(_WEBHOOK, "where webhook steps go, by name"),
    },
    "the project",
    ["project", "brand", "senders"],
)
