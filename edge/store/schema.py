"""The tables, and their rows to and from values. A change here needs a migration.

A specimen has fields, and a field has suspect cells: those that look infected to one network at
least, with their evidence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from edge.contract.labels import XRAY_LABELS, is_infected
from edge.contract.results import field_to_json
from edge.contract.types import CellCall, FieldResult
from edge.store.columns import Base, PackedJson
from edge.store.records import FieldRecord, SpecimenRecord, SuspectCellRecord
from edge.tally import count_disagreements, count_positive, count_refused, count_stages

# Little-endian whatever the machine, so that a backup opens on any other.
_CAM_DTYPE = np.dtype("<f4")
# Of what really ran, what may change within a specimen.
OF_FIELDS = (
    "runtime",
    "accelerator",
    "threads",
    "fallback",
    "fallback_why",
    # A specimen goes on after a power cut with the networks that it began with, or not at all.
    "bundle_sha256",
    "stages_bundle_sha256",
    "novelty_weight",
    "site_shift",
)
SEARCHED = ("sequence", "started_utc", "verdict", "result_status", "status", "site", "task")
_NOT_ASKED_THEN = {"refused": "", "disagrees": False, "uncertain": False}


class SpecimenRow(Base):
    """See `SpecimenRecord`."""

    __tablename__ = "specimens"
    __table_args__ = (
        Index("ix_specimens_sequence", "sequence", unique=True),
        # Whatever is asked for beside a name is answered from this one, without reading reports.
        Index("ix_specimens_search", *SEARCHED),
        Index("ix_specimens_barcode", "barcode", "sequence"),
        Index("ix_specimens_patient", "patient_id", "sequence"),
        Index("ix_specimens_label", "label", "sequence"),
    )

    specimen_id: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str]
    source: Mapped[str]
    source_settings: Mapped[dict[str, Any]]
    status: Mapped[str]
    started_utc: Mapped[str]
    finished_utc: Mapped[str | None]
    report: Mapped[dict[str, Any] | None]
    error: Mapped[str]
    patient_id: Mapped[str | None]
    operator: Mapped[str]
    site: Mapped[str]
    barcode: Mapped[str]
    task: Mapped[str]
    collected_utc: Mapped[str | None]
    protocol: Mapped[str]
    consent: Mapped[bool]
    verdict: Mapped[str | None]
    result_status: Mapped[str]
    sequence: Mapped[int]
    version: Mapped[int]

    def record(self) -> SpecimenRecord:
        """As a value."""
        return SpecimenRecord(**self.values())


class FieldRow(Base):
    """See `FieldRecord`."""

    __tablename__ = "fields"
    __table_args__ = (
        Index(
            "ix_fields_with_image",
            "specimen_id",
            "field_index",
            sqlite_where=text("image_file IS NOT NULL"),
        ),
    )

    specimen_id: Mapped[str] = mapped_column(ForeignKey("specimens.specimen_id"), primary_key=True)
    field_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    usable: Mapped[bool]
    reason: Mapped[str]
    rbc_count: Mapped[int]
    positive_count: Mapped[int]
    disagreement_count: Mapped[int]
    refused_cell_count: Mapped[int]
    stage_counts: Mapped[dict[str, int] | None]
    quality: Mapped[dict[str, Any]]
    timings_ms: Mapped[dict[str, float]]
    cells: Mapped[list[dict[str, Any]]] = mapped_column(PackedJson)
    ran_on: Mapped[dict[str, Any] | None]
    image_file: Mapped[str | None]
    image_sha256: Mapped[str | None]
    image_gone: Mapped[str]

    def record(self) -> FieldRecord:
        """As a value."""
        columns = self.values()
        # Cells stored before there was a second opinion, or a doubt, lack what it says.
        if any("uncertain" not in cell for cell in columns["cells"]):
            columns["cells"] = [_NOT_ASKED_THEN | cell for cell in columns["cells"]]
        return FieldRecord(index=columns.pop("field_index"), **columns)


class SuspectCellRow(Base):
    """See `SuspectCellRecord`. Ids are never used again, so that a link stays true."""

    __tablename__ = "suspect_cells"
    __table_args__ = (
        ForeignKeyConstraint(
            ["specimen_id", "field_index"],
            ["fields.specimen_id", "fields.field_index"],
            ondelete="CASCADE",
        ),
        Index("ix_suspect_cells_field", "specimen_id", "field_index"),
        Index("ix_suspect_cells_score", "specimen_id", "score"),
        {"sqlite_autoincrement": True},
    )

    cell_id: Mapped[int] = mapped_column(primary_key=True)
    specimen_id: Mapped[str]
    field_index: Mapped[int]
    left_px: Mapped[int]
    top_px: Mapped[int]
    width_px: Mapped[int]
    height_px: Mapped[int]
    label: Mapped[str]
    score: Mapped[float]
    novelty: Mapped[float | None]
    refused: Mapped[str]
    disagrees: Mapped[bool]
    cam: Mapped[bytes | None]
    cam_rows: Mapped[int | None]
    cam_columns: Mapped[int | None]

    def record(self) -> SuspectCellRecord:
        """As a value; `cam` as an array of its own."""
        columns = self.values()
        shape = columns.pop("cam_rows"), columns.pop("cam_columns")
        if self.cam is not None:
            cam = np.frombuffer(self.cam, _CAM_DTYPE).reshape(shape)
            columns["cam"] = cam.astype(np.float32)
        return SuspectCellRecord(**columns)


def field_row(
    specimen_id: str, index: int, result: FieldResult, image_file: str | None, sha256: str | None
) -> FieldRow:
    """The row of one field, all its cells inside."""
    plain = field_to_json(result)
    return FieldRow(
        specimen_id=specimen_id,
        field_index=index,
        name=result.name,
        usable=bool(result.quality.usable),
        reason=result.quality.reason,
        rbc_count=int(result.rbc_count),
        positive_count=count_positive(result),
        disagreement_count=count_disagreements(result),
        refused_cell_count=count_refused(result),
        stage_counts=count_stages(result) if result.stages_read else None,
        quality=plain["quality"],
        timings_ms=plain["timings_ms"],
        cells=plain["cells"],
        ran_on=_what_ran(result),
        image_file=image_file,
        image_sha256=sha256,
        image_gone="",
    )


def _what_ran(result: FieldResult) -> dict[str, Any] | None:
    """What may change from field to field of a specimen; the report has the rest."""
    if result.ran_on is None:
        return None
    return {name: getattr(result.ran_on, name) for name in OF_FIELDS}


def suspect_rows(specimen_id: str, index: int, result: FieldResult) -> list[SuspectCellRow]:
    """A row for each cell that a network suspects, and for each X-ray: a person judges them all.

    What has no score was never called.
    """
    return [
        _suspect_row(specimen_id, index, cell, float(cell.score))
        for cell in result.cells
        if (is_infected(cell.label) or cell.disagrees or cell.label in XRAY_LABELS)
        and cell.score is not None
    ]


def _suspect_row(specimen_id: str, index: int, cell: CellCall, score: float) -> SuspectCellRow:
    rows, columns = (None, None) if cell.cam is None else cell.cam.shape
    return SuspectCellRow(
        specimen_id=specimen_id,
        field_index=index,
        left_px=int(cell.box.left_px),
        top_px=int(cell.box.top_px),
        width_px=int(cell.box.width_px),
        height_px=int(cell.box.height_px),
        label=cell.label,
        score=score,
        novelty=None if cell.novelty is None else float(cell.novelty),
        refused=cell.refused,
        disagrees=bool(cell.disagrees),
        cam=None if cell.cam is None else cell.cam.astype(_CAM_DTYPE).tobytes(),
        cam_rows=rows,
        cam_columns=columns,
    )
