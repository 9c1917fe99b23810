"""DICOM: what is written, and what a real Orthanc received by both ways."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from clinic import SETTINGS, drawn_field, make_field, make_report, screen
from real_servers import Orthanc, get_json

from edge.contract.errors import ConflictError, NotFoundError, StoreError
from edge.contract.images import encode_image
from edge.interop import dicom
from edge.interop.cases import read_case
from edge.interop.dicom_picture import paste
from edge.store.records import SpecimenDetails
from edge.store.results import Results
from edge.store.review import Reviews
from edge.store.store import Store
from edge.sync import to_pacs
from edge.sync.settings import Target


def capture(store: Store, specimen_id: str, index: int = 0) -> pydicom.Dataset:
    data = dicom.capture(store, read_case(store, specimen_id), index, SETTINGS)
    return pydicom.dcmread(io.BytesIO(data))


def test_capture_tells_whose_it_is_what_was_found_and_what_ran(store: Store) -> None:
    specimen_id = screen(store)
    Results(store).sign(specimen_id, "Dr Achieng")
    found = capture(store, specimen_id)
    assert found.SOPClassUID == pydicom.uid.SecondaryCaptureImageStorage
    assert (found.PatientID, found.PatientName, found.PatientSex) == ("P-1", "P-1", "F")
    assert found.SeriesDescription == "positive, final, Dr Achieng"
    assert "not for diagnosis" in found.ImageComments
    assert found.ContributingEquipmentSequence[0].SoftwareVersions == "ab" * 32
    assert found.LossyImageCompression == "01" and found.ImageType[0] == "DERIVED"
    assert found.StudyDate == "20261121"


def test_capture_shows_the_field_with_heat_where_a_cell_is_suspect(store: Store) -> None:
    found = capture(store, screen(store))
    jpeg = next(pydicom.encaps.generate_frames(found.PixelData, number_of_frames=1))
    picture = cv2.cvtColor(cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1), cv2.COLOR_BGR2RGB)
    assert picture.shape[:2] == (found.Rows, found.Columns)
    assert found.Rows > 160  # the legend is below
    plain = drawn_field(0).astype(int)
    changed = np.abs(picture[:160].astype(int) - plain).sum(axis=2) > 40
    assert changed[66:82, 6:24].mean() > 0.9  # inside the infected cell
    assert changed[120:, 60:].mean() < 0.05  # where no cell is


def test_heat_of_a_cell_at_the_edge_stays_inside(store: Store) -> None:
    view = np.full((30, 30, 3), 9, np.uint8)
    for left, top in ((-20, -20), (150, 150), (200, 10), (-40, 0)):
        out = np.zeros((160, 160, 3), np.uint8)
        paste(out, view, left, top)
        height = max(0, min(top + 30, 160) - max(top, 0))
        width = max(0, min(left + 30, 160) - max(left, 0))
        assert (out == 9).all(axis=2).sum() == height * width


def test_uids_are_of_specimen_version_and_field(store: Store) -> None:
    specimen_id = screen(store)
    one, again, other = (capture(store, specimen_id, index) for index in (0, 0, 1))
    assert one.SOPInstanceUID == again.SOPInstanceUID != other.SOPInstanceUID
    assert one.SeriesInstanceUID == other.SeriesInstanceUID
    Results(store).sign(specimen_id, "Dr Achieng")
    signed = capture(store, specimen_id)
    assert signed.StudyInstanceUID == one.StudyInstanceUID
    assert signed.SeriesInstanceUID != one.SeriesInstanceUID
    assert len(one.SOPInstanceUID) <= 64 and one.SOPInstanceUID.is_valid


def test_fields_with_most_suspects_are_shown(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {}, SpecimenDetails())
    image = encode_image(drawn_field(), ".png")
    for index, infected in enumerate((0, 1, 3, 0, 1, 2, 1)):
        store.save_field(specimen_id, index, make_field(index, infected), image)
    assert dicom.shown_fields(store, specimen_id) == [1, 2, 4, 5]
    clean = store.start_specimen("S", "upload", {}, SpecimenDetails())
    store.save_field(clean, 3, make_field(3, 0), image)
    assert dicom.shown_fields(store, clean) == [3]


def test_text_of_the_record_fits_a_header(store: Store) -> None:
    details = SpecimenDetails("P-1", "Ann", "Ward\\3 " + "x" * 80, "A-barcode-that-is-long")
    specimen_id = store.start_specimen("S", "upload", {}, details)
    store.save_field(specimen_id, 0, make_field(0), encode_image(drawn_field(), ".png"))
    store.finish_specimen(specimen_id, make_report(why="3\\4 of it"))
    found = capture(store, specimen_id)
    assert found.InstitutionName.startswith("Ward/3 xx") and len(found.InstitutionName) == 64
    assert found.AccessionNumber == "" and "3/4 of it" in found.ImageComments


def test_specimens_without_result_or_image_are_refused(store: Store) -> None:
    running = store.start_specimen("S", "upload", {}, SpecimenDetails())
    with pytest.raises(ConflictError, match="no result yet"):
        dicom.capture(store, read_case(store, running), 0, SETTINGS)
    with pytest.raises(NotFoundError, match="no readable field"):
        dicom.captures_zip(store, read_case(store, screen(store, fields=0)), SETTINGS)


def test_damaged_image_is_never_sent(store: Store) -> None:
    specimen_id = screen(store)
    (store.home / str(store.field(specimen_id, 0).image_file)).write_bytes(b"else")
    with pytest.raises(StoreError, match="damaged"):
        dicom.captures_zip(store, read_case(store, specimen_id), SETTINGS)


def instances(orthanc: Orthanc, study: str) -> list[dict[str, object]]:
    found = get_json(f"{orthanc.web_url}/studies/{study}/instances")
    return list(found)


@pytest.mark.parametrize("way", ["dicomweb", "dicom"])
def test_orthanc_has_each_picture_once_however_often_sent(
    store: Store, orthanc: Orthanc, way: str, tmp_path: Path
) -> None:
    specimen_id = screen(store)
    payload = dicom.captures_zip(store, read_case(store, specimen_id), SETTINGS)
    node = Target("pacs", "dicom", host="127.0.0.1", port=orthanc.dicom_port, ae_title="ORTHANC")
    web = Target("pacs", "dicomweb", orthanc.web_url)
    for _ in range(2):
        if way == "dicom":
            to_pacs.send_by_association(node, payload)
        else:
            to_pacs.send_by_web(web, payload)
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        sent = [pydicom.dcmread(io.BytesIO(archive.read(name))) for name in archive.namelist()]
    held = instances(orthanc, sent[0].StudyInstanceUID)
    uids = [one["00080018"]["Value"][0] for one in held]  # type: ignore[index]
    assert sorted(uids) == sorted(one.SOPInstanceUID for one in sent) and len(uids) == 2
    # Asked back by its own interface, the header and the picture are what was sent.
    (found,) = [
        one
        for one in get_json(f"{orthanc.url}/instances?expand")
        if one["MainDicomTags"]["SOPInstanceUID"] == sent[0].SOPInstanceUID
    ]
    tags = get_json(f"{orthanc.url}/instances/{found['ID']}/simplified-tags")
    assert tags["PatientID"] == "P-1" and tags["SeriesDescription"] == "positive, preliminary"
    assert int(tags["Rows"]) == sent[0].Rows


def test_pacs_that_is_not_there_or_calls_itself_otherwise_is_no_acknowledgement(
    store: Store, orthanc: Orthanc
) -> None:
    payload = dicom.captures_zip(store, read_case(store, screen(store)), SETTINGS)
    nobody = Target("pacs", "dicom", host="127.0.0.1", port=9, timeout_s=2)
    with pytest.raises(to_pacs.NotDeliveredError, match="nobody answers") as caught:
        to_pacs.send_by_association(nobody, payload)
    assert caught.value.unreachable and not caught.value.refused
    elsewhere = Target("pacs", "dicomweb", orthanc.url + "/nowhere")
    with pytest.raises(to_pacs.NotDeliveredError, match="40"):
        to_pacs.send_by_web(elsewhere, payload)


def inks(found: pydicom.Dataset) -> list[np.ndarray]:
    """The picture, and where in it the colours of a person's calls are."""
    jpeg = next(pydicom.encaps.generate_frames(found.PixelData, number_of_frames=1))
    picture = cv2.cvtColor(cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1), cv2.COLOR_BGR2RGB)
    return [
        (np.abs(picture[:160].astype(int) - colour).sum(axis=2) < 60)
        for colour in ((150, 0, 90), (0, 110, 130))
    ]


def test_persons_calls_are_drawn_once_they_are_signed(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {}, SpecimenDetails())
    image = encode_image(drawn_field(), ".png")
    store.save_field(specimen_id, 0, make_field(0, infected=2), image)
    store.finish_specimen(specimen_id, make_report())
    seen, rejected = sorted(store.suspect_cells(specimen_id), key=lambda one: one.left_px)
    Reviews(store).review_cell(seen.cell_id, "ring", "Ann")
    Reviews(store).review_cell(rejected.cell_id, "uninfected", "Ann")
    before = inks(capture(store, specimen_id))
    assert not before[0].any() and not before[1].any()  # it may change until then
    Results(store).sign(specimen_id, "Dr Achieng")
    found = capture(store, specimen_id)
    infected, not_infected = inks(found)
    assert infected[60:88, 0:31].sum() > 60 and not infected[60:88, 42:70].any()
    assert not_infected[60:88, 40:70].sum() > 60 and not not_infected[60:88, 0:28].any()
    assert "in place of the machine's call" in found.DerivationDescription
    # One version is one picture, whenever it is drawn.
    assert capture(store, specimen_id).PixelData == found.PixelData
