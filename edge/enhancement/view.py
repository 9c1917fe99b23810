"""A cell's pixels made sharper to look at, with what that is worth burnt into the picture."""

from __future__ import annotations

import cv2
import numpy as np

from edge.analysis.explain import cell_square
from edge.contract.types import U8Array
from edge.enhancement.enhancer import NOT_EVIDENCE, Enhancer

# Twice the plain view of a cell.
SHARPER_PX = 320
# Covers less than the margin below the cell, which is a sixth of the view.
_BAND_PX = 44
_BAND, _INK = (18, 38, 43), (255, 255, 255)
_FONT, _STROKE_PX = cv2.FONT_HERSHEY_SIMPLEX, 2


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
    """Writes what it is on a band at the foot, as wide as it goes."""
    view[-_BAND_PX:] = _BAND
    (width, height), _ = cv2.getTextSize(NOT_EVIDENCE, _FONT, 1.0, _STROKE_PX)
    scale = (SHARPER_PX - 24) / width
    base = SHARPER_PX - (_BAND_PX - round(height * scale)) // 2
    cv2.putText(view, NOT_EVIDENCE, (12, base), _FONT, scale, _INK, _STROKE_PX, cv2.LINE_AA)
