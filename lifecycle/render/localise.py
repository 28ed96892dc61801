"""Texts by key: catalogs with CLDR plurals, a chain of fallbacks, placeholders filled and isolated.

Babel's gettext headers order Arabic plural forms differently from CLDR, so categories come from Locale.plural_form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html import unescape
from typing import Any, TypeAlias

import yaml
from markupsafe import Markup

from lifecycle.base.errors import RenderError
from lifecycle.render import rules
from lifecycle.render.formats import Formats, plural_category
from lifecycle.render.sandbox import shown
from lifecycle.spec.diagnostics import Diagnostic
from lifecycle.spec.place import Place

CATEGORIES = frozenset({"zero", "one", "two", "few", "many", "other"})
#: languages written from right to left
RTL_LANGUAGES = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"})
MAX_CATALOG_CHARACTERS = 1_000_000
MAX_CATALOG_DEPTH = 20

#: first strong isolate, pop directional isolate. Source: UAX 9
FSI, PDI = "\u2068", "\u2069"

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_TAGS = re.compile(r"<[^<>]*>")
_LINK = re.compile(r"<a\b|href\s*=", re.IGNORECASE)


def direction(locale: str) -> str:
    """Return "rtl" or "ltr"."""
    return "rtl" if locale.split("-", maxsplit=1)[0] in RTL_LANGUAGES else "ltr"


class CatalogText(str):
    """Plain text from a catalog: trusted, in the reader's own script, so never isolated."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A text, or one by plural category."""

    forms: Mapping[str, str]
    place: Place

    @property
    def plural(self) -> bool:
        """Say whether a count chooses the form."""
        return "" not in self.forms

    @property
    def placeholders(self) -> frozenset[str]:
        """Return the names that a call has to fill."""
        found = {name for text in self.forms.values() for name in _PLACEHOLDER.findall(text)}
        return frozenset(found | ({"count"} if self.plural else set()))


Catalog: TypeAlias = Mapping[str, Entry]


def read_catalogs(files: Mapping[str, str], problems: list[Diagnostic]) -> dict[str, Catalog]:
    """Return the catalogs of locales/*.yaml by locale; what is wrong with them is added to `problems`."""
    catalogs = {}
    for path, text in files.items():
        if path.startswith("locales/") and path.endswith((".yaml", ".yml")):
            catalogs[path.removeprefix("locales/").rsplit(".", 1)[0]] = _read_catalog(path, text, problems)
    return catalogs


def _compose(text: str) -> yaml.Node | None:
    """Return the tree of a YAML text. Raises YAMLError, also for what is too long or uses aliases."""
    if len(text) > MAX_CATALOG_CHARACTERS:
        raise yaml.YAMLError(f"it is longer than {MAX_CATALOG_CHARACTERS} characters")
    loader = yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or depth > MAX_CATALOG_DEPTH:
            raise yaml.YAMLError("aliases and keys nested deeper than 20 are refused")
    found: yaml.Node | None = yaml.compose(text, Loader=loader)
    return found


def _read_catalog(path: str, text: str, problems: list[Diagnostic]) -> Catalog:
    entries: dict[str, Entry] = {}
    try:
        node = _compose(text)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = Place(path, mark.line + 1, mark.column + 1) if mark else Place(path, 1, 1)
        problems.append(
            rules.CatalogWrong.at(place, f"the catalog is no YAML: {getattr(error, 'problem', None) or error}")
        )
        return entries
    if node is not None:
        _collect(path, "", node, entries, problems)
    return entries


def _collect(path: str, prefix: str, node: yaml.Node, entries: dict[str, Entry], problems: list[Diagnostic]) -> None:
    place = Place(path, node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.ScalarNode):
        entries[prefix] = Entry({"": _checked(node.value, place, problems)}, place)
        return
    if not isinstance(node, yaml.MappingNode):
        problems.append(rules.CatalogWrong.at(place, f'"{prefix}" is neither a text nor a map of texts'))
        return
    keys = [str(key.value) for key, _ in node.value]
    if keys and "other" in keys and set(keys) <= CATEGORIES:
        forms = {str(key.value): _checked(str(value.value), place, problems) for key, value in node.value}
        entries[prefix] = Entry(forms, place)
        return
    for key, value in node.value:
        name = f"{prefix}.{key.value}" if prefix else str(key.value)
        if name in entries:
            twice = Place(path, key.start_mark.line + 1, key.start_mark.column + 1, len(str(key.value)))
            problems.append(rules.CatalogWrong.at(twice, f'"{name}" is there twice'))
        _collect(path, name, value, entries, problems)


def _checked(text: str, place: Place, problems: list[Diagnostic]) -> str:
    if _LINK.search(text):
        problems.append(
            rules.CatalogWrong.at(place, "a link in a catalog is not tracked", hint="put the <a> into the template")
        )
    return text


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one locale: its own catalog, then its language's, then the default's."""

    locale: str
    chain: tuple[Catalog, ...]
    formats: Formats
    html: bool
    isolate: bool = False
    _entries: dict[str, Entry] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        merged: dict[str, Entry] = {}
        for catalog in reversed(self.chain):
            merged |= catalog
        object.__setattr__(self, "_entries", merged)

    def entry(self, key: str) -> Entry | None:
        """Return the entry of the first catalog in the chain that has it."""
        return self._entries.get(key)

    def own(self, key: str) -> bool:
        """Say whether the locale has the text itself, or its language has."""
        return bool(self.chain) and key in self.chain[0]

    def t(self, key: str, /, **values: Any) -> str:
        """Return the text of `key` with its placeholders filled. Raises RenderError when nobody has it.

        In HTML the catalog's own markup is kept and the values are escaped; in plain text markup is dropped.
        """
        entry = self._entries.get(key)
        if entry is None:
            raise RenderError(f'no catalog has "{key}"')
        parts = _parts(entry.forms.get("", "") or self._form(entry, key, values), html=self.html)
        filled = "".join([self._value(key, part, values) if index % 2 else part for index, part in enumerate(parts)])
        return Markup(filled) if self.html else CatalogText(filled)  # noqa: S704 - catalogs are trusted, values escaped

    def _form(self, entry: Entry, key: str, values: Mapping[str, Any]) -> str:
        if not entry.plural:
            return ""
        if "count" not in values:
            raise RenderError(f'the text "{key}" needs count=')
        try:
            count = abs(float(values["count"]))
        except (TypeError, ValueError):
            raise RenderError(f'the count of "{key}" is not a number') from None
        return entry.forms.get(plural_category(count, self.locale), entry.forms["other"])

    def _value(self, key: str, name: str, values: Mapping[str, Any]) -> str:
        if name not in values:
            raise RenderError(f'the text "{key}" needs {name}=')
        value = values[name]
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = self.formats.number(value)
        text = shown(value) if self.html else str(value)
        if not self.isolate or isinstance(value, Markup | CatalogText):
            return text
        return f"{FSI}{text}{PDI}"


@lru_cache(maxsize=8192)
def _parts(text: str, *, html: bool) -> tuple[str, ...]:
    """Return a text split at its placeholders: text, name, text, and so on."""
    return tuple(_PLACEHOLDER.split(text if html else _plain(text)))


@lru_cache(maxsize=8192)
def _plain(text: str) -> str:
    return unescape(_TAGS.sub("", text.replace("<br>", "\n")))


def isolated(value: Any) -> Any:
    """Return a value that may run the other way inside isolates, so that it cannot pull its neighbours along."""
    if isinstance(value, Markup | CatalogText):
        return value
    text = str(value)
    return f"{FSI}{text}{PDI}" if text else text
