"""X-rays as specimens: stored, called, read by a person, signed, and what leaves the device."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from fhir.resources.R4B.bundle import Bundle

from edge.contract.errors import BundleError, ConflictError, DataError, StorageFullError
from edge.contract.images import decode_image
from edge.interop import dicom, fhir, tables
from edge.interop.cases import read_case
from edge.interop.dhis2_tracker import tracker_payload
from edge.interop.settings import Dhis2Codes, InteropSettings
from edge.protocol import default_protocol
from edge.reports.content import read_content
from edge.reports.lines import lines_of
from edge.reports.page import render
from edge.screening.picture_worker import PictureWorker
from edge.signing import amend, read_review, sign
from edge.store.audit import Audit
from edge.store.outbox import Outbox
from edge.store.records import CHEST_XRAY, DONE, FAILED, RUNNING, SpecimenDetails
from edge.store.review import Reviews
from edge.store.store import Store
from edge.sync.queueing import queue_missing
from edge.sync.settings import DHIS2, FHIR, SyncSettings, Target
from edge.xray.service import MOST_BYTES, XrayRequest, XrayService
from tests.support.drawn_radiographs import chest_png, draw_chest, load_drawn, write_dicom

PROTOCOL = default_protocol()
SICK, WELL, ODD = 90, -70, 22
SETTINGS = InteropSettings(dhis2=Dhis2Codes(program="P", program_stage="S", org_unit="U"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    found = Store(tmp_path_factory.mktemp("records") / "home")
    yield found
    found.close()


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PictureWorker]:
    found = PictureWorker(load_drawn(tmp_path_factory.mktemp("bundles")))
    yield found
    found.close()


@pytest.fixture(scope="module")
def service(store: Store, worker: PictureWorker) -> XrayService:
    return XrayService(store, worker)


def read(service: XrayService, *files: bytes, task: str = "cxr-pneumonia", **details: Any) -> str:
    named = [(f"x{number}.png", data) for number, data in enumerate(files)]
    request = XrayRequest("X-1", task, named, SpecimenDetails(**details))
    specimen_id, done = service.start(request)
    done.result(20)
    return specimen_id


def verdict_of(store: Store, specimen_id: str) -> str:
    return str(store.specimen(specimen_id).verdict)


def judge(store: Store, specimen_id: str, *labels: str) -> None:
    cells = sorted(store.suspect_cells(specimen_id), key=lambda cell: cell.field_index)
    for cell, label in zip(cells, labels, strict=True):
        Reviews(store).review_cell(cell.cell_id, label, "Ana")


def test_picture_is_stored_with_its_call_and_map(service: XrayService, store: Store) -> None:
    specimen_id = read(service, chest_png(SICK), operator="Ben")
    specimen = store.specimen(specimen_id)
    assert (specimen.task, specimen.status, specimen.verdict) == (CHEST_XRAY, DONE, "positive")
    assert specimen.protocol == "chest-xray@1" and specimen.operator == "Ben"
    assert specimen.report is not None
    assert specimen.report["bundle_id"] == "drawn-1" and specimen.report["rbc_count"] == 0
    (one,) = specimen.report["radiographs"]
    assert one["label"] == "pneumonia" and one["low"] <= one["suspicion"] <= one["high"]
    (field,), (cell,) = store.fields(specimen_id), store.suspect_cells(specimen_id)
    kept = decode_image(store.image_bytes(field))
    assert (kept[:, :, 0] == draw_chest(SICK)).all()
    assert cell.cam is not None and (cell.width_px, cell.height_px) == (200, 180)
    assert store.check_integrity(deep=True) == []


@pytest.mark.parametrize(
    ("files", "verdict"),
    [
        ([WELL], "negative"),
        ([WELL, WELL], "negative"),
        ([WELL, SICK], "positive"),
        ([ODD], "inconclusive"),
        ([WELL, ODD], "inconclusive"),
        ([WELL, None], "inconclusive"),
        ([SICK, None], "positive"),
        ([None], "refused"),
        ([None, None], "refused"),
    ],
)
def test_verdict_of_several_pictures(
    service: XrayService, store: Store, files: list[int | None], verdict: str
) -> None:
    data = [b"no picture" if level is None else chest_png(level) for level in files]
    specimen_id = read(service, *data)
    assert verdict_of(store, specimen_id) == verdict
    refused = [field for field in store.fields(specimen_id) if not field.usable]
    assert len(refused) == files.count(None)
    assert all("not an image" in field.reason for field in refused)


def test_dicom_and_three_labels_go_the_same_way(service: XrayService, store: Store) -> None:
    film = write_dicom(draw_chest(SICK), WindowCenter=128, WindowWidth=256)
    specimen_id = read(service, film, task="cxr-covid")
    assert verdict_of(store, specimen_id) in ("positive", "inconclusive")
    lateral = write_dicom(draw_chest(SICK), ViewPosition="LL")
    refused = read(service, lateral)
    assert verdict_of(store, refused) == "refused"
    assert "lateral" in str(store.specimen(refused).report)


def test_nothing_is_stored_where_the_bundle_must_not_be_used(store: Store) -> None:
    before = store.specimens()

    def load(task: str) -> Any:
        raise BundleError("golden tensors differ")

    worker = PictureWorker(load)
    with pytest.raises(BundleError, match="golden"):
        XrayService(store, worker).start(XrayRequest("X", "cxr-covid", [("a", chest_png())]))
    worker.close()
    assert store.specimens() == before


@pytest.mark.parametrize(
    ("task", "files", "why"),
    [
        ("malaria-cells", [b""], "use one of cxr-pneumonia"),
        ("cxr-covid", [], "0 pictures are given"),
        ("cxr-covid", [b""] * 5, "5 pictures are given"),
        ("cxr-covid", [b"x" * (MOST_BYTES + 1)], "send a smaller picture"),
    ],
)
def test_request_that_is_none_is_refused(task: str, files: list[bytes], why: str) -> None:
    with pytest.raises(DataError, match=why):
        XrayRequest("X-1", task, [("a.png", data) for data in files])


@pytest.mark.parametrize("error", [StorageFullError("no room"), ValueError("a bug")])
@pytest.mark.parametrize("level", [WELL, SICK])
def test_failure_on_the_way_is_never_negative(
    service: XrayService,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    level: int,
) -> None:
    save, calls = store.save_field, []

    def fail(*args: Any) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise error
        save(*args)

    monkeypatch.setattr(store, "save_field", fail)
    specimen_id = read(service, chest_png(level), chest_png(WELL))
    specimen = store.specimen(specimen_id)
    assert specimen.status == FAILED and specimen.error
    assert specimen.verdict == ("positive" if level == SICK else "inconclusive")
    judge(store, specimen_id, "normal")
    assert sign(store, specimen_id, "Ana", PROTOCOL).report["verdict"] == "inconclusive"


def test_result_that_finds_no_room_is_stored_once_there_is_some(
    service: XrayService, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(store, "finish_specimen", no_room)
        first = read(service, chest_png(SICK))
        second = read(service, chest_png(WELL))
        assert "no room" in service.settle(first) and store.specimen(first).status == RUNNING
    assert service.settle(first) == "" and verdict_of(store, first) == "positive"
    assert service.settle(first) == "" and service.settle("none") == ""
    # Of what nobody looks at, the next one takes care.
    assert store.specimen(second).status == RUNNING
    read(service, chest_png(WELL))
    assert store.specimen(second).status == DONE


def no_room(*args: Any) -> None:
    raise StorageFullError("no room")


def test_specimen_that_was_closed_meanwhile_is_left_alone(
    service: XrayService, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(store, "finish_specimen", no_room)
        specimen_id = read(service, chest_png(WELL))
    store.recover()

    def refuse(*args: Any) -> None:
        raise ConflictError("signed already")

    monkeypatch.setattr(store, "finish_specimen", refuse)
    assert service.settle(specimen_id) == "" == service.settle(specimen_id)


def test_bundle_that_is_lost_on_the_way_fails_the_specimen(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []
    first = load_drawn(tmp_path)

    def load(task: str) -> Any:
        loads.append(task)
        if len(loads) > 1:
            raise BundleError("the new bundle is altered")
        return first(task)

    worker, start = PictureWorker(load), store.start_specimen

    def start_while_another_is_activated(*args: Any) -> str:
        worker.forget()
        return start(*args)

    monkeypatch.setattr(store, "start_specimen", start_while_another_is_activated)
    request = XrayRequest("X", "cxr-pneumonia", [("a", chest_png(WELL))])
    specimen_id, done = XrayService(store, worker).start(request)
    with pytest.raises(BundleError):
        done.result(20)
    worker.close()
    specimen = store.specimen(specimen_id)
    assert (specimen.status, specimen.verdict) == (FAILED, "inconclusive")
    assert "the new bundle is altered" in specimen.error


def test_power_cut_leaves_no_normal_result(service: XrayService, store: Store) -> None:
    specimen_id = read(service, chest_png(WELL))
    with closing(sqlite3.connect(store.path)) as database, database:
        what = f"status = '{RUNNING}', result_status = ''"
        database.execute(f"UPDATE specimens SET {what} WHERE specimen_id = ?", [specimen_id])
    store.recover()
    assert verdict_of(store, specimen_id) == "inconclusive"


@pytest.mark.parametrize(
    ("levels", "labels", "verdict"),
    [
        ([SICK], ["pneumonia"], "positive"),
        ([SICK], ["normal"], "negative"),
        ([WELL], ["normal"], "negative"),
        ([WELL], ["pneumonia"], "positive"),
        ([WELL], ["other-finding"], "inconclusive"),
        ([SICK], ["unreadable"], "refused"),
        ([WELL, WELL], ["normal", "unreadable"], "inconclusive"),
        ([WELL, SICK], ["normal", "covid"], "positive"),
        ([WELL, None], ["normal"], "inconclusive"),
    ],
)
def test_a_persons_reading_decides(
    service: XrayService,
    store: Store,
    levels: list[int | None],
    labels: list[str],
    verdict: str,
) -> None:
    data = [b"" if level is None else chest_png(level) for level in levels]
    specimen_id = read(service, *data)
    with pytest.raises(ConflictError, match="wait for their reading"):
        sign(store, specimen_id, "Ana", PROTOCOL)
    judge(store, specimen_id, *labels)
    result = sign(store, specimen_id, "Ana", PROTOCOL)
    assert (result.report["verdict"], result.by) == (verdict, "Ana")
    assert "Read by Ana" in result.report["why"]
    assert Audit(store).verify() == []


def test_half_read_is_not_signed(service: XrayService, store: Store) -> None:
    specimen_id = read(service, chest_png(WELL), chest_png(WELL))
    first = store.suspect_cells(specimen_id)[0]
    Reviews(store).review_cell(first.cell_id, "normal", "Ana")
    found = read_review(store, specimen_id, PROTOCOL)
    assert found.report is not None and found.report.verdict == "inconclusive"
    assert "1 of the pictures wait" in found.hindrance
    with pytest.raises(DataError, match="label is 'ring'"):
        Reviews(store).review_cell(first.cell_id, "ring", "Ana")


def test_unreadable_specimen_may_be_signed_as_refused_alone(
    service: XrayService, store: Store
) -> None:
    specimen_id = read(service, b"no picture")
    assert sign(store, specimen_id, "Ana", PROTOCOL).report["verdict"] == "refused"
    with pytest.raises(ConflictError, match="cannot be amended to negative"):
        amend(store, specimen_id, "Ana", "it was fine", "negative", PROTOCOL)


def test_amendment_forgets_a_finding_that_may_be_wrong(service: XrayService, store: Store) -> None:
    specimen_id = read(service, chest_png(SICK))
    judge(store, specimen_id, "pneumonia")
    sign(store, specimen_id, "Ana", PROTOCOL)
    result = amend(store, specimen_id, "Ben", "another child", "inconclusive", PROTOCOL)
    assert (result.report["finding"], result.report["finding_score"]) == ("", None)


def test_report_tells_of_pictures_and_of_no_red_cells(service: XrayService, store: Store) -> None:
    specimen_id = read(service, chest_png(SICK), b"no picture")
    judge(store, specimen_id, "pneumonia")
    content = read_content(store, specimen_id, PROTOCOL)
    lines = lines_of(content)
    assert (
        lines.title == "X-ray looks abnormal" and lines.words.kind.lower() == "chest x-ray report"
    )
    assert dict(lines.counts)["Picture 2"].startswith("refused: not an image")
    assert "pneumonia; not normal: 0." in dict(lines.counts)["Picture 1"]
    (picture,) = content.pictures
    assert picture.heat is not None and decode_image(picture.plain).shape == (180, 200, 3)
    page = render(content, "html").decode()
    assert "hest X-ray report" in page and "pneumonia: Ana" in page
    for word in ("Parasit", "parasit", "red cell", "Red cell", "malaria", "slide", "infected"):
        assert word not in page
    assert render(content, "pdf").startswith(b"%PDF-")


def test_what_leaves_the_device(service: XrayService, store: Store) -> None:
    specimen_id = read(service, chest_png(SICK), chest_png(WELL))
    judge(store, specimen_id, "pneumonia", "normal")
    sign(store, specimen_id, "Ana", PROTOCOL)
    case = read_case(store, specimen_id)
    bundle = fhir.result_bundle(case, SETTINGS)
    assert Bundle.model_validate_json(fhir.bundle_bytes(bundle)).type == "transaction"
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert kinds == ["Device", "Specimen", "Observation", "DiagnosticReport"]
    call = bundle["entry"][2]["resource"]
    assert call["status"] == "final"
    assert call["category"][0]["coding"][0]["code"] == "imaging"
    assert call["valueCodeableConcept"]["text"] == "positive"
    parts = {part["code"]["coding"][0]["code"]: part for part in call["component"]}
    finding = parts["chest-xray-finding"]["valueCodeableConcept"]["coding"][0]["code"]
    assert finding == "pneumonia" and "chest-xray-score" in parts
    assert "red cells" not in str(bundle) and "2 pictures were read" in str(call["note"])
    files = dict(dicom.captures(store, case, SETTINGS))
    assert set(files) == {0, 1}
    shown = pydicom.dcmread(io.BytesIO(files[0]))
    assert (shown.Rows, shown.Columns, shown.Modality) == (180, 200, "OT")
    lines = b"".join(tables.csv_lines([case])).decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(lines))
    assert (row["task"], row["verdict"], row["finding"]) == (CHEST_XRAY, "positive", "pneumonia")
    with pytest.raises(ConflictError, match="no malaria test"):
        tracker_payload(case, SETTINGS)


def test_report_reads_back_the_same(service: XrayService, store: Store) -> None:
    from edge.contract.types import SlideReport

    report = store.specimen(read(service, chest_png(SICK), b"")).report
    assert report is not None
    assert SlideReport.from_json(report).to_json() == report
    assert np.isfinite(report["finding_score"])


def test_dhis2_is_sent_malaria_tests_alone(service: XrayService, store: Store) -> None:
    specimen_id = read(service, chest_png(SICK))
    judge(store, specimen_id, "pneumonia")
    sign(store, specimen_id, "Ana", PROTOCOL)
    targets = (
        Target("national", DHIS2, "https://dhis2.example/"),
        Target("hospital", FHIR, "https://fhir.example/"),
    )
    problems: list[str] = []
    assert queue_missing(store, SyncSettings(targets), SETTINGS, problems) and not problems
    queued = {item.target for item in Outbox(store).of_specimen(specimen_id)}
    assert queued == {"hospital"}
