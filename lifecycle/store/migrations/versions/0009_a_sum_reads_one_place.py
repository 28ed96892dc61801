"""A refresh reads and writes less: what events came to stands in their index, and only near places are exact.

Revision ID: 0009
Revises: 0008
Create Date: 2026-11-26
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lifecycle.store import columns
from lifecycle.store.amounts import KeptAmount

revision = "0009"
down_revision: str | None = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision. PostgreSQL writes `events` anew; SQLite only the index."""
    op.add_column("events", sa.Column("worth", sa.BigInteger(), KeptAmount(), nullable=True))
    op.drop_index("events_by_contact", "events")
    op.create_index("events_by_contact", "events", ["contact_id", "name", "at", "worth"])
    op.drop_index("memberships_by_contact", "memberships")
    op.create_index("memberships_by_contact", "memberships", ["contact_id", "segment"])
    # all places that are stored are exact, until somebody ranks anew
    for name, place in (("first_place", 1 - 2**63), ("last_place", 2**63 - 1)):
        place_column = sa.Column(name, columns.BigKey, nullable=False, server_default=sa.text(str(place)))
        op.add_column("top_boundaries", place_column)


def downgrade() -> None:
    """Go back. Places that are not exact would mislead: who refreshes next ranks anew."""
    op.drop_index("memberships_by_contact", "memberships")
    op.create_index("memberships_by_contact", "memberships", ["contact_id", "segment", "left_at"])
    op.execute("DELETE FROM top_boundaries")
    op.drop_column("top_boundaries", "last_place")
    op.drop_column("top_boundaries", "first_place")
    op.drop_index("events_by_contact", "events")
    op.create_index("events_by_contact", "events", ["contact_id", "name", "at"])
    op.drop_column("events", "worth")
