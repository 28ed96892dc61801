"""The answer to a condition."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it holds, and the earliest moment after now at which the passing of time alone may change that.

    `flips_at` is never later than the true change (it may be earlier); None means that time alone changes nothing.
    """

    holds: bool
    flips_at: datetime | None = None

    def negated(self) -> Verdict:
        """Return the answer to the opposite."""
        return Verdict(not self.holds, self.flips_at)
