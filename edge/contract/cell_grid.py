"""What a learned finder says of a field, read the same way in training and on the device.

The field is brought to a size at which a red cell is `cell_px` wide. For every place of a grid the
network gives a logit, that a cell's middle is there, and how far the cell reaches to each side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edge.contract.errors import ManifestError
from edge.contract.types import F32Array

# Of the network's one output, along its last axis.
CHANNELS = 5
# Sides of the network's input are multiples of it: the stride of its convolutions, and twice that
# for those that look at every second place.
SIDE_STEP_PX = 8
# So far a side reaches for a value of 1 there, in cell diameters: logits and sides share a scale.
SIDE_UNIT = 0.25


@dataclass(frozen=True)
class GridSettings:
    """How a grid becomes boxes; part of the manifest.

    Attributes:
        cell_px: width of a typical red cell in the network's input.
        stride_px: of the grid, in px of the input.
        least_score: of a cell, 0 to 1.
        most_overlap: intersection over union of two cells' boxes; with more they are one cell.
    """

    cell_px: int
    stride_px: int
    least_score: float
    most_overlap: float = 0.5

    def __post_init__(self) -> None:
        for name, least, most in (("cell_px", 8, 64), ("stride_px", 1, self.cell_px // 2)):
            if not least <= getattr(self, name) <= most:
                raise ManifestError(
                    f"finder.grid.{name} is {getattr(self, name)}; {least} to {most}"
                )
        for name in ("least_score", "most_overlap"):
            if not 0 < getattr(self, name) < 1:
                raise ManifestError(f"finder.grid.{name} is {getattr(self, name)}; between 0 and 1")


@dataclass(frozen=True, eq=False)
class GridCells:
    """Cells of one field, the surest first.

    Attributes:
        boxes: (N,4) float32 left, top, right, bottom in px of the network's input; they may reach
            beyond it.
        scores: (N,) float32, 0 to 1.
    """

    boxes: F32Array
    scores: F32Array

    def diameter_px(self) -> float | None:
        """Median of the boxes' mean sides, px of the input; None without any."""
        if not len(self.boxes):
            return None
        return float(np.median((self.boxes[:, 2:] - self.boxes[:, :2]).mean(axis=1)))


def read_grid(grid: F32Array, settings: GridSettings) -> GridCells:
    """The cells of a grid, (h,w,CHANNELS) float32: logit, then left, top, right, bottom reach."""
    logit = np.ascontiguousarray(grid[:, :, 0])
    highest = cv2.dilate(logit, np.ones((3, 3), np.uint8))
    least = np.log(settings.least_score / (1 - settings.least_score))
    rows, columns = np.nonzero((logit >= highest) & (logit >= least))
    middle = (np.column_stack([columns, rows]) + 0.5) * settings.stride_px
    reach = grid[rows, columns, 1:] * (SIDE_UNIT * settings.cell_px)
    boxes = np.concatenate([middle - reach[:, :2], middle + reach[:, 2:]], axis=1)
    scores = 1 / (1 + np.exp(-logit[rows, columns]))
    kept = _apart(boxes, scores, settings.most_overlap)
    return GridCells(np.asarray(boxes[kept], np.float32), np.asarray(scores[kept], np.float32))


def _apart(boxes: np.ndarray, scores: np.ndarray, most_overlap: float) -> Sequence[int]:
    """Indexes of boxes that do not overlap too much with a surer one, the surest first."""
    corner_and_size = boxes.copy()
    corner_and_size[:, 2:] -= boxes[:, :2]
    as_boxes = corner_and_size.astype(np.float64).tolist()
    found = cv2.dnn.NMSBoxes(as_boxes, scores.astype(float).tolist(), 0.0, most_overlap)
    return np.asarray(found, np.intp).ravel()  # type: ignore[return-value]
