"""Holds the versions of one mail against each other: templates/NAME.ar.mjml beside templates/NAME.mjml.

The default locale's version is the model. The words differ, so what is compared is what must not: where the links
lead, what the mail shows of the contact, and what the front matter gives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from jinja2 import nodes
from jinja2.exceptions import SecurityError

from lifecycle.base.errors import ContentError
from lifecycle.render import rules
from lifecycle.render.anchors import LINKED
from lifecycle.render.compile import Draft, Templates
from lifecycle.render.front import FrontMatter
from lifecycle.render.jinja_check import Reading, read_jinja
from lifecycle.render.links import absolute
from lifecycle.render.mask import BARE
from lifecycle.render.needs import path_of
from lifecycle.render.source import find_template
from lifecycle.spec.diagnostics import Diagnostic
from lifecycle.spec.model import Project
from lifecycle.spec.place import Place

#: the same in every mail of a locale, so that their use tells nothing
_EVERYWHERE = frozenset({"brand", "loop", "campaign"})
_MOST_SHOWN = 80


@dataclass(frozen=True, slots=True)
class _Version:
    """One file of a mail: its links in order, its variables (`cart.total`), each where it stands."""

    path: str
    locale: str
    links: list[tuple[str, Place]]
    uses: Mapping[str, Place]
    front: FrontMatter


def check_versions(templates: Templates, name: str) -> Iterator[Diagnostic]:
    """Yield what one version of a mail has and another lacks, at the version that is not the default's.

    Versions with errors of their own are left out: their errors come first.
    """
    project, files = templates.content.project, templates.content.files
    locales: dict[str, str] = {}
    for locale in (project.default_locale, *project.locales):
        effective = templates.effective_locale(name, locale)
        path = find_template(files, name, effective, project.default_locale)
        if path is not None:
            locales.setdefault(path, effective)
    if len(locales) < 2:
        return
    model, *others = (_version(templates, name, locale) for locale in locales.values())
    for other in others:
        if model is not None and other is not None:
            yield from _links(other, model)
            yield from _uses(other, model)
            yield from _front(other, model)


def check_front(front: FrontMatter, locale: str, project: Project) -> Iterator[Diagnostic]:
    """Yield the fields that are written by locale, but not for this one."""
    for name, field in front.fields.items():
        if not field.texts.keys() & {"", locale, locale.split("-", maxsplit=1)[0]}:
            message = f"the {name} is not written for {locale}; its readers get the {project.default_locale} one"
            yield rules.LocaleFallsBack.at(field.place, message, hint=f"add {locale}: to it")


def _version(templates: Templates, name: str, locale: str) -> _Version | None:
    """Return what a version says, None when it has errors."""
    project = templates.content.project
    try:
        draft = templates.draft(name, locale)
    except ContentError:
        return None
    readings = read_jinja(draft.source, draft.sandboxes[0], locale, project.default_locale, draft.problems)
    if any(problem.is_error for problem in draft.problems):
        return None
    path = draft.source.path
    uses = {name: _within(path, place) for name, place in _variables(readings).items()}
    links = list(_targets(draft, project.brand.url, templates.content.files[path]))
    return _Version(path, locale, links, uses, draft.source.front)


def _within(path: str, place: Place) -> Place:
    """Return the place if it is in the version's own file, not in a layout or partial; else the file's beginning."""
    return place if place.path == path else Place(path, 1, 1)


# -- links


def _targets(draft: Draft, base: str, text: str) -> Iterator[tuple[str, Place]]:
    path = draft.source.path
    for element in draft.tree.walk():
        attribute = next((item for item in element.attributes if item.name == "href"), None)
        if attribute is None or element.tag not in LINKED:
            continue
        written = attribute.value
        target = BARE.sub(lambda found: f"{{{{ {draft.masked.tokens[int(found[1])].body} }}}}", written)
        place = draft.masked.woven.place(attribute.value_start, max(len(written), 1))
        if place.path != path and written in text:  # given to a partial, as a button's url
            before = text[: text.index(written)]
            place = Place(path, before.count("\n") + 1, len(before) - before.rfind("\n"), max(len(written), 1))
        yield _bare(target, base, draft.locale), _within(path, place)


def _bare(target: str, base: str, locale: str) -> str:
    """Return a target without what tracking adds to it, and without the locale, by which versions may well differ."""
    names = {locale.lower(), locale.lower().replace("-", "_"), locale.lower().split("-", maxsplit=1)[0]}
    try:
        parts = urlsplit(target if "{{" in target else absolute(target, base))
        query = parse_qsl(parts.query, keep_blank_values=True)
    except (SecurityError, ValueError):
        return target
    labels = parts.netloc.split(".")
    host = ".".join(labels[labels[0].lower() in names :])
    path = "/".join(segment for segment in parts.path.split("/") if segment.lower() not in names)
    kept = [(name, value) for name, value in query if not name.startswith("utm_") and value.lower() not in names]
    return urlunsplit((parts.scheme, host, path.rstrip("/"), urlencode(kept, safe="{} /:"), parts.fragment))


def _links(other: _Version, model: _Version) -> Iterator[Diagnostic]:
    more, fewer = _beyond(other, model), _beyond(model, other)
    if len(more) == len(fewer):
        for (target, place), (meant, _) in zip(more, fewer, strict=True):
            message = f"the link leads to {_short(target)}, in {model.locale} to {_short(meant)}"
            yield rules.LinksDiffer.at(place, message)
        return
    for target, place in more:
        known = any(target == there for there, _ in model.links)
        yield rules.LinksDiffer.at(
            place, f"{model.path} has {'fewer links' if known else 'no link'} to {_short(target)}"
        )
    for target, place in fewer:
        message = f"a link to {_short(target)} is missing"
        yield rules.LinksDiffer.at(Place(other.path, 1, 1), message, hint=f"it stands in {place.path}:{place.line}")


def _beyond(one: _Version, another: _Version) -> list[tuple[str, Place]]:
    """Return the links that one version has beyond another's."""
    spare = Counter(target for target, _ in another.links)
    found = []
    for target, place in one.links:
        spare[target] -= 1
        if spare[target] < 0:
            found.append((target, place))
    return found


def _short(target: str) -> str:
    return target if len(target) <= _MOST_SHOWN else f"{target[:_MOST_SHOWN]}…"


# -- variables and front matter


def _variables(readings: list[Reading]) -> dict[str, Place]:
    """Return the dotted names that a version reads from its scope, with their first place."""
    assigned = {
        name.name for reading in readings for name in reading.each(nodes.Name) if name.ctx in {"store", "param"}
    }
    found: dict[str, Place] = {}
    for reading in readings:
        inner = {id(node.node) for node in reading.each(nodes.Getattr)}
        for node in reading.each(nodes.Getattr):
            name = ".".join(path_of(node) or ())
            root = name.partition(".")[0]
            if id(node) not in inner and root and root not in assigned | _EVERYWHERE and name not in found:
                found[name] = reading.at(node.lineno, name)
    return found


def _uses(other: _Version, model: _Version) -> Iterator[Diagnostic]:
    linked = [target for target, _ in (*_beyond(other, model), *_beyond(model, other))]
    said = {name for name in other.uses.keys() ^ model.uses.keys() if any(name in target for target in linked)}
    for name in sorted(other.uses.keys() - model.uses.keys() - said):
        yield rules.VariablesDiffer.at(other.uses[name], f"{name} is shown here, and not in {model.path}")
    for name in sorted(model.uses.keys() - other.uses.keys() - said):
        place = model.uses[name]
        message = f"{name} is not shown, which {model.path} shows"
        yield rules.VariablesDiffer.at(Place(other.path, 1, 1), message, hint=f"it stands in {place.path}:{place.line}")


def _front(other: _Version, model: _Version) -> Iterator[Diagnostic]:
    """Yield the fields of one version alone; that a mail has no subject is LC502, and no preheader LC703."""
    mine, theirs = other.front.fields, model.front.fields
    for name in sorted((mine.keys() ^ theirs.keys()) - {"subject", "preheader"}):
        if name in mine:
            yield rules.FrontMatterDiffers.at(mine[name].place, f"{model.path} has no {name}")
        else:
            place = theirs[name].place
            hint = f"it stands in {place.path}:{place.line}"
            yield rules.FrontMatterDiffers.at(Place(other.path, 1, 1), f"the {name} is missing", hint=hint)
