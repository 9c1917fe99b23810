"""Fields with the boxes of their cells, at the size that views are cut from."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np

from edge.contract.errors import DataError
from edge.contract.images import read_image
from edge.contract.labels import STAGES
from edge.contract.types import BoolArray, F32Array, U8Array
from train.datasets import iml_fields
from train.datasets.base import data_root
from train.datasets.fields import LabelledBox, read_boxes

FOLDER, FOLDS = "iml-fields", "iml-cells"
# Views are seldom larger than half the frame's size, so what is finer need not be kept.
KEPT_SCALE = 0.5
# Mean side of a healthy cell's box, px of a frame; the median of the data set.
CELL_PX = 80.0


@dataclass(frozen=True, eq=False)
class BoxedField:
    """One field at KEPT_SCALE of its frame; its red cells are CELL_PX * KEPT_SCALE px wide.

    Attributes:
        image: (h,w,3) uint8 RGB.
        boxes: (N,4) float32 left, top, right, bottom of its cells, px of `image`.
        unknown: (M,4) of what may be a cell or not.
        infected: (N,) of `boxes`.
    """

    name: str
    block: str
    image: U8Array
    boxes: F32Array
    unknown: F32Array
    infected: BoolArray


def load_boxed_fields(
    blocks: Collection[str] | None = None, data: Path | None = None
) -> list[BoxedField]:
    """Every field of those blocks; None takes all.

    Raises:
        DataError: a field cannot be read, or its boxes.
    """
    folder = data_root(data) / FOLDER
    found = []
    for path, boxes in groupby(read_boxes(folder), key=lambda box: box.path):
        listed = list(boxes)
        if blocks is None or listed[0].group in blocks:
            found.append(_load(path, listed))
    if not found:
        raise DataError(f"{folder} has no field of blocks {sorted(blocks or ())}")
    return found


def _load(path: Path, boxes: list[LabelledBox]) -> BoxedField:
    frame = read_image(path)
    size = (round(frame.shape[1] * KEPT_SCALE), round(frame.shape[0] * KEPT_SCALE))
    image = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
    cells = [box for box in boxes if _is_cell(box)]
    unknown = [_corners(box) for box in boxes if not _is_cell(box)]
    bar = iml_fields.SCALE_BAR
    unknown.append(
        (bar.left_px, bar.top_px, bar.left_px + bar.width_px, bar.top_px + bar.height_px)
    )
    infected = np.array([box.label in STAGES for box in cells], bool)
    corners = _scaled([_corners(box) for box in cells])
    return BoxedField(path.stem, boxes[0].group, image, corners, _scaled(unknown), infected)


def _is_cell(found: LabelledBox) -> bool:
    return found.label != iml_fields.DIFFICULT and iml_fields.is_one_cell(found.box)


def _corners(found: LabelledBox) -> tuple[int, int, int, int]:
    box = found.box
    return box.left_px, box.top_px, box.left_px + box.width_px, box.top_px + box.height_px


def _scaled(corners: list[tuple[int, int, int, int]]) -> F32Array:
    return np.asarray(corners, np.float32).reshape(-1, 4) * np.float32(KEPT_SCALE)
