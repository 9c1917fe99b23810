"""Whether the colours and light of a field, or of one cell, are those of a stained smear on glass.

Blood stains let red light through and take green: haemoglobin, eosin and the azure dyes all do,
whatever the buffer and the camera. What is brightest on a smear is glass, the evenest thing there.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.analysis.histograms import histogram, level_at
from edge.contract.types import BoolArray, F64Array, U8Array

_RED, _GREEN, _BLUE = range(3)
# Side of the boxes between whose means and the pixels lies the grain of a cell in a frame of some
# 320 px.
_COARSE_PX = 7
# What a camera's rounding alone gives; keeps the ratio of two clean drawings at 1.
_LEAST_SPREAD, _LEAST_GRAIN = 1.0, 0.3
# Edges between cells and glass belong to neither.
_EDGE_PX = 3
_LEAST_INSIDE_PX = 50
# Interpolation and JPEG lift the black round a cell up to here.
_BLACK_LEVEL = 24


@dataclass(frozen=True)
class StainLimits:
    """Colours of a stained smear, each (least, most), with a margin over what was measured.

    Measured in 450 usable fields of four microscopes and 80 of the simulator; `lamp` is wide, since
    a camera without white balance shows an incandescent lamp yellow.

    Attributes:
        red_share: optical density in red light over that in green; measured .09 to .87.
        blue_share: the same of blue light; .23 to .99.
        most_density: in red, green and blue; measured up to .38, 1.60 and .59.
        lamp_red: red of the glass over its green; .82 to 1.07.
        lamp_blue: blue of the glass over its green; .80 to 1.14.
    """

    red_share: tuple[float, float] = (-0.03, 0.92)
    blue_share: tuple[float, float] = (0.12, 1.08)
    most_density: tuple[float, float, float] = (0.55, 2.0, 0.85)
    lamp_red: tuple[float, float] = (0.6, 1.7)
    lamp_blue: tuple[float, float] = (0.4, 1.7)


@dataclass(frozen=True)
class CellLimits:
    """Colours of one stained cell, cut out or with glass round it, with a margin over what was
    measured in 24,000 cells of four microscopes.

    Attributes:
        most_green: green over the geometric mean of red and blue; measured up to 1.15.
        blue_over_red: (least, most); measured .62 to 1.65.
        least_light: of the strongest channel, 0 to 255; measured from 88 on.
    """

    most_green: float = 1.17
    blue_over_red: tuple[float, float] = (0.57, 1.8)
    least_light: float = 75.0


_CELL = CellLimits()


def is_cell_colour(image: U8Array, limits: CellLimits = _CELL) -> bool:
    """Whether the middle colour of a crop may be a stained cell's; a crop that is black has none.

    The crop's inner half is judged apart, since what surrounds a cell may outweigh it.

    Args:
        image: (H,W,3) uint8 RGB, black where it is masked; the network's input size is enough.
    """
    height, width = (side // 4 for side in image.shape[:2])
    inner = _lit(image[height:-height, width:-width])
    lit = _lit(image)
    if len(lit) < _LEAST_INSIDE_PX:
        return False
    parts = (lit, inner) if len(inner) >= _LEAST_INSIDE_PX else (lit,)
    return all(_is_within(np.median(part, axis=0) + 1.0, limits) for part in parts)


def _lit(image: U8Array) -> U8Array:
    return np.asarray(image[image.max(axis=2) > _BLACK_LEVEL])


def _is_within(colour: F64Array, limits: CellLimits) -> bool:
    red, green, blue = colour
    least, most = limits.blue_over_red
    return bool(
        max(red, green, blue) >= limits.least_light
        and green <= limits.most_green * np.sqrt(red * blue)
        and least * red <= blue <= most * red
    )


@dataclass(frozen=True, eq=False)
class StainColour:
    """Mean colours of a field.

    Attributes:
        density: (3,) optical density (natural logarithm) of stained pixels over glass, RGB.
        glass: (3,) mean of the glass, RGB, 1 to 256.
    """

    density: F64Array
    glass: F64Array

    @property
    def spread(self) -> float:
        """How much the stain prefers some colours: 0 for grey, about .1 to .5 for Giemsa.

        The spread over the channels of the share of the glass's light that stain lets through; the
        colour of the lamp does not enter.
        """
        return float(np.ptp(np.exp(-self.density)))

    @property
    def strongest(self) -> int:
        """The channel that stain takes most of."""
        return int(self.density.argmax())

    def is_known(self, limits: StainLimits) -> bool:
        """Whether stain and lamp lie within the limits."""
        return self.is_known_dye(limits) and self.is_known_lamp(limits)

    def is_known_dye(self, limits: StainLimits) -> bool:
        """Whether the stain absorbs the colours that blood stains do, and not more than they."""
        density = self.density
        if density[_GREEN] <= 0 or (density > limits.most_density).any():
            return False
        shares = (density / density[_GREEN]).tolist()
        return _within(shares[_RED], limits.red_share) and _within(shares[_BLUE], limits.blue_share)

    def is_known_lamp(self, limits: StainLimits) -> bool:
        """Whether the light on the glass is that of a lamp, white or warm."""
        red, green, blue = self.glass.tolist()
        return _within(red / green, limits.lamp_red) and _within(blue / green, limits.lamp_blue)

    def is_too_strong(self, limits: StainLimits) -> bool:
        """Whether cells are so dark in green light that nothing in them can be seen."""
        return bool(self.density[_GREEN] > limits.most_density[_GREEN])


def _within(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]


def stain_colour(image: U8Array, stained: BoolArray | U8Array) -> StainColour:
    """The colours of a field; no density at all where nothing, or everything, is stained.

    Args:
        image: (H,W,3) uint8 RGB.
        stained: (H,W) bool, or uint8 that is not 0 where there is stain.
    """
    mask = stained.view(np.uint8)
    if cv2.countNonZero(mask) in (0, mask.size):
        return StainColour(np.zeros(3), np.ones(3))
    outside = cv2.inRange(mask, 0, 0)
    inside_mean, glass = (np.asarray(cv2.mean(image, part)[:3]) + 1.0 for part in (mask, outside))
    return StainColour(np.log(glass / inside_mean), glass)


def glass_evenness(green: U8Array, stain: U8Array, stained: BoolArray | U8Array) -> float:
    """How much evener the glass is than the cells: about 2 to 20; below 1 where dark is evener.

    The spread of the stain on cells over that on glass, times the same of the grain, squared since
    it tells more. Where light and dark are reversed both are. 1 where there is too little of either
    to judge.

    Args:
        green: (H,W) uint8, the green channel of a frame of some 320 px.
        stain: (H,W) uint8 from `stain_map`.
        stained: (H,W) bool, or uint8 that is not 0 where there is stain.
    """
    mask = stained.view(np.uint8)
    kernel = np.ones((_EDGE_PX, _EDGE_PX), np.uint8)
    cells, glass = (
        np.asarray(cv2.erode(part, kernel), np.uint8) for part in (mask, cv2.inRange(mask, 0, 0))
    )
    if min(cv2.countNonZero(cells), cv2.countNonZero(glass)) < _LEAST_INSIDE_PX:
        return 1.0
    grain = cv2.subtract(
        green,
        cv2.blur(green, (_COARSE_PX, _COARSE_PX)),
        dtype=cv2.CV_16S,
    )
    spread = _spread(stain, cells) / _spread(stain, glass)
    return spread * (_grain(grain, cells) / _grain(grain, glass)) ** 2


def _spread(stain: U8Array, part: U8Array) -> float:
    """Between the 20th and the 80th percentile, and what rounding gives."""
    counts = histogram(stain, part)
    return level_at(counts, 0.8) - level_at(counts, 0.2) + _LEAST_SPREAD


def _grain(grain: np.ndarray, part: U8Array) -> float:
    """Standard deviation, and what rounding gives."""
    return float(cv2.meanStdDev(grain, mask=part)[1][0, 0]) + _LEAST_GRAIN
