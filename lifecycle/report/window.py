"""The stretch of time that a report is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, true


@dataclass(frozen=True, slots=True)
class Window:
    """Instants [since, until), aware UTC; an end that is None is open."""

    since: datetime | None = None
    until: datetime | None = None

    def covers(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return the condition that `column` (an Instant) lies in the window; with both ends open, true."""
        condition: ColumnElement[bool] = true()
        if self.since is not None:
            condition &= column >= self.since
        if self.until is not None:
            condition &= column < self.until
        return condition

    def as_json(self) -> dict[str, str | None]:
        """Return `{"since", "until"}`, ISO 8601 with Z or None."""
        ends = {"since": self.since, "until": self.until}
        return {name: None if end is None else end.isoformat().replace("+00:00", "Z") for name, end in ends.items()}

    def words(self, zone: tzinfo) -> str:
        """Return the window for people, in local time of `zone`."""
        ends = [None if end is None else f"{end.astimezone(zone):%Y-%m-%d %H:%M}" for end in (self.since, self.until)]
        match ends:
            case [None, None]:
                return "all time"
            case [since, None]:
                return f"since {since}"
            case [None, until]:
                return f"before {until}"
            case [since, until]:
                return f"{since} to {until}"
        raise AssertionError("a window has two ends")


#: No limits.
ALL_TIME = Window()
