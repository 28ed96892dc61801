"""How high what is tapped is: buttons, and links that are drawn as blocks. A thumb needs 44 px."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lifecycle.render.boxes import Attributes
from lifecycle.render.markup import Element

#: Source: WCAG 2.2, 2.5.5, and Apple's Human Interface Guidelines
TARGET_PX = 44

_PX = re.compile(r"(\d+(?:\.\d+)?)px")
_BUTTON = {"font-size": "13px", "line-height": "120%", "inner-padding": "10px 25px"}


def small_targets(tree: Element) -> Iterator[tuple[Element, float]]:
    """Yield buttons and block links that are lower than a thumb needs, with their height in px.

    Judged is what can be told without drawing: measures in px, and line heights in px, per cent and as a factor. Links
    in running text are exempt, as in WCAG 2.2, 2.5.8; so are those that hold an image.
    """
    attributes = Attributes(tree)
    for element in tree.walk():
        if element.parent is not None and element.parent.tag == "mj-attributes":
            continue
        height = None
        if element.tag == "mj-button":
            height = _button(element, attributes)
        elif element.tag == "a" and not any(isinstance(child, Element) for child in element.children):
            height = _link(element, attributes)
        if height is not None and height < TARGET_PX:
            yield element, height


def _button(button: Element, attributes: Attributes) -> float | None:
    values = {name: attributes.value(button, name) or default for name, default in _BUTTON.items()}
    line = _line(values["line-height"], _px(values["font-size"]))
    padding = _above_and_below(values["inner-padding"])
    if line is None or padding is None:
        return None
    height = _px(attributes.value(button, "height") or "") or 0.0
    return max(line + padding, height)


def _link(link: Element, attributes: Attributes) -> float | None:
    style = _style(link)
    if style.get("display") not in {"block", "inline-block"}:
        return None
    around = [link]
    while around[-1].parent is not None and not around[-1].tag.startswith("mj-"):
        around.append(around[-1].parent)

    def inherited(name: str, default: str) -> str:
        found = (_style(one).get(name) or attributes.value(one, name) for one in around)
        return next(filter(None, found), default)

    line = _line(inherited("line-height", "120%"), _px(inherited("font-size", "13px")))
    padding = _above_and_below(style.get("padding", "0"))
    sides = [_px(style.get(f"padding-{side}", "0px")) for side in ("top", "bottom")]
    height = _px(style.get("height", "0px"))
    if line is None or padding is None or height is None or None in sides:
        return None
    return max(line, height) + padding + sum(side or 0.0 for side in sides)


def _style(element: Element) -> dict[str, str]:
    parts = (part.partition(":") for part in (element.get("style") or "").split(";"))
    return {name.strip().lower(): value.replace("!important", "").strip().lower() for name, _, value in parts}


def _px(value: str) -> float | None:
    found = _PX.fullmatch(value.strip())
    return float(found[1]) if found else 0.0 if value.strip() == "0" else None


def _line(value: str, size: float | None) -> float | None:
    """Return a line's height; `normal` is about 1.2."""
    fixed = _px(value)
    if fixed is not None:
        return fixed
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(%|)", value.strip().replace("normal", "1.2"))
    if found is None or size is None:
        return None
    return size * float(found[1]) / (100 if found[2] else 1)


def _above_and_below(padding: str) -> float | None:
    parts = [_px(part) for part in padding.split()]
    if not parts or None in parts:
        return None
    return (parts[0] or 0.0) + (parts[2 if len(parts) > 2 else 0] or 0.0)
