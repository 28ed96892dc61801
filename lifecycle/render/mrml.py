"""What mrml, the MJML compiler, has to have spelled out for it to do as the official `mjml` does."""

from __future__ import annotations

import re

from lifecycle.render.markup import Element, Text

_LAYOUT = frozenset({"", "mjml", "mj-head", "mj-body", "mj-section", "mj-column", "mj-wrapper", "mj-group", "mj-hero"})
_PADDING = re.compile(r"(^|-)padding(-|$)")


def spell_out(root: Element) -> None:
    """Prepare a tree for mrml. Each step is held against the official `mjml` in tests/oracle."""
    _drop_layout_space(root)
    for element in root.walk():
        _write_units(element)
        _name_mode(element)
        _silence_icon(element)


def _drop_layout_space(root: Element) -> None:
    """Remove white space between MJML's own tags: mrml copies it into Outlook's tables."""
    for element in root.walk():
        if element.tag in _LAYOUT:
            element.children = [
                child for child in element.children if not isinstance(child, Text) or child.value.strip()
            ]


def _write_units(element: Element) -> None:
    """Give each 0 in a padding a unit, and one space between: mrml takes `0 40px` for none when it computes widths."""
    for attribute in element.attributes:
        if element.tag.startswith("mj-") and _PADDING.search(attribute.name):
            attribute.value = " ".join("0px" if part == "0" else part for part in attribute.value.split())


def _name_mode(element: Element) -> None:
    """Call the hero that grows with the width what mrml calls it; any other name is a fixed height to it."""
    if element.tag in {"mj-hero", "mj-class", "mj-all"} and element.get("mode") == "fluid-height":
        element.set("mode", "fluid")


def _silence_icon(element: Element) -> None:
    """Give an icon without a text an empty one: a screen reader would read its file's name aloud."""
    in_body = element.parent is not None and element.parent.tag == "mj-social"
    if element.tag == "mj-social-element" and in_body and element.get("alt") is None:
        element.set("alt", "")
