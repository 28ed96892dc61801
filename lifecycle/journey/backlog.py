"""What was due while the engine was away leaves in the order in which it was due, over a while, not in one minute.

Mail servers and readers take a shop's whole night of mails in one minute for a fault or for spam. Receipts go at once,
deadlines are kept, and nothing waits that was due while the engine was there, however busy it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

#: Away for less is a restart.
AWAY_AFTER = timedelta(minutes=10)
#: What was due meanwhile leaves within that, or within as long as the engine was away.
SPREAD_OVER = timedelta(minutes=30)
#: A mail that has a deadline asks to leave so long before it.
AHEAD_OF_DEADLINE = timedelta(minutes=2)


@dataclass(slots=True)
class Backlog:
    """Since when the engine was away, and when it came back, while there is something left of that time."""

    _since: datetime | None = None
    _back_at: datetime | None = None
    _looked_at: datetime | None = None

    def look(self, oldest_due: datetime | None, now: datetime) -> None:
        """Take note of what has waited longest at `now`, a timer or an event, before a batch of turns."""
        was_here = self._looked_at is not None and now - self._looked_at < AWAY_AFTER
        self._looked_at = now
        if oldest_due is None or now - oldest_due < AWAY_AFTER:
            self._since = self._back_at = None
        elif not was_here:
            self._since, self._back_at = oldest_due, now

    def due_at(self, at: datetime, now: datetime, *, deadline_at: datetime | None, kind: str) -> datetime:
        """Return when a mail that was reached at `at` is to leave; never past its deadline on that account."""
        if self._since is None or self._back_at is None or not self._since <= at < self._back_at or kind != "marketing":
            return max(at, now)
        away = self._back_at - self._since
        later = self._back_at + min(away, SPREAD_OVER) * ((at - self._since) / away)
        if deadline_at is not None:
            later = min(later, deadline_at - AHEAD_OF_DEADLINE)
        return max(later, now)
