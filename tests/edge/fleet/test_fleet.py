"""The inventory of a device, joined into a table, and reported to a server that takes files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from edge.backup.make import make_backup
from edge.contract.errors import DataError
from edge.fleet.inventory import Inventory, format_inventory, parse_inventory, take_inventory
from edge.fleet.table import COLUMNS, format_csv, read_inventories, row_of
from edge.interop.settings import InteropSettings
from edge.store.outbox import Outbox
from edge.store.records import SENT, WAITING, Patient, SpecimenDetails
from edge.store.register import Register
from edge.store.store import Store
from edge.sync.runner import SyncReport, sync_once
from edge.sync.settings import SyncSettings, Target
from edge.updates.application import Versions
from edge.updates.trial import LastUpdate, tell
from tests.interop.lying_server import Asked, Reply, serve

Run = Callable[..., tuple[int, str, str]]
NOW = "2026-03-01T08:00:00+00:00"


@pytest.fixture()
def store(home: Path) -> Iterator[Store]:
    """A site's records with a patient whose name must stay there."""
    home.mkdir()
    (home / "config.toml").write_text('[page]\nclinic = "=Kisumu"\n')
    opened = Store(home, now=lambda: NOW)
    Register(opened).add_patient(Patient("P-7", "5-14", "female", "Nairobi"))
    opened.start_specimen("Secret-Label", "upload", {}, SpecimenDetails("P-7", "Ann Otieno"))
    yield opened
    opened.close()


def later(store: Store, **time: float) -> None:
    moment = datetime.fromisoformat(store.now()) + timedelta(**time)
    store.now = moment.isoformat


def test_inventory_tells_versions_bundles_health_and_queue_and_nothing_of_a_patient(
    store: Store, tmp_path: Path
) -> None:
    versions = Versions(tmp_path / "opt")
    tell(versions, LastUpdate("x.zip", "0.3.0", 7, "taken back", "why", NOW))
    Outbox(store).add("pacs", "dicom", "", 1, b"x")
    (tmp_path / "drive").mkdir()
    make_backup(store, tmp_path / "drive", plain=True)
    found = take_inventory(store, versions.root)
    assert found.device_name.startswith("clinicscope-")
    assert (found.site, found.at_utc, found.waiting) == ("=Kisumu", NOW, 1)
    assert (found.program_number, found.last_update) == (0, "0.3.0 taken back")
    assert found.last_backup_utc == NOW
    cells = [one for one in found.bundles if one.task == "malaria-cells"]
    assert cells[0].active
    assert len(cells[0].sha256) == 64
    assert found.health in ("ok", "warning", "failed")
    text = format_inventory(found).decode()
    for secret in ("P-7", "Secret", "Ann", "Otieno", "Nairobi"):
        assert secret not in text
    assert parse_inventory(text.encode(), "it") == found
    # A site is anyone's words: no spreadsheet runs them.
    assert dict(zip(COLUMNS, row_of(found), strict=True))["site"] == "'=Kisumu"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is no device's inventory"),
        (b"[1]", "schema_version None"),
        (b'{"schema_version": 2}', "schema_version 2, this program reads 1"),
        (b'{"schema_version": 1}', "lacks"),
    ],
)
def test_file_that_is_no_inventory_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_inventory(data, "a.json")


def test_inventories_of_several_devices_become_one_table(
    store: Store, tmp_path: Path, clinicscope: Run
) -> None:
    folder = tmp_path / "fleet"
    folder.mkdir()
    one = replace(
        take_inventory(store), device_name="clinicscope-mmmm", site="Kisumu", serial_hash="a" * 64
    )

    def write(name: str, found: Inventory) -> None:
        (folder / name).write_bytes(format_inventory(found))

    write("old.json", one)
    write("new.json", replace(one, at_utc="2026-03-02T08:00:00+00:00", waiting=4))
    write("other.json", replace(one, device_name="clinicscope-aaaa", site="Busia"))
    devices, problems = read_inventories([folder])
    assert problems == []
    assert [(found.site, found.waiting) for found in devices] == [("Busia", 0), ("Kisumu", 4)]
    lines = format_csv(devices).split("\r\n")
    assert lines[0] == ",".join(COLUMNS)
    assert len(lines) == 4

    code, out, err = clinicscope("fleet", "join", folder, "--csv")
    assert (code, err) == (0, "")
    assert out == format_csv(devices).replace("\r\n", "\n") or out == format_csv(devices)
    # What is none is said, and the rest is joined; two boards of one name are said, too.
    (folder / "spoilt.json").write_text("{")
    write("twin.json", replace(one, serial_hash="b" * 64))
    code, out, err = clinicscope("fleet", "join", folder, "--json", "--out", tmp_path / "all.json")
    assert code == 3
    assert "spoilt.json is no device's inventory" in err
    assert f"two boards are called {one.device_name}" in err
    assert len(json.loads((tmp_path / "all.json").read_text())) == 3
    assert "Busia" in clinicscope("fleet", "join", folder / "other.json")[1]


def test_program_tells_this_device(store: Store, clinicscope: Run) -> None:
    code, out, _ = clinicscope("fleet", "inventory", "--json")
    assert code == 0
    name = parse_inventory(out.encode(), "it").device_name
    assert f"device_name     {name}" in clinicscope("fleet", "inventory")[1]
    assert clinicscope("fleet", "inventory", "--csv")[1].startswith("device_name,model,site")


class Files:
    """A server that keeps what is put."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.lies = False

    def __call__(self, asked: Asked) -> Reply:
        if asked.method == "PUT":
            self.kept[asked.path] = asked.body
            return Reply(201)
        if asked.path not in self.kept:
            return Reply(404)
        plain = json.loads(self.kept[asked.path])
        return Reply(200, plain | ({"site": "elsewhere"} if self.lies else {}))


def test_device_reports_itself_once_a_day_and_when_something_changed(store: Store) -> None:
    files = Files()

    def sync(url: str) -> SyncReport:
        target = Target("office", "fleet", url=url, timeout_s=5)
        return sync_once(store, SyncSettings((target,)), InteropSettings())

    with serve(files) as server:
        assert sync(server.url).sent == 1
        ((path, data),) = files.kept.items()
        found = parse_inventory(data, path)
        assert path == f"/{found.device_name}.json"
        later(store, minutes=30)
        assert sync(server.url).queued == 0
        later(store, hours=1)
        assert sync(server.url).queued == 0  # nothing has changed
        config = store.home / "config.toml"
        config.write_text('[page]\nclinic = "Busia"\n')
        assert sync(server.url).sent == 1
        assert parse_inventory(files.kept[path], path).site == "Busia"
        later(store, hours=25)
        files.lies = True
        report = sync(server.url)
        assert (report.queued, report.sent) == (1, 0)
        assert "has another inventory" in report.problems[0]
        # While one waits, none is added.
        later(store, hours=25)
        files.lies = False
        sync(server.url)
    states = [item.state for item in Outbox(store).of_specimen("")]
    assert states[:3] == [SENT, SENT, SENT]
    assert WAITING not in states
