"""How well texts stand out from what is behind them, in light and where the template has rules for the dark."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from lifecycle.render.boxes import Box, text_boxes
from lifecycle.render.css import Declared, StyleRule, knows_the_dark, style_rules
from lifecycle.render.markup import Element

#: WCAG 2.2, 1.4.3: for text, and for text from 24 px, or from 19 px when bold
CONTRAST, LARGE_CONTRAST = 4.5, 3.0
#: behind everything, where nothing is said: what browsers and Apple Mail take for a page that supports the dark
_PAPER = {False: "#ffffff", True: "#121212"}

_HEX = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_NAMES = {"white": "#ffffff", "black": "#000000"}
_COLOUR = re.compile(r"#[0-9a-f]{6}\b|#[0-9a-f]{3}\b|\bwhite\b|\bblack\b")
_TRANSPARENT = frozenset({"transparent", "none", "inherit", "initial"})
_BOLD = frozenset({"bold", "bolder", "700", "800", "900"})


def faint_texts(tree: Element, *, dark: bool) -> Iterator[tuple[Element, float]]:
    """Yield the elements whose text stands out too little, with its contrast; in the dark, only where rules are for it.

    Judged are colours in hex, white and black, on grounds that are no pictures; a link that has no colour of its own
    has its client's.
    """
    if dark and not knows_the_dark(tree):
        return
    look = _Look([rule for rule in style_rules(tree) if dark or not rule.dark], dark=dark)
    said: dict[int, tuple[str, str]] = {}
    for box in list(text_boxes(tree)):  # all of them live while they are known by their identity
        pair = look.colour(box), look.ground(box)
        if pair[0] is None or pair[1] is None:
            continue
        drawn = pair[0], pair[1]
        around = box.parent
        while around is not None and said.get(id(around)) != drawn:
            around = around.parent
        said[id(box)] = drawn
        found = contrast(*drawn)
        if around is None and found is not None and found < (LARGE_CONTRAST if look.large(box) else CONTRAST):
            yield box.element, found


@cache
def contrast(first: str, second: str) -> float | None:
    """Return the contrast of two hex colours, 1 to 21; None when one is none. Source: WCAG 2.2, relative luminance."""
    light = [_luminance(colour) for colour in (first, second)]
    if light[0] is None or light[1] is None:
        return None
    return (max(light[0], light[1]) + 0.05) / (min(light[0], light[1]) + 0.05)


def _luminance(colour: str) -> float | None:
    found = _HEX.fullmatch(_NAMES.get(colour.strip(), colour.strip()))
    if found is None:
        return None
    digits = found[1] if len(found[1]) == 6 else "".join(char * 2 for char in found[1])
    parts = [int(digits[index : index + 2], 16) / 255 for index in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


class _Look:
    """What boxes look like under some rules. A rule beats a style attribute by being important alone."""

    def __init__(self, rules: Sequence[StyleRule], *, dark: bool) -> None:
        self._rules = rules
        self._paper = _PAPER[dark]
        self._winners: dict[tuple[int, str], Declared | None] = {}

    def colour(self, box: Box) -> str | None:
        """Return the colour of a box's text; None where it is the client's."""
        around: Box | None = box
        while around is not None:
            found = self._declared(around, "color")
            if found is not None and found not in _TRANSPARENT:
                return found
            if around.tag == "a" and found is None:
                return None
            around = around.parent
        return None

    def ground(self, box: Box) -> str | None:
        """Return the colour behind a box; None where it cannot be told."""
        around: Box | None = box
        while around is not None:
            found = self._declared(around, "background-color")
            if found is not None and found not in _TRANSPARENT:
                colour = _COLOUR.search(found)
                return colour[0] if colour and "url(" not in found and "gradient" not in found else None
            if around.picture:
                return None
            around = around.parent
        return self._paper

    def large(self, box: Box) -> bool:
        """Say whether the text is large, as WCAG has it."""
        size = re.match(r"\d+", self._inherited(box, "font-size") or "13")
        px = int(size[0]) if size else 13
        return px >= 24 or (px >= 19 and (self._inherited(box, "font-weight") or "400") in _BOLD)

    def _inherited(self, box: Box, name: str) -> str | None:
        around: Box | None = box
        while around is not None:
            found = self._declared(around, name)
            if found is not None:
                return found
            around = around.parent
        return None

    def _declared(self, box: Box, name: str) -> str | None:
        """Return the value that wins for the box itself. Source: CSS Cascading 4, 6.1."""
        key = id(box), name
        if key not in self._winners:
            inline = box.inline.get(name)
            ranked = [((inline.important, True, (0, 0), 0), inline)] if inline else []
            for order, rule in enumerate(self._rules):
                found = rule.declared.get(name)
                if found is not None and rule.matches(box):
                    ranked.append(((found.important, False, rule.specificity, order), found))
            self._winners[key] = max(ranked, key=lambda one: one[0])[1] if ranked else None
        winner = self._winners[key]
        return winner.value if winner is not None else None
