"""Texts by key for one locale: a chain of catalogs to fall back on, placeholders filled and isolated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html import unescape
from typing import Any

from markupsafe import Markup

from lifecycle.base.errors import RenderError
from lifecycle.render.catalogs import UNREAD, Catalog, Entry
from lifecycle.render.formats import Formats, plural_category
from lifecycle.render.parity import strays
from lifecycle.render.sandbox import shown

#: languages written from right to left
RTL_LANGUAGES = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"})

#: first strong isolate, pop directional isolate. Source: UAX 9
FSI, PDI = "\u2068", "\u2069"

#: filled texts that are kept for each locale
_MOST_TOLD = 4096
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_TAGS = re.compile(r"<[^<>]*>")
#: a tag, or a percentage: behind Arabic letters its sign would go to the left of its number. Source: UAX 9, W2 and W5
_PERCENTAGE = re.compile(r"<[^<>]*>|([+-]?\d+(?:[.,\u2013-]\d+)*\u00a0?%)")


def direction(locale: str) -> str:
    """Return "rtl" or "ltr"."""
    return "rtl" if locale.split("-", maxsplit=1)[0] in RTL_LANGUAGES else "ltr"


class CatalogText(str):
    """Plain text from a catalog: trusted, in the reader's own script, so never isolated."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one locale: its own catalog, then its language's, then the default's."""

    locale: str
    chain: tuple[Catalog, ...]
    formats: Formats
    html: bool
    isolate: bool = False
    #: a placeholder that is a catalog's own mistake is shown as it stands: `check` has said it in the catalog
    lenient: bool = False
    _entries: dict[str, Entry] = field(init=False, repr=False)
    #: texts as they were filled before, by key and values
    _told: dict[tuple[Any, ...], str] = field(init=False, repr=False, default_factory=dict)
    #: the names that the locale's own catalog has misspelt, found when they are asked for
    _meant: frozenset[str] | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        merged: dict[str, Entry] = {}
        for catalog in reversed(self.chain):
            merged |= catalog
        object.__setattr__(self, "_entries", merged)

    def entry(self, key: str) -> Entry | None:
        """Return the entry of the first catalog in the chain that has it."""
        return self._entries.get(key)

    def keys(self) -> set[str]:
        """Return every key that the chain has a text for."""
        return set(self._entries)

    def own(self, key: str) -> bool:
        """Say whether the locale has the text itself, or its language has.

        Yes also where its catalog could not be read, or has the key misspelt, which is said there (LC612).
        """
        own = self.chain[: 2 if "-" in self.locale else 1]
        return any(catalog is UNREAD or key in catalog for catalog in own) or self._misspelt(key)

    def _misspelt(self, key: str) -> bool:
        iter(self._entries)  # `check` notes that it depends on all keys, also when `_meant` is known
        if self._meant is None:
            own, rest = self.chain[0] if self.chain else {}, self.chain[1:]
            model = {name: entry for catalog in reversed(rest) for name, entry in catalog.items()}
            object.__setattr__(self, "_meant", frozenset(guess for _, guess in strays(own, model) if guess))
        parts = key.split(".")
        return any(".".join(parts[:length]) in (self._meant or ()) for length in range(1, len(parts) + 1))

    @property
    def unread(self) -> bool:
        """Say whether one of the catalogs could not be read, so that nothing can be said about what is missing."""
        return any(catalog is UNREAD for catalog in self.chain)

    def needed(self, key: str) -> frozenset[str]:
        """Return the names that a call of `key` has to fill.

        What one locale alone asks for is a mistake of its catalog (LC610), not of the templates.
        """
        entries = [catalog[key] for catalog in self.chain if key in catalog]
        if not entries:
            return frozenset()
        shared = frozenset.intersection(*(entry.placeholders for entry in entries))
        return shared | {"count"} if entries[0].plural else shared

    def t(self, key: str, /, **values: Any) -> str:
        """Return the text of `key` with its placeholders filled. Raises RenderError when nobody has it.

        In HTML the catalog's own markup is kept and the values are escaped; in plain text markup is dropped.
        """
        for value in values.values():
            if type(value) is not int and type(value) is not str:
                return self._filled(key, values)
        # quantities, percentages, dates, first names: few different ones, in many mails
        called = (key, *values.items())
        told = self._told.get(called)
        if told is None:
            told = self._filled(key, values)
            if len(self._told) >= _MOST_TOLD:
                self._told.clear()
            self._told[called] = told
        return told

    def _filled(self, key: str, values: Mapping[str, Any]) -> str:
        entry = self._entries.get(key)
        if entry is None:
            raise RenderError(f'no catalog has "{key}"')
        parts = _parts(self._form(entry, key, values), html=self.html, isolate=self.isolate)
        filled = "".join([self._value(key, part, values) if index % 2 else part for index, part in enumerate(parts)])
        return Markup(filled) if self.html else CatalogText(filled)  # noqa: S704 - catalogs are trusted, values escaped

    def _form(self, entry: Entry, key: str, values: Mapping[str, Any]) -> str:
        if not entry.plural:
            return entry.forms[""]
        if "count" not in values:
            raise RenderError(f'the text "{key}" needs count=')
        try:
            count = abs(float(values["count"]))
        except (TypeError, ValueError):
            raise RenderError(f'the count of "{key}" is not a number') from None
        category = plural_category(count, self.locale)
        fallback = "other" if "other" in entry.forms else next(iter(entry.forms))  # without `other` it is LC606
        return entry.forms[category if category in entry.forms else fallback]

    def _value(self, key: str, name: str, values: Mapping[str, Any]) -> str:
        if name not in values:
            if self.lenient and name not in self.needed(key):
                return f"{{{name}}}"
            raise RenderError(f'the text "{key}" needs {name}=')
        value = values[name]
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = self.formats.number(value)
        text = shown(value) if self.html else str(value)
        if not self.isolate or isinstance(value, Markup | CatalogText):
            return text
        return f"{FSI}{text}{PDI}"


@lru_cache(maxsize=8192)
def _parts(text: str, *, html: bool, isolate: bool) -> tuple[str, ...]:
    """Return a text split at its placeholders: text, name, text, and so on."""
    if isolate:
        text = _PERCENTAGE.sub(lambda found: f"{FSI}{found[1]}{PDI}" if found[1] else found[0], text)
    return tuple(_PLACEHOLDER.split(text if html else _plain(text)))


@lru_cache(maxsize=8192)
def _plain(text: str) -> str:
    return unescape(_TAGS.sub("", text.replace("<br>", "\n")))


def isolated(value: Any) -> Any:
    """Return a value that may run the other way inside isolates, so that it cannot pull its neighbours along."""
    if type(value) is not str:
        if isinstance(value, (Markup, CatalogText)):
            return value
        value = str(value)
    return f"{FSI}{value}{PDI}" if value else value
