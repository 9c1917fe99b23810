"""The outline of a cell inside its labelled box, where a data set has boxes and no masks.

The device masks each cell with what the finder saw. A box alone would leave a rim of glass and the
edges of neighbours in the crop, which no network of masked cells has ever seen.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge.contract.types import BoolArray, F32Array, U8Array

_WORK_SCALE = 0.25
# Light falls off over much more than a cell, which is some 20 px at working size.
_LIGHT_SIGMA_PX = 40.0
# Of the axes of a cell's ellipse: what lies beyond is glass, but for the cell's rim.
_RIM_SHARE = 0.9
# A neighbour's edge is thinner than this share of the box; a cell is not.
_SLIVER_SHARE = 0.2
# Less than this of the box is no outline, but a crescent or a stain.
_LEAST_SHARE = 0.35


def glass(image: U8Array) -> BoolArray:
    """Where a field shows no cell, (H,W) bool: what is as bright in green as the glass around it.

    Haemoglobin and stain take light from green. The limit is Otsu's (IEEE Trans SMC 1979;9:62), on
    brightness relative to that of the glass nearby.

    Args:
        image: (H,W,3) uint8 RGB.
    """
    green = cv2.GaussianBlur(image[:, :, 1], (0, 0), 1)
    relative = green / _glass_level(green)
    scaled = np.clip(relative * 200, 0, 255).astype(np.uint8)
    return np.asarray(scaled >= _otsu(_smaller(scaled)))


def glass_about(crop: U8Array) -> BoolArray:
    """Where the crop of one cell shows no cell, (H,W) bool.

    The limit is Otsu's between rim and corners alone: over the whole crop it parts a parasite from
    its cell as readily as the cell from glass, and schizonts would lose their outline.

    Args:
        crop: (H,W,3) uint8 RGB, the box of the cell.
    """
    green = np.asarray(cv2.GaussianBlur(crop[:, :, 1], (0, 0), 1), np.uint8)
    height, width = green.shape
    y = (np.arange(height) + 0.5) / height * 2 - 1
    x = (np.arange(width) + 0.5) / width * 2 - 1
    beyond = green[x[None, :] ** 2 + y[:, None] ** 2 > _RIM_SHARE**2]
    if not beyond.size:
        return np.zeros(green.shape, bool)
    return np.asarray(green >= _otsu(np.asarray(beyond[:, None], np.uint8)))


def _glass_level(green: U8Array) -> F32Array:
    """The brightness of glass at each pixel, from the glass around it."""
    small = _smaller(green)
    bright = (small > _otsu(small)).astype(np.float32)
    weight = cv2.GaussianBlur(bright, (0, 0), _LIGHT_SIGMA_PX)
    level = cv2.GaussianBlur(small * bright, (0, 0), _LIGHT_SIGMA_PX) / np.maximum(weight, 1e-3)
    # Far from any glass nothing is known of the light: as bright as glass is on the whole.
    overall = small[bright > 0].mean() if bright.any() else 255.0
    level = np.where(weight > 1e-2, level, overall).astype(np.float32)
    return np.maximum(cv2.resize(level, green.shape[::-1]), 1)


def _smaller(image: U8Array) -> U8Array:
    small = cv2.resize(image, None, fx=_WORK_SCALE, fy=_WORK_SCALE, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _otsu(image: U8Array) -> float:
    return float(cv2.threshold(image, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0])


def trace(glass_in_box: BoolArray, within: BoolArray) -> BoolArray:
    """The outline of the box's own cell, (H,W) bool.

    Pale centres belong to the cell: glass is only what reaches the edge of the box. Slivers of
    neighbours are opened away.

    Args:
        glass_in_box: (H,W) bool, the box's part of `glass`.
        within: (H,W) bool, where the cell may be at most; given back where no cell is told from
            glass there.
    """
    cell = ~_reaching_the_edge(glass_in_box) & within
    side = max(3, int(_SLIVER_SHARE * min(cell.shape)) | 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    framed = cv2.copyMakeBorder(cell.astype(np.uint8), *[side] * 4, cv2.BORDER_CONSTANT, value=0)
    opened = cv2.morphologyEx(framed, cv2.MORPH_OPEN, kernel)[side:-side, side:-side]
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    if count < 2:
        return within
    largest = pieces == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()
    enough = np.count_nonzero(largest) > _LEAST_SHARE * np.count_nonzero(within)
    return np.asarray(largest) if enough else within


def _reaching_the_edge(glass_in_box: BoolArray) -> BoolArray:
    framed = cv2.copyMakeBorder(
        glass_in_box.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1
    )
    _, pieces = cv2.connectedComponents(framed, connectivity=4)
    return np.asarray((pieces == pieces[0, 0])[1:-1, 1:-1])
