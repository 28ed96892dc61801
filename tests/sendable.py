"""Mails ready to leave, for tests of those that send them."""

from __future__ import annotations

from datetime import UTC, datetime

from lifecycle.deliver.mime import Mail, build
from lifecycle.providers.base import Outgoing


def outgoing(row: int, recipient: str = "", text: str = "Hello\n") -> Outgoing:
    """Return a small mail."""
    recipient = recipient or f"c{row}@example.org"
    data = build(
        Mail(
            message_id=f"id{row}@shop.example", date=datetime(2026, 11, 1, tzinfo=UTC), sender_name="رحلة",
            sender_address="hello@shop.example", recipient=recipient, subject="مرحبا", html="<p>x</p>", text=text,
        )
    )  # fmt: skip
    smtputf8 = not recipient.rpartition("@")[0].isascii()
    return Outgoing(row, f"id{row}@shop.example", f"bounce+{row}@shop.example", recipient, data, smtputf8)


def always() -> bool:
    """Say that every mail may begin."""
    return True
