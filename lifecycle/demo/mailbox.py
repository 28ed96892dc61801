"""What people do with the mails: open, click, buy, leave. Reads the .eml files as a mail client would."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from random import Random

from lifecycle.demo.shoppers import Shopper

#: What real clients call themselves; the last is Apple's privacy proxy, which opens everything and is no person.
CLIENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
)
PRIVACY_PROXY = "Mozilla/5.0"

_PIXEL = re.compile(r'https?://[^"\s]+/o/[^"\s]+\.gif')
_CLICK = re.compile(r'https?://[^"\s]+/c/[^"\s]+/\d+')
_SURVEY = re.compile(r'(https?://[^"\s]+/s/[^"\s?]+)\?score=')
_LEAVE = re.compile(r"<(https?://[^>]+/u/[^>]+)>")


@dataclass(frozen=True, slots=True)
class Visit:
    """One request that a person, or a machine for them, makes because of a mail. `buys`: an order follows the click."""

    at: datetime
    method: str
    url: str
    user_agent: str
    shopper: Shopper
    buys: bool = False
    #: what a POST sends
    form: str = "List-Unsubscribe=One-Click"


@dataclass(frozen=True, slots=True)
class Mail:
    """What a mail client sees of a message."""

    message_id: str
    to: str
    pixel: str | None
    links: tuple[str, ...]
    leave: str | None
    survey: str | None = None


def read_mail(path: Path) -> Mail:
    """Parse one .eml file."""
    parsed = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    if not isinstance(parsed, EmailMessage):
        raise TypeError(f"{path.name} is no message")
    body = parsed.get_body(("html",))
    html = unescape(str(body.get_content())) if body is not None else ""
    pixel = _PIXEL.search(html)
    leave = _LEAVE.search(str(parsed.get("List-Unsubscribe", "")))
    survey = _SURVEY.search(html)
    return Mail(
        str(parsed["Message-ID"]),
        str(parsed["To"].addresses[0].addr_spec),
        pixel[0] if pixel else None,
        tuple(dict.fromkeys(_CLICK.findall(html))),
        leave[1] if leave else None,
        survey[1] if survey else None,
    )


def react(mail: Mail, shopper: Shopper, seed: int, at: datetime) -> Iterator[Visit]:
    """Yield what happens because of the mail that arrived at `at`; the same for the same seed and shopper."""
    dice = Random(f"mailbox:{seed}:{mail.message_id}")  # noqa: S311 - made-up people, no secrets
    if mail.pixel and dice.random() < 0.15:
        yield Visit(at + timedelta(seconds=1), "GET", mail.pixel, PRIVACY_PROXY, shopper)
    if mail.pixel is None or dice.random() > shopper.reads:
        return
    client = dice.choice(CLIENTS)
    opened = at + timedelta(minutes=min(dice.lognormvariate(4.2, 1.4), 2880) + 1)
    yield Visit(opened, "GET", mail.pixel, client, shopper)
    if mail.links and dice.random() < 0.35:
        clicked = opened + timedelta(seconds=dice.uniform(15, 90))
        buys = dice.random() < shopper.buys * 0.6
        yield Visit(clicked, "GET", mail.links[0], client, shopper, buys=buys)
    if mail.survey and dice.random() < 0.6:
        score = dice.choices([10, 9, 8, 7, 5, 3], weights=[5, 4, 3, 2, 1, 1])[0]
        answered = opened + timedelta(seconds=dice.uniform(20, 120))
        yield Visit(answered, "POST", mail.survey, client, shopper, form=f"score={score}")
    if mail.leave and dice.random() < 0.012:
        yield Visit(opened + timedelta(minutes=1), "POST", mail.leave, client, shopper)
