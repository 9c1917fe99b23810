"""Records of earlier versions: their database is made here, filled, and opened by this one."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from store_samples import make_field, make_image, make_report, make_staged_field

from edge.contract.errors import StoreError
from edge.store.audit import Audit
from edge.store.migrate import make_engine
from edge.store.register import Register
from edge.store.results import Results
from edge.store.store import Store
from edge.store.tokens import Tokens
from edge.store.users import Users

SPECIMENS, FIELDS, SUSPECTS = 3, 4, 2
# What reports say of stages, which came with 0003.
STAGE_KEYS = (
    "gametocyte_count",
    "stage_counts",
    "stages_bundle_id",
    "stages_bundle_sha256",
    "stages_problem",
)
QUALITY = {"usable": True, "reason": "", "focus": 4.5}
CAM = np.arange(12, dtype="<f4")


def cell_of_0001(number: int, label: str) -> dict[str, Any]:
    """A cell as that version wrote it: without anything of a second opinion."""
    box = {"left_px": 10 * number, "top_px": 7, "width_px": 30, "height_px": 31}
    return {**box, "label": label, "score": 0.9, "novelty": None}


def insert(connection: Connection, table: str, **values: Any) -> None:
    names = ", ".join(values)
    marks = ", ".join("?" * len(values))
    connection.exec_driver_sql(
        f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values())
    )


def fill_0001(connection: Connection) -> None:
    """Specimens with fields and suspect cells; the last suspect was deleted again."""
    report = make_report("positive").to_json()
    for name in ("disagreement_count", "refused_cell_count", *STAGE_KEYS):
        report.pop(name, None)
    for specimen in range(SPECIMENS):
        insert(
            connection,
            "specimens",
            specimen_id=f"20260101-00000{specimen}-abcdef",
            label=f"S-{specimen}",
            source="upload",
            source_settings="{}",
            status="done",
            started_utc="2026-01-01T00:00:00+00:00",
            report=json.dumps(report),
            error="",
        )
        for index in range(FIELDS):
            fill_field(connection, f"20260101-00000{specimen}-abcdef", index)
    connection.exec_driver_sql(
        f"DELETE FROM suspect_cells WHERE cell_id = {SPECIMENS * FIELDS * SUSPECTS}"
    )


def fill_field(connection: Connection, specimen_id: str, index: int) -> None:
    cells = [cell_of_0001(n, "parasitised") for n in range(SUSPECTS)]
    cells.append(cell_of_0001(9, "uninfected"))
    insert(
        connection,
        "fields",
        specimen_id=specimen_id,
        field_index=index,
        name=f"{index}.png",
        usable=1,
        reason="",
        rbc_count=3,
        positive_count=SUSPECTS,
        quality=json.dumps(QUALITY),
        timings_ms='{"infer":1.5}',
        cells=zlib.compress(json.dumps(cells).encode()),
    )
    for cell in cells[:SUSPECTS]:
        place = {"specimen_id": specimen_id, "field_index": index}
        shape = {"cam": CAM.tobytes(), "cam_rows": 3, "cam_columns": 4}
        insert(connection, "suspect_cells", **place, **cell, **shape)


def upgrade(home: Path, revision: str, fill: Callable[[Connection], None] | None = None) -> None:
    """Brings the database to a version, and fills it as that version did."""
    config = Config()
    config.set_main_option("script_location", "edge.store:migrations")
    engine = make_engine(home / "records.db")
    with engine.execution_options(writes=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        if fill:
            fill(connection)
    engine.dispose()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data directory as version 0001 left it."""
    upgrade(tmp_path, "0001", fill_0001)
    return tmp_path


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    store = Store(home)
    yield store
    store.close()


def rows(path: Path, columns: dict[str, str]) -> dict[str, list[Any]]:
    """The rows of each table, of the columns that 0001 has."""
    engine = make_engine(path)
    with engine.connect() as connection:
        found = {
            table: [
                tuple(row)
                for row in connection.exec_driver_sql(f"SELECT {names} FROM {table} ORDER BY 1, 2")
            ]
            for table, names in columns.items()
        }
    engine.dispose()
    return found


def columns_of(path: Path) -> dict[str, str]:
    engine = make_engine(path)
    with engine.connect() as connection:
        found = {
            table: ", ".join(
                row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({table})")
            )
            for table in ("specimens", "fields", "suspect_cells")
        }
    engine.dispose()
    return found


def test_every_row_of_0001_is_kept_as_it_was(home: Path) -> None:
    path = home / "records.db"
    columns = columns_of(path)
    assert "disagrees" not in columns["suspect_cells"]
    before = rows(path, columns)
    assert [len(found) for found in before.values()] == [3, 12, 23]
    Store(home).close()
    assert rows(path, columns) == before
    assert "disagrees" in columns_of(path)["suspect_cells"]


def test_records_of_0001_are_read_as_without_a_second_opinion(store: Store) -> None:
    newest = store.specimens()[0]
    assert newest.report is not None and newest.report["verdict"] == "positive"
    for field in store.fields(newest.specimen_id):
        assert (field.disagreement_count, field.refused_cell_count) == (0, 0)
        assert field.quality == QUALITY
        assert [cell["disagrees"] for cell in field.cells] == [False] * 3
        assert [cell["refused"] for cell in field.cells] == [""] * 3
        assert [cell["uncertain"] for cell in field.cells] == [False] * 3
    suspects = store.suspect_cells(newest.specimen_id)
    assert suspects and {cell.kind for cell in suspects} == {"agreed"}
    assert {(cell.refused, cell.disagrees, cell.novelty) for cell in suspects} == {
        ("", False, None)
    }
    assert np.array_equal(suspects[0].cam, CAM.reshape(3, 4))
    assert store.check_integrity() == []


def test_work_goes_on_in_a_database_of_0001(store: Store) -> None:
    old = store.specimens()[0].specimen_id
    ids = {cell.cell_id for cell in store.suspect_cells(old)}
    store.save_field(old, FIELDS, make_field(FIELDS, infected=1), make_image(1))
    (new,) = (cell for cell in store.suspect_cells(old) if cell.cell_id not in ids)
    # The id of a cell that is gone is not given again, so that a link stays true.
    assert new.cell_id == SPECIMENS * FIELDS * SUSPECTS + 1
    assert new.field_index == FIELDS


def test_stages_of_records_from_before_are_unknown_and_not_zero(store: Store) -> None:
    old = store.specimens()[0].specimen_id
    assert [field.stage_counts for field in store.fields(old)] == [None] * FIELDS
    store.save_field(old, FIELDS, make_staged_field(FIELDS), None)
    new = store.field(old, FIELDS).stage_counts
    assert new == {"ring": 1, "trophozoite": 0, "schizont": 0, "gametocyte": 1}


def test_every_row_of_0002_is_kept_as_it_was(home: Path) -> None:
    upgrade(home, "0002")
    path = home / "records.db"
    columns = columns_of(path)
    assert "disagreement_count" in columns["fields"]
    assert "stage_counts" not in columns["fields"]
    before = rows(path, columns)
    Store(home).close()
    assert rows(path, columns) == before
    assert columns_of(path)["fields"].endswith("stage_counts, ran_on, image_gone")


def fill_0004(connection: Connection) -> None:
    """What 0001 leaves, and a specimen that was being screened when the power went."""
    insert(
        connection,
        "specimens",
        specimen_id="20260102-000000-abcdef",
        label="cut",
        source="upload",
        source_settings="{}",
        status="running",
        started_utc="2026-01-02T00:00:00+00:00",
        report=json.dumps(make_report("negative").to_json()),
        error="",
    )


def test_specimens_of_0004_join_the_clinic(home: Path) -> None:
    upgrade(home, "0004", fill_0004)
    path = home / "records.db"
    columns = columns_of(path)
    assert "ran_on" in columns["fields"] and "patient_id" not in columns["specimens"]
    before = rows(path, columns)
    store = Store(home)
    assert rows(path, columns) == before
    newest, *others = store.specimens()
    assert [one.sequence for one in (newest, *others)] == [4, 3, 2, 1]
    assert (newest.verdict, newest.result_status, newest.task) == (None, "", "malaria")
    for one in others:
        assert (one.verdict, one.result_status, one.version) == ("positive", "preliminary", 1)
        (result,) = Results(store).history(one.specimen_id)
        assert (result.version, result.status, result.by) == (1, "preliminary", "device")
        assert result.report == one.report
        (slide,) = Register(store).slides_of(one.specimen_id)
        assert (slide.smear, slide.barcode) == ("thin", "")
    # The first results are older than the log, which is empty and whole.
    assert Audit(store).entries() == Audit(store).verify() == []
    store.recover()
    assert store.specimen(newest.specimen_id).verdict == "inconclusive"
    assert Results(store).sign(others[0].specimen_id, "Dr Ota").version == 2
    assert Audit(store).verify() == []
    assert store.check_integrity() == []
    store.close()


def test_clinics_tables_are_made_all_or_nothing(home: Path) -> None:
    upgrade(home, "0004", fill_0004)
    path = home / "records.db"
    engine = make_engine(path)
    with engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE outbox (other TEXT)")
    engine.dispose()
    columns = columns_of(path)
    with pytest.raises(StoreError, match="already exists"):
        Store(home)
    assert columns_of(path) == columns


def test_records_of_0005_get_their_first_user_and_lose_nothing(home: Path) -> None:
    upgrade(home, "0004", fill_0004)
    upgrade(home, "0005")
    path = home / "records.db"
    columns = columns_of(path)
    before = rows(path, columns)
    store = Store(home)
    assert rows(path, columns) == before
    assert not Users(store).exist() and Tokens(store).all() == []
    assert Users(store).add_first("Ana", "three brown hens").user_id == 1
    assert Audit(store).verify() == [] == store.check_integrity()
    store.close()
