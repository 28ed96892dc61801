"""`NAME.sample.yaml`: the people that a template's previews and checks show it to, each checked against the scope.

Names at the top are the plain sample. `samples` holds further ones by name; each lies over the plain one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from lifecycle.base.instants import read_instant
from lifecycle.render.rules_sample import SampleOfNothing, SampleWrong
from lifecycle.render.scope import NAMES
from lifecycle.render.source import ROOT
from lifecycle.render.usage import coupon_names
from lifecycle.spec.decode_values import is_name
from lifecycle.spec.diagnostics import Diagnostic, did_you_mean
from lifecycle.spec.model import Content
from lifecycle.spec.place import Place
from lifecycle.spec.source import Entry, ListNode, MapNode, Node, ScalarNode, read

SUFFIX = ".sample.yaml"
#: the key under which further samples stand
FURTHER = "samples"
#: what is a map in scope, though anything may be below it
_MAPS = frozenset({"contact", "account", "data"})
#: and what is a list
_LISTS = frozenset({"views", "segments"})
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(slots=True)
class Samples:
    """What a sample file gives: the plain sample, further ones by name, and what is wrong with the file."""

    given: dict[str, Any] = field(default_factory=dict)
    named: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[Diagnostic] = field(default_factory=list)


def read_samples(content: Content, template: str) -> Samples:
    """Return what a template's sample file gives; nothing without one."""
    path = f"{ROOT}{template}{SUFFIX}"
    text = content.files.get(path)
    if text is None:
        return Samples()
    node, problems = read(path, text)
    found = Samples(problems=problems)
    if node is None:
        return found
    if not isinstance(node, MapNode):
        wrong = SampleWrong.at(node.place, "a sample is a map of the names in scope", hint="contact: {first_name: …}")
        problems.append(wrong)
        return found
    known = _known(content)
    for entry in node.entries:
        if entry.name == FURTHER:
            problems += _read_further(entry, known, found.named)
        else:
            problems += _look_at(entry, [*known, FURTHER], known)
            found.given[entry.name] = _typed(entry.value)
    return found


def _read_further(
    further: Entry, known: Mapping[str, frozenset[str] | None], named: dict[str, dict[str, Any]]
) -> Iterator[Diagnostic]:
    """Take the samples under `samples` into `named`, and yield what is wrong with them."""
    if not isinstance(further.value, MapNode):
        hint = "write samples: {long: {contact: {…: …}}}"
        yield SampleWrong.at(further.value.place, f'"{FURTHER}" is a map of samples by name', hint=hint)
        return
    for entry in further.value.entries:
        if not is_name(entry.name):
            hint = "letters, digits, - and _, as in long-name"
            yield SampleWrong.at(entry.key.place, f'"{entry.name}" is no name for a sample', hint=hint)
        elif not isinstance(entry.value, MapNode):
            hint = f"write {entry.name}: {{contact: {{…: …}}}}"
            yield SampleWrong.at(entry.value.place, f'the sample "{entry.name}" is a map', hint=hint)
        else:
            for inner in entry.value.entries:
                yield from _look_at(inner, known, known)
            named[entry.name] = {inner.name: _typed(inner.value) for inner in entry.value.entries}


def _known(content: Content) -> dict[str, frozenset[str] | None]:
    """Return the names that a sample may give, and what is below them."""
    coupons = dict.fromkeys(coupon_names(content), NAMES["coupon"])
    return {**coupons, **{name: below for name, below in NAMES.items() if name != "t"}}


def _look_at(entry: Entry, names: Iterable[str], known: Mapping[str, frozenset[str] | None]) -> Iterator[Diagnostic]:
    """Yield what is wrong with one name that a sample gives; `names` are those that may have been meant."""
    name, below = entry.name, known.get(entry.name)
    if name not in known:
        yield SampleWrong.at(entry.key.place, f'no mail has "{name}" in scope', hint=did_you_mean(name, names))
    elif name in _LISTS:
        if not isinstance(entry.value, ListNode):
            item = "vip" if name == "segments" else "{…: …}"
            yield SampleWrong.at(entry.value.place, f'"{name}" is a list', hint=f"write {name}: [{item}]")
    elif not isinstance(entry.value, MapNode):
        absent = isinstance(entry.value, ScalarNode) and entry.value.value is None
        if not absent and (below is not None or name in _MAPS):
            yield SampleWrong.at(entry.value.place, f'"{name}" is a map', hint=f"write {name}: {{…: …}}")
    elif below is not None:
        for inner in entry.value.entries:
            if inner.name not in below:
                hint = did_you_mean(inner.name, below)
                yield SampleWrong.at(inner.key.place, f'{name} has no "{inner.name}"', hint=hint)


def unread_samples(files: Mapping[str, str], templates: Iterable[str]) -> Iterator[Diagnostic]:
    """Yield the files beside the templates that no template reads as its sample."""
    samples = {f"{ROOT}{name}{SUFFIX}": name for name in templates}
    for path in files:
        if path.startswith(ROOT) and path.endswith((".yaml", ".yml")) and path not in samples:
            hint = did_you_mean(path, samples)
            yield SampleOfNothing.at(Place(path, 1, 1), hint=hint or f"samples are called NAME{SUFFIX}")


def _typed(node: Node) -> Any:
    """Return a sample's values as a real scope has them: money exact, instants aware."""
    match node:
        case MapNode(entries=entries):
            return {entry.name: _typed(entry.value) for entry in entries}
        case ListNode(items=items):
            return [_typed(item) for item in items]
        case ScalarNode(value=float(), text=text):
            return Decimal(text)
        case ScalarNode(value=str(text), plain=True):
            instant = read_instant(text)
            return text if instant is None else instant.date() if _DAY.fullmatch(text) else instant
        case ScalarNode(value=value):
            return value
