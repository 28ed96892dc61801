"""Our tables of components are the official ones, attribute by attribute and kind by kind."""

from __future__ import annotations

import re
from typing import Any

from official import recorded

from lifecycle.render.colours import COLOURS
from lifecycle.render.mjml_schema import ATTRIBUTES, CHILDREN, EVERYWHERE, REFUSED

KINDS = {
    "string": "text",
    "color": "colour",
    "boolean": "flag",
    "integer": "number",
    "unit(px)": "px",
    "unit(px,auto)": "px_auto",
    "unit(px,%)": "measure",
    "unit(px,%){1,4}": "measures",
    "unit(px,%,auto)": "measure_auto",
    "unit(px,%,)": "height",
    "unitWithNegative(px,em)": "spacing",
}
#: mrml does nothing with them, so that a template may not have them
IGNORED_BY_MRML = {("mj-wrapper", "gap"), ("mj-hero", "container-background-color")}
#: parent, child: what mjml takes and we do not
NOT_OURS = {
    ("mjml", "mj-raw"),  # mrml writes it nowhere: before the doctype it would put mails into quirks mode anyway
    ("mj-head", "mj-html-attributes"),  # mrml cannot compile it
}
#: to mjml they take any text, which it then drops; to us they are empty
EMPTY_TO_US = {"mj-breakpoint", "mj-carousel-image"}


def official() -> dict[str, Any]:
    """Return the official components but for those that are refused by name."""
    return {tag: found for tag, found in recorded("components")["components"].items() if tag not in REFUSED}


def kind(said: str) -> str:
    """Return the official kind of a value in our words."""
    words = re.fullmatch(r"enum\((.*)\)", said)
    return "|".join(sorted(words[1].split(","))) if words else KINDS[said]


def test_attributes_and_kinds_are_the_official_ones() -> None:
    """Each attribute of each component, with the kind of its value."""
    theirs = {
        (tag, name): kind(said) for tag, found in official().items() for name, said in found["attributes"].items()
    }
    ours = {
        (tag, name): "|".join(sorted(said.split("|")))
        for tag in official()
        for name, said in ATTRIBUTES[tag].items()
        if name not in EVERYWHERE
    }
    assert not IGNORED_BY_MRML - set(theirs)
    assert ours == {key: said for key, said in theirs.items() if key not in IGNORED_BY_MRML}


def test_every_component_takes_the_attributes_that_are_everywhere() -> None:
    """css-class and mj-class, as in the official validator."""
    assert all(set(ATTRIBUTES[tag]) >= EVERYWHERE for tag in official())


def test_no_component_is_ours_alone() -> None:
    """Beside components there are the outermost tag, and the two that stand for attributes of others."""
    assert set(ATTRIBUTES) == {*official(), "mjml", "mj-all", "mj-class"}


def test_children_are_the_official_ones() -> None:
    """What may stand in what."""
    theirs = {
        (parent, child)
        for parent, children in recorded("components")["children"].items()
        for child in children
        if parent not in REFUSED and child != "*"
    }
    ours = {(parent, child) for parent, children in CHILDREN.items() for child in children if parent}
    assert not NOT_OURS - theirs
    assert ours == theirs - NOT_OURS


def test_tags_with_text_are_the_official_ones() -> None:
    """Those whose content is not MJML."""
    theirs = {tag for tag, found in official().items() if found["endingTag"]}
    ours = set(official()) - set(CHILDREN) - {"mj-attributes"}
    assert ours == theirs - EMPTY_TO_US


def test_names_of_colours_are_the_official_ones() -> None:
    """A name that is none would be dropped by every client."""
    assert list(COLOURS) == recorded("components")["colours"]
