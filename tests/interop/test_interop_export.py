"""Exports: whole or not at all, opened by their recipient alone, in constant memory."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pydicom
import pyrage
import pytest
from clinic import SETTINGS, screen
from fhir.resources.R4B.bundle import Bundle
from sqlalchemy import func

from edge.contract.errors import ConfigError, NotFoundError, StoreError
from edge.interop.age import check_recipients, write_encrypted
from edge.interop.export import FORMATS, Wanted, export
from edge.store.audit import Audit
from edge.store.clinic_schema import ResultRow
from edge.store.results import Results
from edge.store.schema import SpecimenRow
from edge.store.store import Store

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture()
def stick(tmp_path: Path) -> Path:
    found = tmp_path / "stick"
    found.mkdir()
    return found


@pytest.mark.parametrize("kind", FORMATS)
def test_month_opens_for_its_recipient_alone(store: Store, stick: Path, kind: str) -> None:
    specimen_id = screen(store)
    Results(store).sign(specimen_id, "Dr Achieng")
    identity = pyrage.x25519.Identity.generate()
    wanted = Wanted(kind, month="2026-11")
    plain = export(store, SETTINGS, wanted, stick)
    sealed = export(store, SETTINGS, wanted, stick, [str(identity.to_public())], by="Ann")
    assert sealed.path.name == plain.path.name + ".age" and sealed.encrypted
    data = sealed.path.read_bytes()
    assert hashlib.sha256(data).hexdigest() == sealed.sha256 and b"P-1" not in data
    assert pyrage.decrypt(data, [identity]) == plain.path.read_bytes()
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(data, [pyrage.x25519.Identity.generate()])
    line = Audit(store).head()
    assert line and (line.by, line.action, line.subject) == ("Ann", "export.written", "2026-11")
    assert line.detail["sha256"] == sealed.sha256 and line.detail["encrypted"] is True
    assert [one.name for one in stick.iterdir() if one.name.startswith(".")] == []


def test_month_of_fhir_is_a_valid_bundle_a_line(store: Store, stick: Path) -> None:
    screen(store), screen(store, "negative", "P-2")
    path = export(store, SETTINGS, Wanted("fhir", month="2026-11"), stick).path
    lines = path.read_text().splitlines()
    assert len(lines) == 2 and path.suffix == ".ndjson"
    for line in lines:
        Bundle.model_validate_json(line)


def test_month_of_dicom_is_a_zip_of_all_pictures(store: Store, stick: Path) -> None:
    ids = {screen(store), screen(store)}
    screen(store, fields=0)
    path = export(store, SETTINGS, Wanted("dicom", month="2026-11"), stick).path
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        found = [pydicom.dcmread(io.BytesIO(archive.read(name))) for name in names]
    assert {name.split("/")[0] for name in names} == ids and len(names) == 4
    assert len({one.SOPInstanceUID for one in found}) == 4


def test_what_breaks_leaves_nothing_behind(store: Store, stick: Path) -> None:
    specimen_id = screen(store)
    (store.home / str(store.field(specimen_id, 1).image_file)).unlink()
    identity = pyrage.x25519.Identity.generate()
    for recipients in ((), (str(identity.to_public()),)):
        with pytest.raises(StoreError, match="cannot be read"):
            export(store, SETTINGS, Wanted("dicom", month="2026-11"), stick, recipients)
    assert list(stick.iterdir()) == []


def write_to_limited_disk(folder: Path, recipients: list[str]) -> str:
    """In a process that may write no file above 100 kB: what the message says."""
    limited = """
import resource, sys
from pathlib import Path
from edge.contract.errors import StorageFullError
from edge.interop.export import _whole
from edge.interop.age import check_recipients, write_encrypted
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
keys = check_recipients(sys.argv[2:])
chunks = (bytes(10_000) for _ in range(100))
try:
    with _whole(Path(sys.argv[1]) / "out") as out:
        if keys:
            write_encrypted(chunks, out, keys)
        for chunk in chunks:
            out.write(chunk)
except StorageFullError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", limited, str(folder), *recipients],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout


@pytest.mark.parametrize("sealed", [False, True])
def test_full_stick_is_said_and_leaves_nothing(stick: Path, sealed: bool) -> None:
    keys = [str(pyrage.x25519.Identity.generate().to_public())] if sealed else []
    assert "no room" in write_to_limited_disk(stick, keys)
    assert list(stick.iterdir()) == []


def add_copies(store: Store, specimen_id: str, month: str, count: int) -> None:
    """The same specimen and result under other ids, in one transaction."""
    with store.session(writes=True) as session:
        first = session.get(SpecimenRow, specimen_id)
        result = session.get(ResultRow, (specimen_id, 1))
        assert first and result
        sequence = session.query(func.max(SpecimenRow.sequence)).scalar()
        for number in range(1, count + 1):
            own = {"specimen_id": f"{month}-{number:05d}", "sequence": sequence + number}
            session.add(SpecimenRow(**first.values() | own | {"started_utc": f"{month}-05"}))
            session.flush()
            other = {"specimen_id": own["specimen_id"], "audit_number": None}
            session.add(ResultRow(**result.values() | other))


def test_month_streams_in_constant_memory(store: Store, stick: Path) -> None:
    key = str(pyrage.x25519.Identity.generate().to_public())

    def peak(month: str, count: int) -> int:
        tracemalloc.start()
        found = export(store, SETTINGS, Wanted("csv", month=month), stick, [key])
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found.size_bytes > 200 * count
        return used

    specimen_id = screen(store)
    add_copies(store, specimen_id, "2026-09", 60)
    add_copies(store, specimen_id, "2026-10", 400)
    peak("2026-09", 60)  # imports and caches
    # Held in memory, the 340 more take 5 MB.
    assert peak("2026-10", 400) < peak("2026-09", 60) + 1_000_000


def test_missing_folder_specimen_and_bad_recipient_are_refused(store: Store, stick: Path) -> None:
    wanted = Wanted("csv", month="2026-11")
    with pytest.raises(NotFoundError, match="put the stick in"):
        export(store, SETTINGS, wanted, stick / "none")
    with pytest.raises(NotFoundError, match="no specimen"):
        export(store, SETTINGS, Wanted("csv", specimen_id="../x"), stick)
    with pytest.raises(ConfigError, match="no public key"):
        export(store, SETTINGS, wanted, stick, ["age1nonsense"])
    with pytest.raises(ConfigError, match="secret key"):
        export(store, SETTINGS, wanted, stick, [str(pyrage.x25519.Identity.generate())])
    with pytest.raises(ConfigError, match="either"):
        Wanted("csv", month="2026-11", specimen_id="x")
    with pytest.raises(ConfigError, match="no format"):
        Wanted("xml", month="2026-11")
    assert list(stick.iterdir()) == []


def test_broken_source_is_raised_through_the_encryption(tmp_path: Path) -> None:
    def chunks():
        yield b"x" * 200_000
        raise StoreError("the records went away")

    keys = check_recipients([str(pyrage.x25519.Identity.generate().to_public())])
    with (tmp_path / "out").open("wb") as out, pytest.raises(StoreError, match="went away"):
        write_encrypted(chunks(), out, keys)


def test_command_writes_and_says_what(clinicscope: Run, store: Store, stick: Path) -> None:
    specimen_id = screen(store)
    code, out, _ = clinicscope(
        "export", "--specimen", specimen_id, "--format", "fhir", "--to", stick, "--json"
    )
    told = json.loads(out)
    assert code == 0 and Path(told["file"]).is_file() and told["encrypted"] is False
    Bundle.model_validate_json(Path(told["file"]).read_text())
    code, out, err = clinicscope("export", "--month", "2026-11", "--format", "csv", "--to", stick)
    assert code == 0 and "not encrypted" in err and "sha256" in out
    assert clinicscope("export", "--format", "csv", "--to", stick)[0] == 2
    assert clinicscope("export", "--month", "x", "--format", "csv", "--to", stick)[0] == 3
    code, _, err = clinicscope(
        "export", "--specimen", specimen_id, "--format", "dhis2", "--to", stick
    )
    assert code == 3 and "program" in err
