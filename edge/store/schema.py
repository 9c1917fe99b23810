"""The tables, and their rows to and from values. A change here needs a migration.

A specimen has fields, and a field has suspect cells: those that look infected to one network at
least, with their evidence.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from typing import Any, ClassVar

import numpy as np
from sqlalchemy import Float, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from edge.contract.errors import StoreError
from edge.contract.labels import is_infected
from edge.contract.results import field_to_json
from edge.contract.types import CellCall, FieldResult
from edge.store.records import FieldRecord, SpecimenRecord, SuspectCellRecord
from edge.tally import count_disagreements, count_positive, count_refused, count_stages

# Little-endian whatever the machine, so that a backup opens on any other.
_CAM_DTYPE = np.dtype("<f4")
# How Python spells the bytes of a file name that are not UTF-8.
_SURROGATE = re.compile("[\ud800-\udfff]")
# Of what really ran, what may change within a specimen.
OF_FIELDS = ("runtime", "accelerator", "threads", "fallback", "fallback_why")
_NOT_ASKED_THEN = {"refused": "", "disagrees": False, "uncertain": False}


def _to_json(value: Any) -> str:
    # ASCII, so that a file name that is no valid UTF-8 is kept, and no NaN, which is no JSON.
    return json.dumps(value, separators=(",", ":"), allow_nan=False, default=_default)


def _default(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else os.fspath(value)


class AsWritten(TypeDecorator[str]):
    """Text kept as it came; as bytes where UTF-8 cannot say it (odd file names)."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """To what SQLite keeps."""
        if value is None or not _SURROGATE.search(value):
            return value
        return value.encode(errors="surrogatepass")

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """From what SQLite kept."""
        return value.decode(errors="surrogatepass") if isinstance(value, bytes) else value


class PlainJson(TypeDecorator[Any]):
    """Compact JSON text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """To text; NaN is refused."""
        return None if value is None else _to_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """From text. Raises StoreError on damage."""
        try:
            return None if value is None else json.loads(value)
        except ValueError as error:
            raise _damaged(error) from error


class PackedJson(TypeDecorator[Any]):
    """Compact JSON, compressed: a crowded field has a thousand cells."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes:  # noqa: ARG002
        """To compressed bytes; NaN is refused."""
        return zlib.compress(_to_json(value).encode())

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """From compressed bytes. Raises StoreError on damage."""
        try:
            return json.loads(zlib.decompress(value))
        except (ValueError, TypeError, zlib.error) as error:
            raise _damaged(error) from error


def _damaged(error: Exception) -> StoreError:
    return StoreError(f"a record is damaged ({error}); restore the last backup")


class Base(DeclarativeBase):
    """The metadata that the migrations are held against."""

    type_annotation_map: ClassVar = {
        str: AsWritten,
        float: Float,  # SQLAlchemy 2.0 and 2.1 differ in their own choice
        dict[str, Any]: PlainJson,
        dict[str, float]: PlainJson,
        dict[str, int]: PlainJson,
    }


class SpecimenRow(Base):
    """See `SpecimenRecord`."""

    __tablename__ = "specimens"

    specimen_id: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str]
    source: Mapped[str]
    source_settings: Mapped[dict[str, Any]]
    status: Mapped[str]
    started_utc: Mapped[str]
    finished_utc: Mapped[str | None]
    report: Mapped[dict[str, Any] | None]
    error: Mapped[str]

    def record(self) -> SpecimenRecord:
        """As a value."""
        return SpecimenRecord(**_columns(self))


class FieldRow(Base):
    """See `FieldRecord`."""

    __tablename__ = "fields"

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

    def record(self) -> FieldRecord:
        """As a value."""
        columns = _columns(self)
        # Cells stored before there was a second opinion, or a doubt, lack what it says.
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
        columns = _columns(self)
        shape = columns.pop("cam_rows"), columns.pop("cam_columns")
        if self.cam is not None:
            cam = np.frombuffer(self.cam, _CAM_DTYPE).reshape(shape)
            columns["cam"] = cam.astype(np.float32)
        return SuspectCellRecord(**columns)


def _columns(row: Base) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


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
    )


def _what_ran(result: FieldResult) -> dict[str, Any] | None:
    """What may change from field to field of a specimen; the report has the rest."""
    if result.ran_on is None:
        return None
    return {name: getattr(result.ran_on, name) for name in OF_FIELDS}


def suspect_rows(specimen_id: str, index: int, result: FieldResult) -> list[SuspectCellRow]:
    """A row for each cell that a network suspects; what has no score was never called."""
    return [
        _suspect_row(specimen_id, index, cell, float(cell.score))
        for cell in result.cells
        if (is_infected(cell.label) or cell.disagrees) and cell.score is not None
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
