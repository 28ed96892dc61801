"""Reads locales/*.yaml: texts by dotted key, with their plural forms, each where it was written.

The strict reader of the content language reads them, so `no` is a text and a key that comes twice is said. What one
catalog is beside another is `parity`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TypeAlias

from lifecycle.render import rules
from lifecycle.render.markup import VOID
from lifecycle.render.plurals import CATEGORIES, asked, is_plural, meant, used
from lifecycle.spec import rules_shape, rules_yaml, source
from lifecycle.spec.diagnostics import Diagnostic
from lifecycle.spec.place import Place

ROOT = "locales/"
MAX_KEY_CHARACTERS = 100

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_LINK = re.compile(r"<a\b|href\s*=", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-zA-Z][\w:-]*+)([^<>]*+)>")


def placeholders(text: str) -> frozenset[str]:
    """Return the names in braces that a call fills."""
    return frozenset(_PLACEHOLDER.findall(text))


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it was written, by its full name (`cart.title`), and the one that it stands under."""

    name: str
    place: Place
    above: Key | None = None

    def trail(self) -> list[Key]:
        """Return the keys that lead here, outermost first, this one last."""
        found = [self]
        while (above := found[-1].above) is not None:
            found.append(above)
        return found[::-1]


@dataclass(frozen=True, slots=True)
class Entry:
    """A text (under the form ""), or one by plural category; `places` says where each form's text stands."""

    forms: Mapping[str, str]
    key: Key
    places: Mapping[str, Place]

    @property
    def plural(self) -> bool:
        """Say whether a count chooses the form."""
        return "" not in self.forms

    @property
    def placeholders(self) -> frozenset[str]:
        """Return the names that a call has to fill."""
        found = frozenset().union(*map(placeholders, self.forms.values()))
        return found | {"count"} if self.plural else found


Catalog: TypeAlias = Mapping[str, Entry]
#: stands for a catalog that could not be read, which has been said: what it has or lacks is not known
UNREAD: Catalog = MappingProxyType({})


def read_catalogs(files: Mapping[str, str], problems: list[Diagnostic]) -> dict[str, Catalog]:
    """Return the catalogs of locales/*.yaml by locale; what is wrong with them is added to `problems`."""
    catalogs: dict[str, Catalog] = {}
    for path in sorted(files):  # .yaml before .yml
        if path.startswith(ROOT) and path.endswith((".yaml", ".yml")):
            found: list[Diagnostic] = []
            catalog = _read(path, files[path], found)
            catalogs.setdefault(locale_of(path), catalog)
            problems += at_most(found)
    return catalogs


def locale_of(path: str) -> str:
    """Return the locale that a catalog's file is named after."""
    return path.removeprefix(ROOT).rsplit(".", 1)[0]


def at_most(problems: Sequence[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield the problems, of each file no more than a person would look at."""
    by_path = sorted(problems, key=lambda found: found.place.path)
    for path, found in groupby(by_path, key=lambda found: found.place.path):
        listed = list(found)
        yield from listed[: source.MAX_PER_FILE]
        if len(listed) > source.MAX_PER_FILE:
            yield rules_yaml.TooManyMistakes.at(Place(path, 1, 1))


def _read(path: str, text: str, found: list[Diagnostic]) -> Catalog:
    node, problems = source.read(path, text)
    found += problems
    start = Place(path, 1, 1)
    if path.endswith(".yml"):
        hint = f"rename it to {PurePosixPath(path).stem}.yaml"
        found.append(rules_shape.WrongExtension.at(start, "catalogs end in .yaml", hint=hint))
    if node is None:
        if not any(problem.is_error for problem in problems):  # given up for its many warnings
            found.append(rules_yaml.TooManyMistakes.at(start))
        return UNREAD
    if not isinstance(node, source.MapNode):
        found.append(rules.CatalogWrong.at(node.place, "a catalog is a map of keys to texts"))
        return UNREAD
    entries: dict[str, Entry] = {}
    _Collector(locale_of(path), entries, found).group(node, None)
    return entries


@dataclass(frozen=True, slots=True)
class _Collector:
    locale: str
    entries: dict[str, Entry]
    found: list[Diagnostic]

    def group(self, node: source.MapNode, above: Key | None) -> None:
        for entry in node.entries:
            if len(entry.name) > MAX_KEY_CHARACTERS:  # names of keys grow with their depth
                self._wrong(entry.key.place, f"a key has {MAX_KEY_CHARACTERS} characters at most")
                continue
            name = f"{above.name}.{entry.name}" if above else entry.name
            key = Key(name, entry.key.place, above)
            if name in self.entries:
                self._wrong(key.place, f'"{name}" is there twice')
            else:
                self._value(entry.value, key)

    def _value(self, node: source.Node, key: Key) -> None:
        match node:
            case source.ScalarNode():
                self.entries[key.name] = self._entry({"": node}, key)
            case source.MapNode():
                forms = {
                    entry.name: entry.value for entry in node.entries if isinstance(entry.value, source.ScalarNode)
                }
                texts = {name: form.text for name, form in forms.items()}
                if len(forms) == len(node.entries) and is_plural(texts, self.locale):
                    named = self._look_at_forms(node, key)
                    known = {named.get(name, name): form for name, form in forms.items()}
                    known = {name: form for name, form in known.items() if name in CATEGORIES}
                    self.entries[key.name] = self._entry(known, key)
                else:
                    self.group(node, key)
            case _:
                self._wrong(node.place, f'"{key.name}" is neither a text nor a map of texts')

    def _entry(self, forms: Mapping[str, source.ScalarNode], key: Key) -> Entry:
        texts = {form: self._text(node, key) for form, node in forms.items()}
        return Entry(texts, key, {form: node.place for form, node in forms.items()})

    def _text(self, node: source.ScalarNode, key: Key) -> str:
        text = node.text
        if node.value is None:
            hint = "put it in quotes if it is the text" if node.text else 'write "" where no text is wanted'
            self._wrong(node.place, f'"{key.name}" has no text', hint)
        elif _LINK.search(text):
            self._wrong(node.place, "a link in a catalog is not tracked", "put the <a> into the template")
        elif fault := _unbalanced(text):
            self.found.append(rules.TextMarkup.at(node.place, fault))
            return _TAG.sub("", text)  # or each template that has the text would be wrong too (LC511)
        return text

    def _look_at_forms(self, node: source.MapNode, key: Key) -> dict[str, str]:
        """Hold the forms of a plural against those that the locale has; return what misspelt ones were meant as."""
        named: dict[str, str] = {}
        names = {entry.name for entry in node.entries}
        has = f"{self.locale} has {', '.join(name for name in CATEGORIES if name in asked(self.locale))}"
        missing = asked(self.locale) - names
        for entry in node.entries:
            if entry.name not in CATEGORIES:
                guess = meant(entry.name, used(self.locale) - names - set(named.values()))
                named[entry.name] = guess
                message = f'"{entry.name}" is no plural form'
                hint = f'did you mean "{guess}"?' if guess else has
                self.found.append(rules.PluralFormUnknown.at(entry.key.place, message, hint=hint))
            elif entry.name not in used(self.locale):
                message = f'{self.locale} has no plural form "{entry.name}", so nobody reads this'
                self.found.append(rules.PluralFormUnused.at(entry.key.place, message, hint=has))
        if missing := missing - set(named.values()):
            lacking = ", ".join(name for name in CATEGORIES if name in missing)
            message = f'"{key.name}" lacks the plural form{"s" * (len(missing) > 1)} {lacking}'
            self.found.append(rules.PluralFormMissing.at(key.place, message, hint=has))
        return named

    def _wrong(self, place: Place, message: str, hint: str = "") -> None:
        self.found.append(rules.CatalogWrong.at(place, message, hint=hint))


def _unbalanced(text: str) -> str:
    """Return what is wrong with the first tag of a text that does not nest; "" when all do."""
    opened: list[str] = []
    for closing, written, rest in _TAG.findall(text):
        tag = written.lower()
        if tag in VOID or rest.endswith("/"):
            continue
        if not closing:
            opened.append(tag)
        elif not opened:
            return f"</{tag}> closes nothing"
        elif opened.pop() != tag:
            return f"</{tag}> closes another tag than its own"
    return f"<{opened[-1]}> is never closed" if opened else ""
