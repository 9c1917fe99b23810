"""What the second opinion says: cells that it disputes, and objects refused as no red cell.

Records from before have neither, so each new column is empty or 0 for them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision; SQLite adds a column in place, so no table is copied."""
    for name in ("disagreement_count", "refused_cell_count"):
        op.add_column("fields", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    op.add_column("suspect_cells", sa.Column("refused", sa.Text, nullable=False, server_default=""))
    op.add_column(
        "suspect_cells", sa.Column("disagrees", sa.Boolean, nullable=False, server_default="0")
    )
