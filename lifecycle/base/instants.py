"""Instants and dates as they stand in JSON: which texts are one, the same here, on SQLite and on PostgreSQL.

The patterns are written once, for Python's `re` and PostgreSQL's `~` alike; they let only real dates of the years 1000
to 2999 through, so that no cast in a database can fail. Source: ISO 8601, RFC 3339.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_LEAP_YEAR = r"(?:[12][0-9](?:0[48]|[2468][048]|[13579][26])|(?:12|16|20|24|28)00)"
_MONTH_DAY = (
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_DATE = rf"(?:[12][0-9]{{3}}-{_MONTH_DAY}|{_LEAP_YEAR}-02-29)"
_TIME = r"[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?"
_ZONE = r"(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])"

#: A date, or an instant without an offset: read as UTC.
NAIVE_PATTERN = rf"^{_DATE}(?:{_TIME})?$"
#: An instant with its offset.
ZONED_PATTERN = rf"^{_DATE}{_TIME}{_ZONE}$"
#: Either.
DATE_PATTERN = rf"^{_DATE}(?:{_TIME}{_ZONE}?)?$"

_NAIVE, _ZONED, _EITHER = (re.compile(pattern[1:-1]) for pattern in (NAIVE_PATTERN, ZONED_PATTERN, DATE_PATTERN))


def read_instant(text: str) -> datetime | None:
    """Return the instant that the text is, aware UTC, microseconds cut not rounded; None when it is none."""
    if _ZONED.fullmatch(text):
        return datetime.fromisoformat(text).astimezone(UTC)
    if _NAIVE.fullmatch(text):
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    return None


def read_date(text: str) -> str | None:
    """Return the calendar date as it is written, `YYYY-MM-DD`, whatever time follows it; None when there is none."""
    return text[:10] if _EITHER.fullmatch(text) else None
