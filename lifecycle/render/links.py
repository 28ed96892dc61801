"""The table of links: each place a mail leads to gets a number while compiling.

A target that is the same for everybody is in the table; one with Jinja in it is rendered for the recipient and kept
with the message. Only numbers go over the wire, so a click can lead nowhere the mail did not point.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

from jinja2.exceptions import SecurityError

#: what the recipient's own links are called in scope; they are never tracked
OWN_URLS = frozenset({"unsubscribe_url", "preferences_url", "view_url", "confirm_url", "survey_url"})
#: schemes that mails may use and that clicks are not counted for
UNTRACKED_SCHEMES = frozenset({"mailto", "tel", "sms", "cid"})
#: the second and further targets of one place (in a loop) are numbered that far apart
STRIDE = 1000
MAX_URL_LENGTH = 2000

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_BLANK = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class Link:
    """One place with a link. `fixed` is its target; None when it is rendered, then `expression` is Jinja."""

    number: int
    fixed: str | None
    expression: str = ""
    label: str = ""


def scheme_of(target: str) -> str:
    """Return the scheme, lower-case, "" when there is none; blanks that browsers ignore are ignored."""
    if target.startswith("https://"):
        return "https"  # what almost all are
    found = _SCHEME.match(_BLANK.sub("", target))
    return found[1].lower() if found else ""


def tag(url: str, parameters: Mapping[str, str]) -> str:
    """Return the URL with the parameters that it does not have yet."""
    if not parameters:
        return url
    parts = urlsplit(url)
    present = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    added = urlencode({name: value for name, value in parameters.items() if name not in present}, quote_via=quote)
    query = "&".join(part for part in (parts.query, added) if part)
    return urlunsplit(parts._replace(query=query))


def absolute(target: str, base: str) -> str:
    """Return an http(s) URL that can stand in a redirect. Raises SecurityError with what is wrong with it."""
    found = html.unescape(target) if "&amp;" in target else target
    found = found.strip()
    if _BLANK.search(found.replace(" ", "")):
        raise SecurityError("a link holds control characters")
    found = found.replace(" ", "%20")
    if found.startswith("/") and not found.startswith("//"):
        found = urljoin(base, found)
    try:
        parts = urlsplit(found)
        fine = parts.scheme.lower() in {"http", "https"} and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        fine = False
    if not fine or "\\" in parts.netloc or "@" in parts.netloc:
        raise SecurityError(f'a link leads to "{target[:60]}", which is no http address')
    if len(found) > MAX_URL_LENGTH:
        raise SecurityError(f"a link is longer than {MAX_URL_LENGTH} characters")
    return found


@lru_cache(maxsize=8192)
def _target(text: str, base: str, utm: tuple[tuple[str, str], ...]) -> str | None:
    """Return where a tracked link leads; None for what is not tracked."""
    if scheme_of(text) in UNTRACKED_SCHEMES or text.startswith("#"):
        return None
    return tag(absolute(text, base), dict(utm))


@dataclass(slots=True)
class Register:
    """The targets of one recipient's own links, collected while the mail is rendered."""

    click_url: str
    base: str
    utm: Mapping[str, str]
    #: the recipient's own links (unsubscribe, survey, …), which a template may pass through a variable
    own: tuple[str, ...] = ()
    targets: dict[str, str] = field(default_factory=dict)
    _numbers: dict[tuple[int, str], int] = field(default_factory=dict)
    _seen: dict[int, int] = field(default_factory=dict)
    _utm: tuple[tuple[str, str], ...] = field(init=False)

    def __post_init__(self) -> None:
        """Make the parameters a key, once for all links."""
        self._utm = tuple(self.utm.items())

    def link(self, number: int, target: object) -> str:
        """Return the tracked URL for a target of place `number`; mail and phone addresses are left as they are."""
        text = str(target)
        if text.startswith(self.own):
            return text
        url = _target(text, self.base, self._utm)
        if url is None:
            return text
        known = self._numbers.get((number, url))
        if known is None:
            times = self._seen.get(number, 0)
            known = number + STRIDE * times
            self._seen[number] = times + 1
            self._numbers[number, url] = known
            self.targets[str(known)] = url
        return f"{self.click_url}/{known}"
