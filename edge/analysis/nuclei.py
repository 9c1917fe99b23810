"""Tells purple from red: nuclei of white cells, and platelets.

All is relative to the field's own glass and red cells, so no stain or white balance is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.contract.types import BoolArray, F32Array, U8Array

# A nucleus lets through less red and green light than two red cells on top of each other,
_DARKER_THAN_OVERLAP = 0.9
# and relative to a red cell it absorbs green more than red or blue; ink absorbs all alike.
_NUCLEUS_GREEN_RATIO = 0.74
_PLATELET_GREEN_RATIO = 0.95
# Relative to a red cell again: of 18 infected cells of iml-fields with large purple areas 16 lie
# above both, of 86 other such objects there 68 below one.
_DENSE_GREEN_RATIO, _BLUER_THAN_RED = 0.45, 1.15
_LEAST_LIGHT = 0.02


@dataclass(frozen=True, eq=False)
class FieldColours:
    """What glass and red cells look like in one field.

    Attributes:
        glass: (3,) RGB of clear glass, 1 to 255.
        red_cell: (3,) share of the glass's light that a red cell lets through, 0 to 1.
    """

    glass: F32Array
    red_cell: F32Array


def field_colours(image: U8Array, mask: U8Array) -> FieldColours:
    """Medians over a sample of glass and of cell pixels; both must be there.

    Args:
        image: (H,W,3) uint8 RGB.
        mask: (H,W) uint8, 0 on glass.
    """
    sample, inside = image[::6, ::6], mask[::6, ::6] > 0
    glass = np.maximum(_median_colour(sample[~inside]), 1.0)
    red_cell = _median_colour(sample[inside]) / glass
    return FieldColours(glass, np.maximum(red_cell, _LEAST_LIGHT))


def _median_colour(pixels: U8Array) -> F32Array:
    if pixels.size == 0:
        return np.full(3, 255.0, np.float32)
    return np.asarray(np.median(pixels, axis=0), np.float32)


def nucleus_mask(image: U8Array, colours: FieldColours) -> U8Array:
    """Where the purple of a nucleus is, (H,W) uint8 0 or 255.

    Args:
        image: (H,W,3) uint8 RGB.
    """
    through = colours.glass * colours.red_cell
    red, green, blue = (image[:, :, i].astype(np.float32) / through[i] for i in range(3))
    limit = _DARKER_THAN_OVERLAP * colours.red_cell[0] * colours.red_cell[1]
    purple = green < _NUCLEUS_GREEN_RATIO * np.maximum(red, blue)
    return np.asarray((purple & (red * green < limit)) * np.uint8(255), np.uint8)


def is_platelet_colour(colour: F32Array, colours: FieldColours) -> bool:
    """Whether an object's mean RGB is more purple than a red cell's."""
    red, green, blue = (colour / (colours.glass * colours.red_cell)).tolist()
    return bool(green < _PLATELET_GREEN_RATIO * max(red, blue))


def is_white_nucleus(image: U8Array, nucleus: BoolArray, colours: FieldColours) -> bool:
    """Whether a purple area is a white cell's nucleus, not a parasite that fills its red cell.

    A nucleus is bluer than red cells, or takes far more green than a parasite's chromatin does.

    Args:
        image: (H,W,3) uint8 RGB.
        nucleus: (H,W) bool, not empty.
    """
    mean = image[nucleus].mean(axis=0, dtype=np.float32)
    red, green, blue = (mean / (colours.glass * colours.red_cell)).tolist()
    return bool(green < _DENSE_GREEN_RATIO * max(red, blue) or blue > _BLUER_THAN_RED * red)


def white_cell_regions(
    nuclei: U8Array, diameter_px: float, least_share: float
) -> tuple[BoolArray, ...]:
    """One (H,W) bool mask for each white cell: the hull of its nucleus and a rim of cytoplasm.

    Lobes that lie close are one nucleus.

    Args:
        nuclei: (H,W) uint8, 0 or 255.
        diameter_px: of a red cell.
        least_share: smallest nucleus in red-cell areas; smaller ones are parasites or platelets.
    """
    side = max(3, int(0.3 * diameter_px) | 1)
    joined = cv2.morphologyEx(nuclei, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    contours, _ = cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    least_area = least_share * np.pi / 4 * diameter_px**2
    rim = max(1, round(0.24 * diameter_px))
    return tuple(
        _hull_with_rim(nuclei.shape, contour, rim)
        for contour in contours
        if cv2.contourArea(contour) >= least_area
    )


def _hull_with_rim(shape: tuple[int, ...], contour: np.ndarray, rim_px: int) -> BoolArray:
    region = np.zeros(shape, np.uint8)
    hull = cv2.convexHull(contour)
    cv2.drawContours(region, [hull], -1, 1, cv2.FILLED)
    cv2.drawContours(region, [hull], -1, 1, rim_px)
    return region > 0
