"""Money, numbers, dates, times and lists as a locale writes them. Source: CLDR, by Babel.

Digits are Latin unless `digits` asks for others (`{{ total | money(digits='arab') }}`): Arabic shops differ on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from babel import Locale
from babel.dates import format_date, format_time, format_timedelta
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal
from jinja2 import Undefined, pass_context
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.runtime import Context
from markupsafe import Markup, escape

#: Babel knows no alphaNextToNumber patterns yet: "SAR5" is "SAR 5". Source: UTS 35, part 3, currency formats
_LETTER_BY_DIGIT = re.compile(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")
#: Source: CLDR, numberingSystems
_DIGITS = {"arab": "٠١٢٣٤٥٦٧٨٩", "arabext": "۰۱۲۳۴۵۶۷۸۹", "deva": "०१२३४५६७८९", "beng": "০১২৩৪৫৬৭৮৯"}
#: of a countdown: the unit, its minutes, and from how many minutes on it is told in that unit
_UNITS = (("day", 1440, 2880), ("hour", 60, 120), ("minute", 1, 0))
_NEVER = 10**9
_WIDTHS = frozenset({"short", "medium", "long", "full"})


@lru_cache(maxsize=64)
def babel_locale(locale: str) -> Locale:
    """Return Babel's locale for a BCP 47 tag. Raises ValueError for one that it does not know."""
    from babel import UnknownLocaleError

    try:
        return Locale.parse(locale, sep="-")
    except UnknownLocaleError as error:
        raise ValueError(f'no locale "{locale}"') from error


@dataclass(frozen=True, slots=True)
class Formats:
    """The filters of one locale."""

    locale: str
    currency: str
    zone: tzinfo

    def filters(self) -> Mapping[str, Callable[..., Any]]:
        """Return the filters by the names that templates use."""

        @pass_context
        def date_here(context: Context, value: Any, width: str = "long") -> str:
            return self.date(value, width, context.get("_zone"))

        @pass_context
        def time_here(context: Context, value: Any, width: str = "short") -> str:
            return self.time(value, width, context.get("_zone"))

        @pass_context
        def countdown_here(context: Context, value: Any, digits: str = "latn") -> str:
            return self.countdown(value, context.get("now"), context.get("_zone"), digits)

        return {
            "money": self.money, "number": self.number, "date": date_here, "time": time_here, "list": self.list,
            "countdown": countdown_here,
        }  # fmt: skip

    def money(self, value: Any, currency: str | None = None, digits: str = "latn") -> str:
        """Return an amount with its currency, by default the project's."""
        return _money(_decimal(value), currency or self.currency, self.locale, digits)

    def number(self, value: Any, places: int | None = None, digits: str = "latn") -> str:
        """Return a number; `places` fixes its decimals (at most 10)."""
        return _number(_decimal(value), None if places is None else min(max(places, 0), 10), self.locale, digits)

    def list(self, value: Iterable[Any]) -> str:
        """Return "a, b and c" as the locale writes it; parts that are text are escaped when one is markup."""
        if isinstance(value, Undefined):
            str(value)  # raises with the name
        parts = [str(part) for part in value]
        if any(isinstance(part, Markup) for part in value):
            return Markup(format_list([str(escape(part)) for part in value], locale=babel_locale(self.locale)))  # noqa: S704 - escaped
        return str(format_list(parts, locale=babel_locale(self.locale)))

    def date(self, value: Any, width: str = "long", zone: tzinfo | None = None) -> str:
        """Return the date of an instant in the zone, or of a plain date."""
        found = _moment(value)
        day = found.astimezone(zone or self.zone).date() if isinstance(found, datetime) else found
        return _date(day, _width(width), self.locale)

    def time(self, value: Any, width: str = "short", zone: tzinfo | None = None) -> str:
        """Return the time of day of an instant in the zone."""
        found = _moment(value)
        instant = found if isinstance(found, datetime) else datetime.combine(found, time(), UTC)
        return _time(instant.astimezone(zone or self.zone).time(), _width(width), self.locale)

    def countdown(self, value: Any, now: Any, zone: tzinfo | None = None, digits: str = "latn") -> str:
        """Return how long it is from `now` until an instant, or until a day is over: "2 days", "47 minutes".

        In whole days from two days on, in whole hours from two hours on, rounded down: nobody comes too late who
        believed it. What is over is "0 minutes".
        """
        moment, begun = _moment(value), _moment(now)
        if not isinstance(moment, datetime):
            moment = datetime.combine(moment + timedelta(days=1), time(), zone or self.zone)
        instant = begun if isinstance(begun, datetime) else datetime.combine(begun, time(), zone or self.zone)
        minutes = max(int((moment - instant).total_seconds()) // 60, 0)
        unit, length = next((name, size) for name, size, least in _UNITS if minutes >= least)
        return _span(minutes // length, unit, self.locale, digits)


# Babel takes 0.1 ms for a price, and a shop has few different ones
@lru_cache(maxsize=8192)
def _money(value: Decimal, currency: str, locale: str, digits: str) -> str:
    shown = str(format_currency(value, currency, locale=babel_locale(locale), numbering_system=digits))
    return _written(_LETTER_BY_DIGIT.sub("\u00a0", shown), digits)


@lru_cache(maxsize=8192)
def _number(value: Decimal, places: int | None, locale: str, digits: str) -> str:
    pattern = None if places is None else "#,##0" + ("." + "0" * places if places else "")
    shown = value if places is None else round(value, places)
    return _written(str(format_decimal(shown, pattern, locale=babel_locale(locale), numbering_system=digits)), digits)


@lru_cache(maxsize=8192)
def _span(number: int, unit: Any, locale: str, digits: str) -> str:
    # no threshold is reached, so that the unit is the one that was asked for; format_unit does not know all units
    span = timedelta(**{f"{unit}s": number})
    shown = format_timedelta(span, granularity=unit, threshold=_NEVER, format="long", locale=babel_locale(locale))
    return _written(str(shown), digits)


def _written(text: str, digits: str) -> str:
    """Return the text in other digits: Babel changes the separators only."""
    if digits == "latn":
        return text
    if digits not in _DIGITS:
        raise SecurityError(f'no digits "{digits}"; there are latn, {", ".join(_DIGITS)}')
    return text.translate(str.maketrans("0123456789", _DIGITS[digits]))


@lru_cache(maxsize=8192)
def _date(day: date, width: Any, locale: str) -> str:
    return str(format_date(day, width, locale=babel_locale(locale)))


@lru_cache(maxsize=8192)
def _time(wall: time, width: Any, locale: str) -> str:
    return str(format_time(wall, width, locale=babel_locale(locale)))


@lru_cache(maxsize=8192)
def plural_category(count: float, locale: str) -> str:
    """Return the CLDR plural category of a count."""
    return str(babel_locale(locale).plural_form(int(count) if count == int(count) else count))


def _width(width: str) -> Any:
    if width not in _WIDTHS:
        raise SecurityError(f'no date is "{width}"; short, medium, long or full')
    return width


def _decimal(value: Any) -> Decimal:
    if type(value) is int and -(10**15) < value < 10**15:
        return Decimal(value)
    if type(value) is Decimal and value.is_finite() and value.adjusted() < 15:
        return value
    if isinstance(value, Undefined):
        str(value)  # raises with the name
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise UndefinedError(f'"{str(value)[:40]}" is not a number') from None
    if not found.is_finite() or abs(found) > Decimal(10) ** 18:
        raise UndefinedError(f'"{str(value)[:40]}" is not a number that a mail can show')
    return found


def _moment(value: Any) -> datetime | date:
    if isinstance(value, Undefined):
        str(value)  # raises with the name
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return value
    text = str(value)
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UndefinedError(f'"{text[:40]}" is neither a date nor an instant') from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
