from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import OperationalError
from store_samples import make_field, make_image, make_report

from edge.contract.errors import StoreError
from edge.store.columns import Base
from edge.store.migrate import make_engine, transaction, upgrade
from edge.store.store import Store


@contextmanager
def _sqlite(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as connection:
        yield connection
        connection.commit()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_migrated_schema_is_what_the_rows_declare(tmp_path: Path) -> None:
    Store(tmp_path).close()
    engine = make_engine(tmp_path / "records.db")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_settings_hold_on_every_connection(tmp_path: Path) -> None:
    Store(tmp_path).close()
    engine = make_engine(tmp_path / "records.db")
    with engine.connect() as one, engine.connect() as two:
        for connection in (one, two):
            settings = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
            assert settings == {
                "journal_mode": "wal",
                "synchronous": 2,
                "foreign_keys": 1,
                "busy_timeout": 10_000,
            }
    engine.dispose()


def test_database_of_a_newer_version_is_refused_and_untouched(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.start_specimen("S", "upload", {})
    store.close()
    path = tmp_path / "records.db"
    with _sqlite(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = _sha256(path)
    with pytest.raises(StoreError, match=r"'9999'.*newer version"):
        Store(tmp_path)
    assert _sha256(path) == before


def test_database_of_another_program_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    with _sqlite(path) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")
    before = _sha256(path)
    with pytest.raises(StoreError, match=r"another program.*songs"):
        Store(tmp_path)
    assert _sha256(path) == before


def test_file_that_is_no_database_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    path.write_bytes(b"these are my notes\n" * 100)
    before = _sha256(path)
    with pytest.raises(StoreError, match="not a database"):
        Store(tmp_path)
    assert _sha256(path) == before


def test_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_bytes(b"")
    with pytest.raises(StoreError, match="home"):
        Store(tmp_path / "home")


def test_database_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "records.db").mkdir()
    with pytest.raises(StoreError, match=r"records\.db"):
        Store(tmp_path)


def test_home_with_an_odd_name_works(tmp_path: Path) -> None:
    home = tmp_path / "a %s?b#c 100% ' é" / "deep"
    Store(home).close()
    assert (home / "records.db").is_file()


def test_migration_is_all_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with _sqlite(path) as connection:
        connection.execute("CREATE TABLE suspect_cells (other TEXT)")
    engine = make_engine(path)
    with (
        pytest.raises(OperationalError, match="already exists"),
        engine.execution_options(writes=True).begin() as connection,
    ):
        upgrade(connection)
    engine.dispose()
    with _sqlite(path) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    assert tables == [("suspect_cells",)]


def test_locked_database_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.store.migrate._PRAGMAS", ("PRAGMA busy_timeout=50",))
    store = Store(tmp_path)
    with closing(sqlite3.connect(tmp_path / "records.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program holds it"):
            store.start_specimen("S", "upload", {})
        assert store.specimens() == []
    store.start_specimen("S", "upload", {})
    store.close()


def test_error_inside_a_transaction_stores_nothing(tmp_path: Path) -> None:
    Store(tmp_path).close()
    engine = make_engine(tmp_path / "records.db")
    with pytest.raises(KeyError), transaction(engine, writes=True) as session:
        session.connection().exec_driver_sql("DELETE FROM alembic_version")
        raise KeyError
    engine.dispose()
    Store(tmp_path).close()


def _filled(home: Path) -> Store:
    store = Store(home)
    specimen_id = store.start_specimen("S", "upload", {})
    for index in range(30):
        store.save_field(specimen_id, index, make_field(index, healthy=300), make_image(index, 99))
    store.finish_specimen(specimen_id, make_report())
    return store


def test_damaged_page_of_the_database_is_found(tmp_path: Path) -> None:
    _filled(tmp_path).close()
    path = tmp_path / "records.db"
    data = bytearray(path.read_bytes())
    # The tables' own descriptions lie at the front; without them the file cannot even be opened.
    for start in range(len(data) // 4096 * 3 // 4 * 4096, len(data), 4096):
        data[start : start + 64] = b"\xa5" * 64
    path.write_bytes(data)
    store = Store(tmp_path)
    assert store.check_integrity() != []
    store.close()


def test_damaged_cells_and_broken_references_are_found(tmp_path: Path) -> None:
    _filled(tmp_path).close()
    with _sqlite(tmp_path / "records.db") as connection:
        connection.execute("UPDATE fields SET cells = x'00ff' WHERE field_index = 3")
        connection.execute("DELETE FROM fields WHERE field_index = 5")
    store = Store(tmp_path)
    problems = store.check_integrity()
    assert any("refers to no row of fields" in problem for problem in problems)
    assert any("damaged" in problem for problem in problems)
    (specimen,) = store.specimens()
    with pytest.raises(StoreError, match="damaged"):
        store.fields(specimen.specimen_id)
    store.close()
