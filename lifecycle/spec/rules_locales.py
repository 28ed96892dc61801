"""LC62x: a text for people that is written for some of the project's locales only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass

from lifecycle.spec.diagnostics import Diagnostic, Rule, Severity
from lifecycle.spec.model import Content, LocalText


class LocaleNotWritten(Rule):
    """A text by locale lacks one of the project's locales.

    `label: {en: Offers}` where lifecycle.yaml has en and ar: readers of Arabic get the default locale's text. Fix: add
    it; a text that is the same for all is written without a map. A language serves its regions: ar is ar-SA too.
    """

    code = "LC620"
    severity = Severity.WARNING


def check_locales(content: Content) -> Iterator[Diagnostic]:
    """Yield the texts by locale that a reader of some locale would get in another language."""
    project = content.project
    texts = [*_texts(project), *(campaign.label for campaign in content.campaigns.values())]
    texts += (text for segment in content.segments.values() for text in (segment.label, segment.description))
    for text in texts:
        if text.everywhere is not None or text.place is None:
            continue
        lacking = [each for each in project.locales if not {each, each.split("-")[0]} & text.by_locale.keys()]
        if lacking:
            hint = f"add {', '.join(f'{locale}: …' for locale in lacking)}"
            yield LocaleNotWritten.at(text.place, f"the text is not written for {', '.join(lacking)}", hint=hint)


def _texts(value: object) -> Iterator[LocalText]:
    """Yield the texts within a part of the model, wherever they are."""
    if isinstance(value, LocalText):
        yield value
    elif isinstance(value, Mapping | tuple):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(one)
    elif is_dataclass(value):
        for each in fields(value):
            yield from _texts(getattr(value, each.name))
