"""How often one may ask: a token bucket for each key, in this process's memory."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from lifecycle.base.clock import Clock


class Rate:
    """At most `burst` at once for a key, `per_minute` over time. Past `keys`, old keys are forgotten. Thread-safe."""

    def __init__(self, clock: Clock, *, burst: int, per_minute: float, keys: int = 10_000) -> None:
        self._clock = clock
        self._burst = burst
        self._per_s = per_minute / 60
        self._most = keys
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def allows(self, key: str) -> bool:
        """Take one from the bucket of `key`; return False when it is empty."""
        now = self._clock.monotonic()
        with self._lock:
            left, since = self._left.pop(key, (float(self._burst), now))
            left = min(float(self._burst), left + (now - since) * self._per_s)
            allowed = left >= 1
            self._left[key] = (left - 1 if allowed else left, now)
            if len(self._left) > self._most:
                self._left.popitem(last=False)
            return allowed
