"""The index of events by name answers no question about one contact any more.

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-25
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it anew, for those who say `id > 0`."""
    said = sa.text("id > 0")
    op.drop_index("events_by_name", table_name="events")
    op.create_index("events_by_name", "events", ["name", "at"], sqlite_where=said, postgresql_where=said)


def downgrade() -> None:
    """Make the one for everybody again."""
    op.drop_index("events_by_name", table_name="events")
    op.create_index("events_by_name", "events", ["name", "at"])
