"""What computed each field, since an accelerator that fails is replaced within a specimen.

Empty for records from before: the specimen's report says what ran at its end.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision; SQLite adds a column in place, so no table is copied."""
    op.add_column("fields", sa.Column("ran_on", sa.Text))
