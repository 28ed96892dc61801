"""Types across files: what conditions and steps test and read, held against the declared events and attributes.

What is not declared at all is not checked: a project without `events` or `attributes` is as valid as one with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from lifecycle.spec import rules_conditions as rules
from lifecycle.spec.conditions import Operator, Test
from lifecycle.spec.decode import Use
from lifecycle.spec.diagnostics import Diagnostic, Rule, did_you_mean
from lifecycle.spec.model import Content, PropertyType

#: Attributes that every contact has, beside those that are declared.
BUILT_IN: Mapping[str, PropertyType] = {
    "email": "text", "external_id": "text", "locale": "text", "timezone": "text", "created_at": "instant",
}  # fmt: skip

_EQUAL: tuple[Operator, ...] = ("is", "is_not", "in", "not_in", "exists")
_NUMBER: tuple[Operator, ...] = (*_EQUAL, "at_least", "at_most", "more_than", "less_than", "between")
_TIME: tuple[Operator, ...] = ("exists", "before", "after", "within", "older_than")
_FITTING: Mapping[PropertyType, tuple[Operator, ...]] = {
    "text": (*_EQUAL, "contains", "starts_with", "ends_with"),
    "number": _NUMBER,
    "int": _NUMBER,
    "bool": ("is", "is_not", "exists"),
    "instant": _TIME,
    "date": (*_TIME, "is", "is_not"),
    "list": ("contains", "exists"),
    "object": ("exists",),
}
_NEEDED: Mapping[str, tuple[PropertyType, ...]] = {"number": ("number", "int"), "date": ("date", "instant")}


def check_uses(content: Content, uses: Sequence[Use]) -> Iterator[Diagnostic]:
    """Yield a diagnostic for each use that does not fit what is declared."""
    for use in uses:
        if use.owner == "event":
            yield from _check_property(content, use)
        else:
            yield from _check_attribute(content, use)


def _check_property(content: Content, use: Use) -> Iterator[Diagnostic]:
    schemas = [content.project.events[event] for event in use.events or () if event in content.project.events]
    schemas = [schema for schema in schemas if schema.properties]
    if not schemas or len(schemas) < len(use.events or ()):
        return  # of an event that is not declared, any property may come
    called = "properties." + ".".join(use.path)
    types = [found for schema in schemas if (found := type_at(schema.properties, use.path)) is not None]
    if not types:
        names = dict.fromkeys(name for schema in schemas for name in schema.properties)
        event = " nor ".join(f'"{schema.event}"' for schema in schemas)
        message = f"{event} has no {called}"
        yield rules.UnknownProperty.at(use.place, message, hint=_meant(use, names, "properties."))
        return
    yield from _check_type(called, types[0], use, rules.PropertyTypeDiffers)


def _check_attribute(content: Content, use: Use) -> Iterator[Diagnostic]:
    project = content.project
    declared = project.contact_attributes if use.owner == "contact" else project.account_attributes
    known = {**BUILT_IN, **declared} if use.owner == "contact" else declared
    called = f"{use.owner}." + ".".join(use.path)
    found = type_at(known, use.path)
    if found is not None:
        yield from _check_type(called, found, use, rules.AttributeTypeDiffers)
    elif declared:
        hint = _meant(use, known, f"{use.owner}.") or f"declare it under {use.owner}: attributes: in lifecycle.yaml"
        yield rules.UnknownAttribute.at(use.place, f"{called} is not declared", hint=hint)


def type_at(declared: Mapping[str, PropertyType], path: Sequence[str]) -> PropertyType | Literal["any"] | None:
    """Return the declared type of a path, None when it has none; what lies within an object may be anything."""
    called = ".".join(path)
    if any(declared.get(".".join(path[:length])) == "object" for length in range(1, len(path))):
        return "any"
    if called in declared:
        return declared[called]
    for name in declared:
        if name.startswith(f"{called}[]"):
            return "list"
        if name.startswith(f"{called}."):
            return "object"
    return None


def _meant(use: Use, names: Iterable[str], prefix: str) -> str:
    hint = did_you_mean(".".join(use.path), names)
    return hint.replace('"', f'"{prefix}', 1) if hint else ""


def _check_type(called: str, kind: PropertyType | Literal["any"], use: Use, rule: type[Rule]) -> Iterator[Diagnostic]:
    if kind == "any":
        return
    if use.needs and kind not in _NEEDED[use.needs]:
        message = f"{called} is declared as {kind}, and read as a {use.needs}"
        yield rules.UseTypeDiffers.at(use.place, message)
    for test in use.tests:
        place = test.place or use.place
        if test.operator not in _FITTING[kind]:
            fits = "it is tested with " + ", ".join(_FITTING[kind])
            yield rule.at(place, f'"{test.operator}" does not fit {called}, declared as {kind}', hint=fits)
        elif not _value_fits(test, kind):
            yield rule.at(place, f"{called} is declared as {kind}; this is {_kind(test)}", hint=_quoted(test, kind))


def _value_fits(test: Test, kind: PropertyType) -> bool:
    if test.operator in {"exists", "contains"} or kind in {"list", "object", "date", "instant"}:
        return True
    values = test.value if isinstance(test.value, tuple) else (test.value,)
    wanted: tuple[type, ...] = {"text": (str,), "bool": (bool,)}.get(kind, (int, float))
    return all(isinstance(value, wanted) and (kind == "bool" or not isinstance(value, bool)) for value in values)


def _kind(test: Test) -> str:
    value: Any = test.value[0] if isinstance(test.value, tuple) else test.value
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case _:
            return "text"


def _quoted(test: Test, kind: PropertyType) -> str:
    if kind == "text" and not isinstance(test.value, tuple):
        return f'put it in quotes: "{str(test.value).lower() if isinstance(test.value, bool) else test.value}"'
    return ""
