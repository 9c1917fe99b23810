"""Fields of a specimen as DICOM secondary captures, with boxes and heat maps drawn in.

Where a person signed, what was said of each suspect cell is drawn in place of the machine's call.
The picture is derived and compressed with loss (JPEG), and says so; the image itself stays in the
records. The UIDs depend on specimen, version and field alone, so sent twice it is one object.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import cv2

from edge.contract.errors import ConflictError, NotFoundError, RuntimeUnavailableError
from edge.contract.types import U8Array
from edge.interop.cases import Case
from edge.interop.dicom_picture import draw
from edge.interop.fhir import NOTICE
from edge.interop.ids import dicom_uid
from edge.interop.settings import InteropSettings
from edge.store.records import CHEST_XRAY, MALARIA, FieldRecord
from edge.store.store import Store

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MOST_FIELDS = 4
SUFFIX = ".dcm"
_QUALITY = 90
_NO_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest of a zip
_SEXES = {"female": "F", "male": "M", "other": "O"}
_LONG_TEXT = 64  # a DICOM LO


def shown_fields(store: Store, specimen_id: str) -> list[int]:
    """Which fields are sent: those with most suspect cells, at most MOST_FIELDS; or the first.

    Of X-rays all of them.

    Raises:
        NotFoundError: no such specimen, or none of its fields has an image.
    """
    there = [field for field in store.fields(specimen_id) if field.image_file and field.usable]
    if not there:
        raise NotFoundError(f"specimen {specimen_id} has no readable field with an image")
    if store.specimen(specimen_id).task == CHEST_XRAY:
        return [field.index for field in there][:MOST_FIELDS]
    suspect = [field for field in there if field.positive_count or field.disagreement_count]
    suspect.sort(key=lambda field: (-field.positive_count, -field.disagreement_count, field.index))
    return sorted(field.index for field in (suspect or there[:1])[:MOST_FIELDS])


def captures(store: Store, case: Case, settings: InteropSettings) -> Iterator[tuple[int, bytes]]:
    """The files of a specimen: field index and DICOM, one at a time. Raises as `capture`."""
    for index in shown_fields(store, case.specimen.specimen_id):
        yield index, capture(store, case, index, settings)


def add_captures(
    archive: zipfile.ZipFile, store: Store, case: Case, settings: InteropSettings
) -> None:
    """A specimen's files into a zip, in a folder of their own. Raises as `capture`."""
    for index, data in captures(store, case, settings):
        name = f"{case.specimen.specimen_id}/{index:05d}{SUFFIX}"
        archive.writestr(zipfile.ZipInfo(name, _NO_DATE), data)


def captures_zip(store: Store, case: Case, settings: InteropSettings) -> bytes:
    """A specimen's files in a zip, the same bytes each time. Raises as `capture`."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:  # JPEG shrinks no further
        add_captures(archive, store, case, settings)
    return out.getvalue()


def capture(store: Store, case: Case, index: int, settings: InteropSettings) -> bytes:
    """One field as a DICOM file.

    Raises:
        NotFoundError: no such field, or it has no image.
        StoreError: the image is damaged.
        ConflictError: the specimen has no result yet.
        RuntimeUnavailableError: pydicom is not installed.
    """
    if case.result is None or case.report is None:
        raise ConflictError(f"specimen {case.specimen.specimen_id} has no result yet; wait for it")
    field = store.field(case.specimen.specimen_id, index)
    return _write(_describe(case, field, settings), draw(store, case, field))


def _describe(case: Case, field: FieldRecord, settings: InteropSettings) -> Dataset:
    """All but the pixels."""
    try:
        from pydicom.dataset import Dataset
        from pydicom.uid import SecondaryCaptureImageStorage
    except ImportError as error:
        raise RuntimeUnavailableError(
            "DICOM needs pydicom, which comes with the program; pip install pydicom"
        ) from error
    base, specimen = settings.identifier_base, case.specimen
    version = str(case.result.version if case.result else 0)
    found = Dataset()
    found.SpecificCharacterSet = "ISO_IR 192"
    found.SOPClassUID = SecondaryCaptureImageStorage
    found.SOPInstanceUID = dicom_uid(
        base, "capture", specimen.specimen_id, version, str(field.index), str(field.image_sha256)
    )
    # Of the patient, too: a study has one, so given to another patient it is another study.
    found.StudyInstanceUID = dicom_uid(base, "study", specimen.specimen_id, _pseudonym(case))
    found.SeriesInstanceUID = dicom_uid(base, "series", specimen.specimen_id, version)
    found.SeriesNumber, found.InstanceNumber = version, str(field.index + 1)
    found.Modality = "GM" if specimen.task == MALARIA else "OT"
    found.ConversionType = "WSD"
    found.ImageType = ["DERIVED", "SECONDARY"]
    found.BurnedInAnnotation = "NO"  # boxes and scores, nothing that names a person
    found.StudyID, found.PatientOrientation = "", ""
    found.AccessionNumber = specimen.barcode if len(specimen.barcode) <= 16 else ""
    found.ReferringPhysicianName = ""
    _add_patient(found, case, settings)
    _add_times(found, case)
    _add_finding(found, case)
    return found


def _pseudonym(case: Case) -> str:
    return case.patient.patient_id if case.patient else case.specimen.specimen_id


def _add_patient(found: Dataset, case: Case, settings: InteropSettings) -> None:
    patient, pseudonym = case.patient, _pseudonym(case)
    found.PatientName, found.PatientID = pseudonym, pseudonym
    found.PatientBirthDate = ""
    found.PatientSex = _SEXES.get(patient.sex, "") if patient else ""
    found.PatientIdentityRemoved = "YES"
    found.DeidentificationMethod = "Pseudonym from the start; no name was ever kept"
    found.InstitutionName = _line(settings.institution or case.site)


def _add_times(found: Dataset, case: Case) -> None:
    started = datetime.fromisoformat(case.specimen.started_utc).astimezone(UTC)
    at = case.result.at_utc if case.result else case.specimen.started_utc
    told = datetime.fromisoformat(at).astimezone(UTC)
    found.StudyDate, found.StudyTime = f"{started:%Y%m%d}", f"{started:%H%M%S}"
    found.SeriesDate, found.SeriesTime = f"{told:%Y%m%d}", f"{told:%H%M%S}"
    found.ContentDate, found.ContentTime = found.SeriesDate, found.SeriesTime
    found.TimezoneOffsetFromUTC = "+0000"


def _add_finding(found: Dataset, case: Case) -> None:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as Items

    result, report = case.result, case.report
    if result is None or report is None:
        return
    found.StudyDescription = _line(f"ClinicScope {case.specimen.task} screening")
    by = f", {result.by}" if case.is_signed else ""
    found.SeriesDescription = _line(f"{report.verdict}, {result.status}{by}")
    found.ImageComments = f"{report.verdict}: {report.why} {NOTICE}".replace("\\", "/")
    software = Dataset()
    software.Manufacturer = "ClinicScope"
    software.ManufacturerModelName = _line(report.ran_on.bundle_id)
    software.SoftwareVersions = report.ran_on.bundle_sha256[:_LONG_TEXT]
    software.ContributionDescription = _line(
        f"{report.ran_on.runtime}, {report.ran_on.accelerator}"
    )
    purpose = Dataset()
    purpose.CodeValue, purpose.CodingSchemeDesignator = "109102", "DCM"
    purpose.CodeMeaning = "Processing Equipment"
    software.PurposeOfReferenceCodeSequence = Items([purpose])
    found.ContributingEquipmentSequence = Items([software])


def _line(text: str) -> str:
    """As a DICOM LO takes it: no backslash, which parts values, and at most 64 characters."""
    return text.replace("\\", "/")[:_LONG_TEXT]


def _write(found: Dataset, picture: U8Array) -> bytes:
    from pydicom.dataset import FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGBaseline8Bit

    options = [
        *(cv2.IMWRITE_JPEG_QUALITY, _QUALITY),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422),
    ]
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    jpeg = cv2.imencode(".jpg", bgr, options)[1].tobytes()
    found.Rows, found.Columns = picture.shape[:2]
    found.SamplesPerPixel, found.PlanarConfiguration = 3, 0
    found.PhotometricInterpretation = "YBR_FULL_422"
    found.BitsAllocated, found.BitsStored, found.HighBit = 8, 8, 7
    found.PixelRepresentation = 0
    found.LossyImageCompression, found.LossyImageCompressionMethod = "01", "ISO_10918_1"
    found.LossyImageCompressionRatio = f"{picture.size / len(jpeg):.2f}"
    found.DerivationDescription = (
        "Boxes, scores and heat maps drawn over the field; where the result is signed, what a "
        "person said of a cell stands in place of the machine's call"
    )
    found.PixelData = encapsulate([jpeg])
    found["PixelData"].VR = "OB"
    found.file_meta = FileMetaDataset()
    found.file_meta.MediaStorageSOPClassUID = found.SOPClassUID
    found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID
    found.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    out = io.BytesIO()
    found.save_as(out, enforce_file_format=True)
    return out.getvalue()
