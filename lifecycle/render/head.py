"""What every mail's head and body have: language, direction, title, colour schemes, preheader, pixel."""

from __future__ import annotations

from lifecycle.render.css import knows_the_dark
from lifecycle.render.markup import Comment, Element, Text

#: fills the inbox's preview line behind a short preheader, so that the mail's first words do not follow it
PADDING = "&#847;&zwnj;&nbsp;" * 60
PIXEL = '<img src="{{ _open }}" width="1" height="1" alt="" style="display:block;border:0;width:1px;height:1px">'

_METAS = (
    '<meta name="color-scheme" content="SCHEMES">'
    '<meta name="supported-color-schemes" content="SCHEMES">'
    '<meta name="x-apple-disable-message-reformatting">'
    '<meta name="format-detection" content="telephone=no,date=no,address=no,email=no,url=no">'
)


def furnish(root: Element, locale: str, direction: str, title: str, preheader: str) -> None:
    """Give a mail's tree its language, direction, title, preheader and metas; `title` and `preheader` are tokens."""
    mail = root.find("mjml")
    if mail is None:
        return
    mail.set("lang", locale)
    mail.set("dir", direction)
    head = next((child for child in mail.children if isinstance(child, Element) and child.tag == "mj-head"), None)
    if head is None:
        head = Element("mj-head", mail.start, parent=mail)
        mail.children.insert(0, head)
    head.children = [
        child for child in head.children if not (isinstance(child, Element) and child.tag in {"mj-title", "mj-preview"})
    ]
    head.children[:0] = [_with(head, "mj-title", title), _with(head, "mj-preview", preheader)]
    # a mail that says it knows the dark is drawn on a dark page by Apple Mail, whose black text it would then keep
    schemes = "light dark" if knows_the_dark(root) else "light"
    head.children.append(_with(head, "mj-raw", _METAS.replace("SCHEMES", schemes)))


def _with(parent: Element, tag: str, text: str) -> Element:
    return Element(tag, parent.start, children=[Text(text, parent.start)], parent=parent)


def add_pixel(page: str) -> str:
    """Return the page with the open pixel as the last thing in its body."""
    head, closing, tail = page.rpartition("</body>")
    return head + PIXEL + closing + tail if closing else page + PIXEL


def is_statement(node: object) -> bool:
    """Say whether a node stands for a Jinja statement."""
    return isinstance(node, Comment) and node.value.startswith("jx")


def pad_preheader(page: str) -> str:
    """Return the page with filling behind the hidden preheader, which is not white on white: spam filters score that.

    It is hidden by `display:none`, and by having neither size nor height where that is ignored.
    """
    before, preheader, after = page.partition("{{ _preheader }}")
    if not preheader:
        return page
    before, div, style = before.rpartition("<div")
    return before + div + style.replace("color:#ffffff;", "") + preheader + PADDING + after
