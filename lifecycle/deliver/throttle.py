"""How many mails a provider may be given now: a token bucket on the injected clock. It never waits."""

from __future__ import annotations

import threading

from lifecycle.base.clock import Clock


class Throttle:
    """At most `per_s` mails a second, with a burst of one second's worth (one mail at least). Thread-safe.

    None is no limit.
    """

    def __init__(self, per_s: float | None, clock: Clock) -> None:
        if per_s is not None and per_s <= 0:
            raise ValueError("a rate is more than zero mails a second, or None")
        self.per_s = per_s
        self._clock = clock
        self._burst = max(per_s or 0.0, 1.0)
        self._level = self._burst
        self._filled = clock.monotonic()
        self._lock = threading.Lock()

    def take(self, wanted: int) -> int:
        """Take up to `wanted` mails' worth and return how many were taken."""
        if self.per_s is None:
            return wanted
        with self._lock:
            self._fill(self.per_s)
            taken = min(wanted, int(self._level))
            self._level -= taken
            return taken

    def give_back(self, unused: int) -> None:
        """Return what was taken and not sent."""
        if self.per_s is not None:
            with self._lock:
                self._level = min(self._level + unused, self._burst)

    def wait_s(self) -> float:
        """Return the seconds until one mail may go."""
        if self.per_s is None:
            return 0.0
        with self._lock:
            self._fill(self.per_s)
            return max(0.0, (1.0 - self._level) / self.per_s)

    def _fill(self, per_s: float) -> None:
        now = self._clock.monotonic()
        self._level = min(self._burst, self._level + (now - self._filled) * per_s)
        self._filled = now
