"""Whether the ledger adds up: every row has one outcome, and each that was not sent has one reason of a closed list.

selected = open + accepted (sent, delivered, bounced later) + rejected + failed + unknown
           + skipped or cancelled by reason
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select

from lifecycle.report.window import ALL_TIME, Window
from lifecycle.store.tables import messages

#: States in which something is still to come.
OPEN_STATES = ("queued", "deferred", "claimed", "sending")
#: States of which a provider has said yes.
ACCEPTED_STATES = ("sent", "delivered", "bounced")
#: Reasons for which a message is not sent. Source: DESIGN section 5.
REASONS = frozenset(
    {
        "held_out", "not_consented", "suppressed", "not_in_audience", "reentry", "exit_condition", "goal_met",
        "frequency_capped", "quiet_hours", "past_deadline", "no_address", "invalid_address", "render_error",
        "coupon_unavailable", "skip_if", "campaign_paused", "campaign_ended", "cancelled", "duplicate", "quarantined",
        "erased",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Balance:
    """Each term of the sum, in rows of the ledger; `skipped` and `cancelled` by reason."""

    #: different (campaign, step, contact, occurrence)
    selected: int
    open: int = 0
    sent: int = 0
    delivered: int = 0
    bounced: int = 0
    rejected: int = 0
    failed: int = 0
    unknown: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    cancelled: dict[str, int] = field(default_factory=dict)
    #: rows that break the rule, by what is wrong: a state, or a reason, that is not in the lists
    astray: dict[str, int] = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        """Return the rows that a provider took: sent, delivered, or bounced later."""
        return self.sent + self.delivered + self.bounced

    @property
    def explained(self) -> int:
        """Return the sum of all terms but `selected`."""
        terms = (self.open, self.accepted, self.rejected, self.failed, self.unknown)
        return sum(terms) + sum(self.skipped.values()) + sum(self.cancelled.values())

    @property
    def adds_up(self) -> bool:
        """Say whether every selected row is explained, each once."""
        return self.selected == self.explained and not self.astray

    def as_json(self) -> dict[str, Any]:
        """Return the terms as JSON."""
        return {
            "selected": self.selected, "open": self.open, "accepted": self.accepted, "sent": self.sent,
            "delivered": self.delivered, "bounced": self.bounced, "rejected": self.rejected, "failed": self.failed,
            "unknown": self.unknown, "skipped": self.skipped, "cancelled": self.cancelled, "adds_up": self.adds_up,
            **({"astray": self.astray} if self.astray else {}),
        }  # fmt: skip


def balance(connection: Connection, campaign: str | None = None, *, window: Window = ALL_TIME) -> Balance:
    """Return the sum over the ledger rows reached in `window`, of one campaign or of all."""
    condition = window.covers(messages.c.reached_at)
    if campaign is not None:
        condition &= messages.c.campaign == campaign
    # counted apart from the states: a row that is there twice makes the two sides differ
    keys = (
        select(messages.c.campaign, messages.c.step, messages.c.contact_id, messages.c.occurrence)
        .where(condition).distinct().subquery()
    )  # fmt: skip
    selected = connection.execute(select(func.count()).select_from(keys)).scalar_one()
    counts: dict[str, int] = defaultdict(int)
    by_reason: dict[str, dict[str, int]] = {"skipped": {}, "cancelled": {}}
    astray: dict[str, int] = {}
    grouped = select(messages.c.state, messages.c.reason, func.count().label("rows")).where(condition)
    for state, reason, rows in connection.execute(
        grouped.group_by(messages.c.state, messages.c.reason).order_by(messages.c.state, messages.c.reason)
    ):
        if state in by_reason:
            if reason in REASONS:
                by_reason[state][reason] = rows
            else:
                astray[f"{state}, reason {reason or 'missing'}"] = rows
        elif state in OPEN_STATES:
            counts["open"] += rows
        elif state in {*ACCEPTED_STATES, "rejected", "failed", "unknown"}:
            counts[state] += rows
        else:
            astray[f"state {state}"] = astray.get(f"state {state}", 0) + rows
    return Balance(selected, skipped=by_reason["skipped"], cancelled=by_reason["cancelled"], astray=astray, **counts)
