"""Checks every template and catalog of a project: what `lifecycle check` says about mails."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from lifecycle.base.errors import ContentError
from lifecycle.render import rules
from lifecycle.render.check_cache import CheckCache
from lifecycle.render.check_facts import Facts
from lifecycle.render.check_run import CheckRun
from lifecycle.render.check_sample import check_sample_mail
from lifecycle.render.check_trace import TracedTemplates
from lifecycle.render.givens import check_attributes, check_givens
from lifecycle.render.jinja_check import check_readings, known_names, read_jinja, uses
from lifecycle.render.loops import check_loops
from lifecycle.render.parity import check_catalogs
from lifecycle.render.quality import check_tree
from lifecycle.render.rules_sample import SampleFails
from lifecycle.render.sample_file import read_samples, unread_samples
from lifecycle.render.segment_names import check_segment_names
from lifecycle.render.source import find_template, template_names
from lifecycle.render.usage import campaigns_of
from lifecycle.render.versions import check_front, check_versions
from lifecycle.spec.diagnostics import Diagnostic, did_you_mean, in_order
from lifecycle.spec.model import Content, Send, walk_steps
from lifecycle.spec.place import Place

_WAYS_OUT = frozenset({"unsubscribe_url", "preferences_url"})


def check_templates(content: Content, cache: CheckCache | None = None) -> list[Diagnostic]:
    """Return everything that is wrong with the templates and catalogs, in order of file and line, each thing once.

    What `cache` holds of earlier checks is believed as far as all that it was read from is still the same.
    """
    templates = TracedTemplates(content)
    problems = list(templates.catalog_problems)
    problems += check_catalogs(content, templates.catalogs)
    problems += _unwritten(content)
    for locale in content.project.locales:
        if (
            locale not in templates.catalogs
            and locale.split("-", maxsplit=1)[0] not in templates.catalogs
            and templates.catalogs
        ):
            place = content.project.place or Place("lifecycle.yaml", 1, 1)
            problems.append(
                rules.LocaleFallsBack.at(place, f"there is no catalog for {locale}", hint=f"add locales/{locale}.yaml")
            )
    run = CheckRun(templates, Facts(content, templates.catalogs), cache or CheckCache())
    for name in template_names(content.files):
        read_in = {locale: templates.effective_locale(name, locale) for locale in content.project.locales}
        for locale, effective in read_in.items():
            if effective != locale:
                problems += _falls_back(content, name, locale, effective)
        for effective in dict.fromkeys(read_in.values()):
            problems += run.findings(name, effective, partial(_check_one, templates, name, effective))
        problems += run.findings(name, "", partial(check_versions, templates, name))
    run.finish()
    problems += unread_samples(content.files, template_names(content.files))
    return in_order(problems)


def check_template(content: Content, name: str, locale: str) -> list[Diagnostic]:
    """Return what is wrong with one template in a locale that it is written for, or could be better."""
    return in_order(_check_one(TracedTemplates(content), name, locale))


def _falls_back(content: Content, name: str, locale: str, effective: str) -> Iterator[Diagnostic]:
    path = find_template(content.files, name, effective, content.project.default_locale)
    if path is not None:
        yield rules.LocaleFallsBack.at(
            Place(path, 1, 1),
            f"{name} is not written for {locale}; its readers get {effective}",
            hint=f"add templates/{name}.{locale}.mjml",
        )


def _unwritten(content: Content) -> list[Diagnostic]:
    """Return the sends whose template does not exist, at the step."""
    known = dict.fromkeys(template_names(content.files))
    problems = []
    for campaign in content.campaigns.values():
        for step in walk_steps(campaign.steps):
            if isinstance(step, Send) and step.template not in known:
                place = step.place or campaign.place or Place("lifecycle.yaml", 1, 1)
                hint = did_you_mean(step.template, known)
                problems.append(rules.TemplateMissing.at(place, f'there is no template "{step.template}"', hint=hint))
    return problems


def _check_one(templates: TracedTemplates, name: str, locale: str) -> list[Diagnostic]:
    """Return what is wrong with a template in a locale that it is written for."""
    content = templates.content
    try:
        draft = templates.draft(name, locale)
    except ContentError as error:
        return list(error.diagnostics)
    problems = draft.problems
    start = Place(draft.source.path, 1, 1)
    if "subject" not in draft.source.front.fields:
        problems.append(
            rules.FrontMatterWrong.at(start, "the template has no subject", hint="begin it with --- and subject: …")
        )
    problems += check_front(draft.source.front, locale, content.project)
    readings = read_jinja(draft.source, draft.sandboxes[0], locale, content.project.default_locale, problems)
    if any(problem.code == rules.JinjaSyntax.code for problem in problems):
        # the rest would be guesses; that a block is never closed has been said where it begins
        crossing = any(problem.code == rules.StatementCrossesElements.code for problem in problems)
        return [problem for problem in problems if not crossing or problem.code != rules.JinjaSyntax.code]
    campaigns = tuple(campaigns_of(content, name))
    known = known_names(content, campaigns)
    check_readings(readings, known, draft.texts[0], draft.sandboxes[0], problems)
    problems += check_givens(content, name, readings, known)
    problems += check_loops(content, readings, known)
    problems += check_segment_names(content, readings)
    whole = not any(problem.code == rules.IncludeWrong.code for problem in problems)
    marketing = any(campaign.kind == "marketing" for campaign in campaigns)
    if whole and marketing and not uses(readings, _WAYS_OUT):  # it may stand in what could not be included
        problems.append(
            rules.NoUnsubscribeLink.at(start, hint='include "partials/footer.mjml", or link to unsubscribe_url')
        )
    problems += check_tree(draft.tree, draft.masked.woven.place, content.project.locales)
    problems += read_samples(content, name).problems
    if not any(problem.is_error for problem in problems):
        shown = check_sample_mail(templates, templates.inlining, draft, readings)
        problems += shown
        if all(problem.code != SampleFails.code for problem in shown):  # it lacks what some contacts lack
            problems += check_attributes(readings)
    return problems
