"""Finds a scale bar, an arrow or text that software burnt into the picture of a field.

It is of a colour that no stain has, black or a pure hue, and drawn with straight strokes.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edge.contract.types import U8Array

Region = tuple[int, int, int, int]

# Nuclei and specks of stain let through more than this of some light; red ones differ less.
_BLACK_LEVEL, _PURE_HUE = 40, 180
# All in shares of the picture's width: how near strokes of one lettering lie, the shortest bar, and
# the rim that is drawn round the strokes.
_GAP, _STROKE, _RIM = 0.04, 0.03, 0.01
_LEAST_INK_PX = 14


def find_lettering(small: U8Array, step: int) -> Region | None:
    """The box about the largest lettering, None where there is none.

    Args:
        small: (H,W,3) uint8 RGB, the frame thinned out to about 320 px; lines that are thinner than
            `step` px may be lost.
        step: px of the frame from one px of `small` to the next.

    Returns:
        left, top, width and height in px of the frame.
    """
    ink = _ink(small)
    if cv2.countNonZero(ink) < _LEAST_INK_PX:
        return None
    # Where all ink lies in one corner, only that is searched.
    x, y, across, down = cv2.boundingRect(ink)
    part = np.ascontiguousarray(ink[y : y + down, x : x + across])
    for left, top, wide, high in _groups(part, small.shape[1]):
        inked = part[top : top + high, left : left + wide]
        if (
            cv2.countNonZero(inked) >= _LEAST_INK_PX
            and _longest_line(inked) >= _STROKE * small.shape[1]
        ):
            return _in_frame((x + left, y + top, wide, high), small.shape, step)
    return None


def _groups(ink: U8Array, width_px: int) -> list[list[int]]:
    """Boxes about strokes that lie near one another, the widest first."""
    side = max(3, round(_GAP * width_px) | 1)
    padded = cv2.copyMakeBorder(ink, side, side, side, side, cv2.BORDER_CONSTANT)
    joined = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined)
    boxes = [stats[at, :4] - (side, side, 0, 0) for at in range(1, count)]
    return sorted((box.tolist() for box in boxes), key=lambda box: -int(box[2]))


def _ink(small: U8Array) -> U8Array:
    """255 where the colour is of no stain: black, or one channel far above another."""
    red, green, blue = cv2.split(small)
    brightest = cv2.max(cv2.max(red, green), blue)
    darkest = cv2.min(cv2.min(red, green), blue)
    black = cv2.inRange(brightest, 0, _BLACK_LEVEL)
    pure = cv2.inRange(cv2.subtract(brightest, darkest), _PURE_HUE, 255)
    return np.asarray(cv2.bitwise_or(black, pure), np.uint8)


def _longest_line(part: U8Array) -> int:
    """Px of the longest row or column of ink, gaps of a px and one px of slope allowed."""
    thick = cv2.dilate(part, np.ones((3, 3), np.uint8))
    return max(_longest_run(thick), _longest_run(thick.T)) - 2


def _longest_run(mask: np.ndarray) -> int:
    edges = np.diff(np.pad(mask > 0, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, ends = np.nonzero(edges == 1)[1], np.nonzero(edges == -1)[1]
    return int((ends - starts).max(initial=0))


def _in_frame(box: Sequence[int], shape: tuple[int, ...], step: int) -> Region:
    """A box of the small picture with its rim, in px of the frame."""
    rim = max(2, round(_RIM * shape[1]))
    left, top = max(0, box[0] - rim), max(0, box[1] - rim)
    right, bottom = min(shape[1], box[0] + box[2] + rim), min(shape[0], box[1] + box[3] + rim)
    return left * step, top * step, (right - left) * step, (bottom - top) * step
