from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from clinic_samples import Clock, make_store, screen

from edge.contract.errors import NotFoundError, StoreError
from edge.store.audit import Audit
from edge.store.checks import clock_problem
from edge.store.outbox import Outbox
from edge.store.repair import repair
from edge.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = make_store(tmp_path / "home")
    yield store
    store.close()


def image_of(store: Store, specimen_id: str, index: int = 0) -> Path:
    file = store.field(specimen_id, index).image_file
    assert file is not None
    return store.home / file


def test_sound_store_is_left_alone(store: Store) -> None:
    screen(store)
    repair(store)
    before = Audit(store).head()
    assert repair(store) == []
    assert Audit(store).head() == before


def test_missing_image_is_marked_and_its_counts_stay(store: Store) -> None:
    specimen_id = screen(store)
    image_of(store, specimen_id).unlink()
    assert store.check_integrity() != []
    done = repair(store)
    assert any("marked as missing" in one and specimen_id in one for one in done)
    field = store.field(specimen_id, 0)
    assert (field.image_file, field.image_gone) == (None, "missing, found on 2026-11-21")
    assert (field.rbc_count, len(field.cells)) == (22, 22)
    with pytest.raises(NotFoundError, match="missing, found on"):
        store.image_bytes(field)
    assert store.check_integrity(deep=True) == []
    actions = [one.action for one in Audit(store).entries(2)]
    assert actions == ["store.repaired", "image.lost"]
    assert repair(store) == []


def test_damaged_image_is_found_by_reading_and_kept_aside(store: Store) -> None:
    specimen_id = screen(store)
    path = image_of(store, specimen_id, 1)
    path.write_bytes(b"not what was stored")
    assert not any("damaged" in one for one in repair(store))
    done = repair(store, deep=True)
    assert any("marked as damaged" in one for one in done)
    assert store.field(specimen_id, 1).image_gone.startswith("damaged")
    aside = store.home / "orphans" / path.relative_to(store.home)
    assert aside.read_bytes() == b"not what was stored"
    assert store.check_integrity(deep=True) == []


def test_files_that_nobody_names_are_moved_aside_and_half_ones_deleted(store: Store) -> None:
    specimen_id = screen(store)
    folder = store.home / "fields" / specimen_id
    (folder / "00009-abc.jpg").write_bytes(b"image")
    (folder / ".00009-abc.jpg.1234.tmp").write_bytes(b"half")
    (store.home / "fields" / "nobody").mkdir()
    (store.home / "fields" / "nobody" / "x.jpg").write_bytes(b"image")
    named = Outbox(store).add("clinic", "fhir", specimen_id, 1, b"{}").payload_file
    (store.home / "outbox" / "lost.json").write_bytes(b"{}")
    done = repair(store)
    assert sum("to orphans/" in one for one in done) == 3
    assert sum("never written whole" in one for one in done) == 1
    orphans = store.home / "orphans"
    found = sorted(path.name for path in orphans.rglob("*") if path.is_file())
    assert found == ["00009-abc.jpg", "lost.json", "x.jpg"]
    assert (store.home / named).is_file()
    assert len(list(folder.iterdir())) == 2
    assert store.check_integrity(deep=True) == []


def test_interrupted_specimen_is_closed(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    assert any("closed 1 interrupted" in one for one in repair(store))
    assert store.specimen(specimen_id).verdict == "inconclusive"


def test_log_of_writes_is_taken_into_the_database(store: Store) -> None:
    screen(store)
    log = store.home / "records.db-wal"
    assert log.stat().st_size > 0
    (done,) = repair(store)
    assert "write-ahead log" in done
    alone = store.home.parent / "alone.db"
    alone.write_bytes((store.home / "records.db").read_bytes())
    with closing(sqlite3.connect(alone)) as connection:
        assert connection.execute("SELECT count(*) FROM specimens").fetchone() == (1,)


def test_broken_index_is_built_anew(store: Store) -> None:
    for number in range(30):
        screen(store, label=f"S-{number}", fields=0)
    repair(store)
    store.close()
    forget_entries(store.path, "ix_specimens_label")
    with closing(Store(store.home)) as again:
        assert any("missing from index" in one for one in again.check_integrity())
        assert any("built the indexes" in one for one in repair(again))
        assert again.check_integrity() == []


def test_damage_that_no_index_explains_needs_a_backup(store: Store) -> None:
    screen(store)
    repair(store)
    with closing(sqlite3.connect(store.home / "records.db")) as connection:
        connection.execute("DELETE FROM fields WHERE field_index = 0")
        connection.commit()
    with pytest.raises(StoreError, match=r"beyond its indexes.*restore a backup"):
        repair(store)


def test_clock_that_cannot_be_right_is_told(tmp_path: Path) -> None:
    clock = Clock("2026-11-21T10:00:00+00:00")
    store = make_store(tmp_path, clock)
    assert clock_problem(store) == ""
    clock.set("2026-11-21T09:00:00+00:00")
    assert "newest record was made at 2026-11-21T10:00" in clock_problem(store)
    clock.set("1970-01-01T00:00:00+00:00")
    assert "before this program was made" in clock_problem(store)
    store.close()


def forget_entries(path: Path, index: str) -> None:
    """Empties an index behind SQLite's back, as a lost page does."""
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (root,) = connection.execute(query, (index,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    data = bytearray(path.read_bytes())
    start = (root - 1) * size
    # Page header of the file format: kind 10 is a leaf of an index; no cells, content at the end.
    data[start : start + 8] = bytes([10, 0, 0, 0, 0]) + size.to_bytes(2, "big") + b"\x00"
    path.write_bytes(data)
