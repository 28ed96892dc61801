"""What the page shows: the project as it is on disk now, and of each mail the last one that could be made."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lifecycle.base.errors import LifecycleError, NotFoundError
from lifecycle.plan.diagnose import diagnose_loaded
from lifecycle.render.check_cache import CheckCache
from lifecycle.render.localise import direction
from lifecycle.render.quality import MAX_BYTES
from lifecycle.render.source import find_template, template_names
from lifecycle.spec.diagnostics import Diagnostic, did_you_mean
from lifecycle.spec.model import Content
from lifecycle.spec.project import Loaded, load, read_folder
from lifecycle.workbench.envelope import header_or_reason, sender_of
from lifecycle.workbench.findings import as_shown, owners
from lifecycle.workbench.guest import Guest
from lifecycle.workbench.renderings import GUEST, PLAIN, Made, Renderings, Shown

#: between two mails that nobody waits for, so that whoever waits for one comes first
BREATH_S = 0.002


class Desk:
    """A project's mails under the eyes of somebody who is writing them. Thread-safe; nothing in it is ever sent."""

    def __init__(self, folder: Path, *, guest: Guest | None = None, cache: CheckCache | None = None) -> None:
        self._folder = folder
        self._guest = guest
        self._cache = cache or CheckCache()
        self._run, self._number = secrets.token_hex(3), 0
        self._lock = threading.Lock()
        self._breath = threading.Event()
        self._files: Mapping[str, str] = {}
        self._loaded: Loaded | None = None
        self._renderings: Renderings | None = None
        #: whether the renderings are of the files as they are: not while lifecycle.yaml cannot be read
        self._sound = False
        self._found: Sequence[Diagnostic] = ()
        self._checked = ""
        #: the last mail that could be made, by template, locale and person
        self._good: dict[tuple[str, str, str], Shown] = {}

    @property
    def version(self) -> str:
        """Return the name of what is on disk as it was last looked at."""
        return f"{self._run}-{self._number}"

    @property
    def is_checked(self) -> bool:
        """Say whether everything of this version is made and checked."""
        return self._checked == self.version

    def look(self) -> None:
        """Read the folder again: a new version begins, which keeps what still stands of the last one."""
        try:
            files: Mapping[str, str] = read_folder(self._folder)
        except LifecycleError:
            files = {}
        loaded = load(files)
        content = loaded.partial
        made = None if content is None else Renderings(content, self._guest, self._renderings)
        with self._lock:
            self._files, self._loaded, self._sound = files, loaded, made is not None
            self._renderings = made or self._renderings
            # errors of the new version are known at once; warnings, and what templates do wrong, with `finish`
            self._found = loaded.diagnostics if made is None else [*loaded.errors, *made.catalog_problems]
            self._number += 1

    def finish(self) -> bool:
        """Make and check all that is not made yet. Return whether no newer version came in between."""
        with self._lock:
            version, files, loaded, made = self.version, self._files, self._loaded, self._renderings
            sound = self._sound
        found: Sequence[Diagnostic] | None = None
        if made is not None and loaded is not None and sound:
            for name in template_names(made.content.files):
                for locale in made.content.project.locales:
                    if self.version != version:
                        return False
                    self._keep(name, locale, made.get(name, locale))
                    self._breath.wait(BREATH_S)
            found = diagnose_loaded(files, loaded, self._cache)
        with self._lock:
            if self.version != version:
                return False
            self._found = self._found if found is None else found
            self._checked = version
            return True

    def close(self) -> None:
        """Let what is being made end early."""
        with self._lock:
            self._number += 1
        self._breath.set()

    def overview(self) -> dict[str, Any]:
        """Return the project, its templates with what is known of each, and what is wrong anywhere."""
        with self._lock:
            made, found, files = self._renderings, self._found, self._files
            state = {"version": self.version, "checked": self.is_checked, "limit": MAX_BYTES, "broken": not self._sound}
        if made is None:
            return {
                **state, "project": "", "brand": "", "locales": [], "default": "", "guest": None, "templates": [],
                "findings": as_shown(found, files),
            }  # fmt: skip
        project = made.content.project
        templates = [self._listed(name, made, found) for name in template_names(made.content.files)]
        return {
            **state, "project": project.project,
            "brand": project.brand.name.text(project.default_locale, project.default_locale),
            "locales": [{"id": locale, "dir": direction(locale)} for locale in project.locales],
            "default": project.default_locale,
            "guest": None if self._guest is None else {"id": GUEST, "name": self._guest.name},
            "templates": templates, "findings": as_shown(found, files),
        }  # fmt: skip

    def mail(self, template: str, locale: str, who: str) -> dict[str, Any]:
        """Return all about one mail but its HTML. Raises NotFoundError for a template or locale that there is not."""
        made, content, files = self._known(template, locale)
        unit = made.get(template, locale)
        self._keep(template, locale, unit)
        shown = unit.people.get(who) or unit.people[PLAIN]
        good = self._last_good(template, locale, who, shown)
        own = owners(template, unit.files)
        with self._lock:
            # while lifecycle.yaml cannot be read, that is what is wrong with each mail
            found = [*shown.found, *(each for each in self._found if each.place.path in own or not self._sound)]
            stale = not self._sound or shown.mail is None
        return {
            "version": self.version, "template": template, "locale": locale, "written": unit.locale,
            "dir": direction(unit.locale), "who": who,
            "absent": who not in unit.people and PLAIN in unit.people and unit.people[PLAIN].mail is not None,
            "wrong": {"message": shown.wrong, "hint": shown.hint, "where": shown.where} if shown.wrong else None,
            # what is shown is not this person's but the plain sample's, since nothing of this person's could be made
            "instead": good is not None and shown.mail is None and (template, locale, who) not in self._good,
            "stale": stale,
            "mail": None if good is None else self._described(good, content, template, unit.locale, who),
            "findings": as_shown(dict.fromkeys(found), files), "sources": self._sources(made, template, unit, files),
        }  # fmt: skip

    def page(self, template: str, locale: str, who: str) -> str | None:
        """Return the HTML of a mail, or of the last one that could be made; None when none ever could."""
        made, _, _ = self._known(template, locale)
        unit = made.get(template, locale)
        self._keep(template, locale, unit)
        good = self._last_good(template, locale, who, unit.people.get(who) or unit.people[PLAIN])
        return None if good is None or good.mail is None else good.mail.html

    def _known(self, template: str, locale: str) -> tuple[Renderings, Content, Mapping[str, str]]:
        with self._lock:
            made, files = self._renderings, self._files
        names = [] if made is None else template_names(made.content.files)
        if made is None or template not in names:
            raise NotFoundError(f'no template "{template}"', hint=did_you_mean(template, names))
        if locale not in made.content.project.locales:
            raise NotFoundError(f'the project has no locale "{locale}"')
        return made, made.content, files or made.content.files

    def _keep(self, template: str, locale: str, unit: Made) -> None:
        for who, shown in unit.people.items():
            if shown.mail is not None:
                self._good[template, locale, who] = shown

    def _last_good(self, template: str, locale: str, who: str, shown: Shown) -> Shown | None:
        if shown.mail is not None:
            return shown
        return self._good.get((template, locale, who)) or self._good.get((template, locale, PLAIN))

    def _described(self, shown: Shown, content: Content, template: str, locale: str, who: str) -> dict[str, Any]:
        mail, guest = shown.mail, self._guest if who == GUEST else None
        assert mail is not None  # noqa: S101 - only what could be made is kept
        to = (guest.state.email or "") if guest is not None else ""
        dated = {"at": guest.now} if guest is not None else {}
        fields, raw = header_or_reason(mail, content, template, locale, to, **dated)
        project, sender = content.project, sender_of(content, template)
        return {
            "subject": mail.subject, "preheader": mail.preheader, "text": mail.text, "bytes": len(mail.html.encode()),
            "key": shown.key, "headers": fields, "raw": raw,
            "sender": sender.name.text(locale, project.default_locale), "address": sender.address,
        }  # fmt: skip

    def _listed(self, name: str, made: Renderings, found: Sequence[Diagnostic]) -> dict[str, Any]:
        locales, reads, people = {}, set(), [PLAIN]
        for locale in made.content.project.locales:
            unit = made.at_hand(name, locale)
            if unit is None:
                continue
            reads.update(unit.files)
            people += [who for who in unit.people if who not in people]
            plain = unit.people[PLAIN].mail
            locales[locale] = {
                "ok": all(shown.mail is not None for shown in unit.people.values()), "written": unit.locale,
                "key": unit.people[PLAIN].key, "bytes": len(plain.html.encode()) if plain else 0,
                "subject": plain.subject if plain else "", "keys": {who: each.key for who, each in unit.people.items()},
            }  # fmt: skip
        own = owners(name, reads)
        mine = [each for each in found if each.place.path in own]
        errors = sum(each.is_error for each in mine)
        return {"name": name, "people": people, "locales": locales, "errors": errors, "warnings": len(mine) - errors}

    @staticmethod
    def _sources(made: Renderings, template: str, unit: Made, files: Mapping[str, str]) -> list[dict[str, str]]:
        default = made.content.project.default_locale
        first = find_template(files, template, unit.locale, default) or f"templates/{template}.mjml"
        paths = [first, f"templates/{template}.sample.yaml", *(path for path in unit.files if path.endswith(".mjml"))]
        return [{"path": path, "text": files[path]} for path in dict.fromkeys(paths) if path in files]
