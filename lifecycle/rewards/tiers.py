"""Which tier a balance of points reaches. Pure: decisions ask it as well as the ledger of points."""

from __future__ import annotations

from lifecycle.spec.model import Rewards


def tier_of(balance: int, rewards: Rewards) -> str | None:
    """Return the highest tier that the balance reaches, None below them all or without tiers."""
    return next((tier.tier for tier in reversed(rewards.tiers) if balance >= tier.at_least), None)
