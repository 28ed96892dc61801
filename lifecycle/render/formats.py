"""Money, numbers, dates, times and lists as a locale writes them. Source: CLDR, by Babel.

Digits are Latin unless `digits` asks for others (`{{ total | money(digits='arab') }}`): Arabic shops differ on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal
from jinja2 import Undefined, pass_context
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.runtime import Context
from markupsafe import Markup, escape

_WIDTHS = frozenset({"short", "medium", "long", "full"})


@lru_cache(maxsize=64)
def babel_locale(locale: str) -> Locale:
    """Return Babel's locale for a BCP 47 tag. Raises ValueError (UnknownLocaleError is none) for one it does not know."""
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

        return {"money": self.money, "number": self.number, "date": date_here, "time": time_here, "list": self.list}

    def money(self, value: Any, currency: str | None = None, digits: str = "latn") -> str:
        """Return an amount with its currency, by default the project's."""
        found = _decimal(value)
        return str(
            format_currency(found, currency or self.currency, locale=babel_locale(self.locale), numbering_system=digits)
        )

    def number(self, value: Any, places: int | None = None, digits: str = "latn") -> str:
        """Return a number; `places` fixes its decimals (at most 10)."""
        found = _decimal(value)
        if places is not None:
            found = round(found, min(max(places, 0), 10))
        pattern = None if places is None else "#,##0" + ("." + "0" * min(max(places, 0), 10) if places > 0 else "")
        return str(format_decimal(found, pattern, locale=babel_locale(self.locale), numbering_system=digits))

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
        if isinstance(found, datetime):
            return str(
                format_date(found.astimezone(zone or self.zone).date(), _width(width), locale=babel_locale(self.locale))
            )
        return str(format_date(found, _width(width), locale=babel_locale(self.locale)))

    def time(self, value: Any, width: str = "short", zone: tzinfo | None = None) -> str:
        """Return the time of day of an instant in the zone."""
        found = _moment(value)
        instant = found if isinstance(found, datetime) else datetime.combine(found, time(), UTC)
        return str(format_time(instant, _width(width), tzinfo=zone or self.zone, locale=babel_locale(self.locale)))

    def instant(self, value: datetime) -> str:
        """Return date and time in the project's zone."""
        return str(format_datetime(value, "medium", tzinfo=self.zone, locale=babel_locale(self.locale)))


def _width(width: str) -> Any:
    if width not in _WIDTHS:
        raise SecurityError(f'no date is "{width}"; short, medium, long or full')
    return width


def _decimal(value: Any) -> Decimal:
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
