"""What Alembic runs for a migration: on the caller's connection, in the caller's transaction."""

from __future__ import annotations

from alembic import context

from edge.store.columns import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite changes a column only by copying its table.
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
