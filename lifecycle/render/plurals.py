"""Which plural forms a locale has, and when a map of a catalog is meant as them. Source: CLDR, by Babel.

Babel's gettext headers order Arabic's forms differently from CLDR, so categories come from Locale.plural_form.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import lru_cache

from lifecycle.render.formats import babel_locale

#: as CLDR orders them
CATEGORIES = ("zero", "one", "two", "few", "many", "other")
#: Up to here each of CLDR's rules has shown all that it gives for whole numbers, but for the `many` that French,
#: Spanish, Italian and Portuguese have for a round million: no mail counts to it, so nobody is asked for it.
_COUNTED = 1000
#: `othr` is misspelt; `three` and `hero`, which share as many letters with `other` and `zero`, are other words
_CLOSE = 0.78


@lru_cache(maxsize=64)
def asked(locale: str) -> frozenset[str]:
    """Return the categories a text needs: those of the whole numbers, and `other`, which fractions fall back to."""
    try:
        rule = babel_locale(locale).plural_form
    except ValueError:
        return frozenset({"other"})
    return frozenset({rule(number) for number in range(_COUNTED + 1)} | {"other"})


@lru_cache(maxsize=64)
def used(locale: str) -> frozenset[str]:
    """Return the categories that any number, fractions too, can have; all of them for a locale unknown to CLDR."""
    try:
        return frozenset(babel_locale(locale).plural_form.tags | {"other"})
    except ValueError:
        return frozenset(CATEGORIES)


def meant(word: str, categories: Iterable[str]) -> str:
    """Return the category that a misspelt word is close to, "" when there is none."""
    if len(word) > 2 * max(map(len, CATEGORIES)):
        return ""
    written, options = word.lower(), sorted(categories)
    swapped = [each for each in options if sorted(each) == sorted(written)]  # fwe, ohter
    found = swapped or difflib.get_close_matches(written, options, n=1, cutoff=_CLOSE)
    return found[0] if found else ""


def is_plural(texts: Mapping[str, str], locale: str) -> bool:
    """Say whether a map of texts is one text in its plural forms, rather than a group of texts.

    Groups may well have keys such as `one`, `two`, `three` or `other`, so one such key is not enough.
    """
    known = texts.keys() & set(CATEGORIES)
    if not known or len(texts) > 2 * len(CATEGORIES):
        return False
    missing = used(locale) - known
    guesses = {word: meant(word, missing) for word in texts.keys() - known}
    counts = any("{count}" in text for text in texts.values())
    if not all(guesses.values()):
        return counts and "other" in known and len(known) > 1
    return "other" in known or "other" in guesses.values() or counts or not known <= {"one", "two"}
