"""Checks a template's Jinja: names in scope, what is below them, filters, texts by key; each at its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError

from lifecycle.render import rules
from lifecycle.render.localise import Texts
from lifecycle.render.sandbox import Sandbox
from lifecycle.render.scope import NAMES
from lifecycle.render.source import Source
from lifecycle.render.usage import coupon_names
from lifecycle.render.woven import Woven
from lifecycle.spec.diagnostics import Diagnostic, did_you_mean
from lifecycle.spec.model import Campaign, Content, EventTrigger
from lifecycle.spec.place import Place

AnyNode = TypeVar("AnyNode", bound=nodes.Node)

#: names that Jinja itself gives
_GIVEN = frozenset({"range", "namespace", "dict", "loop", "true", "false", "none"})
#: what every contact has beside its attributes
CONTACT = frozenset({"email", "external_id", "locale", "timezone", "stage"})


@dataclass(frozen=True, slots=True)
class Reading:
    """One text of a template as Jinja reads it: its tree, and where each of its lines was written."""

    tree: nodes.Template
    text: str
    woven: Woven | None
    place: Place
    #: the tree's nodes by their class, walked once
    kinds: Mapping[type[nodes.Node], Sequence[Any]]

    def each(self, kind: type[AnyNode]) -> Sequence[AnyNode]:
        """Return the tree's nodes of exactly that class, in the order of writing."""
        return self.kinds.get(kind, ())

    def at(self, line: int, word: str, below: str = "") -> Place:
        """Return the place of `word` (below the name `below`) in the Jinja of a line.

        Takes time: for what is reported, not for each node.
        """
        start = sum(map(len, self.text.split("\n")[: line - 1])) + line - 1
        owner = rf"{re.escape(below)}\s*\.\s*" if below else ""
        pattern = re.compile(rf"(?<!\w){owner}(?P<word>{re.escape(word)})(?!\w)")
        written = [each for each in pattern.finditer(self.text, start) if _in_jinja(self.text, each.start())]
        # a name before an attribute of the same name
        found = min(written, key=lambda each: self.text[each.start() - 1] == ".", default=None)
        if self.woven is None or found is None:
            return self.place if self.woven is None else self.woven.place(start)
        return self.woven.place(found.start("word"), len(word))


def _in_jinja(text: str, offset: int) -> bool:
    opened = max(text.rfind("{{", 0, offset), text.rfind("{%", 0, offset))
    return opened > max(text.rfind("}}", 0, offset), text.rfind("%}", 0, offset))


@dataclass(frozen=True, slots=True)
class Known:
    """What is in scope for a template: names, what is below them, and who sends it."""

    below: Mapping[str, frozenset[str] | None]
    properties: frozenset[str] | None
    campaigns: tuple[Campaign, ...]


def known_names(content: Content, campaigns: tuple[Campaign, ...]) -> Known:
    """Return the scope of a template that these campaigns send."""
    below = dict(NAMES)
    if content.project.contact_attributes:
        below["contact"] = frozenset(heads(content.project.contact_attributes)) | CONTACT
    for name in coupon_names(content):
        below.setdefault(name, NAMES["coupon"])
    properties: set[str] | None = set()
    for campaign in campaigns:
        events = campaign.trigger.events if isinstance(campaign.trigger, EventTrigger) else ()
        for event in events:
            schema = content.project.events.get(event)
            if schema is None or properties is None:
                properties = None  # an event nobody declared may have anything
            else:
                properties |= heads(schema.properties)
    return Known(below, frozenset(properties) if properties else None, campaigns)


def heads(paths: Iterable[str]) -> set[str]:
    """Return the first names of dotted paths: `products` of `products[].price`."""
    return {path.split(".")[0].removesuffix("[]") for path in paths}


def read_jinja(
    source: Source, sandbox: Sandbox, locale: str, default: str, problems: list[Diagnostic]
) -> list[Reading]:
    """Return the template's texts as Jinja reads them; syntax errors are added to `problems` at their line."""
    start = Place(source.path, 1, 1)
    texts: list[tuple[str, Woven | None, Place]] = [(source.body.text, source.body, start)]
    texts += [(text, None, start) for text in source.preamble]
    texts += [(field.text(locale, default), None, field.place) for field in source.front.fields.values()]
    readings = []
    for text, woven, place in texts:
        try:
            tree = sandbox.parse(text)
            readings.append(Reading(tree, text, woven, place, _by_class(tree)))
        except TemplateSyntaxError as error:
            lines = text.split("\n")
            line = lines[error.lineno - 1]
            offset = sum(map(len, lines[: error.lineno - 1])) + error.lineno - 1 + len(line) - len(line.lstrip())
            where = woven.place(offset, len(line.strip())) if woven else place
            problems.append(rules.JinjaSyntax.at(where, f"the Jinja cannot be read: {error.message}"))
    return readings


def _by_class(tree: nodes.Template) -> Mapping[type[nodes.Node], Sequence[nodes.Node]]:
    """Return the nodes of a tree by class. A walk of our own: jinja's `find_all` takes ten times as long."""
    found: dict[type[nodes.Node], list[nodes.Node]] = {}
    waiting: list[nodes.Node] = [tree]
    while waiting:
        node = waiting.pop()
        found.setdefault(type(node), []).append(node)
        inner: list[nodes.Node] = []
        for name in node.fields:
            value = getattr(node, name)
            if isinstance(value, nodes.Node):
                inner.append(value)
            elif isinstance(value, list):
                inner.extend(item for item in value if isinstance(item, nodes.Node))
        waiting.extend(reversed(inner))
    return found


def check_readings(
    readings: list[Reading], known: Known, texts: Texts, sandbox: Sandbox, problems: list[Diagnostic]
) -> None:
    """Add what is wrong with names, filters and texts to `problems`."""
    assigned = {
        name.name for reading in readings for name in reading.each(nodes.Name) if name.ctx in {"store", "param"}
    }
    for reading in readings:
        problems += _problems(reading, assigned, known, texts, sandbox)


def _problems(
    reading: Reading, assigned: set[str], known: Known, texts: Texts, sandbox: Sandbox
) -> Iterator[Diagnostic]:
    for name in reading.each(nodes.Name):
        if (
            name.ctx == "load"
            and name.name not in assigned
            and name.name not in known.below
            and name.name not in _GIVEN
        ):
            place = reading.at(name.lineno, name.name)
            yield rules.UndefinedVariable.at(
                place, f'there is no "{name.name}" in scope', hint=did_you_mean(name.name, [*known.below, *assigned])
            )
        elif name.ctx in {"store", "param"} and (name.name.startswith("_") or name.name in {"t", "brand"}):
            place = reading.at(name.lineno, name.name)
            yield rules.StatementRefused.at(place, f'"{name.name}" cannot be set')
    for item in (*reading.each(nodes.Filter), *reading.each(nodes.Test)):
        table = sandbox.filters if isinstance(item, nodes.Filter) else sandbox.tests
        kind = "filter" if isinstance(item, nodes.Filter) else "test"
        if item.name not in table or item.name.startswith("_"):
            hint = did_you_mean(item.name, [name for name in table if not name.startswith("_")])
            yield rules.UnknownFilter.at(
                reading.at(item.lineno, item.name), f'there is no {kind} "{item.name}"', hint=hint
            )
    for attribute in reading.each(nodes.Getattr):
        yield from _attribute(attribute, reading, assigned, known)
    for call in reading.each(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == "t":
            yield from _text(call, reading, texts)


def _attribute(node: nodes.Getattr, reading: Reading, assigned: set[str], known: Known) -> Iterator[Diagnostic]:
    owner = node.node
    if isinstance(owner, nodes.Name) and owner.name not in assigned:
        below = known.below.get(owner.name)
        name = owner.name
    elif (
        isinstance(owner, nodes.Getattr)
        and isinstance(owner.node, nodes.Name)
        and (owner.node.name, owner.attr) == ("event", "properties")
    ):
        below, name = known.properties, "event.properties"
    else:
        return
    if below is not None and node.attr not in below:
        place = reading.at(node.lineno, node.attr, name)
        yield rules.UndefinedVariable.at(place, f'{name} has no "{node.attr}"', hint=did_you_mean(node.attr, below))


def _text(call: nodes.Call, reading: Reading, texts: Texts) -> Iterator[Diagnostic]:
    key = call.args[0] if call.args else None
    if not isinstance(key, nodes.Const) or not isinstance(key.value, str):
        return
    entry = texts.entry(key.value)
    if entry is None and texts.unread:
        return
    if entry is None:
        place = reading.at(call.lineno, key.value)
        hint = did_you_mean(key.value, sorted(texts.keys()))
        yield rules.UnknownKey.at(place, f'no catalog has "{key.value}"', hint=hint)
        return
    given = {argument.key for argument in call.kwargs}
    missing = sorted(texts.needed(key.value) - given)
    if missing and call.dyn_kwargs is None:
        yield rules.MissingArgument.at(
            reading.at(call.lineno, key.value),
            f'"{key.value}" needs {missing[0]}=',
            hint=f"t('{key.value}', {missing[0]}=…)",
        )
    if not texts.own(key.value):
        yield rules.LocaleFallsBack.at(
            reading.at(call.lineno, key.value),
            f'locale {texts.locale} has no "{key.value}" and takes another\'s',
            hint=f"add it to locales/{texts.locale}.yaml",
        )


def uses(readings: list[Reading], names: frozenset[str]) -> set[str]:
    """Return which of the names the template reads."""
    return {name.name for reading in readings for name in reading.each(nodes.Name) if name.name in names}
