"""Cells that people judged on devices, as `clinicscope export corrections` writes them.

Of several exports, give each a folder of its own below `corrections`. Labels of what is no red
cell are left out. The patient is the site's pseudonym with the site before it, since two sites may
both have a P-1.

A crop is the box of a cell, neither masked nor scaled. Its outline is traced by the glass in the
crop itself: on 834 healthy and 225 infected cells of iml-cells that is the outline by the whole
field's glass at a mean intersection over union of .98 (the inscribed ellipse: .78), and below .8 in
.4 % of both, so that an outline that went wrong says nothing of the label.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge.contract.errors import DataError, ImageError
from edge.contract.image_header import read_header
from edge.contract.images import read_bytes
from edge.contract.labels import CELL_LABELS, NON_RBC, PARASITISED, UNINFECTED, is_infected
from train.datasets.base import Box, Example

FOLDER = "corrections"
LABELS = (UNINFECTED, PARASITISED)
POSITIVE = PARASITISED
TABLE = "corrections.csv"
_COLUMNS = (
    "file", "label", "patient", "specimen_id", "site", "field_sha256", "left_px", "top_px",
    "reviewer", "reviewed_utc", "bundle_id", "bundle_sha256",
)  # fmt: skip
_PX = re.compile(r"-?[0-9]{1,6}")
_SHA256 = re.compile(r"([0-9a-f]{64})?")


@dataclass(frozen=True)
class Correction:
    """One line of the table, as `edge.interop.corrections.Correction`.

    Attributes:
        path: the crop, inside the folder of the export.
        patient: with the site before it.
        field_sha256: of the picture that the crop was cut from; "" where unknown, as the bundle's.
        reviewed: when, UTC.
    """

    path: Path
    label: str
    patient: str
    specimen_id: str
    site: str
    field_sha256: str
    left_px: int
    top_px: int
    reviewer: str
    reviewed: datetime
    bundle_id: str
    bundle_sha256: str


def list_examples(folder: Path) -> list[Example]:
    """Every red cell that a person judged; any stage is parasitised.

    Raises:
        DataError: there is no table, it is damaged, or it names a crop that is not there.
    """
    tables = sorted(folder.rglob(TABLE))
    if not tables:
        raise DataError(f"{folder} has no {TABLE}; export there: clinicscope export corrections")
    return [
        Example(
            one.path.relative_to(folder).with_suffix("").as_posix(),
            one.path,
            int(is_infected(one.label)),
            one.patient,
            outlined(one.path),
            one.site,
        )
        for table in tables
        for one in read_export(table.parent)
        if one.label not in NON_RBC
    ]


def outlined(path: Path) -> Box:
    """The whole crop with the cell traced in it. Raises DataError where it cannot be read."""
    try:
        header = read_header(read_bytes(path))
    except ImageError as error:
        raise DataError(f"{path} cannot be read ({error}); export it again") from error
    return Box(0, 0, header.width_px, header.height_px, "alone")


def read_export(folder: Path) -> list[Correction]:
    """The lines of one export's table; no crop is opened.

    Raises:
        DataError: no table, a damaged one, a label that is none, a crop outside the folder, or
            crops that the table does not name.
    """
    table = folder / TABLE
    found = list(_read(table, _text_of(table)))
    named = {one.path for one in found}
    if len(named) < len(found):
        raise DataError(f"{table} names a crop twice; export it again")
    stray = [path for path in _crops_in(folder) if path not in named]
    if stray:
        raise DataError(
            f"{table} does not name {len(stray)} crops that lie beside it, e.g. {stray[0].name}: "
            "it was cut short, or lines were taken out; export it again, or delete those crops"
        )
    return found


def _text_of(table: Path) -> str:
    if not table.is_file():
        raise DataError(
            f"{table.parent} has no {TABLE}; give a folder that `clinicscope export corrections` "
            "wrote"
        )
    try:
        text = table.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{table} cannot be read ({error}); export it again") from error
    if not text.endswith("\n"):
        raise DataError(f"{table} breaks off in its last line; copy it or export it again")
    return text


def _crops_in(folder: Path) -> list[Path]:
    return sorted(path for label in CELL_LABELS for path in (folder / label).glob("*.png"))


def _read(table: Path, text: str) -> Iterator[Correction]:
    lines = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        if missing := [name for name in _COLUMNS if name not in (lines.fieldnames or ())]:
            raise DataError(f"{table} has no column {missing[0]!r}; export it again")
        for row in lines:
            # A line too long has its rest under None; one too short has None for what it lacks.
            if None in row or None in row.values():
                raise DataError(
                    f"{table}, line {lines.line_num}, has not as many cells as columns; copy it or "
                    "export it again"
                )
            yield _correction(table, lines.line_num, row)
    except csv.Error as error:
        raise DataError(
            f"{table}, line {lines.line_num}, is damaged ({error}); copy it or export it again"
        ) from error


def _correction(table: Path, line: int, row: dict[str, str]) -> Correction:
    where = f"{table}, line {line}"
    if row["label"] not in CELL_LABELS:
        raise DataError(
            f"{where}: label is {row['label']!r}; known: {', '.join(CELL_LABELS)}; export again"
        )
    for name in ("field_sha256", "bundle_sha256"):
        if not _SHA256.fullmatch(row[name]):
            raise DataError(
                f"{where}: {name} is {row[name]!r}; expected 64 hex digits: export again"
            )
    return Correction(
        path=_inside(table.parent, row["file"], where),
        label=row["label"],
        patient=f"{row['site']}/{row['patient']}",
        specimen_id=row["specimen_id"],
        site=row["site"],
        field_sha256=row["field_sha256"],
        left_px=_px(row, "left_px", where),
        top_px=_px(row, "top_px", where),
        reviewer=row["reviewer"],
        reviewed=_time(row["reviewed_utc"], where),
        bundle_id=row["bundle_id"],
        bundle_sha256=row["bundle_sha256"],
    )


def _inside(folder: Path, name: str, where: str) -> Path:
    path = folder / name
    if not name or not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(
            f"{where}: file is {name!r}, which is not inside {folder}; take no such table: export "
            "it again"
        )
    return path


def _px(row: dict[str, str], name: str, where: str) -> int:
    if not _PX.fullmatch(row[name]):
        raise DataError(f"{where}: {name} is {row[name]!r}, no number of px; export it again")
    return int(row[name])


def _time(text: str, where: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise DataError(f"{where}: reviewed_utc is {text!r}, no time; export it again") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
