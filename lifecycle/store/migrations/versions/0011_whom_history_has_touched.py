"""Whom history has touched, until memberships and stages have been brought up to it.

Revision ID: 0011
Revises: 0010
Create Date: 2026-11-26
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lifecycle.store import columns

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision. What an import has left undone before stays so until the next apply or rebuild."""
    op.create_table(
        "touched",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("at", columns.Instant, nullable=False),
        sa.Column("contacts", columns.Json, nullable=False),
        sa.Column("told", columns.Json, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_table("touched")
