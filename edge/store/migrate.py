"""Opens the database file and brings its schema to this program's; owns SQLite's settings."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from edge.contract.errors import StoreError
from edge.store.files import database_errors, sync_folder

if TYPE_CHECKING:
    from alembic.config import Config

# "package:folder" is found in a wheel, too, and needs no escaping of odd paths.
_MIGRATIONS = "edge.store:migrations"
_MIGRATION_FILE = re.compile(r"(\d{4})_\w+\.py$")
_VERSION_TABLE = "alembic_version"
_BUSY_TIMEOUT_MS = 10_000
_PRAGMAS = (
    "PRAGMA foreign_keys=ON",
    # FULL syncs the log at every commit: what the page has shown survives a power cut.
    "PRAGMA synchronous=FULL",
    f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}",
)


def open_database(path: Path) -> Engine:
    """Opens or creates the database, migrated to head.

    Raises:
        StoreError: not a database, another program's, or made by a newer version; left untouched.
        StorageFullError: no room to create or migrate it.
    """
    engine = make_engine(path)
    try:
        with database_errors(path):
            _prepare(engine, path)
        sync_folder(path.parent)
    except BaseException:
        engine.dispose()
        raise
    return engine


def make_engine(path: Path) -> Engine:
    """An engine that threads may share, with SQLite's settings on each connection."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        max_overflow=-1,  # the web server bounds its threads; none of them waits for a connection
        connect_args={"check_same_thread": False},
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: sqlite3.Connection, _record: Any) -> None:
    # Python's own transaction handling commits before a schema change; `_begin` replaces it.
    connection.isolation_level = None
    with closing(connection.cursor()) as cursor:
        for pragma in _PRAGMAS:
            cursor.execute(pragma)


def _begin(connection: Connection) -> None:
    # A writer takes the lock at once: one that starts by reading could not wait for it later.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def transaction(engine: Engine, *, writes: bool = False) -> Iterator[Session]:
    """A session in one transaction, committed at the end unless an error passes."""
    with (
        Session(engine.execution_options(writes=writes), expire_on_commit=False) as session,
        session.begin(),
    ):
        yield session


def _prepare(engine: Engine, path: Path) -> None:
    with engine.connect() as connection:
        revision = _revision(connection, path)
    known = known_revisions()
    if revision is not None and revision not in known:
        raise StoreError(
            f"{path} has schema {revision!r}, and this version knows up to {known[0]!r}: a newer "
            "version made it; install that version again, or restore a backup of this one"
        )
    _use_write_ahead_log(engine, path)
    if revision != known[0]:
        with engine.execution_options(writes=True).begin() as connection:
            upgrade(connection)


def _revision(connection: Connection, path: Path) -> str | None:
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    if _VERSION_TABLE not in tables:
        raise StoreError(
            f"{path} is a database of another program (tables {', '.join(tables[:5])}); "
            "move it away or choose another folder"
        )
    select = f"SELECT version_num FROM {_VERSION_TABLE}"
    revision: str | None = connection.exec_driver_sql(select).scalar()
    return revision


def _use_write_ahead_log(engine: Engine, path: Path) -> None:
    # Outside any transaction, which SQLite demands, and only once the file is known to be ours.
    with closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("PRAGMA journal_mode=WAL")
        mode = cursor.fetchone()
    if mode != ("wal",):
        raise StoreError(
            f"{path} cannot keep a write-ahead log (mode {mode}); "
            "use a local disk, not a network folder"
        )


def upgrade(connection: Connection) -> None:
    """Migrates to head inside the caller's transaction: all of it or nothing."""
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def known_revisions() -> list[str]:
    """The migrations of this program, newest first, by their files' names.

    Alembic would say the same, and take a third of a device's start to be imported for it.
    """
    files = (resources.files("edge.store") / "migrations" / "versions").iterdir()
    return sorted(
        (found[1] for file in files if (found := _MIGRATION_FILE.match(file.name))), reverse=True
    )


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", _MIGRATIONS)
    return config
