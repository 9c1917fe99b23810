"""Decisions, backups and exports on a disk that is really full; run as a script, the child.

As in `test_store_disk_full`, the disk is a tmpfs of 2 MB in a mount namespace of the child's own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from subprocess import run
from typing import Any

import pyrage
import pytest
from clinic_samples import make_store, screen
from store_samples import make_field, make_image
from test_store_disk_full import NAMESPACES, TMPFS, _child, _namespace

from edge.backup.make import make_backup
from edge.backup.restore import restore_backup
from edge.contract.errors import StorageFullError
from edge.contract.images import encode_image
from edge.interop.corrections import export_corrections
from edge.store.audit import Audit
from edge.store.outbox import Outbox
from edge.store.register import Register
from edge.store.results import Results
from edge.store.review import Reviews, Tallies
from edge.store.store import Store

BALLAST = "ballast"
KEPT_FREE_BYTES = 60_000


def fill(disk: Path, left_bytes: int = 0) -> None:
    """Leaves so many bytes free."""
    with (disk / BALLAST).open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
        file.truncate(max(file.tell() - left_bytes, 0))


def free(disk: Path) -> None:
    (disk / BALLAST).unlink()


def until_full(act: Callable[[int], Any]) -> tuple[list[Any], str]:
    """All answers of a call until the disk is full, and the message then."""
    answers = []
    for number in range(5000):
        try:
            answers.append(act(number))
        except StorageFullError as error:
            return answers, str(error)
    raise AssertionError("the disk never filled")


def decide(disk: Path, what: str) -> dict[str, Any]:
    """Repeats what a person does until the disk is full; then there is room, and it goes on."""
    store = make_store(disk / "home")
    specimens = [screen(store, fields=1) for _ in range(12)]
    (cell, *_) = store.suspect_cells(specimens[0])
    (slide,) = Register(store).slides_of(specimens[0])
    results, note = Results(store), "n" * 1900

    def sign(number: int) -> dict[str, Any]:
        if number < len(specimens):
            return asdict(results.sign(specimens[number], "Ann"))
        return asdict(results.amend(specimens[number % len(specimens)], "Ann", note))

    acts: dict[str, Callable[[int], dict[str, Any]]] = {
        "review": lambda _: asdict(
            Reviews(store).review_cell(cell.cell_id, "ring", "Ann", note=note)
        ),
        "tally": lambda n: asdict(
            Tallies(store).add(slide.slide_id, "Ann", parasites=n, rbc_counted=5000)
        ),
        "sign": sign,
        "outbox": lambda n: asdict(
            Outbox(store).add("hub", "fhir", specimens[0], n, make_image(n, 3000))
        ),
    }
    fill(disk, 4 * KEPT_FREE_BYTES)
    told, message = until_full(acts[what])
    facts = {"told": len(told), "message": message}
    facts["lost"] = len(told) - len(kept(store, what, cell.cell_id, specimens, told))
    facts["problems"] = store.check_integrity(deep=True) + Audit(store).verify()
    free(disk)
    told.append(acts[what](len(told)))
    store.close()
    with closing(Store(disk / "home")) as again:
        facts["lost_after"] = len(told) - len(kept(again, what, cell.cell_id, specimens, told))
        facts["problems_after"] = again.check_integrity(deep=True) + Audit(again).verify()
    return facts


def kept(
    store: Store, what: str, cell_id: int, specimens: list[str], told: list[Any]
) -> list[dict[str, Any]]:
    """What is on record of it; never more than was told."""
    if what == "review":
        found: list[Any] = Reviews(store).history(cell_id)
    elif what == "tally":
        found = Tallies(store).of_specimen(specimens[0])
    elif what == "outbox":
        found = Outbox(store).of_specimen(specimens[0])
        assert all(Outbox(store).payload(item) for item in found)
    else:
        every = [one for name in specimens for one in Results(store).history(name)]
        found = [one for one in every if one.version > 1]
    plain = [asdict(one) for one in found]
    assert all(one in told for one in plain), "what was refused is on record"
    return plain


def back_up(disk: Path, *, encrypted: bool) -> dict[str, Any]:
    """To a full drive."""
    drive = disk / "drive"
    drive.mkdir()
    key = [str(pyrage.x25519.Identity.generate().to_public())] if encrypted else []
    with closing(make_store(disk.parent / "home")) as store:
        screen(store, fields=4)
        make_backup(store, drive / "last.tar", key, plain=not key)
        before = (drive / "last.tar").read_bytes()
        screen(store, fields=4)
        fill(disk, KEPT_FREE_BYTES)
        _, message = until_full(
            lambda _: make_backup(store, drive / "last.tar", key, plain=not key)
        )
        facts = {"message": message, "left": [path.name for path in drive.iterdir()]}
        facts["same"] = (drive / "last.tar").read_bytes() == before
        free(disk)
        facts["specimens"] = make_backup(store, drive, key, plain=not key).specimens
    return facts


def copy_of_database(disk: Path) -> dict[str, Any]:
    """The records' own disk is full: there is no room for the copy of the database."""
    drive = disk.parent / "drive"
    drive.mkdir()
    with closing(make_store(disk / "home")) as store:
        screen(store)
        fill(disk, KEPT_FREE_BYTES)
        _, message = until_full(lambda _: make_backup(store, drive, plain=True))
        facts = {"message": message, "left": [path.name for path in drive.iterdir()]}
        facts["left"] += [path.name for path in (disk / "home").glob(".*")]
        facts["problems"] = store.check_integrity(deep=True)
        free(disk)
        facts["specimens"] = make_backup(store, drive, plain=True).specimens
    return facts


def restore(disk: Path) -> dict[str, Any]:
    """Onto a disk that is too small at first."""
    with closing(make_store(disk.parent / "home")) as store:
        specimen_id = store.start_specimen("S", "upload", {})
        for index in range(10):
            store.save_field(specimen_id, index, make_field(index), make_image(index, 50_000))
        report = make_backup(store, disk.parent, plain=True)
    # It seems to fit, but for what the folders take.
    fill(disk, report.size_bytes + 8192)
    new = disk / "new"
    _, message = until_full(lambda _: restore_backup(report.path, new))
    facts = {"message": message, "left": sorted(path.name for path in new.iterdir())}
    free(disk)
    facts["fields"] = restore_backup(report.path, new).manifest.fields
    return facts


def corrections(disk: Path) -> dict[str, Any]:
    """Crops onto a full drive."""
    import numpy as np

    with closing(make_store(disk.parent / "home")) as store:
        specimen_id = screen(store, fields=0)
        noise = np.random.default_rng(0).integers(0, 255, (400, 400, 3), np.uint8)
        store.save_field(specimen_id, 0, make_field(0, 0, 12), encode_image(noise))
        for cell in store.suspect_cells(specimen_id):
            Reviews(store).review_cell(cell.cell_id, "ring", "Ann")
        fill(disk, 16_000)
        _, message = until_full(
            lambda _: export_corrections(store, disk / "out", all_consented=True)
        )
        facts = {"message": message, "left": [path.name for path in disk.iterdir()]}
        free(disk)
        facts["labels"] = export_corrections(store, disk / "out", all_consented=True).labels
    return facts


KINDS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "review": lambda disk: decide(disk, "review"),
    "tally": lambda disk: decide(disk, "tally"),
    "sign": lambda disk: decide(disk, "sign"),
    "outbox": lambda disk: decide(disk, "outbox"),
    "backup": lambda disk: back_up(disk, encrypted=False),
    "encrypted": lambda disk: back_up(disk, encrypted=True),
    "copy": copy_of_database,
    "restore": restore,
    "corrections": corrections,
}


@pytest.fixture
def facts(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """What the child found."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = _namespace(disk)
    if command is None:
        pytest.skip(
            f"no tmpfs can be mounted here: tried {' and '.join(map(' '.join, NAMESPACES))}"
        )
    return _child(command, request.param, disk, __file__)


@pytest.mark.parametrize("facts", ["review", "tally", "sign", "outbox"], indirect=True)
def test_decisions_are_whole_or_refused_and_go_on_when_there_is_room(facts: Any) -> None:
    assert facts["told"] > 1
    assert facts["lost"] == facts["lost_after"] == 0
    assert facts["problems"] == facts["problems_after"] == []
    assert "no room" in facts["message"] and "free some space" in facts["message"]


@pytest.mark.parametrize("facts", ["backup", "encrypted"], indirect=True)
def test_full_drive_keeps_the_older_backup(facts: Any) -> None:
    assert "no room" in facts["message"] and "last.tar" in facts["message"]
    assert facts["left"] == ["last.tar"] and facts["same"]
    assert facts["specimens"] == 2


@pytest.mark.parametrize("facts", ["copy"], indirect=True)
def test_backup_without_room_for_its_copy_leaves_nothing(facts: Any) -> None:
    assert "no room" in facts["message"]
    assert facts["left"] == [] and facts["problems"] == []
    assert facts["specimens"] == 1


@pytest.mark.parametrize("facts", ["restore"], indirect=True)
def test_restore_onto_a_full_disk_restores_nothing(facts: Any) -> None:
    assert "no room" in facts["message"]
    assert facts["left"] == ["service.lock"]
    assert facts["fields"] == 10


@pytest.mark.parametrize("facts", ["corrections"], indirect=True)
def test_corrections_on_a_full_drive_leave_nothing(facts: Any) -> None:
    assert "no room" in facts["message"]
    assert facts["left"] == [BALLAST]
    assert facts["labels"] == {"ring": 12}


if __name__ == "__main__":
    kind, folder = sys.argv[1], Path(sys.argv[2])
    run([*TMPFS, str(folder)], check=True)
    json.dump(KINDS[kind](folder), sys.stdout)
