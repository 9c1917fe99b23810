"""The picture that a phone shows for the installed page, drawn here."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from edge.contract.images import encode_image

_GROUND, _INK = (11, 110, 105), (255, 255, 255)
# Drawn so many times larger, then shrunk: edges without steps.
_TIMES = 4
# A phone may cut an icon to a circle of four fifths of its width; the drawing stays within that.
_RINGS = ((0.5, 0.5, 0.30, 0.055), (0.545, 0.46, 0.115, 0.045))
_DOT = (0.463, 0.535, 0.045)


@cache
def icon_png(size_px: int) -> bytes:
    """A square PNG: a cell with a ring in it, as in the head of every page."""
    side = size_px * _TIMES
    image = np.full((side, side, 3), _GROUND, np.uint8)
    for x, y, radius, width in _RINGS:
        line = round(side * width)
        cv2.circle(image, _place(x, y, side), round(side * radius), _INK, line, cv2.LINE_AA)
    x, y, radius = _DOT
    cv2.circle(image, _place(x, y, side), round(side * radius), _INK, cv2.FILLED, cv2.LINE_AA)
    small = cv2.resize(image, (size_px, size_px), interpolation=cv2.INTER_AREA)
    return encode_image(np.asarray(small, np.uint8))


def _place(x: float, y: float, side: int) -> tuple[int, int]:
    return round(side * x), round(side * y)
