"""What makes a mail worse without making it wrong: first of the rendered mail, then of the template's tree."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from lifecycle.render import rules, rules_quality
from lifecycle.render.contrast import faint_texts
from lifecycle.render.localise import direction
from lifecycle.render.markup import Element
from lifecycle.render.mask import BARE
from lifecycle.render.render import Rendered
from lifecycle.render.subject import signs_of_spam
from lifecycle.render.targets import TARGET_PX, small_targets
from lifecycle.spec.diagnostics import Diagnostic
from lifecycle.spec.place import Place

#: where Gmail clips, in bytes
MAX_BYTES = 102 * 1024
PREHEADER = (40, 90)
#: attributes that clients fetch
_FETCHED = ("src", "background-url", "background")

_WORD = re.compile(r"[^\W\d_]{2,}")
_URL = re.compile(r"https?://\S+")


def check_mail(
    mail: Rendered, images: int, subject_at: Place, preheader_at: Place, body_at: Place
) -> Iterator[Diagnostic]:
    """Yield what a rendered mail could do better. Its links are tracked ones, as long as they are when it is sent."""
    if len(mail.html.encode()) > MAX_BYTES:
        yield rules.TooHeavy.at(body_at, hint="Gmail clips it there")
    if not PREHEADER[0] <= len(mail.preheader) <= PREHEADER[1]:
        yield rules.ShortPreheader.at(
            preheader_at, f"the preheader has {len(mail.preheader)} characters", hint="40 to 90 fill the inbox's line"
        )
    if images and len(_WORD.findall(_URL.sub("", mail.text))) < 20:
        yield rules.ImageOnly.at(body_at)
    signs = list(signs_of_spam(mail.subject))
    if signs:
        yield rules.SubjectLooksLikeSpam.at(subject_at, hint=", and ".join(signs))


def check_tree(tree: Element, place: Callable[[int, int], Place], locales: Sequence[str]) -> Iterator[Diagnostic]:
    """Yield what a template could do better; `place` gives the place of an offset and a length."""

    def at(element: Element) -> Place:
        return place(element.start, len(element.tag) + 1)

    for element in tree.walk():
        if element.tag == "img" and element.get("alt") is None:
            yield rules.MissingAlt.at(at(element), hint='alt="what it shows", or alt="" for decoration')
        if any((element.get(name) or "").startswith("http:") for name in _FETCHED):
            yield rules.InsecureLink.at(at(element))
        yield from _head(element, at, locales)
    pale = list(faint_texts(tree, dark=False))
    for element, ratio in pale:
        yield rules.LowContrast.at(
            at(element), f"the text has a contrast of {ratio:.1f} to 1", hint="4.5 to 1 can be read by all"
        )
    for element, ratio in faint_texts(tree, dark=True):
        if all(element is not known for known, _ in pale):  # once is enough
            yield rules_quality.LowContrastInDark.at(
                at(element),
                f"in the dark the text has a contrast of {ratio:.1f} to 1",
                hint="colour it under @media (prefers-color-scheme: dark), with !important",
            )
    for element, height in small_targets(tree):
        yield rules_quality.SmallTarget.at(
            at(element), f"what is tapped is {height:.0f} px high", hint=f"a thumb needs {TARGET_PX}"
        )


def _head(element: Element, at: Callable[[Element], Place], locales: Sequence[str]) -> Iterator[Diagnostic]:
    if element.tag in {"mj-title", "mj-preview"}:
        said = "title is its subject" if element.tag == "mj-title" else "preview is its preheader"
        yield rules_quality.HeadHasNoEffect.at(at(element), f"<{element.tag}> has no effect: a mail's {said}")
    if element.tag == "mjml":
        for name, own in (("lang", set(locales)), ("dir", {direction(locale) for locale in locales})):
            given = element.get(name)
            if given is not None and given not in own and not BARE.search(given):
                yield rules_quality.HeadHasNoEffect.at(
                    at(element), f'{name}="{given}" has no effect', hint="a mail has those of its locale"
                )
