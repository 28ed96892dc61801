"""Right to left without the author doing anything: direction, alignment, sides, arrows and fonts are turned round.

`<mjml dir="rtl">` alone is not enough: mrml forces each column to ltr and left. What the author chose by `dir`, or
wrote in a file of the locale's own (`reminder.ar.mjml`), is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from lifecycle.render.markup import Attribute, Element, Text
from lifecycle.render.mask import Masked

#: Source: what Windows, Apple and Android have for Arabic script
ARABIC_FONTS = "'Segoe UI', Tahoma, 'Geeza Pro', 'Noto Naskh Arabic', Arial, sans-serif"
ARABIC_SCRIPT = frozenset({"ar", "ckb", "fa", "ps", "sd", "ug", "ur"})
#: body text smaller than this is hard to read in Arabic script, px
_BODY_PX, _SMALL_PX = 16, 13

_DIRECTED = frozenset({"mj-section", "mj-column", "mj-group", "mj-wrapper"})
#: tags whose `align` starts at the left unless it is given
_LEFT_BY_DEFAULT = frozenset({"mj-text", "mj-table"})
_FONT_TAGS = frozenset(
    {
        "mj-text",
        "mj-button",
        "mj-table",
        "mj-social",
        "mj-social-element",
        "mj-navbar-link",
        "mj-accordion",
        "mj-accordion-title",
        "mj-accordion-text",
    }
)
_SIDES = {"left": "right", "right": "left"}
_ARROWS = str.maketrans("→←➔➜➝⟶⟵⇒⇐▶◀►◄", "←→←←←⟵⟶⇐⇒◀▶◄►")
_SIDE = re.compile(r"\b(left|right)\b")
_PX = re.compile(r"(\d+(?:\.\d+)?)px")
_DECLARATION = re.compile(r"([\w-]+)(\s*:\s*)([^;{}]*)")


def turn(tree: Element, masked: Masked, locale: str, fonts: Mapping[str, str]) -> None:
    """Turn the tree of a template for a locale that is written from right to left."""
    language = locale.split("-", maxsplit=1)[0]
    font = fonts.get(locale) or fonts.get(language) or (ARABIC_FONTS if language in ARABIC_SCRIPT else "")
    own = re.compile(rf"\.{re.escape(language)}(-\w+)?\.mjml$")
    for element in tree.walk():
        written_for_it = bool(own.search(masked.woven.origin(element.start)[0]))
        if not written_for_it:
            _mirror(element, masked)
        defaults = element.parent is not None and element.parent.tag == "mj-attributes"
        if element.tag in _DIRECTED and not defaults:
            element.set("direction", "rtl")
        if (
            element.tag in _LEFT_BY_DEFAULT
            and element.get("align") is None
            and not _aligned_by_class(element, tree, defaults=defaults)
        ):
            element.set("align", "right")
        _typeset(element, font)


def _aligned_by_class(element: Element, tree: Element, *, defaults: bool) -> bool:
    """Say whether mj-attributes or a mj-class give the element its alignment; those are mirrored where they stand."""
    if defaults:
        return False
    attributes = tree.find("mj-attributes")
    if attributes is None:
        return False
    classes = (element.get("mj-class") or "").split()
    for child in attributes.children:
        if isinstance(child, Element) and child.get("align") is not None:
            named = child.tag == "mj-class" and child.get("name") in classes
            if named or child.tag in {element.tag, "mj-all"}:
                return True
    return False


def _mirror(element: Element, masked: Masked) -> None:
    for attribute in element.attributes:
        if _turned(attribute, masked):
            continue
        name, value = attribute.name, attribute.value
        if name in {"align", "text-align", "icon-align", "ico-align", "icon-position"}:
            attribute.value = _SIDES.get(value, value)
        elif name.endswith(("-left", "-right")) or "-left-" in name or "-right-" in name:
            attribute.name = _SIDE.sub(lambda found: _SIDES[found[1]], name)
        elif name in {"padding", "inner-padding", "text-padding", "icon-padding", "ico-padding"}:
            attribute.value = _swap_four(value)
        elif name == "style":
            attribute.value = mirror_css(value)
        elif name == "background-position":
            attribute.value = _SIDE.sub(lambda found: _SIDES[found[1]], value)
    for child in element.children:
        if isinstance(child, Text):
            child.value = (
                mirror_css(child.value) if element.tag in {"mj-style", "style"} else child.value.translate(_ARROWS)
            )


def _turned(attribute: Attribute, masked: Masked) -> bool:
    """Say whether the author made the value depend on `dir`."""
    start, end = attribute.value_start, attribute.value_start + max(len(attribute.value), 1)
    return any(start <= offset < end for offset in masked.turned) or any(
        re.search(r"\bdir\b", masked.tokens[int(found)].body) for found in re.findall(r"jx(\d{5})xj", attribute.value)
    )


def mirror_css(css: str) -> str:
    """Return CSS with left and right exchanged: sides of boxes, alignment, floats and four-part measures."""

    def swapped(found: re.Match[str]) -> str:
        name, colon, value = found[1], found[2], found[3]
        if name in {"text-align", "float", "clear"}:
            value = _SIDE.sub(lambda side: _SIDES[side[1]], value)
        elif name in {"margin", "padding", "border-width", "border-style", "border-color"}:
            value = _swap_four(value)
        elif name.startswith(("margin-", "padding-", "border-")) or name in _SIDES:
            name = _SIDE.sub(lambda side: _SIDES[side[1]], name)
        return f"{name}{colon}{value}"

    return _DECLARATION.sub(swapped, css)


def _swap_four(value: str) -> str:
    parts = value.split()
    important = parts[4:] if len(parts) == 5 and parts[4].startswith("!") else []
    if len(parts) - len(important) == 4:
        parts[1], parts[3] = parts[3], parts[1]
    return " ".join(parts) if len(parts) >= 4 else value


def _typeset(element: Element, font: str) -> None:
    """Give text a font that has the script, no italics, no letter spacing, and a size it can be read at."""
    if not font:
        return
    if element.get("font-family") is not None or element.tag in _FONT_TAGS:
        element.set("font-family", font)
    for name in ("letter-spacing", "font-style"):
        element.drop(name)
    size = element.get("font-size")
    found = _PX.fullmatch(size or "")
    if found and element.tag in {"mj-text", "mj-table", "mj-button", "mj-class", "mj-all"}:
        px = float(found[1])
        if 1 < px < _BODY_PX:
            element.set("font-size", f"{_BODY_PX if px >= _SMALL_PX + 2 else max(int(px), _SMALL_PX)}px")
    for attribute in element.attributes:
        if attribute.name == "style":
            attribute.value = _typeset_css(attribute.value, font)
    if element.tag in {"mj-style", "style"}:
        for child in element.children:
            if isinstance(child, Text):
                child.value = _typeset_css(child.value, font)


def _typeset_css(css: str, font: str) -> str:
    css = re.sub(r"letter-spacing\s*:[^;{}\"]*;?", "", css)
    css = re.sub(r"font-style\s*:\s*italic\s*;?", "", css)
    return re.sub(
        r"font-family\s*:(?!\s*['\"]?(?:SF Mono|Menlo|Consolas|monospace))[^;{}\"]*", f"font-family: {font}", css
    )


#: with a space where CSS was inlined
_COLUMN = re.compile(r"text-align:left;( ?)direction:rtl")
_GHOST = re.compile(r"<!--\[if [^\]]*mso[^\]]*\]>.*?<!\[endif\]-->", re.DOTALL)


def turn_page(page: str) -> str:
    """Return finished HTML in which columns and Outlook's tables run from right to left too."""
    page = _COLUMN.sub(r"text-align:right;\1direction:rtl", page)
    return _GHOST.sub(lambda found: found[0].replace("<table ", '<table dir="rtl" '), page)
