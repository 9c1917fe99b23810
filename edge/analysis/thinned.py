"""A frame thinned out to what quality is judged on, each part computed once."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.analysis.foreground import GREEN, background_surface, stain_levels
from edge.analysis.histograms import histogram
from edge.contract.types import F64Array, U8Array

# A surface over fewer px than this would rest on too few blocks.
_LEAST_SURFACE_SIDE_PX = 200


@dataclass(frozen=True, eq=False)
class Thinned:
    """A frame at three sizes: (H,W) for edges, a half of it for shapes, a quarter for colours.

    Attributes:
        step: px of the frame from one px here to the next.
        green: (H,W) uint8, the green channel.
        stain: (H,W) uint8 as `stain_map` has it.
        half: (H/2,W/2) uint8, the stain.
        half_colour: (H/2,W/2,3) uint8 RGB.
        counts: (256,) of `half`.
        glass: typical stain of glass.
        cell: typical stain of a cell; that of glass where there are not two kinds of pixel.
        stained: (H/2,W/2) uint8, 255 where there is more stain than half-way from glass to cell.
    """

    step: int
    green: U8Array
    stain: U8Array
    half: U8Array
    half_colour: U8Array
    counts: F64Array
    glass: int
    cell: int
    stained: U8Array

    @property
    def contrast(self) -> int:
        """Of a cell over glass, 0 to 255."""
        return self.cell - self.glass

    def level(self, share: float) -> int:
        """The stain at this share of the way from glass to cell; shares may exceed 1."""
        return round(self.glass + share * self.contrast)


def thin(image: U8Array, work_side_px: int) -> Thinned:
    """Thins out a frame to about `work_side_px` on its longer side.

    Pixels are left out, not averaged: that keeps the slope of edges, and only the finest grain is
    lost, which is no cell.

    Args:
        image: (H,W,3) uint8 RGB.
        work_side_px: see above.
    """
    step = max(1, round(max(image.shape[:2]) / work_side_px))
    green = np.ascontiguousarray(image[::step, ::step, GREEN])
    stain = _stain(green)
    half = np.ascontiguousarray(stain[::2, ::2])
    glass, cell = stain_levels(half) or (0, 0)
    _, stained = cv2.threshold(half, (glass + cell) // 2, 255, cv2.THRESH_BINARY)
    return Thinned(
        step=step,
        green=green,
        stain=stain,
        half=half,
        half_colour=_every(image, 2 * step),
        counts=histogram(half),
        glass=glass,
        cell=cell,
        stained=np.asarray(stained, np.uint8),
    )


def _every(image: U8Array, step: int) -> U8Array:
    """Every `step`th pixel, as a slice would give it, in a quarter of the time where the sides are
    multiples of it.
    """
    height, width = image.shape[:2]
    if height % step or width % step:
        return np.ascontiguousarray(image[::step, ::step])
    size = (width // step, height // step)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST), np.uint8)


def _stain(green: U8Array) -> U8Array:
    """As `stain_map`, its surface fitted at half the size: the light of a lamp is smooth."""
    smooth = np.asarray(cv2.GaussianBlur(green, (3, 3), 0), np.uint8)
    coarse = np.ascontiguousarray(smooth[::2, ::2])
    small = coarse if min(coarse.shape) >= _LEAST_SURFACE_SIDE_PX else smooth
    size = (green.shape[1], green.shape[0])
    surface = cv2.resize(background_surface(small), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.bitwise_not(cv2.divide(smooth, surface, scale=255.0)), np.uint8)
