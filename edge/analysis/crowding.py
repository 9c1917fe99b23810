"""Clumps that nobody can count, and pictures that show one object instead of a field.

Looks at the outlines of what is stained, on a thinned-out frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.analysis.cell_size import typical_diameter
from edge.analysis.histograms import histogram, level_at
from edge.analysis.thinned import Thinned
from edge.contract.types import U8Array

# Where two cells overlap the light passes both, so a clump's faintest part lies lower.
_OUTLINE_SHARE = 0.3
# A disc that fits into a clump and into no chain of cells: of the frame's shorter side, and of a
# red cell's diameter.
_CORE_SIDE_SHARE, _CORE_DIAMETERS = 0.16, 1.6
# A thick part of less than this share is none, whatever the cells' size.
_WORTH_A_LOOK = 0.3
_SMOOTHING = np.ones((3, 3), np.uint8)
# Interpolation and JPEG lift the black round a cut-out cell up to here.
_BLACK_LEVEL = 24


@dataclass(frozen=True)
class Clump:
    """The thick part of what is stained.

    Attributes:
        share: of the stained area.
        layers: its optical density over that of the rest; about 2 where cells lie on one another.
    """

    share: float = 0.0
    layers: float = 1.0


@dataclass(frozen=True)
class Largest:
    """The largest dark object of a picture, the background not made even.

    Attributes:
        area: share of the picture.
        solidity: share of its convex hull; 1 for a disc, seldom above .9 for cells that touch.
        share: of all that is dark.
    """

    area: float = 0.0
    solidity: float = 0.0
    share: float = 0.0


def find_clump(thinned: Thinned) -> Clump:
    """What is left of the stained area where a disc of several cells must fit in."""
    half = _outlines(thinned.half, thinned)
    stain = np.ascontiguousarray(thinned.half[::2, ::2])
    stained = np.ascontiguousarray(half[::2, ::2])
    least_px = _CORE_SIDE_SHARE * min(stain.shape)
    clump = _thick_part(stain, stained, least_px)
    if clump.share < _WORTH_A_LOOK:
        return clump
    # Gaps in the rims stay open here: closed, a pile would be measured for a cell.
    core_px = _CORE_DIAMETERS * typical_diameter(half) / 2
    return _thick_part(stain, stained, core_px) if core_px > least_px else clump


def _outlines(stain: U8Array, thinned: Thinned) -> U8Array:
    _, mask = cv2.threshold(stain, thinned.level(_OUTLINE_SHARE), 255, cv2.THRESH_BINARY)
    return np.asarray(mask, np.uint8)


def _thick_part(stain: U8Array, mask: U8Array, core_px: float) -> Clump:
    """Where a disc of this diameter fits into what is stained."""
    closed = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, _SMOOTHING), np.uint8)
    core = _opened(closed, core_px / 2)
    rest = cv2.subtract(mask, core)
    area, stained = cv2.countNonZero(core), cv2.countNonZero(closed)
    if area == 0 or cv2.countNonZero(rest) == 0:
        return Clump(share=area / max(stained, 1))
    glass = _density(stain, cv2.bitwise_not(mask))
    layers = (_density(stain, core) - glass) / max(_density(stain, rest) - glass, 0.02)
    return Clump(area / stained, layers)


def _opened(mask: U8Array, radius_px: float) -> U8Array:
    """The places of a mask that a disc inside it reaches; nothing outside the frame stops it."""
    if cv2.countNonZero(mask) == mask.size:
        return mask
    outside = cv2.inRange(cv2.distanceTransform(mask, cv2.DIST_L2, 3), 0, radius_px)
    if cv2.countNonZero(outside) == outside.size:
        return np.zeros_like(mask)
    near = cv2.inRange(cv2.distanceTransform(outside, cv2.DIST_L2, 3), 0, radius_px)
    return np.asarray(cv2.bitwise_and(near, mask), np.uint8)


def _density(stain: U8Array, mask: np.ndarray) -> float:
    """Optical density of the median; 0 where the mask is empty."""
    level = level_at(histogram(stain, np.asarray(mask, np.uint8)), 0.5)
    return float(-np.log(max(255 - level, 5) / 255))


def largest_object(thinned: Thinned) -> Largest:
    """The largest dark object. A cell that fills the picture would pass as its background."""
    small = cv2.GaussianBlur(np.ascontiguousarray(thinned.green[::4, ::4]), (3, 3), 0)
    _, dark = cv2.threshold(small, 0, 255, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)
    outlines, _ = cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return Largest()
    areas = [cv2.contourArea(outline) for outline in outlines]
    at = int(np.argmax(areas))
    hull = cv2.contourArea(cv2.convexHull(outlines[at]))
    return Largest(
        areas[at] / small.size, areas[at] / max(hull, 1.0), areas[at] / max(sum(areas), 1.0)
    )


def black_fraction(brightest: U8Array) -> float:
    """Share of the picture that is black: what a mask or a tube leaves round a cell or a field."""
    return cv2.countNonZero(cv2.inRange(brightest, 0, _BLACK_LEVEL)) / brightest.size
