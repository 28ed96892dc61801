"""Compiles a template for a locale: everything that is the same for every recipient is done here, once."""

from __future__ import annotations

import posixpath
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Template
from jinja2.exceptions import TemplateSyntaxError

from lifecycle.base.errors import ContentError
from lifecycle.base.ids import content_hash
from lifecycle.render import head, rtl, rules
from lifecycle.render.anchors import Anchors, number_links
from lifecycle.render.catalogs import Catalog, read_catalogs
from lifecycle.render.constants import Constants
from lifecycle.render.culprit import find_culprit, place_of
from lifecycle.render.formats import Formats
from lifecycle.render.inline import from_mjml, to_html
from lifecycle.render.localise import Texts, direction, isolated
from lifecycle.render.markup import Element, parse, serialise
from lifecycle.render.mask import TOKEN, Context, Masked, Token, guard_literals, mask, unmask
from lifecycle.render.mjml_check import check_tree
from lifecycle.render.mrml import spell_out
from lifecycle.render.safety import safety_filters
from lifecycle.render.sandbox import Sandbox
from lifecycle.render.scope import brand_values
from lifecycle.render.source import Source, fallback_chain, find_template, load_source, template_names
from lifecycle.render.text import number_plain, plain_text
from lifecycle.render.usage import campaigns_of
from lifecycle.spec.diagnostics import Diagnostic, did_you_mean
from lifecycle.spec.model import Content
from lifecycle.spec.place import Place

#: stands between the parts that are rendered together; a noncharacter, so that no text has it. Source: Unicode 23.7
PART = "\ufdd0"


#: Pairs of template and locale of which is remembered in which language they are read.
MOST_LOCALES = 4096


@dataclass(frozen=True, slots=True)
class Compiled:
    """A template version in one locale, ready to render. `links` are its fixed targets by number."""

    template: str
    locale: str
    dir: str
    hash: str
    links: Mapping[str, str]
    utm: Mapping[str, str]
    base: str
    constants: Mapping[str, Any] = field(repr=False)
    #: whether it may show what the contact viewed, which is then loaded
    shows_views: bool
    #: whether it may recommend products, for which the shelf and the contact's orders are loaded
    recommends: bool
    #: whether it may show the contact's referral code, which is then stored
    shows_code: bool
    #: subject, preheader and plain text with PART between them, in one template
    lines: Template = field(repr=False)
    html: Template = field(repr=False)
    #: the template before MJML and premailer, for finding the line of an error and for the benchmark's baseline
    source: Source = field(repr=False)
    mjml: str = field(repr=False)
    sandboxes: tuple[Sandbox, Sandbox] = field(repr=False)
    texts: tuple[Texts, Texts] = field(repr=False)


@dataclass(slots=True)
class Draft:
    """A template on its way: expanded, masked and parsed, with what is wrong with it so far."""

    template: str
    locale: str
    source: Source
    masked: Masked
    tree: Element
    problems: list[Diagnostic]
    sandboxes: tuple[Sandbox, Sandbox]
    texts: tuple[Texts, Texts]
    anchors: Anchors = field(default_factory=Anchors)


class Templates:
    """The templates of one version of the content; compiles each once per locale. Thread-safe."""

    def __init__(self, content: Content, *, inline: bool = True) -> None:
        self.content = content
        #: CSS is what takes long; `check` does without it
        self._to_html = to_html if inline else from_mjml
        self._compiled: dict[tuple[str, str], Compiled] = {}
        self._effective: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()
        self._sandboxes: dict[str, tuple[tuple[Sandbox, Sandbox], tuple[Texts, Texts]]] = {}
        self._said: dict[str, tuple[str, ...]] = {}
        self.catalog_problems: list[Diagnostic] = []
        self.catalogs: dict[str, Catalog] = read_catalogs(content.files, self.catalog_problems)

    def compile(self, template: str, locale: str) -> Compiled:
        """Return the template in the locale that `locale` falls back to. Raises ContentError with the diagnostics."""
        with self._lock:
            effective = self.effective_locale(template, locale)
            key = (template, effective)
            if key not in self._compiled:
                draft = self.draft(template, effective)
                self._compiled[key] = self.finish(draft)
            return self._compiled[key]

    def effective_locale(self, template: str, locale: str) -> str:
        """Return the locale a reader of `locale` gets: the first in the chain that the project has, text and all."""
        key = (template, locale)
        found = self._effective.get(key)
        if found is None:
            if len(self._effective) >= MOST_LOCALES:  # contacts bring whatever they call a locale
                self._effective.clear()
            found = self._effective[key] = self._effective_locale(template, locale)
        return found

    def _effective_locale(self, template: str, locale: str) -> str:
        project = self.content.project
        chain = fallback_chain(locale, project.default_locale)
        found = next((name for name in chain if name in project.locales), project.default_locale)
        path = find_template(self.content.files, template, found, project.default_locale)
        written_for = posixpath.basename(path or "").split(".")[1:-1]
        # a template that exists in the default's language only is read in that language, all of it
        return written_for[0] if written_for and written_for[0] not in {found, found.split("-")[0]} else found

    def draft(self, template: str, locale: str) -> Draft:
        """Return the template expanded, masked and checked. Raises ContentError when there is none of that name."""
        content = self.content
        path = find_template(content.files, template, locale, content.project.default_locale)
        if path is None:
            known = template_names(content.files)
            place = Place(f"templates/{template}.mjml", 1, 1)
            rule = rules.NoLocaleToFallBackTo if template in known else rules.TemplateMissing
            hint = did_you_mean(template, known)
            if template in known:
                place = Place(min(key for key in content.files if key.startswith(f"templates/{template}.")), 1, 1)
                hint = f"add templates/{template}.mjml"
            missing = rule.at(place, hint=hint)
            raise ContentError(f'no template "{template}" for {locale}', diagnostics=[missing], hint=missing.hint)
        problems: list[Diagnostic] = []
        source = load_source(content.files, path, locale, problems)
        sandboxes, texts = self.languages(locale)
        constants = self._constants(sandboxes[0], texts[0])
        masked = mask(source.body, constants, problems)
        # what could not be read is cut off, and would look like tags that are never closed; what is spelled like a
        # token would be taken for one
        unreadable = {rules.JinjaSyntax.code, rules.IncludeWrong.code, rules.MarkupBroken.code}
        unread = any(problem.code in unreadable for problem in problems)
        tree, faults = parse("" if unread else masked.woven.text)
        problems += [
            rules.MarkupBroken.at(masked.woven.place(fault.offset, fault.length), fault.message, hint=fault.hint)
            for fault in faults
        ]
        if not faults and not unread:
            check_tree(tree, masked, problems)
        return Draft(template, locale, source, masked, tree, problems, sandboxes, texts)

    def languages(self, locale: str) -> tuple[tuple[Sandbox, Sandbox], tuple[Texts, Texts]]:
        """Return the sandboxes and texts of a locale, for HTML and for plain text."""
        if locale not in self._sandboxes:
            project = self.content.project
            formats = Formats(locale, project.currency, ZoneInfo(project.timezone))
            names = fallback_chain(locale, project.default_locale)
            chain = tuple(self.catalogs.get(name, {}) for name in names)
            turned = direction(locale) == "rtl"
            filters = {**formats.filters(), **safety_filters(), "_isolated": isolated}
            texts = (
                self.texts_of(locale, chain, formats, html=True, isolate=turned),
                self.texts_of(locale, chain, formats, html=False, isolate=turned),
            )
            sandboxes = (
                Sandbox(html=True, filters=filters, t=texts[0].t),
                Sandbox(html=False, filters=filters, t=texts[1].t),
            )
            self._sandboxes[locale] = (sandboxes, texts)
        return self._sandboxes[locale]

    def texts_of(
        self, locale: str, chain: tuple[Catalog, ...], formats: Formats, *, html: bool, isolate: bool
    ) -> Texts:
        """Return what `t` reads; `check` takes its own, which notes what was asked for."""
        return Texts(locale, chain, formats, html=html, isolate=isolate)

    def values(self, locale: str) -> dict[str, Any]:
        """Return what is in scope and the same for every recipient of a locale."""
        project = self.content.project
        return {
            "brand": brand_values(project, locale), "locale": locale, "dir": direction(locale),
        }  # fmt: skip

    def _constants(self, sandbox: Sandbox, texts: Texts) -> Constants:
        values = {**self.values(texts.locale), "t": texts.t}
        return Constants(sandbox, values, isolate=texts.isolate)

    def _utm(self, template: str) -> tuple[dict[str, str], bool]:
        """Return the parameters that are known now, and whether the campaign has to be added for each recipient."""
        policy = self.content.project.policies.utm
        if not policy:
            return {}, False
        utm = {f"utm_{name}": value for name, value in policy.items()}
        campaigns = [found.campaign for found in campaigns_of(self.content, template)]
        if len(campaigns) == 1:
            utm.setdefault("utm_campaign", campaigns[0])
        utm.setdefault("utm_content", template)
        return utm, len(campaigns) > 1

    def link(self, draft: Draft) -> dict[str, str]:
        """Number the links of a draft, and return the parameters that its links carry."""
        utm, shared = self._utm(draft.template)
        draft.anchors = number_links(
            draft.tree, draft.masked.tokens, base=self.content.project.brand.url, utm=utm, shared=shared,
            place=draft.masked.woven.place, problems=draft.problems,
        )  # fmt: skip
        return utm

    def finish(self, draft: Draft) -> Compiled:
        """Return a draft compiled; it is used up by that. Raises ContentError with the draft's errors."""
        project, locale = self.content.project, draft.locale
        values = self.values(locale)
        utm = self.link(draft)
        errors = [problem for problem in draft.problems if problem.is_error]
        if errors:
            raise ContentError(f"{errors[0].place}: {errors[0].message}", diagnostics=errors, hint=errors[0].hint)
        plain_field = draft.source.front.fields.get("plain")
        default = project.default_locale
        if plain_field is not None:
            text = number_plain(plain_field.text(locale, default), draft.anchors, project.brand.url, utm)
        else:
            text = plain_text(draft.tree, draft.masked.tokens, isolate=draft.texts[0].isolate)
        page, source = self.page(draft)
        html = "".join(draft.source.preamble) + page
        fields = {name: draft.source.front.fields.get(name) for name in ("subject", "preheader")}
        subject, preheader = (found.text(locale, default) if found else "" for found in fields.values())
        lines = "".join([*draft.source.preamble, subject, PART, preheader, PART, text])
        path = draft.source.path
        try:
            built_lines = draft.sandboxes[1].build(lines, f"{path} (text)", {})
            built_html = draft.sandboxes[0].build(html, path, {})
        except TemplateSyntaxError as error:
            place = Place(path, 1, 1)
            raise ContentError(
                f"{path}: {error.message}", diagnostics=[rules.JinjaSyntax.at(place, str(error.message))]
            ) from error
        fixed = {str(link.number): link.fixed for link in draft.anchors.links.values() if link.fixed is not None}
        name = content_hash(
            draft.template, locale, lines, html, repr(sorted(fixed.items())), repr(sorted(utm.items())),
            *self._catalogs_said(locale),
        )  # fmt: skip
        whole = lines + html
        return Compiled(
            draft.template, locale, direction(locale), name, fixed, utm, project.brand.url,
            {**built_html.globals, **values}, "views" in whole, "recommendations" in whole, "referral" in whole,
            built_lines, built_html, draft.source, source, draft.sandboxes, draft.texts,
        )  # fmt: skip

    def _catalogs_said(self, locale: str) -> tuple[str, ...]:
        """Return all texts of a locale's chain, for the hash; the same for each template."""
        if locale not in self._said:
            names = fallback_chain(locale, self.content.project.default_locale)
            self._said[locale] = tuple(
                repr(sorted(_catalog_text(self.catalogs.get(name, {})).items())) for name in names
            )
        return self._said[locale]

    def page(self, draft: Draft) -> tuple[str, str]:
        """Return the finished HTML of a draft with its Jinja back in, and the MJML it was made from, Jinja in too."""
        tokens = draft.masked.tokens
        subject, preheader = (_hidden(tokens, name) for name in ("_subject", "_preheader"))
        spell_out(draft.tree)
        head.furnish(draft.tree, draft.locale, direction(draft.locale), subject.bare, preheader.bare)
        if direction(draft.locale) == "rtl":
            rtl.turn(draft.tree, draft.masked, draft.locale, self.content.project.brand.fonts)
        source = serialise(draft.tree)
        try:
            made = self._to_html(source)
        except ContentError as error:
            place = place_of(find_culprit(draft.tree, self._to_html), draft.masked.woven)
            raise ContentError(error.message, diagnostics=[rules.NotCompiled.at(place, error.message)]) from error
        if direction(draft.locale) == "rtl":
            made = rtl.turn_page(made)
        _check_tokens(made, draft)
        restore = _Restore(tokens, isolate=draft.texts[0].isolate)
        page = unmask(guard_literals(made), restore.bring_back)
        page = head.add_pixel(head.pad_preheader(page))
        return page, unmask(guard_literals(source), restore.bring_back)


class _Restore:
    """Brings Jinja back, made safe for the place it comes to stand in."""

    def __init__(self, tokens: Mapping[int, Token], *, isolate: bool) -> None:
        self._tokens = tokens
        self._isolate = isolate

    def bring_back(self, number: int, context: Context) -> str:
        token = self._tokens[number]
        if token.is_statement or not token.body:
            return token.text
        open_, close = token.text[:3], token.text[-3:]
        start = "{{-" if open_ == "{{-" else "{{"
        end = "-}}" if close == "-}}" else "}}"
        match context:
            case "css" | "url" | "attribute":
                return f"{start} ({token.body}) | _{context} {end}"
            case _ if self._isolate:
                return f"{start} ({token.body}) | _isolated {end}"
            case _:
                return token.text


def _hidden(tokens: dict[int, Token], name: str) -> Token:
    """Return a new token that brings in a variable of the render."""
    token = Token(len(tokens) + 1, f"{{{{ {name} }}}}", "", "", Place("", 1, 1))
    tokens[token.number] = token
    return token


def _check_tokens(page: str, draft: Draft) -> None:
    """Raise ContentError when MJML lost, doubled or hid a statement: the Jinja would no longer nest."""
    statements = [number for number, token in draft.masked.tokens.items() if token.is_statement]
    kept = [int(found[2]) for found in TOKEN.finditer(page) if found[2]]
    if kept == statements and not _in_conditional(page):
        return
    lost = next(
        (number for number, found in zip(statements, [*kept, *[0] * len(statements)], strict=False) if number != found),
        None,
    )
    place = draft.masked.tokens[lost].place if lost is not None else Place(draft.source.path, 1, 1)
    problem = rules.StatementCrossesElements.at(
        place, "MJML cannot keep this block where it stands", hint="put a whole section into it"
    )
    raise ContentError(f"{place}: {problem.message}", diagnostics=[problem], hint=problem.hint)


def _in_conditional(page: str) -> bool:
    """Say whether a statement came to stand inside a comment for Outlook."""
    parts = page.split("<!--[if ")[1:]
    return any("<!--jx" in part.partition("<![endif]-->")[0] for part in parts if not part.startswith("!mso"))


def _catalog_text(catalog: Catalog) -> dict[str, str]:
    return {key: repr(sorted(entry.forms.items())) for key, entry in catalog.items()}
