"""What a check can look up, by name, with a digest of what is found there (that nothing is there is a finding too).

    file PATH           the text of a file
    paths               which files there are
    text LOCALE KEY     what each catalog in the locale's chain says under a key
    keys LOCALE         which keys the locale's chain has
    segment ID          the file of a segment
    segments            the files of all segments
    sends TEMPLATE      the files of the campaigns that send a template

What every check reads (lifecycle.yaml, the names of all coupons, which catalogs there are, the check's own source) is
one digest, `base`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import lifecycle
from lifecycle.base.ids import content_hash
from lifecycle.render.catalogs import UNREAD, Catalog
from lifecycle.render.source import fallback_chain
from lifecycle.render.usage import campaigns_of, coupon_names
from lifecycle.spec.model import Campaign, Content, Project, Segment

#: whose versions a finding can depend on, beside our own source
_DEPENDENCIES = ("Jinja2", "MarkupSafe", "mjml-python", "premailer", "cssutils", "lxml", "Babel", "PyYAML", "tzdata")
_NOTHING = "-"


class Facts:
    """What a version of the content has under each name, as digests."""

    def __init__(self, content: Content, catalogs: Mapping[str, Catalog]) -> None:
        self._content = content
        self._catalogs = catalogs
        self._chains: dict[str, list[Catalog]] = {}
        self._digests: dict[str, str] = {}

    @property
    def base(self) -> str:
        """Return the digest of what every check reads."""
        coupons = sorted(coupon_names(self._content))
        catalogs = [(locale, catalog is UNREAD) for locale, catalog in sorted(self._catalogs.items())]
        return content_hash(checker(), self._said(self._content.project), repr(coupons), repr(catalogs))

    def digest(self, name: str) -> str:
        """Return the digest of what is under a name now."""
        if name not in self._digests:
            self._digests[name] = self._look_up(name)
        return self._digests[name]

    def paths(self, template: str) -> set[str]:
        """Return the files that `base` and `sends TEMPLATE` hold the whole text of."""
        nodes: list[Project | Campaign] = [self._content.project, *campaigns_of(self._content, template)]
        return {node.place.path for node in nodes if node.place is not None}

    def _look_up(self, name: str) -> str:
        kind, _, rest = name.partition(" ")
        files = self._content.files
        match kind:
            case "file":
                return _hash(files[rest]) if rest in files else _NOTHING
            case "paths":
                return _hash(*sorted(files))
            case "text":
                locale, _, key = rest.partition(" ")
                found = (catalog.get(key) for catalog in self._chain(locale))
                return _hash(*(_NOTHING if entry is None else repr(sorted(entry.forms.items())) for entry in found))
            case "keys":
                return _hash(*(repr(sorted(catalog)) for catalog in self._chain(rest)))
            case "segment":
                segment = self._content.segments.get(rest)
                return _NOTHING if segment is None else _hash(self._said(segment))
            case "segments":
                return _hash(*map(self._said, self._content.segments.values()))
            case "sends":
                return _hash(*map(self._said, campaigns_of(self._content, rest)))
            case _:
                return ""  # no digest: what a later version may have written is never the same

    def _chain(self, locale: str) -> list[Catalog]:
        if locale not in self._chains:
            names = fallback_chain(locale, self._content.project.default_locale)
            self._chains[locale] = [self._catalogs.get(name, {}) for name in names]
        return self._chains[locale]

    def _said(self, node: Project | Campaign | Segment) -> str:
        """Return the whole file that something was read from: its places count, and what is read of it may change."""
        path = node.place.path if node.place else ""
        return repr((path, self._content.files.get(path), "" if path else node))


def _hash(*parts: str) -> str:
    return content_hash(*(part.encode(errors="surrogatepass") for part in parts))


@lru_cache(maxsize=1)
def checker() -> str:
    """Return a digest of all that decides what a check finds, beside the content: our source and what it stands on."""
    root = Path(lifecycle.__file__).parent
    source = [part for path in sorted(root.rglob("*.py")) for part in (str(path.relative_to(root)), path.read_bytes())]
    return content_hash(sys.version, *map(_version, _DEPENDENCIES), *source)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return _NOTHING
