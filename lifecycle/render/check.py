"""Checks every template and catalog of a project: what `lifecycle check` says about mails."""

from __future__ import annotations

from lifecycle.base.errors import ContentError, RenderError
from lifecycle.render import rules
from lifecycle.render.compile import Draft, Templates
from lifecycle.render.jinja_check import check_campaigns, check_readings, known_names, read_jinja, uses
from lifecycle.render.parity import check_catalogs
from lifecycle.render.quality import check_contrast, check_mail
from lifecycle.render.render import render
from lifecycle.render.sample import SAMPLE_ADDRESSES, sample_scope
from lifecycle.render.source import template_names
from lifecycle.render.usage import campaigns_of
from lifecycle.render.versions import check_front, check_versions
from lifecycle.spec.diagnostics import Diagnostic, did_you_mean, in_order
from lifecycle.spec.model import Content, Send, walk_steps
from lifecycle.spec.place import Place

#: characters before inlining from which the finished mail may come near Gmail's limit
_NEAR_CLIPPING = 50_000
_WAYS_OUT = frozenset({"unsubscribe_url", "preferences_url"})


def check_templates(content: Content) -> list[Diagnostic]:
    """Return everything that is wrong with the templates and catalogs, in order of file and line, each thing once."""
    templates = Templates(content, inline=False)
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
    for name in template_names(content.files):
        for locale in content.project.locales:
            problems += _check_one(templates, name, locale)
        problems += check_versions(templates, name)
    return in_order(problems)


def _unwritten(content: Content) -> list[Diagnostic]:
    """Return the sends whose template does not exist, at the step."""
    known = template_names(content.files)
    problems = []
    for campaign in content.campaigns.values():
        for step in walk_steps(campaign.steps):
            if isinstance(step, Send) and step.template not in known:
                place = step.place or campaign.place or Place("lifecycle.yaml", 1, 1)
                hint = did_you_mean(step.template, known)
                problems.append(rules.TemplateMissing.at(place, f'there is no template "{step.template}"', hint=hint))
    return problems


def _check_one(templates: Templates, name: str, locale: str) -> list[Diagnostic]:
    content = templates.content
    effective = templates.effective_locale(name, locale)
    try:
        draft = templates.draft(name, effective)
    except ContentError as error:
        return list(error.diagnostics)
    problems = draft.problems
    start = Place(draft.source.path, 1, 1)
    if effective != locale and locale in content.project.locales:
        problems.append(
            rules.LocaleFallsBack.at(
                start,
                f"{name} is not written for {locale}; its readers get {effective}",
                hint=f"add templates/{name}.{locale}.mjml",
            )
        )
    if "subject" not in draft.source.front.fields:
        problems.append(
            rules.FrontMatterWrong.at(start, "the template has no subject", hint="begin it with --- and subject: …")
        )
    problems += check_front(draft.source.front, locale, content.project)
    readings = read_jinja(draft.source, draft.sandboxes[0], effective, content.project.default_locale, problems)
    if any(problem.code == rules.JinjaSyntax.code for problem in problems):
        return problems  # the rest would be guesses
    campaigns = tuple(campaigns_of(content, name))
    known = known_names(content, campaigns)
    check_readings(readings, known, draft.texts[0], draft.sandboxes[0], problems)
    check_campaigns(readings, known, problems)
    if any(campaign.kind == "marketing" for campaign in campaigns) and not uses(readings, _WAYS_OUT):
        problems.append(
            rules.NoUnsubscribeLink.at(start, hint='include "partials/footer.mjml", or link to unsubscribe_url')
        )
    problems += _tree_problems(draft)
    if not any(problem.is_error for problem in problems):
        problems += _mail_problems(templates, draft)
    return problems


def _tree_problems(draft: Draft) -> list[Diagnostic]:
    found = []
    for element in draft.tree.walk():
        if element.tag == "img" and element.get("alt") is None:
            found.append(
                rules.MissingAlt.at(
                    draft.masked.woven.place(element.start, 4), hint='alt="what it shows", or alt="" for decoration'
                )
            )
        source = element.get("src")
        if source is not None and source.startswith("http:"):
            found.append(rules.InsecureLink.at(draft.masked.woven.place(element.start, len(element.tag) + 1)))
    for element, ratio in check_contrast(draft.tree):
        place = draft.masked.woven.place(element.start, len(element.tag) + 1)
        found.append(
            rules.LowContrast.at(
                place, f"the text has a contrast of {ratio:.1f} to 1", hint="4.5 to 1 can be read by all"
            )
        )
    return found


def _mail_problems(templates: Templates, draft: Draft) -> list[Diagnostic]:
    """Return what compiling and rendering for the sample bring to light."""
    try:
        compiled = templates.finish(draft)
    except ContentError as error:
        return list(error.diagnostics)
    fields = draft.source.front.fields
    start = Place(draft.source.path, 1, 1)
    subject_at, preheader_at = (fields[key].place if key in fields else start for key in ("subject", "preheader"))
    try:
        mail = render(compiled, sample_scope(templates.content, draft.template, draft.locale), SAMPLE_ADDRESSES)
    except (RenderError, ContentError):
        return []  # the sample lacks something that contacts may have
    if len(mail.html) > _NEAR_CLIPPING:
        inlined = Templates(templates.content).compile(draft.template, draft.locale)
        mail = render(inlined, sample_scope(templates.content, draft.template, draft.locale), SAMPLE_ADDRESSES)
    images = sum(1 for element in draft.tree.walk() if element.tag in {"img", "mj-image"})
    return list(check_mail(mail, images, subject_at, preheader_at, start))
