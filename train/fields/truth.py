"""What is known about the fields of three collections, as one value type.

Owns how each collection's words become ours, and of which boxes nothing can be said. That a cell is
cut by the frame's edge is no matter of truth; `matching` looks at it.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.errors import ConfigError, DataError
from edge.contract.labels import PLATELET, STAGES, UNINFECTED, WBC
from edge.contract.types import BoolArray, F64Array, I32Array
from train.datasets import bccd_fields, chula_cells, iml_cells
from train.datasets.base import Box, data_root
from train.datasets.fields import LabelledBox, read_boxes
from train.datasets.iml_fields import DIFFICULT, SCALE_BAR, WORDS, is_one_cell, touches

# A difficult cell is a red cell all the same: it is to be found, and its call is not judged.
RED_LABELS = (UNINFECTED, *STAGES, DIFFICULT)
_IML_WORDS = {**WORDS, DIFFICULT: DIFFICULT}
# Blood without malaria.
_BCCD_WORDS = {
    bccd_fields.RED_CELL: UNINFECTED,
    bccd_fields.WHITE_CELL: WBC,
    bccd_fields.PLATELET: PLATELET,
}


@dataclass(frozen=True, eq=False)
class FieldTruth:
    """One field: what lies where.

    Attributes:
        name: the file's name.
        group: what is resampled: a block of consecutive frames, or the field itself.
        boxes_px: (N,4) left, top, width, height; None where centres alone are known.
        centres_px: (N,2) x, y.
        labels: (N,) `uninfected`, a stage, `difficult`, `wbc` or `platelet`.
        unsure: (N,) boxes that are neither hit nor miss, whatever is found there.
    """

    name: str
    path: Path
    group: str
    boxes_px: I32Array | None
    centres_px: F64Array
    labels: np.ndarray
    unsure: BoolArray

    @property
    def red(self) -> BoolArray:
        """(N,) red cells of any kind."""
        return np.isin(self.labels, RED_LABELS)

    @property
    def infected(self) -> BoolArray:
        """(N,) red cells of a stage."""
        return np.isin(self.labels, STAGES)


def read_iml(folder: Path) -> list[FieldTruth]:
    """Fields of iml-fields: every box that the file holds, the group is the block.

    Unsure are difficult cells, boxes at the burnt-in scale bar, and boxes that hold no one cell.

    Raises:
        DataError: missing, broken, or a label that the collection does not have.
    """
    return _read_boxed(folder, _IML_WORDS, in_blocks=True, unsure=_is_unsure)


def read_bccd(folder: Path) -> list[FieldTruth]:
    """Fields of bccd-fields; each is a group of its own. Raises DataError."""
    return _read_boxed(folder, _BCCD_WORDS, in_blocks=False, unsure=lambda _box: False)


def _is_unsure(found: LabelledBox) -> bool:
    return found.label == DIFFICULT or touches(found.box, SCALE_BAR) or not is_one_cell(found.box)


def _read_boxed(
    folder: Path,
    words: dict[str, str],
    *,
    in_blocks: bool,
    unsure: Callable[[LabelledBox], bool],
) -> list[FieldTruth]:
    by_path: dict[Path, list[LabelledBox]] = {}
    for found in read_boxes(folder, in_blocks=in_blocks):
        if found.label not in words:
            raise DataError(
                f"{folder / 'cells.json'}: {found.name} is labelled {found.label!r}; known: "
                f"{', '.join(sorted(words))}"
            )
        by_path.setdefault(found.path, []).append(found)
    return [_boxed_field(path, found, words, unsure) for path, found in by_path.items()]


def _boxed_field(
    path: Path,
    found: list[LabelledBox],
    words: dict[str, str],
    unsure: Callable[[LabelledBox], bool],
) -> FieldTruth:
    boxes = np.array([_sides(one.box) for one in found], np.int32)
    return FieldTruth(
        path.name,
        path,
        found[0].group,
        boxes,
        centres_of(boxes),
        np.array([words[one.label] for one in found]),
        np.array([unsure(one) for one in found], bool),
    )


def _sides(box: Box) -> tuple[int, int, int, int]:
    return box.left_px, box.top_px, box.width_px, box.height_px


def centres_of(boxes_px: I32Array) -> F64Array:
    """(N,2) x, y of the middles of (N,4) boxes."""
    return boxes_px[:, :2] + boxes_px[:, 2:] / 2


def read_chula(folder: Path) -> list[FieldTruth]:
    """Fields of chula-fields: centres alone; each is a group of its own.

    Raises:
        DataError: points.csv is missing or broken.
    """
    path = folder / "points.csv"
    points: dict[str, list[tuple[float, float]]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                centre = float(row["x_px"]), float(row["y_px"])
                points.setdefault(Path(row["file"]).name, []).append(centre)
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise DataError(f"{path}: expected file, x_px, y_px; {error!r}") from error
    return [
        FieldTruth(
            name,
            folder / "images" / name,
            Path(name).stem,
            None,
            np.array(centres),
            np.full(len(centres), UNINFECTED),
            np.zeros(len(centres), bool),
        )
        for name, centres in points.items()
    ]


_READERS: dict[str, Callable[[Path], list[FieldTruth]]] = {
    iml_cells.FOLDER: read_iml,
    chula_cells.FOLDER: read_chula,
    bccd_fields.FOLDER: read_bccd,
}
FIELD_SETS = tuple(_READERS)


def read_fields(name: str, data: Path | None = None) -> list[FieldTruth]:
    """The fields of a collection, in the order of its file.

    Args:
        name: one of `FIELD_SETS`.
        data: the folder of data sets; None reads CLINICSCOPE_DATA.

    Raises:
        ConfigError: no such collection, or no folder of data sets.
        DataError: it is not there, or broken.
    """
    if name not in _READERS:
        raise ConfigError(f"no fields {name!r}; known: {', '.join(FIELD_SETS)}")
    return _READERS[name](data_root(data) / name)
