"""Products as the orders tell of them, and which are bought together: for recommendations.

Revision ID: 0006
Revises: 0005
Create Date: 2026-11-26
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lifecycle.store import columns

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision. The tables are filled at the first stocktaking, from the orders that are there."""
    op.create_table(
        "products",
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("price", columns.Money, nullable=True),
        sa.Column("category", sa.String(), nullable=True),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("image_url", sa.String(), nullable=True),
        sa.Column("sold", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("product_id"),
    )
    op.create_table(
        "bought_together",
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("other_id", sa.String(), nullable=False),
        sa.Column("closeness", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("product_id", "place"),
    )
    op.create_table(
        "stocktakings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", columns.Instant, nullable=False),
        sa.Column("newest_event", columns.BigKey, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_table("stocktakings")
    op.drop_table("bought_together")
    op.drop_table("products")
