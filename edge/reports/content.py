"""What is on a specimen's report: read from the records once, for HTML and PDF alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge.analysis.explain import cell_view, heat_view
from edge.contract.errors import ConflictError, NotFoundError, StoreError
from edge.contract.images import decode_image, encode_image
from edge.contract.labels import XRAY_LABELS, is_infected
from edge.contract.types import U8Array
from edge.protocol import Protocol
from edge.reports.interval_picture import IntervalChart, interval_chart
from edge.signing import SpecimenReview, read_review
from edge.store.records import (
    DONE,
    RUNNING,
    STOPPED,
    Patient,
    Review,
    SpecimenRecord,
    SuspectCellRecord,
)
from edge.store.register import Register
from edge.store.store import Store
from edge.xray.heat import shown_at, with_heat

CELLS_AT_MOST = 6
_XRAY_PX = 480
_UNFINISHED = "Screening did not finish, so the counts are not the whole slide."


@dataclass(frozen=True)
class CellPicture:
    """A suspect cell with its evidence.

    Attributes:
        plain: JPEG of the cell with its surroundings, or of the X-ray.
        heat: the same with what spoke for an infection; None where there is no map.
        review: what a person said of it; None where none did.
    """

    cell: SuspectCellRecord
    plain: bytes
    heat: bytes | None
    review: Review | None


@dataclass(frozen=True)
class SpecimenContent:
    """All that a report tells.

    Attributes:
        report: the result in force, `SlideReport.to_json()`; empty while there is none.
        verdict: "none" without a result.
        made_utc: when this report was made.
    """

    found: SpecimenReview
    patient: Patient | None
    report: dict[str, Any]
    verdict: str
    why: str
    pictures: tuple[CellPicture, ...]
    made_utc: str

    @property
    def specimen(self) -> SpecimenRecord:
        """The specimen itself."""
        return self.found.specimen

    @property
    def chart(self) -> IntervalChart | None:
        """The parasitaemia with its interval as a picture."""
        names = ("parasitaemia_fraction", "ci_low", "ci_high")
        return interval_chart(*(self.report.get(name) for name in names))


def read_content(store: Store, specimen_id: str, protocol: Protocol) -> SpecimenContent:
    """Reads a specimen's report.

    Args:
        store: the clinic's records.
        specimen_id: of the specimen.
        protocol: the device's.

    Raises:
        NotFoundError: no such specimen.
        ConflictError: it is still being screened, so there is nothing to report.
    """
    found = read_review(store, specimen_id, protocol)
    specimen = found.specimen
    if specimen.status == RUNNING:
        raise ConflictError(f"specimen {specimen_id} is being screened; wait for its result")
    report = found.result.report if found.result else specimen.report or {}
    verdict, why = report.get("verdict", "none"), report.get("why") or specimen.error
    if verdict == "negative" and specimen.status not in (DONE, STOPPED):
        verdict, why = "inconclusive", specimen.error or _UNFINISHED
    patient = Register(store).patient(specimen.patient_id) if specimen.patient_id else None
    pictures = _pictures(store, found)
    return SpecimenContent(found, patient, report, verdict, why, pictures, store.now())


def _pictures(store: Store, found: SpecimenReview) -> tuple[CellPicture, ...]:
    """Of the cells that weigh most: confirmed by a person, then most suspicious."""

    def weight(cell: SuspectCellRecord) -> tuple[bool, float]:
        review = found.reviews.get(cell.cell_id)
        return review is not None and is_infected(review.label), cell.score

    pictures: list[CellPicture] = []
    for cell in sorted(found.cells, key=weight, reverse=True):
        if len(pictures) == CELLS_AT_MOST:
            break
        try:
            pictures.append(_picture(store, cell, found.reviews.get(cell.cell_id)))
        except (NotFoundError, StoreError):
            continue  # Its image made room for others, or is damaged; the counts stand.
    return tuple(pictures)


def _picture(store: Store, cell: SuspectCellRecord, review: Review | None) -> CellPicture:
    image = decode_image(store.image_bytes(store.field(cell.specimen_id, cell.field_index)))
    if cell.label in XRAY_LABELS:
        return _radiograph(image, cell, review)
    box = (cell.left_px, cell.top_px, cell.width_px, cell.height_px)
    heat = None
    if cell.cam is not None:
        view = heat_view(image, *box, cell.cam, of_novelty=not is_infected(cell.label))
        heat = encode_image(view, ".jpg", quality=85)
    return CellPicture(cell, encode_image(cell_view(image, *box), ".jpg", quality=85), heat, review)


def _radiograph(image: U8Array, cell: SuspectCellRecord, review: Review | None) -> CellPicture:
    plain, heat = shown_at(image, _XRAY_PX), None
    if cell.cam is not None:
        heat = encode_image(with_heat(plain, cell.cam), ".jpg", quality=85)
    return CellPicture(cell, encode_image(plain, ".jpg", quality=85), heat, review)
