"""How much of what a field shows the truth speaks of: a share from truth and image alone.

In some fields of all three collections many cells carry no label: what is found there can be
neither right nor wrong, and a count has nothing to be held against.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge.contract.images import read_image
from edge.contract.types import BoolArray, U8Array
from train.datasets.outline import glass
from train.fields.matching import REACH_PX
from train.fields.truth import FieldTruth

# Of the stained area; fewer cells than this are labelled in fields that were left half done.
LEAST_SHARE = 0.9
_SLACK_PX = 3
# Specks and slivers are no cells.
_SPECK_PX = 9


def labelled_share(truth: FieldTruth) -> float:
    """The share of a field's stained area that lies in a box, or in reach of a point.

    Half a cell at the frame's edge is left out, since cut cells often carry no label.

    Raises:
        ImageError: the field cannot be read.
    """
    image = read_image(truth.path)
    stained = _stained(image) & _inside(truth, image.shape)
    area = np.count_nonzero(stained)
    return float(np.count_nonzero(stained & _labelled(truth, image.shape)) / area) if area else 1.0


def _stained(image: U8Array) -> BoolArray:
    kernel = np.ones((_SPECK_PX, _SPECK_PX), np.uint8)
    cells = (~glass(image)).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(cells, cv2.MORPH_OPEN, kernel) > 0)


def _inside(truth: FieldTruth, shape: tuple[int, ...]) -> BoolArray:
    half = REACH_PX if truth.boxes_px is None else float(np.median(truth.boxes_px[:, 2:])) / 2
    margin = round(half)
    inside = np.zeros(shape[:2], bool)
    inside[margin:-margin, margin:-margin] = True
    return inside


def _labelled(truth: FieldTruth, shape: tuple[int, ...]) -> BoolArray:
    seen = np.zeros(shape[:2], np.uint8)
    if truth.boxes_px is None:
        # A point is often off the middle, and some cells are larger than most.
        reach = round(REACH_PX * 4 / 3)
        for x, y in truth.centres_px:
            cv2.circle(seen, (round(x), round(y)), reach, 1, cv2.FILLED)
        return seen > 0
    for left, top, width, height in truth.boxes_px.tolist():
        rows = slice(max(0, top - _SLACK_PX), top + height + _SLACK_PX)
        seen[rows, max(0, left - _SLACK_PX) : left + width + _SLACK_PX] = 1
    return seen > 0
