"""Finds every place in a template's tree that leads somewhere, and gives it its number."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from jinja2 import nodes
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from lifecycle.render import rules
from lifecycle.render.links import OWN_URLS, UNTRACKED_SCHEMES, Link, absolute, scheme_of, tag
from lifecycle.render.markup import Attribute, Element
from lifecycle.render.mask import BARE, Token
from lifecycle.spec.diagnostics import Diagnostic
from lifecycle.spec.place import Place

LINKED = frozenset({"a", "area", "mj-button", "mj-image", "mj-carousel-image", "mj-navbar-link", "mj-social-element"})
#: networks for which mrml turns href into a share link, unless the name ends in -noshare
SHARING = frozenset({"facebook", "twitter", "x", "google", "pinterest", "linkedin", "tumblr", "xing"})

_PLAIN = SandboxedEnvironment()


@dataclass(slots=True)
class Anchors:
    """The links of a template by number, and the attributes that hold a link's token after numbering."""

    links: dict[int, Link] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)


def number_links(
    tree: Element, tokens: dict[int, Token], *, base: str, utm: Mapping[str, str], shared: bool,
    place: Callable[[int, int], Place], problems: list[Diagnostic],
) -> Anchors:  # fmt: skip
    """Give each tracked link a number and a token in place of its target.

    `utm` is added to fixed targets; with `shared` (the campaign is not known yet) every target is rendered for the
    recipient. Links that lead nowhere are added to `problems`.
    """
    anchors = Anchors()
    for element in tree.walk():
        attribute = next((item for item in element.attributes if item.name == "href"), None)
        if attribute is None or element.tag not in LINKED or _shares(element):
            continue
        _resolve_base(element, attribute)
        parts = _parts(attribute.value, tokens)
        names = set().union(*(_names(part) for part in parts if isinstance(part, Token)))
        if names & OWN_URLS:
            anchors.own |= names & OWN_URLS
            continue
        where = place(attribute.value_start, max(len(attribute.value), 1))
        link = _link(len(anchors.links) + 1, parts, base, utm, shared, where, problems)
        if link is not None:
            anchors.links[link.number] = link
            attribute.value = _hide(link, tokens, where)
    return anchors


def _shares(element: Element) -> bool:
    return element.tag == "mj-social-element" and element.get("name") in SHARING


def _resolve_base(element: Element, attribute: Attribute) -> None:
    base = element.parent.get("base-url") if element.tag == "mj-navbar-link" and element.parent else None
    if base and not scheme_of(attribute.value):
        attribute.value = base + attribute.value


def _parts(value: str, tokens: Mapping[int, Token]) -> list[str | Token]:
    parts: list[str | Token] = []
    position = 0
    for found in BARE.finditer(value):
        if found.start() > position:
            parts.append(html.unescape(value[position : found.start()]))
        parts.append(tokens[int(found[1])])
        position = found.end()
    if position < len(value):
        parts.append(html.unescape(value[position:]))
    return parts


def _names(token: Token) -> set[str]:
    try:
        tree = _PLAIN.parse("{{" + token.body + "}}")
    except TemplateSyntaxError:
        return set()
    return {name.name for name in tree.find_all(nodes.Name)}


def _link(
    number: int, parts: list[str | Token], base: str, utm: Mapping[str, str], shared: bool,  # noqa: FBT001
    where: Place, problems: list[Diagnostic],
) -> Link | None:  # fmt: skip
    first = parts[0] if parts and isinstance(parts[0], str) else ""
    if scheme_of(first) in UNTRACKED_SCHEMES or first.startswith("#"):
        return None
    if all(isinstance(part, str) for part in parts):
        try:
            target = absolute("".join(str(part) for part in parts), base)
        except SecurityError as error:
            problems.append(rules.LinkRefused.at(where, str(error)))
            return None
        if target.startswith("http:"):
            problems.append(rules.InsecureLink.at(where))
        return Link(number, None, repr(target)) if shared else Link(number, tag(target, utm))
    if scheme_of(first) not in {"", "http", "https"}:
        problems.append(rules.LinkRefused.at(where, f'a mail has no "{scheme_of(first)}:" links'))
        return None
    expression = " ~ ".join(repr(part) if isinstance(part, str) else f"({part.body})" for part in parts)
    return Link(number, None, expression)


def _hide(link: Link, tokens: dict[int, Token], where: Place) -> str:
    text = (
        f"{{{{ _click }}}}/{link.number}"
        if link.fixed is not None
        else f"{{{{ _link({link.number}, {link.expression}) }}}}"
    )
    token = Token(len(tokens) + 1, text, "", "", where)
    tokens[token.number] = token
    return token.bare
