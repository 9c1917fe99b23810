"""The harness finds what it looks for, and a short run of it finds nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge.backup.make import make_backup
from edge.contract.types import FieldQuality, FieldResult
from edge.store.outbox import Outbox
from edge.store.store import Store
from tests.durability.kill import KINDS, kill_often
from tests.durability.survived import check_backups, check_home, check_old, check_server
from tests.interop.real_servers import fhir_server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Records of one specimen with a field."""
    with closing(Store(tmp_path / "home")) as store:
        specimen_id = store.start_specimen("S", "upload", {})
        quality = FieldQuality(True, "", 1.0, 2.0, 0.0, 0.1)
        store.save_field(specimen_id, 0, FieldResult("0.png", quality, ()), b"image")
    return tmp_path / "home"


def told(home: Path, kind: str, **more: Any) -> list[dict[str, Any]]:
    """An acknowledgement of the one specimen."""
    with closing(Store(home)) as store:
        (specimen,) = store.specimens()
    return [{"kind": kind, "specimen_id": specimen.specimen_id, **more}]


def test_what_was_told_and_is_missing_is_lost(home: Path, tmp_path: Path) -> None:
    assert check_home(home, told(home, "started")) == ([], [])
    for kind, more in {
        "field": {"index": 1, "start": ""},
        "shown": {"fields": 2, "rbc_count": 0, "positive_count": 0},
        "finished": {"verdict": "negative", "error": ""},
        "review": {"cell_id": 1},
        "tally": {"tally_id": 1},
        "result": {"version": 2},
        "sent": {"item_id": 1},
    }.items():
        lost, damaged = check_home(home, told(home, kind, **more))
        assert len(lost) == 1 and damaged == [], kind
    assert check_home(tmp_path / "none", [])[0] == []
    assert check_home(tmp_path / "none", told(home, "started"))[0]


def test_what_is_damaged_is_found(home: Path) -> None:
    (home / ".left.tmp-of-nobody").touch()
    (image,) = home.glob("fields/*/*")
    image.write_bytes(b"other")
    with closing(sqlite3.connect(home / "records.db")) as connection, connection:
        connection.execute("DROP TRIGGER audit_no_update")
    _, damaged = check_home(home, [])
    assert [any(word in one for one in damaged) for word in ("sha256", "audit", "left")] == [
        True,
        True,
        True,
    ]
    (home / "records.db").write_bytes(b"no database" * 100)
    assert check_home(home, [])[1]


def test_missing_and_damaged_backups_are_found(home: Path, tmp_path: Path) -> None:
    drive = tmp_path / "drive"
    drive.mkdir()
    with closing(Store(home)) as store:
        made = [make_backup(store, drive / f"{n}.tar", plain=True) for n in range(3)]
    tell = [{"kind": "backup", "file": str(one.path), "sha256": one.sha256} for one in made]
    assert check_backups(drive, tell) == ([], [])
    tell[0]["sha256"] = "the one before"
    assert check_backups(drive, tell) == ([], []), "one may be newer than what was told"
    tell[1]["sha256"] = "the one before"
    assert len(check_backups(drive, tell)[0]) == 1
    made[2].path.write_bytes(made[2].path.read_bytes()[:-4000])
    assert len(check_backups(drive, tell)[1]) == 1
    made[2].path.unlink()
    assert any("missing" in one for one in check_backups(drive, tell)[0])


def test_old_records_that_lost_something_are_found(home: Path) -> None:
    old = {"kind": "old", "folder": str(home), "specimens": 1, "fields": 1}
    assert check_old([old]) == ([], [])
    assert check_old([old | {"fields": 2}])[0]
    (home / "records.db").write_bytes(b"no database" * 100)
    assert check_old([old])[1]


def test_results_that_do_not_reach_the_server_are_lost(home: Path) -> None:
    with closing(Store(home)) as store:
        (specimen,) = store.specimens()
        Outbox(store).add("hub", "fhir", specimen.specimen_id, 1, b"{}")
    assert check_server(home, "http://127.0.0.1:9/fhir")[0]


@pytest.mark.timeout(1200)  # a start of the program takes seconds
def test_kills_lose_and_damage_nothing(tmp_path: Path) -> None:
    lines: list[str] = []
    with fhir_server(tmp_path) as url:
        figures = kill_often(len(KINDS), 14, tmp_path, url, lines.append)
    assert (figures.lost, figures.damaged, figures.doubled) == ([], [], [])
    assert figures.kills == dict.fromkeys(KINDS, 1)
    # By this seed one kind alone is killed before it has told anything.
    assert sum(figures.told.values()) >= len(KINDS) - 1 and lines
