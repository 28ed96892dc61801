"""Where our HTML is otherwise than the official one, by name, with the reason: as narrow as each can be said."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from differences import Difference

_FRACTION = re.compile(r"\d+[.-]\d+")
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)(px|%|)")
_WIDTHS = frozenset({"width", "@width"})


@dataclass(frozen=True, slots=True)
class Named:
    """A difference that is known, why it is, and which of those found it explains."""

    name: str
    reason: str
    explains: Callable[[Difference], bool]


def _in_32_bits(one: Difference) -> bool:
    return (
        one.theirs is not None
        and one.ours is not None
        and _FRACTION.sub(_to_three, one.theirs) == _FRACTION.sub(_to_three, one.ours)
    )


def _to_three(found: re.Match[str]) -> str:
    return f"{float(found[0].replace('-', '.')):.3f}"


def _with_its_fraction(one: Difference) -> bool:
    theirs, ours = (_LENGTH.fullmatch(side or "") for side in (one.theirs, one.ours))
    if theirs is None or ours is None or one.what not in {*_WIDTHS, "padding-bottom"}:
        return False
    cut = math.floor(float(ours[1])) == float(theirs[1]) != float(ours[1])
    return cut and theirs[2] == ours[2] and one.tag in {"td", "img", "div"}


def _wider(template: str, *tags: str) -> Callable[[Difference], bool]:
    return lambda one: (
        one.template == template and one.what in _WIDTHS and one.tag in tags and None not in one_sides(one)
    )


def one_sides(one: Difference) -> tuple[str | None, str | None]:
    """Return both sides."""
    return one.theirs, one.ours


def _lost(tag: str, what: str) -> Callable[[Difference], bool]:
    return lambda one: (one.tag, one.what) == (tag, what) and one.theirs is not None and one.ours is None


def _added(tag: str, what: str) -> Callable[[Difference], bool]:
    return lambda one: (one.tag, one.what) == (tag, what) and one.theirs is None and one.ours is not None


NAMED = (
    Named(
        "MRML_COUNTS_IN_32_BITS",
        "a third is 33.333332% to mrml and 33.333333333333336% to mjml: less than a thousandth of a pixel",
        _in_32_bits,
    ),
    Named(
        "MRML_KEEPS_FRACTIONS",
        "mjml cuts widths for pictures and Outlook to whole pixels (and shares of a group to whole percents)",
        _with_its_fraction,
    ),
    Named(
        "MRML_FORGETS_INNER_BORDERS",
        "a column's inner-border is not taken from the widths inside: a picture is 2 px a side too wide in Outlook",
        _wider("columns-boxed", "td", "img", "table"),
    ),
    Named(
        "MRML_FORGETS_PERCENT_IN_PADDINGS",
        "mjml takes 5% off as if it were 5 px, mrml takes nothing off",
        _wider("section", "td", "img"),
    ),
    Named(
        "MRML_FORGETS_PADDING_OF_HEROES",
        "the sides' padding of a hero is not taken from a picture's width inside: in Outlook it is too wide",
        _wider("hero-fixed-short", "td", "img"),
    ),
    Named(
        "MRML_NARROWS_PADDED_COLUMNS_OF_GROUPS",
        "Outlook's cell of a column with a padding is narrower by the padding when the column stands in a group",
        lambda one: (
            (one.template, one.tag, one.what, one.theirs, one.ours)
            == ("group-widths-px", "td", "width", "200px", "180px")
        ),
    ),
    Named(
        "MRML_SEPARATES_INNER_RADIUS",
        "border-collapse:separate also for inner-border-radius, so that the corners are round: mjml forgets it",
        lambda one: _added("table", "border-collapse")(one) and one.ours == "separate",
    ),
    Named(
        "MRML_ALIGNS_BUTTONS_BY_ATTRIBUTE",
        "a needless attribute vertical-align on a button's cell, which HTML does not know",
        _added("td", "@vertical-align"),
    ),
    Named("MRML_LOSES_TITLES", "the title of a button or a picture, which its link should have", _lost("a", "@title")),
    Named("MRML_LOSES_SIZES", "sizes beside srcset", _lost("img", "@sizes")),
    Named(
        "MRML_LOSES_SRCSET_OF_ICONS",
        "srcset of an mj-social-element",
        lambda one: one.template == "social-own-icons" and _lost("img", "@srcset")(one),
    ),
    Named("MRML_LOSES_SIDES_OF_BORDERS", "border-top and its like of an mj-image", _lost("img", "border-top")),
    Named("MRML_LOSES_ROLE_OF_TABLES", "role of an mj-table", _lost("table", "@role")),
    Named(
        "MRML_WRITES_PX_IN_A_TABLE",
        'width="300px" of an mj-table, which every client reads as 300',
        lambda one: (one.tag, one.what) == ("table", "@width") and one.ours == f"{one.theirs}px",
    ),
    Named(
        "MRML_FORGETS_OWA",
        'owa="desktop" does nothing: the rules for Outlook on the web are not written',
        lambda one: (
            one.template == "owa"
            and one.ours is None
            and (one.tag == "[owa] .mj-column-per-50" or (one.tag, one.what) == ("style", "element"))
        ),
    ),
    Named(
        "MRML_PUTS_A_COMMA_AFTER_SCREEN",
        "a carousel's rules for Yahoo stand in `@media screen, yahoo`; mjml's `screen yahoo` is no query at all",
        lambda one: one.what == "rule" and re.match(r"@media screen,? yahoo ", one.tag) is not None,
    ),
    Named(
        "MRML_KNOWS_NO_SUPPORTED_THUMBNAILS",
        'thumbnails="supported" of a carousel gives none',
        lambda one: (
            one.template == "carousel-two"
            and _lost("a", "element")(one)
            and "mj-carousel-thumbnail" in one.attributes.get("class", "")
        ),
    ),
    Named(
        "MRML_LOSES_WEIGHT_OF_TITLES",
        "font-weight of an mj-accordion-title",
        lambda one: one.template == "accordion-styled" and _lost("td", "font-weight")(one),
    ),
    Named(
        "MRML_ROUNDS_NO_HERO",
        "border-radius of an mj-hero",
        lambda one: one.template == "hero-fluid" and _lost("td", "border-radius")(one),
    ),
    Named(
        "MRML_ROUNDS_FULL_WIDTH_SECTIONS",
        "border-radius of a full-width section stands on the outermost table as well",
        lambda one: one.template == "section-full-width" and _added("table", "border-radius")(one),
    ),
    Named(
        "MRML_PUTS_ICONS_FIRST",
        'icon-position="right" of an mj-social-element does nothing',
        lambda one: one.template == "social-own-icons" and (one.tag, one.what) == ("td", "element"),
    ),
    Named(
        "MRML_LETS_THE_LIST_COLOUR_ITS_ICONS",
        "a colour of mj-social, its default too, wins over mj-attributes' for mj-social-element",
        lambda one: one.template == "head-attributes-nested" and (one.tag, one.what) == ("a", "color"),
    ),
    Named(
        "MRML_SUFFIXES_ONE_CLASS",
        "of two css-class names on a section Outlook's table has one with -outlook and one without",
        lambda one: (
            one.tag == "table"
            and one.what == "@class"
            and (one.theirs or "").replace("-outlook", "").split() == (one.ours or "").replace("-outlook", "").split()
        ),
    ),
    Named(
        "OURS_DROPS_NOTES",
        "an author's HTML comments are not sent",
        lambda one: one.what == "text" and (one.theirs or "").startswith("<!--") and one.ours is None,
    ),
    Named(
        "OURS_INLINES_EVERY_STYLE",
        'CSS of mj-style is inlined with and without inline="inline": Gmail drops style blocks in some clients',
        lambda one: (
            one.template.startswith(("shop-", "head-style"))
            and one.what in {"margin", "text-wrap"}
            and one.theirs is None
        ),
    ),
    Named(
        "OURS_KEEPS_INLINED_BLOCKS",
        "a block that is inlined stays, for what style attributes cannot say: media queries, dark mode, :hover",
        lambda one: (
            one.template == "head-style-inline"
            and one.theirs is None
            and (one.what == "rule" or (one.tag, one.what) == ("style", "element"))
        ),
    ),
    Named(
        "OURS_LETS_A_STYLE_ATTRIBUTE_STAND",
        "premailer keeps a value that MJML wrote where the CSS has another as !important; the block then enforces it",
        lambda one: one.template == "head-style-inline" and (one.tag, one.what) == ("div", "color"),
    ),
)
