"""What is read and written of a contact lies in one place: its stays together, the ratings in the index of its events.

An index of when to look at it knows only the first of the moments.

Revision ID: 0010
Revises: 0009
Create Date: 2026-11-26
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lifecycle.store import columns
from lifecycle.store.amounts import KeptRating

revision = "0010"
down_revision: str | None = "0009"
branch_labels = None
depends_on = None

#: Of stays that began at one instant, one: open if one of them is.
_ONE_OF_EACH = (
    "SELECT contact_id, segment, entered_at, CASE WHEN count(left_at) = count(*) THEN max(left_at) END, min(cause)"
    " FROM stays_before GROUP BY contact_id, segment, entered_at ORDER BY contact_id, segment, entered_at"
)


def upgrade() -> None:
    """Go to this revision. `memberships` is written anew, on PostgreSQL `events` too, and once each row of `contacts`."""
    op.rename_table("memberships", "stays_before")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX memberships_pkey RENAME TO stays_before_pkey")
    op.create_table(
        "memberships",
        sa.Column("contact_id", columns.BigKey, nullable=False),
        sa.Column("segment", sa.String(), nullable=False),
        sa.Column("entered_at", columns.Instant(), nullable=False),
        sa.Column("left_at", columns.Instant(), nullable=True),
        sa.Column("cause", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", "segment", "entered_at"),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in ("contacts", "memberships"):
            op.execute(f"ALTER TABLE {table} SET (fillfactor = 80)")
        # whoever refreshes next ranks anew, and knows which places are near an end
        op.execute("DELETE FROM top_boundaries")
    op.execute(f"INSERT INTO memberships (contact_id, segment, entered_at, left_at, cause) {_ONE_OF_EACH}")
    op.drop_table("stays_before")
    op.drop_index("ix_contacts_review_at", "contacts")
    op.add_column("contacts", sa.Column("wake_at", columns.Instant(), nullable=True))
    op.execute("UPDATE contacts SET wake_at = review_at WHERE review_at IS NOT NULL")
    op.create_index("ix_contacts_wake_at", "contacts", ["wake_at"])
    op.add_column("events", sa.Column("rating", sa.Numeric(), KeptRating(), nullable=True))
    op.drop_index("events_by_contact", "events")
    op.create_index("events_by_contact", "events", ["contact_id", "name", "at", "worth", "rating"])


def downgrade() -> None:
    """Go back."""
    op.drop_index("events_by_contact", "events")
    op.create_index("events_by_contact", "events", ["contact_id", "name", "at", "worth"])
    op.drop_column("events", "rating")
    op.drop_index("ix_contacts_wake_at", "contacts")
    op.drop_column("contacts", "wake_at")
    op.create_index("ix_contacts_review_at", "contacts", ["review_at"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE contacts RESET (fillfactor)")
    op.rename_table("memberships", "stays_after")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX memberships_pkey RENAME TO stays_after_pkey")
    op.create_table(
        "memberships",
        sa.Column("id", columns.BigKey, nullable=False),
        sa.Column("segment", sa.String(), nullable=False),
        sa.Column("contact_id", columns.BigKey, nullable=False),
        sa.Column("entered_at", columns.Instant(), nullable=False),
        sa.Column("left_at", columns.Instant(), nullable=True),
        sa.Column("cause", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    names = "segment, contact_id, entered_at, left_at, cause"
    op.execute(f"INSERT INTO memberships ({names}) SELECT {names} FROM stays_after ORDER BY entered_at")  # noqa: S608
    op.drop_table("stays_after")
    is_open = sa.text("left_at IS NULL")
    op.create_index(
        "memberships_open", "memberships", ["contact_id", "segment"], unique=True,
        sqlite_where=is_open, postgresql_where=is_open,
    )  # fmt: skip
    op.create_index("memberships_by_contact", "memberships", ["contact_id", "segment"])
