"""Sending limits: how much of each is used, and the queues in which mail waits for one.

Revision ID: 0008
Revises: 0007
Create Date: 2026-11-26
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lifecycle.store import columns

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_WAITING = "state IN ('queued', 'deferred')"


def upgrade() -> None:
    """Go to this revision. Whatever waits is in the general queue."""
    op.create_table(
        "sending_limits",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("at", columns.Instant, nullable=False),
        sa.Column("full_ns", sa.BigInteger(), nullable=False),
        sa.Column("begun", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.add_column("messages", sa.Column("queue", sa.String(), server_default=sa.text("''"), nullable=False))
    op.drop_index("messages_due", table_name="messages")
    _index("messages_due", ["priority", "due_at", "id"], f"{_WAITING} AND queue = ''")
    _index("messages_parked", ["queue", "priority", "due_at", "id"], f"{_WAITING} AND queue <> ''")
    _index("messages_parked_late", ["deadline_at"], f"{_WAITING} AND queue <> '' AND deadline_at IS NOT NULL")


def _index(name: str, keys: list[str], which: str) -> None:
    op.create_index(name, "messages", keys, sqlite_where=sa.text(which), postgresql_where=sa.text(which))


def downgrade() -> None:
    """Go back."""
    for name in ("messages_parked_late", "messages_parked", "messages_due"):
        op.drop_index(name, table_name="messages")
    _index("messages_due", ["priority", "due_at", "id"], _WAITING)
    op.drop_column("messages", "queue")
    op.drop_table("sending_limits")
