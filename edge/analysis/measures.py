"""All that the verdict on a field rests on, measured once on its thinned-out copy."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.analysis.colour_order import ColourOrder, colour_order
from edge.analysis.crowding import Clump, Largest, black_fraction, find_clump, largest_object
from edge.analysis.focus import cell_diameter, coarse_share, focus_of
from edge.analysis.histograms import histogram, level_at, separation
from edge.analysis.lettering import Region, find_lettering
from edge.analysis.stain import StainColour, glass_evenness, stain_colour
from edge.analysis.thinned import Thinned, thin
from edge.contract.types import U8Array


@dataclass(frozen=True, eq=False)
class FieldMeasures:
    """What a field is like.

    Attributes:
        glass_brightness: 90th percentile of the brightest channel, 0 to 255.
        brightness: its median.
        saturated_fraction: share of pixels at the top in every channel.
        black_fraction: share of pixels that are black.
        contrast: of stained pixels over glass, 0 to 255.
        separation: how clearly there are two kinds of pixels, see `histograms.separation`; nuclei
            count as cells. .82 to .97 in real fields, less than .78 on a mottled ground.
        stained_fraction: share of the field that is stained.
        order: whether red and blue are where they belong.
        stain: mean colours of stain and glass.
        evenness: of the glass against the cells, see `glass_evenness`.
        focus: see `focus_of`.
        coarse_share: see there.
        clump: the thick part of what is stained.
        largest: the largest dark object.
        lettering: where something is burnt into the picture.
    """

    glass_brightness: float
    brightness: float
    saturated_fraction: float
    black_fraction: float
    contrast: int
    separation: float
    stained_fraction: float
    order: ColourOrder
    stain: StainColour
    evenness: float
    focus: float
    coarse_share: float
    clump: Clump
    largest: Largest
    lettering: Region | None


def measure_field(image: U8Array, work_side_px: int, saturated_level: int) -> FieldMeasures:
    """Measures a field.

    Args:
        image: (H,W,3) uint8 RGB.
        work_side_px: the longer side of the copy that is measured.
        saturated_level: what counts as the top of the range, 0 to 255.
    """
    thinned = thin(image, work_side_px)
    brightest, darkest = _extremes(thinned.half_colour)
    light = histogram(brightest)
    half_green = np.ascontiguousarray(thinned.green[::2, ::2])
    return FieldMeasures(
        glass_brightness=level_at(light, 0.9),
        brightness=level_at(light, 0.5),
        saturated_fraction=float(histogram(darkest)[saturated_level:].sum()) / darkest.size,
        black_fraction=black_fraction(brightest),
        contrast=thinned.contrast,
        separation=_separation(thinned),
        stained_fraction=_stained_fraction(thinned),
        order=colour_order(thinned),
        stain=stain_colour(thinned.half_colour, thinned.stained),
        evenness=glass_evenness(half_green, thinned.half, thinned.stained),
        focus=focus_of(thinned, cell_diameter(thinned)),
        coarse_share=coarse_share(thinned.stain),
        clump=find_clump(thinned),
        largest=largest_object(thinned),
        lettering=find_lettering(thinned.half_colour, 2 * thinned.step),
    )


def _extremes(image: U8Array) -> tuple[U8Array, U8Array]:
    """The brightest and the darkest channel of each pixel, (H,W) uint8 each."""
    red, green, blue = cv2.split(image)
    brightest = cv2.max(cv2.max(red, green), blue)
    darkest = cv2.min(cv2.min(red, green), blue)
    return np.asarray(brightest, np.uint8), np.asarray(darkest, np.uint8)


def _stained_fraction(thinned: Thinned) -> float:
    if thinned.contrast <= 0:
        return 0.0
    return cv2.countNonZero(thinned.stained) / thinned.stained.size


def _separation(thinned: Thinned) -> float:
    """Of glass and cells, with what is darker than a cell taken for one."""
    clipped = thinned.counts.copy()
    clipped[thinned.cell] += clipped[thinned.cell + 1 :].sum()
    clipped[thinned.cell + 1 :] = 0
    return separation(clipped, (thinned.glass + thinned.cell) // 2)
