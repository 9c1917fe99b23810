"""Every health check can fire: each is tripped here."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge import installed
from edge.config import DeviceConfig
from edge.health import FAILED, OK, WARNING
from edge.health.disk import check_disk, check_home
from edge.health.everything import check_all
from edge.health.networks import check_bundle, check_enhancer, check_runtime
from edge.health.records import check_records
from edge.installed import list_bundles
from edge.store.store import Store
from tests.support.drawn_enhancer import write_enhancer_bundle


@pytest.mark.parametrize(
    ("free_bytes", "state"), [(10 * 1024**3, OK), (1024**3, WARNING), (100 * 1024**2, FAILED)]
)
def test_disk(tmp_path: Path, free_bytes: int, state: str) -> None:
    check = check_disk(tmp_path, lambda _: free_bytes)
    assert check.state == state
    assert bool(check.advice) is (state != OK)


def test_disk_reads_the_real_disk(tmp_path: Path) -> None:
    assert "GB free" in check_disk(tmp_path).detail


def test_data_directory(tmp_path: Path) -> None:
    assert check_home(tmp_path / "new").state == OK
    (tmp_path / "file").write_text("x")
    assert check_home(tmp_path / "file/below").state == FAILED


def test_records(tmp_path: Path) -> None:
    Store(tmp_path).close()
    assert check_records(tmp_path).state == OK
    (tmp_path / "records.db").write_bytes(b"this is not a database" * 100)
    assert check_records(tmp_path).state == FAILED


def test_runtime() -> None:
    assert check_runtime().state == OK
    assert check_runtime({"none": "no-such-runtime"}).state == FAILED


def test_bundle(tmp_path: Path, bundle_copy: Path) -> None:
    assert check_bundle(tmp_path, DeviceConfig(bundle=str(bundle_copy))).state == OK
    card = bundle_copy / "MODEL_CARD.md"
    card.write_text(card.read_text() + "altered")
    check = check_bundle(tmp_path, DeviceConfig(bundle=str(bundle_copy)))
    assert check.state == FAILED
    assert "do not screen" in check.advice


def test_unwritable_home_is_reported_with_the_rest(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    states = {
        check.name: check.state for check in check_all(tmp_path / "file/home", DeviceConfig())
    }
    assert states["data directory"] == FAILED
    assert states["bundle"] == OK


def test_enhancer_may_be_missing_and_a_broken_one_is_a_warning(tmp_path: Path) -> None:
    named = write_enhancer_bundle(tmp_path / "drawn").path
    config = DeviceConfig(enhancer=str(named))
    assert check_enhancer(tmp_path, config).state == OK
    assert "passes its golden tensors on litert" in check_enhancer(tmp_path, config).detail
    (named / "golden/image.npy").write_bytes(b"altered")
    check = check_enhancer(tmp_path, config)
    assert check.state == WARNING
    assert "screening goes on without it" in check.advice
    assert "enhancer" in {check.name for check in check_all(tmp_path, config)}


def test_device_without_enhancer_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = tmp_path / "nothing-shipped"
    monkeypatch.setattr(installed, "list_bundles", lambda home: list_bundles(home, nothing))
    check = check_enhancer(tmp_path, DeviceConfig())
    assert (check.state, check.detail) == (OK, "none is installed; the page shows no sharper view")
