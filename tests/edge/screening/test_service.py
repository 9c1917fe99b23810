"""The service with real parts: drawn fields, the shipped bundle, a database on disk."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cameras.smear import SmearSettings, draw_field
from edge.config import DeviceConfig
from edge.contract.errors import BusyError, DataError, SourceError
from edge.contract.images import encode_image
from edge.contract.labels import is_infected
from edge.installed import load_screener
from edge.protocol import Protocol
from edge.screening.service import ScreeningService
from edge.screening.state import SpecimenRequest
from edge.store.records import DONE, FAILED, STOPPED, VERDICTS
from edge.store.results import Results
from edge.store.retention_rule import RetentionRule
from edge.store.store import Store

CONFIG = DeviceConfig(threads=1)
# Room for the records and a small field, not for a large one.
FILE_LIMIT_BYTES = 1_000_000


@pytest.fixture()
def service(tmp_path: Path) -> Iterator[ScreeningService]:
    made = ScreeningService(
        Store(tmp_path / "home"),
        lambda: load_screener(tmp_path / "home", CONFIG),
        Protocol(minimum_rbc_count=300),
    )
    yield made
    made.close()


def simulated(**settings: object) -> SpecimenRequest:
    return SpecimenRequest("S-1", "simulated", {"seed": 5, **settings})


def screened(service: ScreeningService, request: SpecimenRequest) -> str:
    specimen_id = service.start(request)
    assert service.wait(60)
    return specimen_id


def test_heavily_infected_slide_is_positive_and_on_record(service: ScreeningService) -> None:
    specimen_id = screened(service, simulated(parasitaemia_fraction=0.2))
    record = service.store.specimen(specimen_id)
    assert record.status == DONE
    assert record.report is not None
    assert record.report["verdict"] == "positive"
    assert record.report["rbc_count"] >= 300
    assert record.report["ci_low"] < 0.2 < record.report["ci_high"]
    fields = service.store.fields(specimen_id)
    assert sum(field.rbc_count for field in fields) == record.report["rbc_count"]
    suspects = service.store.suspect_cells(specimen_id)
    assert len(suspects) >= record.report["positive_count"]
    # The map is of the network that suspects the cell; the second opinion's is finer.
    sides = {True: (6, 6), False: (12, 12)}
    assert all(
        cell.cam is not None and cell.cam.shape == sides[is_infected(cell.label)]
        for cell in suspects
    )


def test_counts_agree_with_the_simulations_truth(service: ScreeningService) -> None:
    specimen_id = screened(service, simulated(parasitaemia_fraction=0.15))
    fields = service.store.fields(specimen_id)
    truth = [draw_field(SmearSettings(parasitaemia_fraction=0.15), 5, f.index) for f in fields]
    rbc, positive = (
        sum(getattr(item, name) for item in truth) for name in ("rbc_count", "positive_count")
    )
    assert sum(f.rbc_count for f in fields) == pytest.approx(rbc, rel=0.03)
    assert sum(f.positive_count for f in fields) == pytest.approx(positive, rel=0.2)


def test_clean_slide_is_never_positive(service: ScreeningService) -> None:
    record = service.store.specimen(screened(service, simulated(parasitaemia_fraction=0.0)))
    assert record.report is not None
    assert record.report["verdict"] in {"negative", "inconclusive"}


def test_too_few_fields_are_inconclusive(service: ScreeningService) -> None:
    record = service.store.specimen(
        screened(service, simulated(parasitaemia_fraction=0.0, fields=1))
    )
    assert record.report is not None
    assert record.report["verdict"] == "inconclusive"
    assert "more fields are needed" in record.report["why"]


def test_unreadable_uploads_are_refused_fields_and_the_rest_goes_on(
    service: ScreeningService, tmp_path: Path
) -> None:
    good = encode_image(draw_field(SmearSettings(), 5, 0).image, ".jpg")
    files = {"a.jpg": good[:9000], "b.png": b"plain text", "c.jpg": good}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    sources = [str(tmp_path / name) for name in files]
    specimen_id = screened(service, SpecimenRequest("S-2", "upload", {"sources": sources}))
    fields = service.store.fields(specimen_id)
    assert [(field.name, field.usable) for field in fields] == [
        ("a.jpg", False),
        ("b.png", False),
        ("c.jpg", True),
    ]
    assert "truncated" in fields[0].reason
    report = service.store.specimen(specimen_id).report
    assert report is not None
    assert (report["fields_read"], report["fields_refused"]) == (1, 2)


def test_nothing_but_unreadable_uploads_is_refused(
    service: ScreeningService, tmp_path: Path
) -> None:
    (tmp_path / "x.png").write_bytes(b"text")
    specimen_id = screened(
        service, SpecimenRequest("S-3", "upload", {"sources": [str(tmp_path / "x.png")]})
    )
    report = service.store.specimen(specimen_id).report
    assert report is not None
    assert report["verdict"] == "refused"


def test_second_specimen_is_told_that_the_camera_is_busy(service: ScreeningService) -> None:
    first = service.start(simulated(parasitaemia_fraction=0.0, fields=20))
    with pytest.raises(BusyError, match=first):
        service.start(simulated())
    service.stop()
    assert service.wait(30)
    assert service.store.specimen(first).status == STOPPED


def test_sources_that_cannot_be_opened_leave_no_record(service: ScreeningService) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        service.start(SpecimenRequest("S", "upload", {"sources": ["/nowhere/field.png"]}))
    with pytest.raises(DataError, match="source is 'telescope'"):
        service.start(SpecimenRequest("S", "telescope"))
    with pytest.raises(DataError, match="settings of simulated do not fit"):
        service.start(simulated(brightness=3))
    assert service.store.specimens() == []


def test_progress_shows_only_what_is_stored(service: ScreeningService) -> None:
    specimen_id = service.start(simulated(parasitaemia_fraction=0.1))
    seen = []
    while not service.wait(0.01):
        progress = service.state().progress
        assert progress is not None
        stored = sum(field.rbc_count for field in service.store.fields(specimen_id))
        assert progress.report.rbc_count <= stored
        seen.append(progress.report.rbc_count)
    assert seen == sorted(seen)
    assert threading.active_count() >= 1


def test_full_disk_fails_the_specimen_and_never_calls_it_negative(
    service: ScreeningService, tmp_path: Path
) -> None:
    small = SmearSettings(width_px=480, height_px=360, cells_per_field=12, parasitaemia_fraction=0)
    large = SmearSettings(width_px=2560, height_px=1920, noise=8.0, parasitaemia_fraction=0)
    for index, settings in enumerate((small, small, large, small)):
        jpeg = encode_image(draw_field(settings, 3, index).image, ".jpg")
        (tmp_path / f"{index}.jpg").write_bytes(jpeg)
    sources = [str(tmp_path / f"{index}.jpg") for index in range(4)]
    # The system refuses larger files, as it refuses all of them where the disk is full.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT_BYTES, hard))
    try:
        specimen_id = screened(service, SpecimenRequest("S-4", "upload", {"sources": sources}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    record = service.store.specimen(specimen_id)
    assert record.status == FAILED
    assert "no room for" in record.error
    assert record.report is not None
    assert record.report["verdict"] == "inconclusive"
    assert [field.index for field in service.store.fields(specimen_id)] == [0, 1]
    assert service.store.check_integrity(deep=True) == []
    again = screened(service, SpecimenRequest("S-5", "upload", {"sources": sources}))
    assert service.store.specimen(again).status == DONE


def test_bundle_that_fails_leaves_the_service_up_but_not_ready(
    bundle_copy: Path, tmp_path: Path
) -> None:
    weights = next(bundle_copy.glob("*.tflite"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    config = DeviceConfig(bundle=str(bundle_copy))
    made = ScreeningService(Store(tmp_path / "h"), lambda: load_screener(tmp_path / "h", config))
    state = made.state()
    assert not state.ready
    assert "sha256" in state.problem
    with pytest.raises(BusyError, match="must not screen"):
        made.start(simulated())
    made.close()


def test_room_is_made_before_the_next_specimen(tmp_path: Path) -> None:
    rule = RetentionRule(keep_days=0, images_at_most_gb=1e-9, verdicts=VERDICTS, require_sent=False)
    service = ScreeningService(
        Store(tmp_path / "home"),
        lambda: load_screener(tmp_path / "home", CONFIG),
        Protocol(minimum_rbc_count=100),
        retention=rule,
    )
    first, unsigned = screened(service, simulated()), screened(service, simulated())
    Results(service.store).sign(first, "Dr Ota")
    time.sleep(1.1)  # an image is older than 0 days from the next second on
    screened(service, simulated())
    assert {field.image_file for field in service.store.fields(first)} == {None}
    assert all(service.store.image_bytes(field) for field in service.store.fields(unsigned))
    service.close()
