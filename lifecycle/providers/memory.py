"""Keeps mails in memory: for rehearsals, benchmarks and tests. It obeys the protocol like every other provider."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from lifecycle.providers.base import Ending, MayBegin, Outcome, Outgoing, send_each


class MemoryProvider:
    """Accepts every mail into `accepted`, unless `answer` returns (or raises) something else for it.

    With `keep=False` it counts and forgets, so that memory stays flat. Thread-safe.
    """

    name = "memory"

    def __init__(self, answer: Callable[[Outgoing], Outcome | None] | None = None, *, keep: bool = True) -> None:
        self.accepted: list[Outgoing] = []
        self.count = 0
        self._answer = answer
        self._keep = keep
        self._lock = threading.Lock()

    def send(self, batch: Sequence[Outgoing], may_begin: MayBegin) -> list[Outcome]:
        """Accept the batch."""
        return send_each(batch, may_begin, self._deliver)

    def check(self) -> None:
        """Memory is always there."""

    def hang_up(self) -> None:
        """Nothing is waited for."""

    def close(self) -> None:
        """Nothing is open; what was accepted stays readable."""

    def _deliver(self, mail: Outgoing, may_begin: MayBegin) -> Outcome:
        del may_begin  # asked just now by send_each
        outcome = self._answer(mail) if self._answer is not None else None
        if outcome is None:
            outcome = Outcome(mail.row, Ending.ACCEPTED, ref=mail.message_id)
        if outcome.ending is Ending.ACCEPTED:
            with self._lock:
                self.count += 1
                if self._keep:
                    self.accepted.append(mail)
        return outcome
