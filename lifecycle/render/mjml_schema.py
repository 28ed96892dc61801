"""What MJML is made of: its tags, where each may stand, its attributes and the kinds of their values.

Source: allowedAttributes and dependencies of the official `mjml` 4.18, less what mrml does nothing with; tests/oracle
holds them against it. `mj-include` is ours to expand, `mj-html-attributes` and its parts crash mrml: they are refused.
"""

from __future__ import annotations

from collections.abc import Mapping

#: attributes by kind; `sides` names the box attributes that come in fives
_TABLE: Mapping[str, Mapping[str, str]] = {
    "mj-accordion": {
        "sides": "padding",
        "colour": "container-background-color",
        "text": "border font-family icon-wrapped-url icon-wrapped-alt icon-unwrapped-url icon-unwrapped-alt",
        "top|middle|bottom": "icon-align",
        "measure": "icon-width icon-height",
        "left|right": "icon-position",
    },
    "mj-accordion-element": {
        "colour": "background-color",
        "text": "border font-family icon-wrapped-url icon-wrapped-alt icon-unwrapped-url icon-unwrapped-alt",
        "top|middle|bottom": "icon-align",
        "measure": "icon-width icon-height",
        "left|right": "icon-position",
    },
    "mj-accordion-text": {
        "sides": "padding",
        "colour": "background-color color",
        "px": "font-size",
        "text": "font-family font-weight",
        "spacing": "letter-spacing",
        "height": "line-height",
    },
    "mj-accordion-title": {
        "sides": "padding",
        "colour": "background-color color",
        "px": "font-size",
        "text": "font-family font-weight",
    },
    "mj-attributes": {},
    "mj-body": {
        "px": "width",
        "colour": "background-color",
    },
    "mj-breakpoint": {
        "px": "width",
    },
    "mj-button": {
        "sides": "padding border",
        "left|center|right": "align",
        "colour": "background-color color container-background-color",
        "text": "border-radius font-family font-style font-weight href name title "
        "rel target text-decoration text-transform",
        "px": "font-size",
        "measure": "height width",
        "measures": "inner-padding",
        "spacing": "letter-spacing",
        "height": "line-height",
        "top|bottom|middle": "vertical-align",
        "left|right|center": "text-align",
    },
    "mj-carousel": {
        "sides": "padding",
        "left|center|right": "align",
        "text": "left-icon right-icon tb-border",
        "colour": "container-background-color tb-hover-border-color tb-selected-border-color",
        "measure": "icon-width tb-width tb-border-radius",
        "measures": "border-radius",
        "visible|hidden|supported": "thumbnails",
    },
    "mj-carousel-image": {
        "text": "alt href rel target title src thumbnails-src tb-border",
        "measures": "border-radius tb-border-radius",
    },
    "mj-column": {
        "sides": "padding border inner-border",
        "colour": "background-color inner-background-color",
        "measures": "border-radius inner-border-radius",
        "ltr|rtl": "direction",
        "measure": "width",
        "top|bottom|middle": "vertical-align",
    },
    "mj-divider": {
        "sides": "padding",
        "colour": "border-color container-background-color",
        "text": "border-style",
        "px": "border-width",
        "measure": "width",
        "left|center|right": "align",
    },
    "mj-font": {
        "text": "name href",
    },
    "mj-group": {
        "colour": "background-color",
        "ltr|rtl": "direction",
        "top|bottom|middle": "vertical-align",
        "measure": "width",
    },
    "mj-head": {},
    "mj-hero": {
        "sides": "padding inner-padding",
        "text": "mode background-url background-position border-radius",
        "measure": "height background-width background-height",
        "colour": "inner-background-color background-color",
        "top|bottom|middle": "vertical-align",
    },
    "mj-image": {
        "sides": "padding border",
        "text": "alt href name src srcset sizes title rel target usemap",
        "left|center|right": "align",
        "colour": "container-background-color",
        "flag": "fluid-on-mobile",
        "measure": "max-height",
        "px": "width font-size",
        "measures": "border-radius",
        "px_auto": "height",
    },
    "mj-navbar": {
        "sides": "padding ico-padding",
        "left|center|right": "align ico-align",
        "text": "base-url hamburger ico-open ico-close ico-font-family ico-text-transform ico-text-decoration",
        "colour": "ico-color",
        "measure": "ico-font-size",
        "height": "ico-line-height",
    },
    "mj-navbar-link": {
        "sides": "padding",
        "colour": "color",
        "text": "font-family font-style font-weight href name target rel text-decoration text-transform",
        "px": "font-size",
        "spacing": "letter-spacing",
        "height": "line-height",
    },
    "mj-preview": {},
    "mj-raw": {
        "file-start": "position",
    },
    "mj-section": {
        "sides": "padding border",
        "colour": "background-color",
        "text": "background-url background-size background-position background-position-x "
        "background-position-y border-radius",
        "repeat|no-repeat": "background-repeat",
        "ltr|rtl": "direction",
        "full-width|false|": "full-width",
        "measures": "text-padding",
        "left|center|right": "text-align",
    },
    "mj-social": {
        "sides": "padding",
        "left|right|center": "align",
        "text": "font-family font-style font-weight text-decoration",
        "colour": "container-background-color color",
        "px": "font-size",
        "measure": "border-radius icon-size icon-height",
        "measures": "icon-padding inner-padding text-padding",
        "height": "line-height",
        "horizontal|vertical": "mode",
        "auto|fixed": "table-layout",
        "top|bottom|middle": "vertical-align",
    },
    "mj-social-element": {
        "sides": "padding",
        "left|center|right": "align",
        "left|right": "icon-position",
        "colour": "background-color color",
        "text": "font-family font-style font-weight href name rel src srcset sizes alt title target text-decoration",
        "px": "border-radius font-size",
        "measure": "icon-size icon-height",
        "measures": "icon-padding text-padding",
        "height": "line-height",
        "top|middle|bottom": "vertical-align",
    },
    "mj-spacer": {
        "sides": "padding border",
        "colour": "container-background-color",
        "measure": "height",
    },
    "mj-style": {
        "text": "inline",
    },
    "mj-table": {
        "sides": "padding",
        "left|right|center": "align",
        "text": "border font-family font-weight",
        "number": "cellpadding cellspacing",
        "colour": "container-background-color color",
        "px": "font-size",
        "height": "line-height",
        "none|presentation": "role",
        "auto|fixed|initial|inherit": "table-layout",
        "top|bottom|middle": "vertical-align",
        "measure_auto": "width",
    },
    "mj-text": {
        "sides": "padding",
        "left|right|center|justify": "align",
        "colour": "background-color color container-background-color",
        "text": "font-family font-style font-weight text-decoration text-transform",
        "px": "font-size",
        "measure": "height",
        "spacing": "letter-spacing",
        "height": "line-height",
        "top|bottom|middle": "vertical-align",
    },
    "mj-title": {},
    "mj-wrapper": {
        "sides": "padding border",
        "colour": "background-color",
        "text": "background-url background-size background-position background-position-x "
        "background-position-y border-radius",
        "repeat|no-repeat": "background-repeat",
        "ltr|rtl": "direction",
        "full-width|false|": "full-width",
        "measures": "text-padding",
        "left|center|right": "text-align",
    },
}

#: children by parent; a tag that is no key takes text and HTML
CHILDREN: Mapping[str, frozenset[str]] = {
    parent: frozenset(children.split())
    for parent, children in {
        "": "mjml",
        "mjml": "mj-head mj-body",
        "mj-head": "mj-attributes mj-breakpoint mj-font mj-preview mj-raw mj-style mj-title",
        "mj-body": "mj-hero mj-raw mj-section mj-wrapper",
        "mj-wrapper": "mj-hero mj-raw mj-section",
        "mj-section": "mj-column mj-group mj-raw",
        "mj-group": "mj-column mj-raw",
        "mj-column": "mj-accordion mj-button mj-carousel mj-divider mj-image mj-navbar mj-raw "
        "mj-social mj-spacer mj-table mj-text",
        "mj-hero": "mj-accordion mj-button mj-carousel mj-divider mj-image mj-navbar mj-raw "
        "mj-social mj-spacer mj-table mj-text",
        "mj-accordion": "mj-accordion-element mj-raw",
        "mj-accordion-element": "mj-accordion-text mj-accordion-title mj-raw",
        "mj-carousel": "mj-carousel-image",
        "mj-navbar": "mj-navbar-link mj-raw",
        "mj-social": "mj-raw mj-social-element",
        "mj-image": "",
        "mj-divider": "",
        "mj-spacer": "",
        "mj-font": "",
        "mj-carousel-image": "",
        "mj-breakpoint": "",
    }.items()
}

#: tags that a project cannot use, and what to do instead
REFUSED: Mapping[str, str] = {
    "mj-include": 'write {% include "partials/NAME.mjml" %}',
    "mj-html-attributes": "the MJML compiler cannot take it",
    "mj-selector": "the MJML compiler cannot take it",
    "mj-html-attribute": "the MJML compiler cannot take it",
}

#: attributes that every component takes
EVERYWHERE = frozenset({"css-class", "mj-class"})


def _kinds(table: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for kind, names in table.items():
        for name in names.split():
            if kind != "sides":
                found[name] = kind
                continue
            border = name.endswith("border")
            found[name] = "text" if border else "measures"
            for side in ("top", "right", "bottom", "left"):
                found[f"{name}-{side}"] = "text" if border else "measure"
    return found


#: kind of value by attribute, by tag: text, colour, px, px_auto, measure, measures, measure_auto, height, spacing,
#: flag, number, or the words themselves (a|b)
ATTRIBUTES: Mapping[str, Mapping[str, str]] = {
    tag: _kinds(table) | dict.fromkeys(EVERYWHERE, "text") for tag, table in _TABLE.items()
} | {"mjml": {"lang": "text", "dir": "ltr|rtl", "owa": "text"}, "mj-all": {}, "mj-class": {}}


def _loosest(kinds: set[str]) -> str:
    """Return a kind that takes what any of them takes."""
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds <= {"px", "px_auto", "measure", "measure_auto"}:
        return "measure_auto"
    if all("|" in kind for kind in kinds):
        return "|".join(sorted({word for kind in kinds for word in kind.split("|")}))
    return "text"


_ALL_KINDS: dict[str, set[str]] = {}
for _table in ATTRIBUTES.values():
    for _name, _kind in _table.items():
        _ALL_KINDS.setdefault(_name, set()).add(_kind)

#: what mj-all and mj-class may set: anything that some tag has, for whichever of them it is meant
ANY_ATTRIBUTE: Mapping[str, str] = {
    name: _loosest(kinds) for name, kinds in _ALL_KINDS.items() if name != "mj-class"
} | {"name": "text"}
