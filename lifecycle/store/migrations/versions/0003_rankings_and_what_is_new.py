"""rankings for top shares, what is new about a contact, and when each of its segments may flip."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lifecycle.store import columns

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_GONE = sa.text("merged_into IS NOT NULL OR erased_at IS NOT NULL")
_OPEN = sa.text("left_at IS NULL")
_MERGED = sa.text("merged_into IS NOT NULL")


def upgrade() -> None:
    """Go to this revision. Until somebody refreshes, nothing is known, and so all is asked: that is always right."""
    op.add_column("contacts", sa.Column("holding", columns.Json, nullable=True))
    op.add_column("contacts", sa.Column("flips", columns.Json, nullable=True))
    op.create_index("contacts_gone", "contacts", ["id"], sqlite_where=_GONE, postgresql_where=_GONE)
    op.create_index("contacts_merged", "contacts", ["merged_into"], sqlite_where=_MERGED, postgresql_where=_MERGED)
    op.add_column("inbox", sa.Column("what", sa.String(), nullable=True))
    op.drop_index("memberships_open", "memberships")
    op.drop_index("memberships_by_contact", "memberships")
    op.create_index(
        "memberships_open", "memberships", ["contact_id", "segment"], unique=True,
        sqlite_where=_OPEN, postgresql_where=_OPEN,
    )  # fmt: skip
    op.create_index("memberships_by_contact", "memberships", ["contact_id", "segment", "left_at"])
    op.create_table(
        "ranks",
        sa.Column("fact", sa.String(), nullable=False),
        sa.Column("contact_id", columns.BigKey, nullable=False),
        sa.Column("place", columns.BigKey, nullable=False),
        sa.PrimaryKeyConstraint("fact", "contact_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ranks_in_order", "ranks", ["fact", "place", "contact_id"])
    op.create_table(
        "top_boundaries",
        sa.Column("fact", sa.String(), nullable=False),
        sa.Column("share", sa.String(), nullable=False),
        sa.Column("holders", sa.Integer(), nullable=False),
        sa.Column("inside", sa.Integer(), nullable=False),
        sa.Column("place", columns.BigKey, nullable=False),
        sa.Column("contact_id", columns.BigKey, nullable=False),
        sa.PrimaryKeyConstraint("fact", "share"),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_table("top_boundaries")
    op.drop_table("ranks")
    op.drop_index("memberships_by_contact", "memberships")
    op.drop_index("memberships_open", "memberships")
    op.create_index("memberships_by_contact", "memberships", ["contact_id"])
    op.create_index(
        "memberships_open", "memberships", ["segment", "contact_id"], unique=True,
        sqlite_where=_OPEN, postgresql_where=_OPEN,
    )  # fmt: skip
    op.drop_column("inbox", "what")
    op.drop_index("contacts_merged", "contacts")
    op.drop_index("contacts_gone", "contacts")
    op.drop_column("contacts", "flips")
    op.drop_column("contacts", "holding")
