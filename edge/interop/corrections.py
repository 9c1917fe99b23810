"""What people said of suspect cells, as labelled crops that `train` reads (data set `corrections`).

Layout of the folder: one folder a label with a PNG a cell, and `corrections.csv`, which says of
each where it comes from. Only specimens whose images may be used for training are taken.
"""

from __future__ import annotations

import csv
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import Any

from sqlalchemy import select

from edge.contract.errors import ConflictError, DataError, NotFoundError, StoreError
from edge.contract.images import decode_image, encode_image
from edge.contract.types import U8Array
from edge.interop.tables import neutral
from edge.store.audit import Audit
from edge.store.clinic_schema import ReviewRow
from edge.store.files import TEMP_SUFFIX, disk_errors, make_folder, sync_folder
from edge.store.records import DEVICE, MALARIA, Review, SpecimenRecord, SuspectCellRecord
from edge.store.results import Results
from edge.store.review import Reviews
from edge.store.store import Store

TABLE = "corrections.csv"


@dataclass(frozen=True)
class Correction:
    """One line of the table; the crop is the box of the cell, neither masked nor scaled.

    Attributes:
        file: the crop, relative to the folder.
        label: the reviewer's, as of `edge.contract.labels`.
        patient: the group that must not be split: the pseudonym, or else the specimen.
        field_sha256: of the image that the crop was cut from.
        bundle_id: of the networks that called the cell.
    """

    file: str
    label: str
    patient: str
    specimen_id: str
    site: str
    field_index: int
    field_sha256: str
    left_px: int
    top_px: int
    width_px: int
    height_px: int
    machine_label: str
    machine_score: float
    reviewer: str
    reviewed_utc: str
    bundle_id: str
    bundle_sha256: str


@dataclass
class CorrectionsReport:
    """What was exported, and what was not.

    Attributes:
        labels: crops by label.
        without_consent: reviewed specimens that were left out.
        unusable: reviewed cells that were left out, "specimen, cell: why".
    """

    folder: Path
    specimens: int = 0
    without_consent: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    unusable: list[str] = field(default_factory=list)


def export_corrections(
    store: Store, folder: Path, *, all_consented: bool = False, by: str = DEVICE
) -> CorrectionsReport:
    """Writes the crops of all reviewed cells of malaria specimens, whole or not at all.

    Args:
        store: of whom.
        folder: is made; where it is there, it must be empty.
        all_consented: the caller answers for the consent of every patient, also where the
            specimen does not record it.
        by: who exports, for the log.

    Raises:
        ConflictError: the folder holds something.
        StorageFullError: no room; nothing is left behind.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConflictError(f"{folder} is there and not empty; give a new folder")
    report = CorrectionsReport(folder)
    temp = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}{TEMP_SUFFIX}")
    with disk_errors(folder, 0), ExitStack() as undo:
        make_folder(temp)
        undo.callback(shutil.rmtree, temp, ignore_errors=True)
        _write(store, temp, report, all_consented)
        if folder.exists():
            folder.rmdir()
        temp.replace(folder)
        sync_folder(folder.parent)
    told = {"specimens": report.specimens, "labels": report.labels, "all_consented": all_consented}
    Audit(store).write(by, "corrections.exported", folder.name, told)
    return report


def _write(store: Store, folder: Path, report: CorrectionsReport, all_consented: bool) -> None:
    with (folder / TABLE).open("w", newline="", encoding="utf-8") as out:
        table = csv.writer(out)
        table.writerow([column.name for column in fields(Correction)])
        for specimen in _reviewed(store):
            if not (specimen.consent or all_consented):
                report.without_consent += 1
                continue
            report.specimens += 1
            for correction, crop in _corrections(store, specimen, report):
                path = folder / correction.file
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(encode_image(crop))
                table.writerow([neutral(value) for value in astuple(correction)])
                report.labels[correction.label] = report.labels.get(correction.label, 0) + 1


def _reviewed(store: Store) -> Iterator[SpecimenRecord]:
    query = select(ReviewRow.specimen_id).distinct().order_by(ReviewRow.specimen_id)
    with store.session() as session:
        specimen_ids = list(session.scalars(query))
    for specimen_id in specimen_ids:
        specimen = store.specimen(specimen_id)
        if specimen.task == MALARIA:
            yield specimen


def _corrections(
    store: Store, specimen: SpecimenRecord, report: CorrectionsReport
) -> Iterator[tuple[Correction, U8Array]]:
    """By field, so that each image is decoded once."""
    bundle = _bundle(store, specimen)
    found: dict[int, list[tuple[Review, SuspectCellRecord]]] = {}
    for review in Reviews(store).of_specimen(specimen.specimen_id):
        try:
            cell = store.suspect_cell(review.cell_id)
        except NotFoundError:
            _leave_out(report, review, "its field was screened again since")
            continue
        found.setdefault(cell.field_index, []).append((review, cell))
    for index, pairs in sorted(found.items()):
        record = store.field(specimen.specimen_id, index)
        try:
            image = decode_image(store.image_bytes(record))
        except (StoreError, DataError) as error:
            for review, _ in pairs:
                _leave_out(report, review, str(error))
            continue
        for review, cell in pairs:
            correction = _correction(specimen, review, cell, str(record.image_sha256), bundle)
            top, left = max(cell.top_px, 0), max(cell.left_px, 0)
            crop = image[top : cell.top_px + cell.height_px, left : cell.left_px + cell.width_px]
            if crop.size:
                yield correction, crop
            else:
                _leave_out(report, review, "its box lies outside the image")


def _leave_out(report: CorrectionsReport, review: Review, why: str) -> None:
    report.unusable.append(f"{review.specimen_id}, cell {review.cell_id}: {why}")


def _bundle(store: Store, specimen: SpecimenRecord) -> tuple[str, str]:
    """Of the machine's own result, which is the first."""
    first: dict[str, Any] = next(
        (one.report for one in Results(store).history(specimen.specimen_id)), {}
    )
    return str(first.get("bundle_id", "")), str(first.get("bundle_sha256", ""))


def _correction(
    specimen: SpecimenRecord,
    review: Review,
    cell: SuspectCellRecord,
    field_sha256: str,
    bundle: tuple[str, str],
) -> Correction:
    return Correction(
        file=f"{review.label}/{specimen.specimen_id}-{cell.cell_id}.png",
        label=review.label,
        patient=specimen.patient_id or f"specimen-{specimen.specimen_id}",
        specimen_id=specimen.specimen_id,
        site=specimen.site,
        field_index=cell.field_index,
        field_sha256=field_sha256,
        left_px=cell.left_px,
        top_px=cell.top_px,
        width_px=cell.width_px,
        height_px=cell.height_px,
        machine_label=cell.label,
        machine_score=cell.score,
        reviewer=review.by,
        reviewed_utc=review.at_utc,
        bundle_id=bundle[0],
        bundle_sha256=bundle[1],
    )
