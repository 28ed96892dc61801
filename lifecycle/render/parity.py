"""Holds the catalogs against each other and against the project's locales: what one says and another does not.

The default locale's texts are the model. A text that a locale lacks is said where a template asks for it (LC603), not
here: keys may be made up by templates, so that a key nobody asks for cannot be told from one that somebody does.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from lifecycle.render import rules
from lifecycle.render.catalogs import ROOT, UNREAD, Catalog, Entry, Key, at_most, locale_of, placeholders
from lifecycle.render.source import fallback_chain
from lifecycle.spec.diagnostics import Diagnostic, did_you_mean
from lifecycle.spec.model import Content
from lifecycle.spec.place import Place
from lifecycle.spec.source import MAX_PER_FILE

#: forms that may speak of their number without naming it: "one pair", "both"
_COUNT_ITSELF = frozenset({"zero", "one", "two"})
#: as many words are looked through for the one that was meant
_MOST_OPTIONS = 200


def check_catalogs(content: Content, catalogs: Mapping[str, Catalog]) -> Iterator[Diagnostic]:
    """Yield what is wrong with catalogs beside each other; those that could not be read are left out."""
    project = content.project
    wanted = {name for locale in project.locales for name in fallback_chain(locale, locale)}
    for path in content.files:
        if path.startswith(ROOT) and path.endswith((".yaml", ".yml")) and locale_of(path) not in wanted:
            hint = did_you_mean(locale_of(path), sorted(wanted)) or f"locales: {', '.join(project.locales)}"
            message = f'no locale is called "{locale_of(path)}", so nobody reads this'
            yield rules.CatalogOfNoLocale.at(Place(path, 1, 1), message, hint=hint)
    models = fallback_chain(project.default_locale, project.default_locale)
    if any(catalogs.get(name) is UNREAD for name in models):
        return
    model = {key: entry for name in reversed(models) for key, entry in catalogs.get(name, {}).items()}
    if not model:
        return  # that the default locale has no catalog has been said
    for locale in sorted(wanted & catalogs.keys() - set(models)):
        yield from at_most(list(_differences(locale, catalogs[locale], project.default_locale, model)))


def _differences(locale: str, catalog: Catalog, default: str, model: Catalog) -> Iterator[Diagnostic]:
    for key, guess in strays(catalog, model):
        hint = f'did you mean "{guess}"?' if guess else f"add it to locales/{default}.yaml, or delete it"
        yield rules.KeyOfOneLocale.at(key.place, f'{locale} has "{key.name}", {default} has not', hint=hint)
    for name, entry in catalog.items():
        if name in model:
            yield from _placeholders(entry, model[name], default)


def strays(catalog: Catalog, model: Catalog) -> Iterator[tuple[Key, str]]:
    """Yield the keys that only `catalog` has, of a whole group its own key alone, each with the name that was meant.

    A name is meant when the model has it in the same group, the catalog has not, and it is close.
    """
    known, own = _keys(model), _keys(catalog)
    options: dict[str, dict[str, str]] = defaultdict(dict)
    for name, key in known.items():
        if name not in own:
            options[key.above.name if key.above else ""][_tail(key)] = name
    told: set[str] = set()
    for name, entry in catalog.items():
        if name in model:
            continue
        stray = next((key for key in entry.key.trail() if key.name not in known), entry.key)
        if stray.name not in told:
            told.add(stray.name)
            beside = options.get(stray.above.name if stray.above else "", {})
            yield stray, _closest(_tail(stray), beside) if len(told) <= MAX_PER_FILE else ""


def _keys(catalog: Catalog) -> dict[str, Key]:
    """Return the keys of texts and groups by name."""
    return {key.name: key for entry in catalog.values() for key in entry.key.trail()}


def _tail(key: Key) -> str:
    return key.name[len(key.above.name) + 1 :] if key.above else key.name


def _closest(word: str, options: Mapping[str, str]) -> str:
    if len(options) > _MOST_OPTIONS:
        return ""
    found = difflib.get_close_matches(word, options, n=1, cutoff=0.6)
    return options[found[0]] if found else ""


def _placeholders(entry: Entry, model: Entry, default: str) -> Iterator[Diagnostic]:
    allowed = model.placeholders | ({"count"} if entry.plural else set())
    lost: dict[frozenset[str], list[str]] = defaultdict(list)
    for form, text in entry.forms.items():
        has = placeholders(text)
        unknown = sorted(has - allowed)
        if unknown:
            hint = did_you_mean(unknown[0], sorted(allowed - has)[:_MOST_OPTIONS]) or f"{default} has {_all(allowed)}"
            message = f"{{{unknown[0]}}} is not in the text for {default}"
            yield rules.PlaceholderOfOneLocale.at(entry.places[form], message, hint=hint)
        elif lacking := _expected(form, entry, model) - has:
            lost[lacking].append(form)
    for names, forms in lost.items():
        message = f"{_all(names)} {'is' if len(names) == 1 else 'are'} in the text for {default}, and not here"
        hint = f"nor in {', '.join(forms[:-1])}" if len(forms) > 1 else ""
        yield rules.PlaceholderLost.at(entry.places[forms[-1]], message, hint=hint)


def _expected(form: str, entry: Entry, model: Entry) -> frozenset[str]:
    """Return the placeholders that a form of `entry` has, going by the model's forms."""
    if form == "zero":
        return frozenset()  # "your bag is empty" needs neither its count nor its total
    each = [placeholders(text) for text in model.forms.values()]
    expected = frozenset.intersection(*each) - {"count"}
    if form in _COUNT_ITSELF:
        return expected
    general = placeholders(model.forms.get("other", model.forms.get("", "")))
    expected |= general & {"count"}
    if form not in {"", "other"}:
        return expected
    # what only some of the model's forms say is said by some form here
    elsewhere = frozenset().union(*(placeholders(text) for name, text in entry.forms.items() if name != form))
    return expected | (frozenset().union(*each) - elsewhere - {"count"})


def _all(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names)[:5]) or "none"
