"""What comes back about mails: delivered, bounced, complained; and since when a campaign goes on again.

Revision ID: 0007
Revises: 0006
Create Date: 2026-11-26
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lifecycle.store import columns

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    named = sa.text("provider_ref IS NOT NULL")
    waiting = sa.text("message_row IS NULL")
    op.create_index("messages_by_ref", "messages", ["provider_ref"], sqlite_where=named, postgresql_where=named)
    op.add_column("campaign_states", sa.Column("resumed_at", columns.Instant, nullable=True))
    op.create_table(
        "feedback",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", columns.Instant, nullable=False),
        sa.Column("taken_at", columns.Instant, nullable=False),
        sa.Column("message_row", columns.BigKey, nullable=True),
        sa.Column("ref", sa.String(), nullable=True),
        sa.Column("recipient_hash", sa.String(), nullable=True),
        sa.Column("enhanced", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event"),
    )
    op.create_index("feedback_by_time", "feedback", ["taken_at"])
    op.create_index("feedback_by_message", "feedback", ["message_row"])
    op.create_index("feedback_waiting", "feedback", ["taken_at"], sqlite_where=waiting, postgresql_where=waiting)


def downgrade() -> None:
    """Go back."""
    op.drop_table("feedback")
    op.drop_column("campaign_states", "resumed_at")
    op.drop_index("messages_by_ref", table_name="messages")
