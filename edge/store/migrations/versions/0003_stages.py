"""How many infected cells of a field were called which stage.

Empty for records from before, and where no network told stages apart: that is not known, not 0.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision; SQLite adds a column in place, so no table is copied."""
    op.add_column("fields", sa.Column("stage_counts", sa.Text))
