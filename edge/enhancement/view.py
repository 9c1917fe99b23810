"""A cell's pixels made sharper to look at, with what that is worth burnt into the picture."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from edge.analysis.explain import cell_square
from edge.contract.types import F32Array, U8Array
from edge.enhancement.enhancer import NOT_EVIDENCE, Enhancer

# Twice the plain view of a cell.
SHARPER_PX = 320
# Covers less than the margin below the cell, which is a sixth of the view.
_BAND_PX, _TEXT_WIDTH_PX = 40, 292
_BAND, _INK = (18, 38, 43), (255, 255, 255)


def sharper_view(
    image: U8Array, left_px: int, top_px: int, width_px: int, height_px: int, enhancer: Enhancer
) -> U8Array:
    """A cell with some context, its pixels enhanced, (SHARPER_PX, SHARPER_PX, 3) uint8 RGB.

    Args:
        image: (H,W,3) uint8 RGB, the field.
    """
    large = enhancer.enhance(cell_square(image, left_px, top_px, width_px, height_px))
    shrinks = large.shape[0] > SHARPER_PX
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    view = np.asarray(cv2.resize(large, (SHARPER_PX, SHARPER_PX), interpolation=how), np.uint8)
    _mark(view)
    return view


def _mark(view: U8Array) -> None:
    """Writes what it is on a band at the foot."""
    ink = _words()
    height, width = ink.shape[:2]
    top, left = (_BAND_PX - height) // 2, (SHARPER_PX - width) // 2
    band = np.full((_BAND_PX, SHARPER_PX, 3), _BAND, np.uint8)
    place = band[top : top + height, left : left + width]
    place[:] = np.round(place * (1 - ink) + np.array(_INK) * ink).astype(np.uint8)
    view[-_BAND_PX:] = band


@cache
def _words() -> F32Array:
    """Where the ink is, (h,w,1) float32 [0,1]; fonts differ by OpenCV's version."""
    paper = np.zeros((100, 1200), np.uint8)
    cv2.putText(paper, NOT_EVIDENCE, (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.4, 255, 3, cv2.LINE_AA)
    left, top, width, height = cv2.boundingRect(paper)
    height_px = round(height * _TEXT_WIDTH_PX / width)
    ink = cv2.resize(
        paper[top : top + height, left : left + width],
        (_TEXT_WIDTH_PX, height_px),
        interpolation=cv2.INTER_AREA,
    )
    return np.asarray(ink[:, :, None] / np.float32(255), np.float32)
