"""who was merged, when and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lifecycle.store import columns

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "merges",
        sa.Column("goes", columns.BigKey, nullable=False),
        sa.Column("stays", columns.BigKey, nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("goes"),
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("merges")
