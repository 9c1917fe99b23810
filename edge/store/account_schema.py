"""The tables of who may use the device: people and programs. A change here needs a migration."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from edge.store.columns import Base


class UserRow(Base):
    """A person. Ids are never given again, so that a session is never another person's.

    Attributes:
        name_key: the name as it is compared, whatever its letters' case.
        password_hash: see `edge.store.passwords`.
        stamp: changes with the password and the rights; a session that knows another one is over.
    """

    __tablename__ = "users"
    __table_args__ = (
        Index("ix_users_name_key", "name_key", unique=True),
        {"sqlite_autoincrement": True},
    )

    user_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_key: Mapped[str]
    password_hash: Mapped[str]
    role: Mapped[str]
    language: Mapped[str]
    created_utc: Mapped[str]
    disabled: Mapped[bool]
    stamp: Mapped[str]


class ApiTokenRow(Base):
    """A program's token, of which only the hash is kept.

    Attributes:
        scopes: separated by spaces.
    """

    __tablename__ = "api_tokens"
    __table_args__ = (
        Index("ix_api_tokens_sha256", "sha256", unique=True),
        {"sqlite_autoincrement": True},
    )

    token_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    sha256: Mapped[str]
    scopes: Mapped[str]
    created_utc: Mapped[str]
    last_used_utc: Mapped[str | None]
    revoked: Mapped[bool]
