"""Checks the mail that a template's sample gets: whether there is one, and what it could do better."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinja2 import nodes

from lifecycle.base.errors import ContentError, RenderError
from lifecycle.render.compile import Compiled, Draft, Templates
from lifecycle.render.jinja_check import Reading
from lifecycle.render.needs import path_of
from lifecycle.render.quality import MAX_BYTES, check_mail
from lifecycle.render.render import render
from lifecycle.render.rules import TooHeavy
from lifecycle.render.rules_sample import SampleFails
from lifecycle.render.sample import SAMPLE_ADDRESSES, sample_names, sample_scope
from lifecycle.render.sample_file import SUFFIX
from lifecycle.spec.diagnostics import Diagnostic
from lifecycle.spec.place import Place

#: bytes before inlining from which the finished mail may come near Gmail's limit
_NEAR_CLIPPING = 50_000


def check_sample_mail(
    templates: Templates, inlining: Callable[[], Templates], draft: Draft, readings: Sequence[Reading]
) -> list[Diagnostic]:
    """Return what compiling a draft and rendering it for its sample bring to light. The draft is used up by that.

    `inlining` gives the same templates with their CSS inlined, which takes long and matters for heavy mails alone.
    """
    images = sum(1 for element in draft.tree.walk() if element.tag in {"img", "mj-image"})
    try:
        compiled = templates.finish(draft)
    except ContentError as error:
        return list(error.diagnostics)
    fields = draft.source.front.fields
    start = Place(draft.source.path, 1, 1)
    subject_at, preheader_at = (fields[key].place if key in fields else start for key in ("subject", "preheader"))
    problems: list[Diagnostic] = []
    heavy: Compiled | None = None
    for sample in ("", *sample_names(templates.content, draft.template)):
        scope = sample_scope(templates.content, draft.template, draft.locale, sample=sample)
        try:
            mail = render(compiled, scope, SAMPLE_ADDRESSES)
            if len(mail.html.encode()) > _NEAR_CLIPPING:
                heavy = heavy or inlining().compile(draft.template, draft.locale)
                mail = render(heavy, scope, SAMPLE_ADDRESSES)
        except ContentError as error:
            return list(error.diagnostics)
        except RenderError as error:
            if not draft.texts[0].unread:  # what a catalog that could not be read lacks has been said there
                problems.append(_failed(error, draft, readings, scope, sample))
            continue
        if not sample:
            problems += check_mail(mail, images, subject_at, preheader_at, start)
        elif len(mail.html.encode()) > MAX_BYTES:  # a sample of the extremes shows what else is long, and means it
            message = f'the HTML is heavier than 102 KB for the sample "{sample}"'
            problems.append(TooHeavy.at(start, message, hint="Gmail clips it there"))
    return problems


def _failed(
    error: RenderError, draft: Draft, readings: Sequence[Reading], scope: Mapping[str, Any], name: str
) -> Diagnostic:
    """Return the failure with its reason: the name that the sample lacks where that can be told, else the line."""
    who = f'its sample "{name}"' if name else "its sample"
    sample = f"{draft.template.rpartition('/')[2]}{SUFFIX}"
    where = error.where or draft.source.path
    for reading in readings:
        for node in reading.each(nodes.Getattr):
            path = path_of(node)
            if f"'{node.attr}'" in error.message and path and _lacks(scope, path):
                place = reading.at(node.lineno, node.attr, ".".join(path[:-1]))
                if f"{place.path}:{place.line}" == where:
                    owner = ".".join(path[:-1])
                    message = f'the mail cannot be shown to {who}: {owner} has no "{node.attr}" there'
                    return SampleFails.at(place, message, hint=f"give it one in {sample}, or write a default")
    message = f"the mail cannot be shown to {who}: {error.message}"
    return SampleFails.at(_place(where, error.message, draft), message, hint=f"see {sample}")


def _place(where: str, message: str, draft: Draft) -> Place:
    """Return a whole line; of a failure without one, the field that it speaks of, else the template."""
    path, _, line = where.rpartition(":")
    if not path:
        fields = draft.source.front.fields
        return next((fields[name].place for name in fields if f"the {name}" in message), Place(where, 1, 1))
    text = draft.source.body.files.get(path, "").split("\n")[int(line) - 1]
    return Place(path, int(line), len(text) - len(text.lstrip()) + 1, max(len(text.strip()), 1))


def _lacks(scope: Mapping[str, Any], path: Sequence[str]) -> bool:
    """Say whether it is the last name of the path that is missing."""
    value: Any = scope
    for name in path[:-1]:
        value = value.get(name) if isinstance(value, Mapping) else None
    return isinstance(value, Mapping) and value.get(path[-1]) is None
