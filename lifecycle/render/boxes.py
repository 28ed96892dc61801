"""What MJML makes of a template, as far as CSS is concerned: nested boxes with a tag, classes and styles.

MJML puts an element's css-class on the cell or div around it, and its colours on what is inside, so that `.muted div`
finds a text and `.button a` a button. The boxes know the element that they come from, which HTML does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lifecycle.render.css import Declared, declarations
from lifecycle.render.markup import Element, Text

#: how far the boxes of a tag go before its children: from outside in, the first has its css-class
_BOXES = {
    "mj-body": ("body", "div"),
    "mj-section": ("div", "table", "tbody", "tr", "td"),
    "mj-wrapper": ("div", "table", "tbody", "tr", "td"),
    "mj-hero": ("div", "table", "tbody", "tr", "td"),
    "mj-group": ("div",),
    "mj-column": ("div", "table", "tbody", "tr"),
    "mj-text": ("td", "div"),
    "mj-table": ("td", "table"),
    "mj-button": ("td", "table", "tbody", "tr", "td", "a"),
}
#: what MJML gives where neither the element nor mj-attributes do. Source: mjml.io, the components' attributes
_DEFAULTS = {
    "mj-text": {"color": "#000000", "font-size": "13px"},
    "mj-table": {"color": "#000000", "font-size": "13px"},
    "mj-button": {"color": "#ffffff", "background-color": "#414141", "font-size": "13px"},
}


@dataclass(slots=True)
class Box:
    """One tag of the HTML; `inline` is what its style attribute says, `picture` that its ground is one."""

    tag: str
    classes: frozenset[str]
    parent: Box | None
    element: Element
    inline: dict[str, Declared] = field(default_factory=dict)
    picture: bool = False


class Attributes:
    """Attributes as MJML resolves them: the tag's own, its classes', its tag's defaults, everybody's defaults."""

    def __init__(self, tree: Element) -> None:
        self.tags: dict[str, Element] = {}
        self.classes: dict[str, Element] = {}
        defaults = tree.find("mj-attributes")
        for child in defaults.children if defaults else ():
            if isinstance(child, Element):
                (self.classes if child.tag == "mj-class" else self.tags)[
                    child.get("name") or child.tag if child.tag == "mj-class" else child.tag
                ] = child

    def value(self, element: Element, name: str) -> str | None:
        """Return the value of an attribute, None when nobody gives one."""
        named = [self.classes[part] for part in (element.get("mj-class") or "").split() if part in self.classes]
        for source in (element, *reversed(named), self.tags.get(element.tag), self.tags.get("mj-all")):
            found = source.get(name) if source is not None else None
            if found is not None:
                return found
        return _DEFAULTS.get(element.tag, {}).get(name)


def text_boxes(tree: Element) -> Iterator[Box]:
    """Yield the boxes that have text of their own, in the order of writing."""
    body = tree.find("mj-body")
    if body is not None:
        yield from _below(body, None, Attributes(tree))


def _below(element: Element, parent: Box | None, attributes: Attributes) -> Iterator[Box]:
    box = _mjml(element, parent, attributes) if element.tag in _BOXES else _html(element, parent)
    words = any(isinstance(child, Text) and child.value.strip() for child in element.children)
    if words and (not element.tag.startswith("mj-") or element.tag in {"mj-text", "mj-table", "mj-button"}):
        yield box
    for child in element.children:
        if isinstance(child, Element):
            yield from _below(child, box, attributes)


def _html(element: Element, parent: Box | None) -> Box:
    inline = {
        name: Declared(value.strip().lower())
        for name, attribute in (("background-color", "bgcolor"), ("color", "color"))
        if (value := element.get(attribute)) and not element.tag.startswith("mj-")
    }
    style = element.get("style") or ""
    picture = "url(" in style or bool(element.get("background"))
    return Box(element.tag, _classes(element, "class"), parent, element, inline | declarations(style), picture)


def _mjml(element: Element, parent: Box | None, attributes: Attributes) -> Box:
    def given(name: str, *instead: str) -> dict[str, Declared]:
        found = next((value for one in (name, *instead) if (value := attributes.value(element, one))), None)
        return {name: Declared(found.strip().lower())} if found else {}

    tags = _BOXES[element.tag]
    text = {**given("color"), **given("font-size"), **given("font-weight")}
    ground = given("background-color", "inner-background-color")
    classes = frozenset((attributes.value(element, "css-class") or "").split())
    at = 1 if element.tag == "mj-body" else 0  # its class is on the div in <body>
    box: Box | None = parent
    for number, tag in enumerate(tags):
        inline: dict[str, Declared] = {}
        if element.tag in {"mj-text", "mj-table", "mj-button"}:
            if number == 0 and (around := attributes.value(element, "container-background-color")):
                inline |= {"background-color": Declared(around.strip().lower())}
            if number == len(tags) - 1:
                inline |= text
            if element.tag == "mj-button" and number >= len(tags) - 2:
                inline |= ground
        elif number < 2:
            inline |= ground
        picture = number == 0 and bool(attributes.value(element, "background-url"))
        box = Box(tag, classes if number == at else frozenset(), box, element, inline, picture)
    assert box is not None  # noqa: S101 - each tag has boxes
    return box


def _classes(element: Element, name: str) -> frozenset[str]:
    return frozenset((element.get(name) or "").split())
