"""the average order, filled from what is stored, and the last views, which `lifecycle rebuild` fills."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lifecycle.store import columns

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: An order on average, half to even as the fold has it. In whole ten-thousandths, so that both databases round alike.
_AVERAGE = """
UPDATE facts SET orders_average = (CASE WHEN orders_total < 0 THEN -1 ELSE 1 END) * {unit} * (
  abs({total}) / orders_count + CASE
    WHEN 2 * (abs({total}) % orders_count) > orders_count THEN 1
    WHEN 2 * (abs({total}) % orders_count) = orders_count THEN abs({total}) / orders_count % 2
    ELSE 0 END
) WHERE orders_count > 0 AND orders_total IS NOT NULL
"""


def upgrade() -> None:
    """Go to this revision."""
    op.add_column("facts", sa.Column("orders_average", columns.Money(), nullable=True))
    op.add_column("facts", sa.Column("views_count", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("facts", sa.Column("views_last_at", columns.Instant(), nullable=True))
    op.add_column("facts", sa.Column("views_last_event", columns.BigKey, nullable=True))
    op.add_column("facts", sa.Column("views_last_product", sa.String(), nullable=True))
    op.add_column("facts", sa.Column("views_last_category", sa.String(), nullable=True))
    if op.get_bind().dialect.name == "sqlite":
        op.execute(_AVERAGE.format(total="orders_total", unit="1"))
    else:
        op.execute(_AVERAGE.format(total="CAST(orders_total * 10000 AS bigint)", unit="0.0001"))


def downgrade() -> None:
    """Go back."""
    for column in ("category", "product", "event", "at"):
        op.drop_column("facts", f"views_last_{column}")
    op.drop_column("facts", "views_count")
    op.drop_column("facts", "orders_average")
