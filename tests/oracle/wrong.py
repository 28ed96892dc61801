"""Wrong MJML, by name: unknown tags and attributes, bad values, children where they may not stand."""

from __future__ import annotations

#: where a component stands; others stand in a column
_PARENTS = {
    "mj-body": "mjml",
    "mj-head": "mjml",
    "mj-section": "mj-body",
    "mj-wrapper": "mj-body",
    "mj-hero": "mj-body",
    "mj-column": "mj-section",
    "mj-group": "mj-section",
    "mj-accordion-element": "mj-accordion",
    "mj-accordion-title": "mj-accordion-element",
    "mj-accordion-text": "mj-accordion-element",
    "mj-carousel-image": "mj-carousel",
    "mj-navbar-link": "mj-navbar",
    "mj-social-element": "mj-social",
    "mj-selector": "mj-html-attributes",
    "mj-html-attribute": "mj-selector",
    "mj-all": "mj-attributes",
    "mj-class": "mj-attributes",
} | dict.fromkeys(
    ("mj-attributes", "mj-breakpoint", "mj-font", "mj-html-attributes", "mj-preview", "mj-style", "mj-title"), "mj-head"
)

#: component, attribute, value
_VALUES = """
mj-text color reddish
mj-text color #12345
mj-text color #ab
mj-text color rgb(1,2)
mj-text color #1234
mj-text color #11223344
mj-text color hsl(1, 2%, 3%)
mj-text color inherit
mj-text color Red
mj-text color rgba(1, 2, 3, 50%)
mj-button background-color none
mj-body background-color 12
mj-section background-color #ggg
mj-column inner-background-color blu
mj-divider border-color 1px
mj-text font-size 16
mj-text font-size 1em
mj-text font-size large
mj-text font-size 0
mj-text padding 10
mj-text padding 10px,20px
mj-text padding 1px 2px 3px 4px 5px
mj-text padding 1em
mj-text padding -4px
mj-text padding 0 0
mj-text padding 1px  2px
mj-text padding auto
mj-text padding-left 10
mj-text padding-top 10px 20px
mj-text letter-spacing 2
mj-text letter-spacing -1px
mj-text letter-spacing normal
mj-text letter-spacing 0.1em
mj-text line-height 1.5
mj-text line-height 1.5em
mj-text line-height normal
mj-text line-height 150%
mj-text height 40
mj-text align middle
mj-text align Center
mj-text vertical-align center
mj-button width full
mj-button width 200
mj-button inner-padding 10px 1em
mj-button text-align justify
mj-body width 100%
mj-body width 600
mj-breakpoint width 480
mj-column width 50
mj-column width half
mj-column direction right
mj-column border-radius 4
mj-column border-radius 4px 4px 0 0
mj-section direction up
mj-section full-width true
mj-section full-width false
mj-section full-width yes
mj-section background-repeat repeat-x
mj-section text-align justify
mj-group width 10em
mj-image width 50%
mj-image width auto
mj-image height auto
mj-image height 50%
mj-image fluid-on-mobile yes
mj-image fluid-on-mobile false
mj-image border-radius 4
mj-image max-height auto
mj-table cellpadding two
mj-table cellpadding 2px
mj-table cellpadding -1
mj-table width 300
mj-table width auto
mj-table role grid
mj-table table-layout loose
mj-spacer height 1em
mj-divider border-width 1
mj-divider border-width 10%
mj-divider align justify
mj-hero height tall
mj-hero background-width cover
mj-hero vertical-align center
mj-navbar ico-align justify
mj-navbar ico-font-size big
mj-navbar-link letter-spacing wide
mj-social mode diagonal
mj-social icon-size 20
mj-social border-radius 3
mj-social-element icon-position top
mj-social-element border-radius 50%
mj-accordion icon-align center
mj-accordion icon-width 32
mj-accordion-title font-size 120%
mj-carousel thumbnails none
mj-carousel tb-width 110
mj-carousel-image border-radius 6
mj-carousel-image tb-border-radius 6px 6px
mj-raw position file-end
mj-wrapper gap 10px
mj-wrapper gap 10%
mj-wrapper text-padding 4
mj-social border 1px solid red
mj-body id top
mj-hero container-background-color #ffffff
"""

#: parent, child, in a form that is right elsewhere
_MISPLACED = """
mjml mj-section
mjml mj-text
mjml mj-raw
mj-head mj-text
mj-head mj-section
mj-head mj-all
mj-body mj-text
mj-body mj-column
mj-body mj-button
mj-body mj-head
mj-body mj-group
mj-wrapper mj-column
mj-wrapper mj-wrapper
mj-wrapper mj-text
mj-section mj-text
mj-section mj-section
mj-section mj-image
mj-section mj-hero
mj-group mj-group
mj-group mj-text
mj-column mj-column
mj-column mj-section
mj-column mj-social-element
mj-column mj-style
mj-column mj-accordion-element
mj-hero mj-column
mj-hero mj-section
mj-accordion mj-text
mj-accordion mj-accordion-title
mj-accordion-element mj-text
mj-carousel mj-image
mj-carousel mj-raw
mj-navbar mj-text
mj-navbar mj-button
mj-social mj-image
mj-social mj-button
mj-image mj-text
mj-divider mj-raw
mj-spacer mj-text
mj-font mj-raw
mj-text mj-image
mj-button mj-text
mj-table mj-text
mj-raw mj-text
mj-title mj-raw
"""

_TEXT = "<mj-section><mj-column><mj-text>Text</mj-text></mj-column></mj-section>"


def placed(tag: str, attributes: str = "", inside: str = "") -> str:
    """Return a mail with that component where it may stand, each tag on a line of its own."""
    chain = [tag]
    while chain[-1] != "mjml":
        chain.append(_PARENTS.get(chain[-1], "mj-column"))
    opening = [f"<{name}>" for name in reversed(chain[1:])]
    closing = [f"</{name}>" for name in chain[1:]]
    if "mj-body" not in chain and tag != "mjml":
        closing.insert(-1, f"<mj-body>{_TEXT}</mj-body>")
    middle = [f"<{tag}{attributes}>", *([inside] if inside else []), f"</{tag}>"]
    if tag == "mjml":
        middle.insert(-1, f"<mj-body>{_TEXT}</mj-body>")
    return "\n".join([*opening, *middle, *closing]) + "\n"


def _whole(head: str, body: str) -> str:
    return f"<mjml>\n<mj-head>\n{head}\n</mj-head>\n<mj-body>\n{body}\n</mj-body>\n</mjml>\n"


def unknown_attributes(tags: list[str]) -> dict[str, str]:
    """Return for each component a mail in which it has an attribute that no component has."""
    return {f"attribute of {tag}": placed(tag, ' colour-of="x"') for tag in tags}


def bad_values() -> dict[str, str]:
    """Return a mail for each value, right ones at the edge among them."""
    triples = [line.split(" ", 2) for line in _VALUES.strip().splitlines()]
    return {f"{tag} {name}={value}": placed(tag, f' {name}="{value}"') for tag, name, value in triples}


def misplaced() -> dict[str, str]:
    """Return a mail for each child in a parent that does not take it."""
    pairs = [line.split() for line in _MISPLACED.strip().splitlines()]
    return {f"{child} in {parent}": placed(parent, "", f"<{child}></{child}>") for parent, child in pairs}


def others() -> dict[str, str]:
    """Return what is wrong in other ways."""
    return {
        "tag mj-buton": placed("mj-column", "", "<mj-buton>x</mj-buton>"),
        "tag mj-invoice": placed("mj-body", "", "<mj-invoice />"),
        "tag mj-metadata in the head": placed("mj-head", "", "<mj-metadata>x</mj-metadata>"),
        "tag mj-container in mj-wrapper": placed("mj-wrapper", "", "<mj-container></mj-container>"),
        "tag mj-list in a hero": placed("mj-hero", "", "<mj-list></mj-list>"),
        "HTML in a column": placed("mj-column", "", "<p>x</p>"),
        "HTML in a section": placed("mj-section", "", "<table></table>"),
        "HTML in the body": placed("mj-body", "", "<div>x</div>"),
        "HTML in the head": placed("mj-head", "", '<meta name="a" content="b" />'),
        "a tag of mjml in capitals": placed("mj-column", "", "<MJ-TEXT>x</MJ-TEXT>"),
        "text in a column": placed("mj-column", "", "Bare words"),
        "text in a section": placed("mj-section", "", "Bare words"),
        "text in the body": placed("mj-body", "", "Bare words"),
        "text in mj-social": placed("mj-social", "", "Bare words"),
        "two errors on two lines": placed(
            "mj-column", "", '<mj-text colr="x">x</mj-text>\n<mj-text size="1">x</mj-text>'
        ),
        "three errors in one tag": placed("mj-text", ' colr="x" font-size="1" align="up"'),
        "an attribute two lines below its tag": placed("mj-text", '\n  color="#111111"\n  colr="x"'),
        "an error in mj-attributes": _whole('<mj-attributes>\n<mj-text colr="x" />\n</mj-attributes>', _TEXT),
        "a bad value in mj-attributes": _whole('<mj-attributes>\n<mj-text padding="1em" />\n</mj-attributes>', _TEXT),
        "an unknown tag in mj-attributes": _whole("<mj-attributes>\n<mj-buton />\n</mj-attributes>", _TEXT),
        "an unknown attribute of mj-all": _whole('<mj-attributes>\n<mj-all colr="x" />\n</mj-attributes>', _TEXT),
        "a bad value of mj-all": _whole('<mj-attributes>\n<mj-all padding="1em" />\n</mj-attributes>', _TEXT),
        "a bad value of mj-class": _whole('<mj-attributes>\n<mj-class name="a" color="12" />\n</mj-attributes>', _TEXT),
        "defaults for a class": _whole(
            '<mj-attributes>\n<mj-class name="a">\n<mj-text color="#111111" />\n</mj-class>\n</mj-attributes>', _TEXT
        ),
        "HTML in mj-attributes": _whole("<mj-attributes>\n<p></p>\n</mj-attributes>", _TEXT),
        "html attributes": _whole(
            '<mj-html-attributes>\n<mj-selector path=".a">\n<mj-html-attribute name="b">c</mj-html-attribute>\n'
            "</mj-selector>\n</mj-html-attributes>",
            _TEXT,
        ),
        "mj-class of an element in the head": _whole('<mj-title mj-class="a">x</mj-title>', _TEXT),
        "css-class of a font": _whole('<mj-font css-class="a" name="A" href="https://shop.example/a.css" />', _TEXT),
        "a body that is not there": "<mjml>\n<mj-head></mj-head>\n</mjml>\n",
        "no mjml at all": "<mj-body>\n</mj-body>\n",
        "an empty value": placed("mj-text", ' color="" padding=""'),
        "an empty choice": placed("mj-section", ' full-width=""'),
        "an entity": placed("mj-text", "", "a &amp; b &copy; &nbsp;"),
        "HTML in text that is not closed": placed("mj-text", "", "<p>x"),
        "a bare < in text": placed("mj-text", "", "1 < 2"),
        "an attribute without quotes": placed("mj-text", " color=red"),
        "an attribute twice": placed("mj-text", ' color="red" color="blue"'),
        "a tag that is never closed": "<mjml>\n<mj-body>\n<mj-section>\n</mj-body>\n</mjml>\n",
        "an attribute of mjml": placed("mjml", ' colour-of="x"'),
    }


def every(tags: list[str]) -> dict[str, str]:
    """Return all of them by name; `tags` are the components."""
    return {**unknown_attributes(tags), **bad_values(), **misplaced(), **others()}
