"""Time comes from here and from nowhere else (ruff bans the direct reads), so that a rehearsal owns it."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """A source of time."""

    def now(self) -> datetime:
        """Return the instant, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back and that counts suspended time (leases need both)."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """Return the instant, aware UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one place that reads the wall clock

    def monotonic(self) -> float:
        """Return seconds since boot. Source: clock_gettime(2), CLOCK_BOOTTIME counts suspended time."""
        if hasattr(time, "CLOCK_BOOTTIME"):
            return time.clock_gettime(time.CLOCK_BOOTTIME)
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is moved; for rehearsals, the demo and tests. Thread-safe."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a ManualClock starts at an aware instant")
        self._now = start.astimezone(UTC)
        self._origin = self._now
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the instant it was last moved to, aware UTC."""
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        """Return the seconds it has been moved forward since it was made."""
        with self._lock:
            return (self._now - self._origin).total_seconds()

    def move_to(self, instant: datetime) -> None:
        """Move to `instant` (aware), never back."""
        if instant.tzinfo is None:
            raise ValueError("a ManualClock moves to an aware instant")
        with self._lock:
            self._now = max(self._now, instant.astimezone(UTC))

    def advance(self, by: timedelta) -> datetime:
        """Move forward by `by` and return the new instant."""
        self.move_to(self.now() + by)
        return self.now()
