"""Judges whether a field can be read, and says in plain words what to do where it cannot.

Looks at light, stain and focus only; single cells are found by `cells`. Works on a thinned-out copy
of the frame, so that a live preview can be judged as it comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from edge.analysis.cell_size import typical_diameter
from edge.analysis.foreground import GREEN, stain_levels, stain_map
from edge.analysis.stain import StainColour, StainLimits, glass_evenness, stain_colour
from edge.contract.types import BoolArray, FieldQuality, Frame, U8Array

# Of the pixels at half height, so many belong to cells and the rest to stained plasma.
_EDGE_PERCENTILE = 92
# Of a red cell in a frame thinned out to 640 px, under the usual 100x objective.
_USUAL_DIAMETER_PX = 35.0

NOT_A_FIELD = "not a field: the image is too small; use the camera's full frame"
TOO_DARK = "too dark: raise the lamp or open the condenser"
TOO_BRIGHT = "too bright: lower the lamp or close the condenser"
EMPTY = "no cells: move to another field"
CROWDED = "too crowded to count: move to a thinner part of the smear"
COLOURLESS = "no colour: the stain cannot be judged; use a colour camera and a stained smear"
OUT_OF_FOCUS = "out of focus: turn the fine focus"
STAIN_UNKNOWN = (
    "stain unlike any seen: the colours are not those of a blood smear; check the slide, its stain "
    "and the camera's colours"
)
NOT_A_SMEAR = "not a blood smear: put a stained thin smear under the lens"
NO_STRUCTURE = "no cells to be seen, only noise: check the camera and the lamp"


@dataclass(frozen=True)
class QualitySettings:
    """Limits of a readable field.

    Attributes:
        work_side_px: the longer side at which the frame is judged.
        least_side_px: smaller frames are refused.
        least_glass_brightness: of the 90th percentile of the brightest channel, 0 to 255.
        most_saturated_fraction: share of pixels at the top in every channel.
        saturated_level: what counts as the top, 0 to 255.
        least_contrast: of stained pixels over glass, 0 to 255.
        least_stained_fraction: less is an empty field.
        most_stained_fraction: more cannot be counted.
        least_colour: spread over the channels of the light that stain lets through, 0 to 1.
        stain: colours of stain and lamp; others are of no smear.
        least_evenness: of the glass against the cells, see `glass_evenness`; 449 of 450 real fields
            have 1.3 or more, of inverted ones 9 in 10 less than .9.
        least_focus: slope of the cells' edges times their scale, see `edge_slope`; a sharp field
            has 9 to 15, and a Gaussian blur of a tenth of a cell's diameter brings it below 6.
        least_coarse_share: share of the contrast that is left at a quarter of the size.
    """

    work_side_px: int = 640
    least_side_px: int = 200
    least_glass_brightness: float = 60.0
    most_saturated_fraction: float = 0.5
    saturated_level: int = 250
    least_contrast: int = 10
    least_stained_fraction: float = 0.01
    most_stained_fraction: float = 0.85
    least_colour: float = 0.03
    stain: StainLimits = field(default_factory=StainLimits)
    least_evenness: float = 0.9
    least_focus: float = 6.0
    least_coarse_share: float = 0.9


@dataclass(frozen=True, eq=False)
class _Measures:
    """All that the verdict rests on; names as in `QualitySettings`."""

    glass_brightness: float
    brightness: float
    saturated_fraction: float
    contrast: float
    stained_fraction: float
    colour: float
    stain: StainColour
    evenness: float
    focus: float
    coarse_share: float


_DEFAULTS = QualitySettings()


def assess_quality(frame: Frame, settings: QualitySettings = _DEFAULTS) -> FieldQuality:
    """Judges one field. Never raises on odd images: those are refused with a reason."""
    if min(frame.image.shape[:2]) < settings.least_side_px:
        return FieldQuality(False, NOT_A_FIELD, 0.0, 0.0, 0.0, 0.0)
    measures = _measure(frame.image, settings)
    reason = _reason(measures, settings)
    return FieldQuality(
        usable=not reason,
        reason=reason,
        focus=measures.focus,
        brightness=measures.brightness,
        saturated_fraction=measures.saturated_fraction,
        stained_fraction=measures.stained_fraction,
    )


def _measure(image: U8Array, settings: QualitySettings) -> _Measures:
    step = max(1, round(max(image.shape[:2]) / settings.work_side_px))
    # Thinning keeps the slope of edges; only the finest grain is lost, and that is no cell.
    green = np.ascontiguousarray(image[::step, ::step, GREEN])
    stain = stain_map(green)
    glass, cell = stain_levels(stain) or (0, 0)
    threshold = (glass + cell) // 2
    stained = stain > threshold
    sample = image[:: 4 * step, :: 4 * step]
    brightest, darkest = sample.max(axis=2), sample.min(axis=2)
    return _Measures(
        glass_brightness=float(np.percentile(brightest, 90)),
        brightness=float(np.median(brightest)),
        saturated_fraction=float(np.mean(darkest >= settings.saturated_level)),
        contrast=float(cell - glass),
        stained_fraction=float(np.count_nonzero(stained)) / stained.size if cell > glass else 0.0,
        colour=colour_spread(sample, stained[::4, ::4]),
        stain=stain_colour(sample, stained[::4, ::4]),
        evenness=glass_evenness(green, stain, stained),
        focus=edge_slope(stain, glass, cell) * _edge_scale(stained),
        coarse_share=_coarse_share(stain),
    )


def _reason(measures: _Measures, settings: QualitySettings) -> str:
    """The first thing that is wrong, empty where nothing is; light comes before what it shows."""
    checks = (
        (measures.glass_brightness < settings.least_glass_brightness, TOO_DARK),
        (measures.saturated_fraction > settings.most_saturated_fraction, TOO_BRIGHT),
        (measures.contrast < settings.least_contrast, EMPTY),
        (measures.coarse_share < settings.least_coarse_share, NO_STRUCTURE),
        (measures.stained_fraction < settings.least_stained_fraction, EMPTY),
        (measures.colour < settings.least_colour, COLOURLESS),
        (not measures.stain.is_known(settings.stain), STAIN_UNKNOWN),
        (measures.focus < settings.least_focus, OUT_OF_FOCUS),
        (measures.stained_fraction > settings.most_stained_fraction, CROWDED),
        (measures.evenness < settings.least_evenness, NOT_A_SMEAR),
    )
    return next((reason for failed, reason in checks if failed), "")


def colour_spread(image: U8Array, stained: BoolArray) -> float:
    """How much the stain prefers some colours: 0 for grey, about 0.1 to 0.5 for Giemsa.

    The spread over the channels of the share of the glass's light that stained pixels let through;
    the colour of the lamp does not enter.

    Args:
        image: (H,W,3) uint8 RGB.
        stained: (H,W) bool.
    """
    inside, outside = image[stained], image[~stained]
    if len(inside) == 0 or len(outside) == 0:
        return 0.0
    through = inside.mean(axis=0) / np.maximum(outside.mean(axis=0), 1.0)
    return float(through.max() - through.min())


def edge_slope(stain: U8Array, glass: int, cell: int) -> float:
    """Sharpness: the slope of the stain where it crosses from glass to cell, per px, over contrast.

    An edge blurred by a Gaussian of sigma s px has the slope 1 / (s * sqrt(2 pi)) at its middle,
    whatever the stain and the number of cells; s counts px of the thinned-out frame.

    Args:
        stain: (H,W) uint8 from `stain_map`.
        glass: its typical value on glass.
        cell: its typical value on a cell.
    """
    contrast = cell - glass
    if contrast <= 0:
        return 0.0
    low, high = glass + 0.35 * contrast, glass + 0.65 * contrast
    on_edge = cv2.inRange(stain, low, high) > 0
    if not on_edge.any():
        return 0.0
    across = cv2.Sobel(stain, cv2.CV_16S, 1, 0, ksize=3)[on_edge].astype(np.float32)
    down = cv2.Sobel(stain, cv2.CV_16S, 0, 1, ksize=3)[on_edge].astype(np.float32)
    # A Sobel kernel of side 3 gives eight times the slope per px.
    slope = np.percentile(np.hypot(across, down), _EDGE_PERCENTILE) / 8.0
    return float(slope / contrast)


def _edge_scale(stained: BoolArray) -> float:
    """Px that a cell's edge may be wide: the geometric mean of its diameter and the usual one.

    Half-way between judging px and judging cells: larger cells of a stronger magnification are
    softer in px, while cells that blur has joined seem large and must not excuse it. 0 where there
    is no cell.
    """
    mask = np.asarray(stained.view(np.uint8) * np.uint8(255), np.uint8)
    diameter_px = typical_diameter(mask)
    return float(np.sqrt(diameter_px * _USUAL_DIAMETER_PX))


def _coarse_share(stain: U8Array) -> float:
    """Standard deviation that is left at a quarter of the size; 1 for cells, 1/4 for noise."""
    rows, cols = max(1, stain.shape[0] // 4), max(1, stain.shape[1] // 4)
    coarse = cv2.resize(stain, (cols, rows), interpolation=cv2.INTER_AREA)
    fine = float(stain.std())
    return float(coarse.std()) / fine if fine > 0 else 0.0
