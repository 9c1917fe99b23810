"""Specimens, their fields, and the cells called infected.

There is no way back: records are not dropped, a backup is restored instead.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision."""
    _create_specimens()
    _create_fields()
    _create_suspect_cells()


def _create_specimens() -> None:
    op.create_table(
        "specimens",
        sa.Column("specimen_id", sa.Text, primary_key=True, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("source_settings", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("started_utc", sa.Text, nullable=False),
        sa.Column("finished_utc", sa.Text),
        sa.Column("report", sa.Text),
        sa.Column("error", sa.Text, nullable=False),
    )


def _create_fields() -> None:
    op.create_table(
        "fields",
        sa.Column(
            "specimen_id",
            sa.Text,
            sa.ForeignKey("specimens.specimen_id"),
            primary_key=True,
            nullable=False,
        ),
        sa.Column("field_index", sa.Integer, primary_key=True, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("usable", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("rbc_count", sa.Integer, nullable=False),
        sa.Column("positive_count", sa.Integer, nullable=False),
        sa.Column("quality", sa.Text, nullable=False),
        sa.Column("timings_ms", sa.Text, nullable=False),
        sa.Column("cells", sa.LargeBinary, nullable=False),
        sa.Column("image_file", sa.Text),
        sa.Column("image_sha256", sa.Text),
    )


def _create_suspect_cells() -> None:
    op.create_table(
        "suspect_cells",
        sa.Column("cell_id", sa.Integer, primary_key=True, nullable=False),
        sa.Column("specimen_id", sa.Text, nullable=False),
        sa.Column("field_index", sa.Integer, nullable=False),
        sa.Column("left_px", sa.Integer, nullable=False),
        sa.Column("top_px", sa.Integer, nullable=False),
        sa.Column("width_px", sa.Integer, nullable=False),
        sa.Column("height_px", sa.Integer, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("novelty", sa.Float),
        sa.Column("cam", sa.LargeBinary),
        sa.Column("cam_rows", sa.Integer),
        sa.Column("cam_columns", sa.Integer),
        sa.ForeignKeyConstraint(
            ["specimen_id", "field_index"],
            ["fields.specimen_id", "fields.field_index"],
            ondelete="CASCADE",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_suspect_cells_field", "suspect_cells", ["specimen_id", "field_index"])
    op.create_index("ix_suspect_cells_score", "suspect_cells", ["specimen_id", "score"])
