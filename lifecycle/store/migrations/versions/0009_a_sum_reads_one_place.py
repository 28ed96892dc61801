"""What an event came to stands in the index by which events of a contact are found.

Revision ID: 0009
Revises: 0007
Create Date: 2026-11-26
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lifecycle.store.amounts import KeptAmount

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision. PostgreSQL writes `events` anew; SQLite only the index."""
    op.add_column("events", sa.Column("worth", sa.BigInteger(), KeptAmount(), nullable=True))
    op.drop_index("events_by_contact", "events")
    op.create_index("events_by_contact", "events", ["contact_id", "name", "at", "worth"])


def downgrade() -> None:
    """Go back."""
    op.drop_index("events_by_contact", "events")
    op.create_index("events_by_contact", "events", ["contact_id", "name", "at"])
    op.drop_column("events", "worth")
