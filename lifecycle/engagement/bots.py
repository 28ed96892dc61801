"""Who made a hit: a person or a machine, by rules with a version, each with a name. Pure.

Hits are kept raw with our verdict beside them, so that better rules can judge the old ones again. Machine hits count
apart and trigger nothing. Source: STANDARDS, "Engagement"; what each prefetcher and scanner sends about itself.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache

#: Stored with every verdict; a change of any rule or threshold below raises it.
RULES_VERSION = 1
#: A hit sooner than this after delivery is a scanner's: nobody is that fast.
TOO_SOON = timedelta(seconds=5)
#: So many distinct links of one mail …
BURST_LINKS = 3
#: … in less than this are a scanner's.
BURST_WITHIN = timedelta(seconds=2)
#: Every link of one mail in less than this is a scanner's, when the mail has at least two.
SWEEP_WITHIN = timedelta(seconds=5)

#: Apple's own networks, from which Mail Privacy Protection fetches. Source: whois, AS714.
_APPLE = tuple(ipaddress.ip_network(net) for net in ("17.0.0.0/8", "2620:149::/32", "2a01:b740::/32"))
#: Gmail fetches images ahead of reading with this agent, whatever stands before it.
_GMAIL_PREFETCH = "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
#: Proxies that fetch when a person reads: never taken for scanners by name.
_PEOPLES_PROXIES = re.compile(r"GoogleImageProxy|YahooMailProxy")
#: Security scanners, link previews, crawlers and HTTP libraries, by what they call themselves.
_SCANNERS = re.compile(
    r"bot\b|bot/|crawl|spider|scan|preview|prefetch|barracuda|proofpoint|mimecast|symantec|messagelabs|trendmicro"
    r"|sophos|fireeye|forcepoint|cisco|ironport|checkpoint|avanan|cloudmark|safelinks|urldefense|virustotal|bitdefender"
    r"|microsoft office|existence discovery|headless|phantomjs|facebookexternalhit|whatsapp|slack|embedly"
    r"|curl/|wget/|python-|httpx|aiohttp|go-http-client|okhttp|apache-httpclient|^java/|libwww|ruby|axios|node-fetch",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Verdict:
    """Who made a hit. `reasons` names the rules that took it for a machine; none means a person."""

    reasons: tuple[str, ...] = ()

    @property
    def is_machine(self) -> bool:
        """Say whether a rule took it for a machine."""
        return bool(self.reasons)

    @property
    def name(self) -> str:
        """Return `human` or `machine`, as stored."""
        return "machine" if self.reasons else "human"

    @cached_property
    def why(self) -> str:
        """Return the version of the rules and the reasons, as stored: `v1 apple-mpp too-soon`."""
        return " ".join((f"v{RULES_VERSION}", *self.reasons))


def classify(method: str, user_agent: str, ip: str, since_delivery: timedelta | None) -> Verdict:
    """Judge one hit by itself. `since_delivery` is None when it is not known when the mail was delivered."""
    too_soon = since_delivery is not None and since_delivery < TOO_SOON
    return _verdict(method == "HEAD", too_soon, _by_agent(user_agent, ip))


@lru_cache(maxsize=1024)
def _verdict(head: bool, too_soon: bool, reasons: tuple[str, ...]) -> Verdict:  # noqa: FBT001 - two facts of a hit
    return Verdict((*reasons, *(["head"] if head else []), *(["too-soon"] if too_soon else [])))


@lru_cache(maxsize=4096)
def _by_agent(user_agent: str, ip: str) -> tuple[str, ...]:
    if not user_agent.strip():
        return ("no-agent",)
    if user_agent == "Mozilla/5.0":
        # no browser stops there; from elsewhere it is Apple's relay partners, or a scanner that imitates them
        return ("apple-mpp",) if _is_apple(ip) else ("bare-agent",)
    if user_agent.endswith(_GMAIL_PREFETCH):
        return ("gmail-prefetch",)
    if _PEOPLES_PROXIES.search(user_agent):
        return ()
    return ("scanner",) if _SCANNERS.search(user_agent) else ()


def _is_apple(ip: str) -> bool:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    return any(address in net for net in _APPLE)


@dataclass(frozen=True, slots=True)
class Click:
    """One click on one mail, to be judged together with its other clicks."""

    at: datetime
    link: int


def swept(clicks: Sequence[Click], links_in_mail: int) -> dict[int, str]:
    """Return the clicks, by their position, that only a machine makes together, with the rule: `burst` or `every-link`.

    `clicks` are those of one mail, in order of time; `links_in_mail` is how many links it has, 0 when not known.
    """
    found: dict[int, str] = {}
    for first, start in enumerate(clicks):
        near = [
            (index, click) for index, click in enumerate(clicks[first:], first) if click.at - start.at < SWEEP_WITHIN
        ]
        quick = [(index, click) for index, click in near if click.at - start.at < BURST_WITHIN]
        if len({click.link for _, click in quick}) >= BURST_LINKS:
            found.update({index: "burst" for index, _ in quick})
        if 2 <= links_in_mail <= len({click.link for _, click in near}):
            for index, _ in near:
                found.setdefault(index, "every-link")
    return found
