"""Decoders of single values: texts, names, numbers, durations, shares, times, instants, paths."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from lifecycle.base.address import parse_address
from lifecycle.base.errors import UsageError
from lifecycle.base.units import Duration, LocalWindow, Share, parse_instant, parse_time, parse_zone
from lifecycle.spec import rules_shape as rules
from lifecycle.spec.decode import Decoder, Fields, Reading, every, suggest, wrong_type
from lifecycle.spec.diagnostics import did_you_mean
from lifecycle.spec.model import WEEKDAYS, LocalText, Weekday
from lifecycle.spec.source import Entry, MapNode, Node, ScalarNode, plain_data

T = TypeVar("T")
L = TypeVar("L", bound=str)

#: No window or wait of ours is longer; the calendar ends in the year 9999.
MAX_DURATION_S = 100 * 365.25 * 86400
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_TEMPLATE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*")
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_CURRENCY = re.compile(r"[A-Z]{3}")
_SEGMENT_OF_PATH = re.compile(r"[^\s.\[\]][^.\[\]]{0,99}")
_UNIT_KEYS = ("seconds", "minutes", "hours", "days", "weeks", "months", "years")
_UNIT_SIGNS = ("s", "m", "h", "d", "w", "mo", "y")


def scalar(node: Node, reading: Reading) -> str | int | float | bool:
    """Read text, a number, or true or false; nothing else, and no infinity."""
    if not isinstance(node, ScalarNode) or node.value is None:
        wrong_type(node, reading, "a single value", hint=_empty_hint(node))
    if isinstance(node.value, float) and not math.isfinite(node.value):
        reading.refuse(rules.OutOfRange.at(node.place, "infinity and nan are no values"))
    return node.value


def data(node: Node, reading: Reading) -> Any:
    """Read anything, as JSON has it, without infinities."""
    if isinstance(node, ScalarNode) and isinstance(node.value, float):
        return scalar(node, reading)
    if isinstance(node, MapNode):
        return data_map(node, reading)
    return plain_data(node)


def data_map(node: Node, reading: Reading) -> dict[str, Any]:
    """Read a mapping of anything."""
    if not isinstance(node, MapNode):
        wrong_type(node, reading, "a mapping")
    values = every([partial(data, entry.value, reading) for entry in node.entries], reading)
    return dict(zip((entry.name for entry in node.entries), values, strict=True))


def _empty_hint(node: Node) -> str:
    empty = isinstance(node, ScalarNode) and node.value is None and not node.text
    return "write a value; one that begins with # needs quotes" if empty else ""


def text(node: Node, reading: Reading) -> str:
    """Read text that is not blank."""
    if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
        quoted = isinstance(node, ScalarNode) and node.value is not None
        wrong_type(node, reading, "text", hint=f'put it in quotes: "{node.text}"' if quoted else _empty_hint(node))  # type: ignore[union-attr] # quoted means a ScalarNode
    if not node.value.strip():
        reading.refuse(rules.WrongType.at(node.place, "the text is empty"))
    return node.value


def formatted(parse: Callable[[str], T], what: str) -> Decoder[T]:
    """Return a decoder of text through `parse`, whose ValueError becomes the hint."""

    def decode(node: Node, reading: Reading) -> T:
        if not isinstance(node, ScalarNode) or node.value is None or isinstance(node.value, bool):
            wrong_type(node, reading, what)
        try:
            return parse(node.text)
        except (ValueError, OverflowError) as error:
            message = f'"{shorten(node.text)}" is not {what}'
            reading.refuse(rules.BadFormat.at(node.place, message, hint=str(error)))

    return decode


def shorten(word: str) -> str:
    """Return the word, cut where it is too long for a message."""
    return word if len(word) <= 60 else word[:57] + "…"


def _matching(pattern: re.Pattern[str], hint: str) -> Callable[[str], str]:
    def parse(word: str) -> str:
        if not pattern.fullmatch(word):
            raise ValueError(hint)
        return word

    return parse


def is_name(word: str) -> bool:
    """Say whether the word can be an id."""
    return _NAME.fullmatch(word) is not None


def name(node: Node, reading: Reading) -> str:
    """Read an id: letters, digits, `-`, `_`, `.`."""
    if not isinstance(node, ScalarNode) or node.value is None:
        wrong_type(node, reading, "an id", hint=_empty_hint(node))
    if not is_name(node.text):
        message = f'"{shorten(node.text)}" is not an id'
        hint = "letters, digits, - _ . of the Latin alphabet, as cart-abandonment"
        reading.refuse(rules.BadName.at(node.place, message, hint=hint))
    return node.text


def key_name(entry: Entry, reading: Reading) -> str:
    """Read the key of an entry as an id."""
    return name(entry.key, reading)


def template_name(node: Node, reading: Reading) -> str:
    """Read the name of a template, as cart/reminder."""
    found = text(node, reading)
    if found.endswith(".mjml"):
        message = "a template is named without its ending"
        reading.refuse(rules.BadName.at(node.place, message, hint=f'did you mean "{found.removesuffix(".mjml")}"?'))
    if not _TEMPLATE.fullmatch(found):
        hint = "the path below templates/, as cart/reminder"
        reading.refuse(rules.BadName.at(node.place, f'"{shorten(found)}" is not a template\'s name', hint=hint))
    return found


def step_id(node: Node, reading: Reading) -> str:
    """Read a step's id: as a name, and with slashes, since a send is called after its template."""
    found = node.text if isinstance(node, ScalarNode) and node.value is not None else text(node, reading)
    if not _TEMPLATE.fullmatch(found):
        message = f'"{shorten(found)}" is not an id'
        reading.refuse(rules.BadName.at(node.place, message, hint="letters, digits, - _ . / of the Latin alphabet"))
    return found


def event_name(node: Node, reading: Reading) -> str:
    """Read the name of an event, which should be declared."""
    return reading.refer("event", text(node, reading), node.place)


def option(*options: L) -> Decoder[L]:
    """Return a decoder of one of these words."""

    def decode(node: Node, reading: Reading) -> L:
        if not isinstance(node, ScalarNode) or node.value is None:
            wrong_type(node, reading, "one of " + ", ".join(options))
        if node.text not in options:
            message = f'"{shorten(node.text)}" is none of {", ".join(options)}'
            reading.refuse(rules.NotAnOption.at(node.place, message, hint=_only_close(node.text, options)))
        return next(known for known in options if known == node.text)

    return decode


def _only_close(word: str, options: Sequence[str]) -> str:
    found = suggest(word, options)
    return found if found.startswith("did") else ""


def boolean(node: Node, reading: Reading) -> bool:
    """Read true or false."""
    if not isinstance(node, ScalarNode) or not isinstance(node.value, bool):
        word = node.text.lower() if isinstance(node, ScalarNode) else ""
        close = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(word, "")
        wrong_type(node, reading, "true or false", hint=f'did you mean "{close}"?' if close else "")
    return node.value


def integer(low: int, high: int) -> Decoder[int]:
    """Return a decoder of a whole number in [low, high]."""

    def decode(node: Node, reading: Reading) -> int:
        if not isinstance(node, ScalarNode) or isinstance(node.value, bool) or not isinstance(node.value, int):
            wrong_type(node, reading, "a whole number")
        if not low <= node.value <= high:
            message = f"{node.value} is not between {low} and {high}"
            reading.refuse(rules.OutOfRange.at(node.place, message))
        return node.value

    return decode


def number(node: Node, reading: Reading) -> int | float:
    """Read a finite number."""
    if not isinstance(node, ScalarNode) or isinstance(node.value, bool) or not isinstance(node.value, int | float):
        bare = isinstance(node, ScalarNode) and not node.plain and re.fullmatch(r"[-+]?\d+(\.\d+)?", node.text)
        wrong_type(node, reading, "a number", hint="write it without quotes" if bare else "")
    if not math.isfinite(node.value):
        reading.refuse(rules.OutOfRange.at(node.place, "infinity and nan are no values"))
    return node.value


def percents(node: Node, reading: Reading) -> int:
    """Read whole percents off a price, as a bare number."""
    if isinstance(node, ScalarNode) and isinstance(node.value, str) and node.value.endswith("%"):
        message = "percent is a bare number"
        reading.refuse(rules.BadFormat.at(node.place, message, hint=f"write {node.value.removesuffix('%')}"))
    return integer(1, 100)(node, reading)


def any_duration(node: Node, reading: Reading) -> Duration:
    """Read a duration of either sign, as `-7d` or `+2h`."""
    if isinstance(node, ScalarNode) and isinstance(node.value, int) and not isinstance(node.value, bool):
        hint = f"with a unit: {node.value}h for hours, {node.value}d for days"
        reading.refuse(rules.BadFormat.at(node.place, f"{node.value} is not a duration", hint=hint))
    found = formatted(Duration.parse, "a duration")(node, reading)
    return _in_range(found, node, reading)


def _in_range(found: Duration, node: Node, reading: Reading) -> Duration:
    if abs(found.approximate_s()) > MAX_DURATION_S:
        reading.refuse(rules.OutOfRange.at(node.place, "a duration is at most 100 years"))
    return found


def duration(node: Node, reading: Reading) -> Duration:
    """Read a duration longer than nothing."""
    found = any_duration(node, reading)
    if found.approximate_s() <= 0:
        reading.refuse(rules.OutOfRange.at(node.place, "the duration must be longer than nothing"))
    return found


def unit_keys(fields: Fields) -> Duration | None:
    """Read `days: 3`, `hours: 12`, … of a mapping as their sum; None when there is none of them."""
    seconds = months = 0
    written = False
    for key, sign in zip(_UNIT_KEYS, _UNIT_SIGNS, strict=True):
        count = fields.maybe(key, integer(1, 999_999))
        if count is not None:
            part = Duration.parse(f"{count}{sign}")
            seconds, months, written = seconds + part.seconds, months + part.months, True
    total = Duration(seconds, months)
    if total.approximate_s() > MAX_DURATION_S:
        fields.report(rules.OutOfRange.at(fields.node.place, "a duration is at most 100 years"))
        return Duration(1)
    return total if written else None


share = formatted(Share.parse, "a share")
time_of_day = formatted(parse_time, "a time of day")
locale = formatted(_matching(_LOCALE, "a language, as en or ar-SA"), "a locale")
currency = formatted(_matching(_CURRENCY, "three capital letters of ISO 4217, as SAR"), "a currency")


def _zone(word: str) -> str:
    try:
        return parse_zone(word).key
    except ValueError:
        close = did_you_mean(word, sorted(available_timezones()))
        raise ValueError(close or "zones are named as Asia/Riyadh") from None


time_zone = formatted(_zone, "a time zone")


def _address(word: str) -> str:
    if "<" in word:
        raise ValueError('the address alone; the name goes under "name"')
    try:
        return parse_address(word)
    except UsageError as error:
        raise ValueError(error.message.removeprefix("not an e-mail address: ")) from error


email_address = formatted(_address, "an e-mail address")


def _web_address(word: str) -> str:
    parts = urlsplit(word)
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"[\s<>\"]", word):
        raise ValueError("it begins with https:// and a host")
    return word


url = formatted(_web_address, "a web address")


def instant(node: Node, reading: Reading) -> datetime:
    """Read a date or an instant as aware UTC; without an offset it is a time of the project's zone."""
    return formatted(lambda word: parse_instant(word, reading.zone), "an instant")(node, reading)


def _wall_clock(word: str) -> datetime:
    try:
        found = datetime.fromisoformat(word.strip())
    except ValueError:
        raise ValueError("write it as 2026-12-01T09:00") from None
    if found.tzinfo is not None:
        raise ValueError('it is local time: without an offset; the zone goes under "timezone"')
    if len(word.strip()) <= 10:
        raise ValueError("with its time of day, as 2026-12-01T09:00")
    return found


wall_clock = formatted(_wall_clock, "a date and time")


def local_window(node: Node, reading: Reading) -> LocalWindow:
    """Read `{from: "09:00", to: "21:00"}`."""
    fields = Fields(node, "hours", reading)
    start = fields.required("from", time_of_day)
    end = fields.required("to", time_of_day)
    fields.close()
    return LocalWindow(start, end)


def weekday(node: Node, reading: Reading) -> Weekday:
    """Read `mon` … `sun`."""
    return option(*WEEKDAYS)(node, reading)


def _rooted(node: Node, reading: Reading, roots: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Read a dotted path below one of `roots`, as (root, path)."""
    word = text(node, reading)
    root, _, tail = word.partition(".")
    if root not in roots or not tail:
        bare = not tail and root not in roots
        hint = f'did you mean "{roots[0]}.{word}"?' if bare else f"as {roots[0]}.name"
        wanted = " or ".join(f"{root}." for root in roots)
        message = f'"{shorten(word)}" is not a path below {wanted}'
        reading.refuse(rules.BadFormat.at(node.place, message, hint=hint))
    return root, path_parts(tail, node, reading)


def attribute_path(node: Node, reading: Reading) -> tuple[Literal["contact", "account"], tuple[str, ...]]:
    """Read `contact.birthday` as ("contact", ("birthday",))."""
    owner, path = _rooted(node, reading, ("contact", "account"))
    return "contact" if owner == "contact" else "account", path


def path_parts(tail: str, node: Node, reading: Reading) -> tuple[str, ...]:
    """Split a dotted path into its names."""
    parts = tuple(tail.split("."))
    if len(parts) > 10 or not all(_SEGMENT_OF_PATH.fullmatch(part) for part in parts):
        hint = "names with a dot between them; items of a list cannot be named"
        reading.refuse(rules.BadFormat.at(node.place, f'"{shorten(tail)}" is not a path', hint=hint))
    return parts


def property_path(node: Node, reading: Reading) -> tuple[str, ...]:
    """Read `properties.total` as ("total",)."""
    return _rooted(node, reading, ("properties",))[1]


def local_text(node: Node, reading: Reading) -> LocalText:
    """Read text for people: one for all, or a mapping by locale."""
    if not isinstance(node, MapNode):
        if not isinstance(node, ScalarNode):
            wrong_type(node, reading, "text, or texts by locale")
        return LocalText(text(node, reading), place=node.place)
    if not node.entries:
        reading.refuse(rules.EmptyList.at(node.place, "the mapping is empty", hint="it needs a text for each locale"))

    def one(entry: Entry) -> tuple[str, str]:
        where = locale(entry.key, reading)
        if reading.locales is not None and where not in reading.locales:
            message = f'"{where}" is not among the project\'s locales'
            reading.refuse(
                rules.NotAnOption.at(entry.key.place, message, hint="available: " + ", ".join(reading.locales))
            )
        return where, text(entry.value, reading)

    return LocalText(None, dict(every([partial(one, entry) for entry in node.entries], reading)), place=node.place)
