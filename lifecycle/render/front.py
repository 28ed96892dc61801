"""The front matter of a template: subject, preheader and, where wanted, the plain text written by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from lifecycle.render import rules
from lifecycle.spec.diagnostics import Diagnostic, did_you_mean
from lifecycle.spec.place import Place

KEYS = ("subject", "preheader", "plain")
MAX_CHARACTERS = 16_000

_FENCE = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_OPENED = re.compile(r"\A\ufeff?---[ \t]*(?:\r?\n|\Z)")


@dataclass(frozen=True, slots=True)
class Field:
    """Jinja in plain text, for all locales (`""`) or by locale, and where it stands."""

    texts: Mapping[str, str]
    place: Place

    def text(self, locale: str, default: str) -> str:
        """Return the text for a locale, by the usual chain; "" when there is none."""
        for wanted in (locale, locale.split("-", maxsplit=1)[0], "", default):
            if wanted in self.texts:
                return self.texts[wanted]
        return ""


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The fields that a template gives."""

    fields: Mapping[str, Field] = field(default_factory=dict)

    def over(self, other: FrontMatter) -> FrontMatter:
        """Return this with what only `other` (the layout) gives."""
        return FrontMatter({**other.fields, **self.fields})


def read_front(path: str, text: str, problems: list[Diagnostic]) -> tuple[FrontMatter, int]:
    """Return the front matter and the offset behind it; without one, an empty one and 0."""
    found = _FENCE.match(text)
    if found is None:
        if _OPENED.match(text):
            message = "the front matter is never closed: a second --- ends it"
            problems.append(rules.FrontMatterWrong.at(Place(path, 1, 1, 3), message))
        return FrontMatter(), 0
    inner = found[1]
    try:
        node = _compose(inner)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = (mark.line if mark else 0) + 2
        reason = getattr(error, "problem", None) or str(error)
        place = Place(path, line, (mark.column if mark else 0) + 1)
        hint = "put a value that holds {{ }} into quotes"
        problems.append(rules.FrontMatterWrong.at(place, f"the front matter is no YAML: {reason}", hint=hint))
        return FrontMatter(), found.end()
    if node is None:
        return FrontMatter(), found.end()
    if not isinstance(node, yaml.MappingNode):
        problems.append(
            rules.FrontMatterWrong.at(Place(path, 2, 1), "the front matter is not a map of subject, preheader, plain")
        )
        return FrontMatter(), found.end()
    return FrontMatter(_fields(path, node, problems)), found.end()


def _compose(text: str) -> yaml.Node | None:
    """Return the tree of a YAML text. Raises YAMLError, also for what is too long or uses anchors."""
    if len(text) > MAX_CHARACTERS:
        raise yaml.YAMLError("it is too long")
    if any(isinstance(token, yaml.AnchorToken | yaml.AliasToken | yaml.TagToken) for token in yaml.scan(text)):
        raise yaml.YAMLError("anchors, aliases and tags are refused")
    found: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    return found


def _fields(path: str, node: yaml.MappingNode, problems: list[Diagnostic]) -> dict[str, Field]:
    fields: dict[str, Field] = {}
    for key_node, value in node.value:
        place = _place(path, key_node)
        key = str(key_node.value)
        if key not in KEYS:
            problems.append(
                rules.FrontMatterWrong.at(
                    place, f'unknown key "{key}" in the front matter', hint=did_you_mean(key, KEYS)
                )
            )
        elif key in fields:
            problems.append(rules.FrontMatterWrong.at(place, f'"{key}" is there twice'))
        elif isinstance(value, yaml.ScalarNode):
            fields[key] = Field({"": value.value.strip()}, _place(path, value))
        elif isinstance(value, yaml.MappingNode) and _is_flow_of_braces(value):
            hint = f'put it into quotes: {key}: "{{{{ … }}}}"'
            problems.append(rules.FrontMatterWrong.at(_place(path, value), f'"{key}" is not a text', hint=hint))
            fields[key] = Field({"": ""}, place)  # it is there, and not missing too
        elif isinstance(value, yaml.MappingNode):
            texts = {str(name.value): str(text.value).strip() for name, text in value.value}
            fields[key] = Field(texts, _place(path, value))
        else:
            problems.append(rules.FrontMatterWrong.at(place, f'"{key}" is not a text'))
            fields[key] = Field({"": ""}, place)
    return fields


def _is_flow_of_braces(node: yaml.MappingNode) -> bool:
    return any(not isinstance(part, yaml.ScalarNode) for pair in node.value for part in pair)


def _place(path: str, node: yaml.Node) -> Place:
    mark, end = node.start_mark, node.end_mark
    length = end.column - mark.column if end.line == mark.line else 1
    return Place(path, mark.line + 2, mark.column + 1, max(length, 1))
