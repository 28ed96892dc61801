"""What makes a mail worse without making it wrong: preheader, weight, contrast, images, subject."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lifecycle.render import rules
from lifecycle.render.markup import Element
from lifecycle.render.render import Rendered
from lifecycle.spec.diagnostics import Diagnostic
from lifecycle.spec.place import Place

#: where Gmail clips, in bytes
MAX_BYTES = 102 * 1024
PREHEADER = (40, 90)
#: WCAG 2.2, 1.4.3: for text, and for text from 24 px, or from 19 px when bold
CONTRAST, LARGE_CONTRAST = 4.5, 3.0

_HEX = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_WORD = re.compile(r"[^\W\d_]{2,}")
_URL = re.compile(r"https?://\S+")


def check_mail(
    mail: Rendered, images: int, subject_at: Place, preheader_at: Place, body_at: Place
) -> Iterator[Diagnostic]:
    """Yield what a rendered mail could do better."""
    if len(mail.html.encode()) > MAX_BYTES:
        yield rules.TooHeavy.at(body_at, hint="Gmail clips it there")
    if not PREHEADER[0] <= len(mail.preheader) <= PREHEADER[1]:
        yield rules.ShortPreheader.at(
            preheader_at, f"the preheader has {len(mail.preheader)} characters", hint="40 to 90 fill the inbox's line"
        )
    if images and len(_WORD.findall(_URL.sub("", mail.text))) < 20:
        yield rules.ImageOnly.at(body_at)
    letters = [char for char in mail.subject if char.isalpha() and char.isascii()]
    shouting = len(letters) > 8 and all(char.isupper() for char in letters)
    if shouting or mail.subject.count("!") > 1 or "$$" in mail.subject:
        yield rules.SubjectLooksLikeSpam.at(subject_at)


def check_contrast(tree: Element) -> Iterator[tuple[Element, float]]:
    """Yield the texts and buttons that stand out too little, with their contrast. Only hex colours are judged."""
    styles = _Styles(tree)
    for element in tree.walk():
        if element.tag not in {"mj-text", "mj-button"} or styles.in_defaults(element):
            continue
        button = element.tag == "mj-button"
        colour = styles.value(element, "color") or ("#ffffff" if button else "#000000")
        ground = (styles.value(element, "background-color") or "#414141") if button else styles.background(element)
        found = contrast(colour, ground)
        if found is not None and found < (LARGE_CONTRAST if styles.large(element) else CONTRAST):
            yield element, found


def contrast(first: str, second: str) -> float | None:
    """Return the contrast of two hex colours, 1 to 21; None when one is none. Source: WCAG 2.2, relative luminance."""
    light = [_luminance(colour) for colour in (first, second)]
    if light[0] is None or light[1] is None:
        return None
    return (max(light[0], light[1]) + 0.05) / (min(light[0], light[1]) + 0.05)


def _luminance(colour: str) -> float | None:
    found = _HEX.fullmatch(colour.strip())
    if found is None:
        return None
    digits = found[1] if len(found[1]) == 6 else "".join(char * 2 for char in found[1])
    parts = [int(digits[index : index + 2], 16) / 255 for index in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


class _Styles:
    """Attributes as MJML resolves them: the tag's own, its classes', its tag's defaults, everybody's defaults."""

    def __init__(self, tree: Element) -> None:
        self.defaults = tree.find("mj-attributes")
        self.tags: dict[str, Element] = {}
        self.classes: dict[str, Element] = {}
        for child in self.defaults.children if self.defaults else ():
            if isinstance(child, Element):
                (self.classes if child.tag == "mj-class" else self.tags)[
                    child.get("name") or child.tag if child.tag == "mj-class" else child.tag
                ] = child

    def in_defaults(self, element: Element) -> bool:
        return element.parent is not None and element.parent is self.defaults

    def value(self, element: Element, name: str) -> str | None:
        named = [self.classes[part] for part in (element.get("mj-class") or "").split() if part in self.classes]
        for source in (element, *reversed(named), self.tags.get(element.tag), self.tags.get("mj-all")):
            found = source.get(name) if source is not None else None
            if found is not None:
                return found
        return None

    def background(self, element: Element) -> str:
        current: Element | None = element
        while current is not None:
            for name in ("container-background-color", "inner-background-color", "background-color"):
                found = self.value(current, name) if current.tag.startswith("mj-") else None
                if found and found != "transparent":
                    return found
            if self.value(current, "background-url"):
                return ""  # a picture is not judged
            current = current.parent
        return "#ffffff"

    def large(self, element: Element) -> bool:
        size = re.match(r"\d+", self.value(element, "font-size") or "13")
        weight = self.value(element, "font-weight") or "400"
        px = int(size[0]) if size else 13
        return px >= 24 or (px >= 19 and weight in {"bold", "700", "800", "900"})
