"""One check of all templates: what the last one found is believed as far as all that it read is still the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lifecycle.render.check_cache import CheckCache, Kept, Unit
from lifecycle.render.check_facts import Facts
from lifecycle.render.check_trace import TracedTemplates
from lifecycle.spec.diagnostics import Diagnostic


class CheckRun:
    """Answers for each template and locale from the cache, or by checking; `finish` leaves it all to the next run."""

    def __init__(self, templates: TracedTemplates, facts: Facts, cache: CheckCache) -> None:
        self._notes, self._facts, self._cache = templates.notes, facts, cache
        self._base = facts.base
        last = cache.recall()
        #: all units of one run read the same version, so each name has one digest, and is compared once
        stale = {name for name, digest in last.digests.items() if facts.digest(name) != digest}
        self._sound = {
            key: unit for key, unit in last.units.items() if last.base == self._base and not unit.reads & stale
        }
        self._units: dict[tuple[str, str], Unit] = {}

    def findings(self, template: str, locale: str, check: Callable[[], Iterable[Diagnostic]]) -> Iterable[Diagnostic]:
        """Return what `check` finds wrong with a template in a locale, now or when it read the same."""
        key = (template, locale)
        unit = self._sound.get(key) or self._checked(template, check)
        if unit.reads >= {f"file {each.place.path}" for each in unit.found} - self._held(template):
            self._units[key] = unit
        return unit.found

    def _checked(self, template: str, check: Callable[[], Iterable[Diagnostic]]) -> Unit:
        self._notes.begin()
        found = tuple(check())
        return Unit(frozenset(self._notes.reads | {f"sends {template}"}), found)

    def _held(self, template: str) -> set[str]:
        """Return the files whose lines a finding may name beside those it read (any other could change unseen)."""
        return {f"file {path}" for path in self._facts.paths(template)}

    def finish(self) -> None:
        """Leave what was found, and what it was read from, to the next run."""
        names = frozenset().union(*(unit.reads for unit in self._units.values()))
        self._cache.keep(Kept(self._base, {name: self._facts.digest(name) for name in names}, self._units))
