"""Tells from the stain's own colours whether a picture has red and blue swapped.

A red cell absorbs more blue than red, as haemoglobin's strongest band is violet; a nucleus adds the
azure dye, which takes red and lets blue pass. In a swapped picture both are the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.analysis.thinned import Thinned
from edge.contract.types import F64Array

# What is plain red cell and what is clearly darker, as shares of the way from glass to cell.
_PLAIN, _DARK = (0.7, 1.3), 1.6
_LEAST_DARK_PX = 200
_EDGE = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class ColourOrder:
    """Blue against red of the stain, in shares of the optical density in green.

    Attributes:
        warmth: of plain red cells: blue less red; -.09 to .77 in 450 fields of four microscopes.
        azure: of what is darker than they: red less blue of what it adds; .7 and more on nuclei. 0
            where there is too little of it.
        green: optical density of plain red cells, natural logarithm.
    """

    warmth: float
    azure: float
    green: float


def colour_order(thinned: Thinned) -> ColourOrder:
    """Measures the colours of plain red cells and of what is darker."""
    if thinned.contrast <= 0:
        return ColourOrder(0.0, 0.0, 0.0)
    glass = _mean(thinned, cv2.bitwise_not(thinned.stained))
    low, high = (thinned.level(share) for share in _PLAIN)
    cell = np.log(glass / _mean(thinned, cv2.inRange(thinned.half, low, high)))
    green = max(float(cell[1]), 0.02)
    warmth = float(cell[2] - cell[0]) / green
    dark = cv2.erode(cv2.inRange(thinned.half, thinned.level(_DARK), 255), _EDGE)
    if cv2.countNonZero(dark) < _LEAST_DARK_PX:
        return ColourOrder(warmth, 0.0, float(cell[1]))
    added = np.log(glass / _mean(thinned, dark)) - cell
    return ColourOrder(
        warmth, float(added[0] - added[2]) / max(float(added[1]), 0.02), float(cell[1])
    )


def _mean(thinned: Thinned, mask: np.ndarray) -> F64Array:
    """(3,) mean colour, 1 to 256."""
    return np.asarray(cv2.mean(thinned.half_colour, mask)[:3], np.float64) + 1.0
