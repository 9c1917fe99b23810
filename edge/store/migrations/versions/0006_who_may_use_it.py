"""The people who may use the device, and the tokens of programs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision; nobody may use a device from before until its first user is made."""
    op.create_table(
        "users",
        sa.Column("user_id", sa.Integer, primary_key=True, nullable=False),
        *map(_text, ("name", "name_key", "password_hash", "role", "language", "created_utc")),
        sa.Column("disabled", sa.Boolean, nullable=False),
        _text("stamp"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_users_name_key", "users", ["name_key"], unique=True)
    op.create_table(
        "api_tokens",
        sa.Column("token_id", sa.Integer, primary_key=True, nullable=False),
        *map(_text, ("name", "sha256", "scopes", "created_utc")),
        sa.Column("last_used_utc", sa.Text, nullable=True),
        sa.Column("revoked", sa.Boolean, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_api_tokens_sha256", "api_tokens", ["sha256"], unique=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)
