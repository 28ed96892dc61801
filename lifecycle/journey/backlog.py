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
    """What was left undone before the engine came back at `back_at` (None: it was never away)."""

    back_at: datetime | None = None
    _since: datetime | None = None
    _looked: bool = False

    @property
    def unknown(self) -> bool:
        """Say whether nobody has looked yet since when the engine was away."""
        return self.back_at is not None and not self._looked

    def look(self, oldest_due: datetime | None) -> None:
        """Take note of what has waited longest, a timer or an event, as the engine begins to work."""
        self._looked = True
        if self.back_at is not None and oldest_due is not None and self.back_at - oldest_due >= AWAY_AFTER:
            self._since = oldest_due

    def due_at(self, at: datetime, now: datetime, *, deadline_at: datetime | None, kind: str) -> datetime:
        """Return when a mail that was reached at `at` is to leave; never past its deadline on that account."""
        if self._since is None or self.back_at is None or not self._since <= at < self.back_at or kind != "marketing":
            return max(at, now)
        away = self.back_at - self._since
        later = self.back_at + min(away, SPREAD_OVER) * ((at - self._since) / away)
        if deadline_at is not None:
            later = min(later, deadline_at - AHEAD_OF_DEADLINE)
        return max(later, now)
