"""Checks a template's tree against MJML's tables, since the MJML compiler takes anything without a word."""

from __future__ import annotations

import re

from lifecycle.render import rules
from lifecycle.render.colours import COLOURS
from lifecycle.render.head import is_statement
from lifecycle.render.markup import Attribute, Comment, Element, Text
from lifecycle.render.mask import BARE, TOKEN, Masked
from lifecycle.render.mjml_schema import ANY_ATTRIBUTE, ATTRIBUTES, CHILDREN, EVERYWHERE, REFUSED
from lifecycle.spec.diagnostics import Diagnostic, Rule, did_you_mean
from lifecycle.spec.place import Place

#: parents in whose layout a statement changes nothing that is computed at compile time
_STATEMENTS_AMONG_TAGS = frozenset({"mj-body", "mj-column", "mj-hero"})
_OPENING, _CLOSING = frozenset({"if", "for", "with"}), frozenset({"endif", "endfor", "endwith"})
_COMPUTED = frozenset({"px", "px_auto", "measure", "measures", "measure_auto", "height", "spacing"})

_NUMBER = r"\d*\.?\d+"
_MEASURE = rf"(?:{_NUMBER}(?:px|%)|0)"
_BYTE, _SHARE = r"\s*\d{1,3}\s*", r"\s*\d?(?:\.\d{1,3})?\s*"
_KINDS = {
    "px": (re.compile(rf"{_NUMBER}px|0"), "a measure in px, as 12px"),
    "px_auto": (re.compile(rf"auto|{_NUMBER}px|0"), "a measure in px, as 12px, or auto"),
    "measure": (re.compile(_MEASURE), "a measure, as 12px or 50%"),
    "measures": (re.compile(rf"{_MEASURE}(\s+{_MEASURE}){{0,3}}"), "one to four measures, as 12px 24px"),
    "measure_auto": (re.compile(rf"auto|{_MEASURE}"), "a measure, as 12px or 50%, or auto"),
    "height": (re.compile(rf"{_NUMBER}(px|%)?"), "a line height, as 24px or 1.5"),
    "spacing": (re.compile(rf"-?{_NUMBER}(px|em)|0"), "a spacing, as 1px or 0.1em"),
    "flag": (re.compile(r"true|false"), "true or false"),
    "number": (re.compile(r"\d+"), "a whole number"),
    "colour": (
        re.compile(
            r"#([0-9a-f]{3}){1,2}"
            rf"|rgb\({_BYTE},{_BYTE},{_BYTE}\)|rgba\({_BYTE},{_BYTE},{_BYTE},{_SHARE}\)|{'|'.join(COLOURS)}",
            re.IGNORECASE,
        ),
        "a colour, as #1a2b3c, rgb(1, 2, 3) or a name",
    ),
}


def check_tree(tree: Element, masked: Masked, problems: list[Diagnostic]) -> None:
    """Add what is wrong with the tree to `problems`: tags, nesting, attributes, values, statements out of place."""
    _Check(masked, problems).run(tree)


class _Check:
    def __init__(self, masked: Masked, problems: list[Diagnostic]) -> None:
        self.masked = masked
        self.problems = problems

    def run(self, tree: Element) -> None:
        mails = [child for child in tree.children if isinstance(child, Element) and child.tag == "mjml"]
        if len(mails) != 1 or mails[0].find("mj-body") is None:
            place = self._place(mails[0].start if mails else 0, 5)
            self.problems.append(
                rules.TagMisplaced.at(
                    place, "a template is one <mjml> with a <mj-body>", hint="extend a layout, or write both"
                )
            )
        self._element(tree)

    def _place(self, offset: int, length: int) -> Place:
        return self.masked.woven.place(offset, length)

    def _element(self, element: Element) -> None:
        if element.tag in REFUSED:
            self._at(element, rules.UnknownTag, f"a template has no <{element.tag}>", REFUSED[element.tag])
            return
        self._nesting(element)
        self._statements(element)
        if element.tag.startswith("mj"):
            self._attributes(element)
        if element.parent is not None and element.parent.tag == "mj-attributes":
            return
        for child in element.children:
            if isinstance(child, Element):
                self._element(child)

    def _at(self, element: Element, rule: type[Rule], message: str, hint: str = "") -> None:
        self.problems.append(rule.at(self._place(element.start, len(element.tag) + 1), message, hint=hint))

    # -- nesting

    def _nesting(self, element: Element) -> None:
        allowed = CHILDREN.get(element.tag)
        for child in element.children:
            if isinstance(child, Text) and allowed is not None and child.value.strip():
                self._stray_text(element, child)
            if isinstance(child, Element):
                self._child(element, child, allowed)

    def _stray_text(self, element: Element, child: Text) -> None:
        offset = child.start + len(child.value) - len(child.value.lstrip())
        found = BARE.match(self.masked.woven.text, offset)
        if found and self.masked.tokens[int(found[1])].keyword == "" and not self.masked.tokens[int(found[1])].body:
            return
        where = f"<{element.tag}>" if element.tag else "the template"
        shown = child.value.strip().split("\n")[0]
        self.problems.append(
            rules.TagMisplaced.at(
                self._place(offset, len(shown)), f"text stands directly in {where}", hint="put it into <mj-text>"
            )
        )

    def _child(self, parent: Element, child: Element, allowed: frozenset[str] | None) -> None:
        tag = child.tag
        if tag.startswith("mj") and tag not in ATTRIBUTES and tag not in REFUSED:
            self._at(child, rules.UnknownTag, f"MJML has no <{tag}>", did_you_mean(tag, ATTRIBUTES))
        elif parent.tag == "mj-attributes":
            if tag not in ATTRIBUTES:
                self._at(child, rules.TagMisplaced, f"<{tag}> cannot have defaults in <mj-attributes>")
        elif allowed is None:
            if tag.startswith("mj") and tag not in REFUSED:
                self._at(child, rules.TagMisplaced, f"<{tag}> may not stand in <{parent.tag}>", _wrap(tag))
        elif tag not in allowed and tag not in REFUSED:
            where = f"<{parent.tag}>" if parent.tag else "a template's root"
            self._at(child, rules.TagMisplaced, f"<{tag}> may not stand in {where}", _wrap(tag))

    # -- statements

    def _statements(self, element: Element) -> None:
        """Check that blocks open and close among the same children, where MJML computes no widths."""
        open_: list[int] = []
        for child in element.children:
            if isinstance(child, Text) and element.tag in {"mj-style", "style", "mj-title", "mj-preview", "title"}:
                for found in TOKEN.finditer(child.value):
                    if found[2]:
                        self._statement(int(found[2]), f"a statement may not stand in <{element.tag}>")
            if not isinstance(child, Comment) or not is_statement(child):
                continue
            number = int(child.value[2:])
            token = self.masked.tokens[number]
            if token.keyword in _OPENING:
                open_.append(number)
                if element.tag in CHILDREN and element.tag not in _STATEMENTS_AMONG_TAGS:
                    where = f"<{element.tag}>" if element.tag not in {"", "mjml"} else "the outermost level"
                    self._statement(
                        number,
                        f"a block may not stand among the children of {where}",
                        "put the whole section into the block",
                    )
            elif token.keyword in _CLOSING:
                if not open_:
                    self._statement(number, f"this {token.keyword} closes a block of another element")
                else:
                    open_.pop()
        for number in open_:
            self._statement(
                number, "this block does not end in the element it begins in", "begin and end it between the same tags"
            )

    def _statement(self, number: int, message: str, hint: str = "") -> None:
        self.problems.append(rules.StatementCrossesElements.at(self.masked.tokens[number].place, message, hint=hint))

    # -- attributes

    def _attributes(self, element: Element) -> None:
        defaults = element.parent is not None and element.parent.tag == "mj-attributes"
        known = ATTRIBUTES.get(element.tag)
        if known is None:
            return
        if element.tag in {"mj-all", "mj-class"} or defaults:
            known = {**ANY_ATTRIBUTE, **known} if element.tag in {"mj-all", "mj-class"} else known
        for attribute in element.attributes:
            kind = known.get(attribute.name)
            if kind is None:
                place = self._place(attribute.start, len(attribute.name))
                hint = did_you_mean(attribute.name, [*known, *EVERYWHERE])
                self.problems.append(
                    rules.UnknownAttribute.at(place, f'<{element.tag}> has no attribute "{attribute.name}"', hint=hint)
                )
            else:
                self._value(attribute, kind)
        if element.tag == "mj-image" and element.get("alt") is None:
            self._at(
                element,
                rules.MissingAlt,
                "the image has no alternative text",
                'alt="what it shows", or alt="" for decoration',
            )

    def _value(self, attribute: Attribute, kind: str) -> None:
        place = self._place(attribute.value_start, max(len(attribute.value), 1))
        if BARE.search(attribute.value):
            if kind in _COMPUTED:
                found = BARE.search(attribute.value)
                token = self.masked.tokens[int(found[1])] if found else None
                self.problems.append(
                    rules.PlaceholderInWidth.at(
                        token.place if token else place, hint="a fixed measure, or one from brand"
                    )
                )
            return
        value = attribute.value.strip()
        if kind in _KINDS:
            pattern, meant = _KINDS[kind]
            if not pattern.fullmatch(value):
                self.problems.append(
                    rules.BadAttributeValue.at(place, f'"{value}" is no {attribute.name}', hint=f"write {meant}")
                )
        elif kind != "text" and value not in kind.split("|"):
            words = ", ".join(word for word in kind.split("|") if word)
            self.problems.append(
                rules.BadAttributeValue.at(place, f'"{value}" is no {attribute.name}', hint=f"one of {words}")
            )


def _wrap(tag: str) -> str:
    parents = [parent for parent, children in CHILDREN.items() if tag in children and parent]
    return f"put it into <{parents[0]}>" if parents else ""
