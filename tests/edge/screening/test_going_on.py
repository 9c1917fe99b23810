"""A specimen that a power cut interrupts goes on: killed for real, then read to its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edge.config import DeviceConfig
from edge.contract.errors import ConflictError, DataError
from edge.contract.types import RanOn
from edge.installed import load_screener
from edge.protocol import Protocol
from edge.screening.resumed import check_same_reader
from edge.screening.service import ScreeningService
from edge.screening.sources import request_again
from edge.screening.state import SpecimenRequest
from edge.store.audit import Audit
from edge.store.records import CHEST_XRAY, DONE, INTERRUPTED, SpecimenDetails
from edge.store.results import Results
from edge.store.store import Store

SIMULATED = {"seed": 5, "parasitaemia_fraction": 0.1, "fields": 5}


def open_service(home: Path) -> ScreeningService:
    return ScreeningService(
        Store(home),
        lambda: load_screener(home, DeviceConfig(threads=1)),
        Protocol(minimum_rbc_count=100_000),
    )


def screen_until_killed(home: Path) -> None:
    """The program that the test kills: two fields by hand, then it waits for a third tap."""
    service = open_service(home)
    specimen_id = service.start(SpecimenRequest("S-1", "simulated", SIMULATED, automatic=False))
    for _ in range(2):
        count = len(service.state().progress.fields)  # type: ignore[union-attr]
        service.at_work(specimen_id).control.take()
        while len(service.state().progress.fields) == count:  # type: ignore[union-attr]
            pass
    sys.stdout.write(f"{specimen_id}\n")
    sys.stdout.flush()
    service.wait()


@pytest.fixture
def cut_off(tmp_path: Path) -> tuple[Path, str]:
    """A data directory after a power cut, and its specimen."""
    home = tmp_path / "home"
    with subprocess.Popen(
        [sys.executable, __file__, str(home)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as child:
        assert child.stdout is not None
        specimen_id = child.stdout.readline().strip()
        child.kill()
    assert child.returncode == -signal.SIGKILL and specimen_id
    return home, specimen_id


def test_an_interrupted_specimen_goes_on_and_counts_what_an_uninterrupted_one_does(
    cut_off: tuple[Path, str],
) -> None:
    home, specimen_id = cut_off
    service = open_service(home)
    record = service.store.specimen(specimen_id)
    assert record.status == INTERRUPTED and record.verdict != "negative"
    service.resume(specimen_id, "Ann")
    assert service.wait(60)
    whole = service.start(SpecimenRequest("S-2", "simulated", SIMULATED))
    assert service.wait(60)
    one, other = (service.store.specimen(found) for found in (specimen_id, whole))
    assert one.status == other.status == DONE and one.report is not None
    assert one.report == other.report and one.report["fields_read"] == 5
    assert [field.name for field in service.store.fields(specimen_id)] == [
        f"simulated-{index:04d}.png" for index in range(5)
    ]
    assert len(Results(service.store).history(specimen_id)) == 2
    actions = [entry.action for entry in Audit(service.store).entries(9, subject=specimen_id)]
    assert "specimen.reopened" in actions and Audit(service.store).verify() == []
    fields = service.store.fields(specimen_id)
    ran_on = service.state().ran_on
    assert ran_on is not None
    check_same_reader(fields, ran_on)
    for changed in (
        replace(ran_on, bundle_sha256="0" * 64),
        replace(ran_on, stages_bundle_sha256="0" * 64),
        replace(ran_on, site_shift=0.25),
        replace(ran_on, novelty_weight=9.0),
    ):
        assert isinstance(changed, RanOn)
        with pytest.raises(ConflictError, match="field 1 was read by other networks or settings"):
            check_same_reader(fields, changed)
    service.close()


def test_another_camera_or_an_x_ray_does_not_go_on(tmp_path: Path) -> None:
    service = open_service(tmp_path / "home")
    store = service.store
    slide = store.start_specimen("S-1", "camera:v4l2", {})
    image = store.start_specimen("X-1", "upload", {}, SpecimenDetails(task=CHEST_XRAY))
    store.recover()
    with pytest.raises(DataError, match="read with camera v4l2, this device has none now"):
        request_again(store.specimen(slide), None)
    with pytest.raises(DataError, match="camera v4l2"):
        service.resume(slide, "Ann")
    with pytest.raises(ConflictError, match="is no slide"):
        service.resume(image, "Ann")
    assert store.specimen(slide).status == INTERRUPTED
    service.close()


if __name__ == "__main__":
    screen_until_killed(Path(sys.argv[1]))
