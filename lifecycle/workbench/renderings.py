"""The mails of one version of the content, each made when it is first looked at, for everybody it can be shown to.

A version begins with what the last one made, as far as all that it was made from is still the same: after a template is
saved that template is made again, after a partial those that include it, after a text those that say it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lifecycle.base.errors import ContentError, LifecycleError, RenderError
from lifecycle.base.ids import content_hash
from lifecycle.render.check_facts import Facts
from lifecycle.render.check_trace import TracedTemplates
from lifecycle.render.compile import Compiled
from lifecycle.render.render import Rendered, render
from lifecycle.render.sample import SAMPLE_ADDRESSES, sample_names, sample_scope
from lifecycle.render.source import template_names
from lifecycle.render.usage import campaigns_of
from lifecycle.spec.diagnostics import Diagnostic
from lifecycle.spec.model import Content
from lifecycle.workbench.guest import Guest, guest_scope

log = logging.getLogger("lifecycle.workbench")

#: the plain sample, and the contact of --for, among the names of further samples (which hold no `@`)
PLAIN, GUEST = "", "@"


@dataclass(frozen=True, slots=True)
class Shown:
    """A mail as one person gets it, or why there is none. `key` names its HTML: the same key, the same page."""

    mail: Rendered | None = None
    key: str = ""
    wrong: str = ""
    hint: str = ""
    where: str = ""
    found: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """A template in one locale for everybody, and the names (of `check_facts`) of all that was read for it."""

    locale: str
    reads: frozenset[str]
    people: Mapping[str, Shown] = field(repr=False)

    @property
    def files(self) -> list[str]:
        """Return the files that were looked for, those that were not there among them."""
        return sorted(name.removeprefix("file ") for name in self.reads if name.startswith("file "))


class Renderings:
    """The mails of `content`. Thread-safe."""

    def __init__(self, content: Content, guest: Guest | None = None, last: Renderings | None = None) -> None:
        self.content = content
        self._guest = guest
        self._templates = TracedTemplates(content, inline=True)
        self._facts = Facts(content, self._templates.catalogs)
        #: a digest of what every mail is made from
        self.base = self._facts.base
        # settled at once: what is asked between two mails must not count as read for one of them
        self._effective = {
            (name, locale): self._templates.effective_locale(name, locale)
            for name in template_names(content.files)
            for locale in content.project.locales
        }
        self._lock = threading.Lock()
        self._made: dict[tuple[str, str], Made] = {}
        if last is not None and last.base == self.base:
            self._made = {key: made for key, made in last.made().items() if self._stands(made, last)}

    @property
    def catalog_problems(self) -> list[Diagnostic]:
        """Return what is wrong with the catalogs."""
        return self._templates.catalog_problems

    def made(self) -> dict[tuple[str, str], Made]:
        """Return what is made so far, by template and the locale it is written in."""
        return dict(self._made)

    def effective(self, template: str, locale: str) -> str:
        """Return the locale that a reader of `locale` gets the template in."""
        return self._effective[template, locale]

    def at_hand(self, template: str, locale: str) -> Made | None:
        """Return the mails if they are made already."""
        return self._made.get((template, self.effective(template, locale)))

    def get(self, template: str, locale: str) -> Made:
        """Return the mails of a template for readers of a locale, made now if need be. Never raises for content."""
        with self._lock:
            effective = self.effective(template, locale)
            found = self._made.get((template, effective))
            if found is None:
                found = self._made[template, effective] = self._make(template, effective)
            return found

    def _stands(self, made: Made, last: Renderings) -> bool:
        return all(self._facts.digest(name) == last._facts.digest(name) for name in made.reads)

    def _make(self, template: str, locale: str) -> Made:
        templates = self._templates
        templates.notes.begin()
        try:
            people = self._people(template, locale)
        except Exception as error:  # a mistake of ours stops this one mail, and is told
            log.exception("%s in %s", template, locale)
            people = {PLAIN: Shown(wrong=f"an error in lifecycle itself: {type(error).__name__}: {error}")}
        reads = frozenset(templates.notes.reads | {f"sends {template}"})
        return Made(locale, reads, people)

    def _people(self, template: str, locale: str) -> dict[str, Shown]:
        templates = self._templates
        people: dict[str, Shown] = {}
        try:
            compiled = templates.compile(template, locale)
        except ContentError as error:
            people[PLAIN] = _wrong(error)
        else:
            try:
                names = sample_names(templates.content, template)
            except LifecycleError:
                names = ()
            for name in (PLAIN, *names):
                people[name] = self._shown(compiled, name)
            if self._guest is not None and campaigns_of(self.content, template):
                people[GUEST] = self._shown(compiled, GUEST)
        return people

    def _shown(self, compiled: Compiled, who: str) -> Shown:
        try:
            mail = render(compiled, self._scope(compiled, who), SAMPLE_ADDRESSES)
        except LifecycleError as error:
            return _wrong(error)
        return Shown(mail, content_hash(mail.html)[:16])

    def _scope(self, compiled: Compiled, who: str) -> dict[str, Any]:
        content = self._templates.content
        if who == GUEST and self._guest is not None:
            return guest_scope(self._guest, content, compiled.template, compiled.locale)
        return sample_scope(content, compiled.template, compiled.locale, sample=who)


def _wrong(error: LifecycleError) -> Shown:
    where = error.where if isinstance(error, RenderError) else ""
    found = tuple(error.diagnostics) if isinstance(error, ContentError) else ()
    return Shown(wrong=error.message, hint=error.hint, where=where or "", found=found)
