"""Whether the colours and light of a field, or of one cell, are those of a stained smear on glass.

Blood stains let red light through and take green: haemoglobin, eosin and the azure dyes all do,
whatever the buffer and the camera. What is brightest on a smear is glass, the evenest thing there.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.contract.types import BoolArray, F64Array, U8Array

_RED, _GREEN, _BLUE = range(3)
# Sides of the boxes between whose means lies the grain of a cell in a frame of some 640 px.
_FINE_PX, _COARSE_PX = 3, 13
# What a camera's rounding alone gives; keeps the ratio of two clean drawings at 1.
_LEAST_SPREAD, _LEAST_GRAIN = 1.0, 0.3
# Edges between cells and glass belong to neither.
_EDGE_PX = 5
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

    def is_known(self, limits: StainLimits) -> bool:
        """Whether stain and lamp lie within the limits."""
        density, glass = self.density, self.glass
        if density[_GREEN] <= 0 or (density > limits.most_density).any():
            return False
        shares = (
            (density[_RED] / density[_GREEN], limits.red_share),
            (density[_BLUE] / density[_GREEN], limits.blue_share),
            (glass[_RED] / glass[_GREEN], limits.lamp_red),
            (glass[_BLUE] / glass[_GREEN], limits.lamp_blue),
        )
        return all(least <= share <= most for share, (least, most) in shares)


def stain_colour(image: U8Array, stained: BoolArray) -> StainColour:
    """The colours of a field; no density at all where nothing, or everything, is stained.

    Args:
        image: (H,W,3) uint8 RGB.
        stained: (H,W) bool.
    """
    inside, outside = image[stained], image[~stained]
    if len(inside) == 0 or len(outside) == 0:
        return StainColour(np.zeros(3), np.ones(3))
    glass = outside.mean(axis=0) + 1.0
    return StainColour(np.log(glass / (inside.mean(axis=0) + 1.0)), glass)


def glass_evenness(green: U8Array, stain: U8Array, stained: BoolArray) -> float:
    """How much evener the glass is than the cells: about 2 to 20; below 1 where dark is evener.

    The spread of the stain on cells over that on glass, times the same of the grain, squared since
    it tells more. Where light and dark are reversed both are. 1 where there is too little of either
    to judge.

    Args:
        green: (H,W) uint8, the green channel.
        stain: (H,W) uint8 from `stain_map`.
        stained: (H,W) bool.
    """
    cells, glass = (_inner(part)[::2, ::2] for part in (stained, ~stained))
    if min(np.count_nonzero(cells), np.count_nonzero(glass)) < _LEAST_INSIDE_PX:
        return 1.0
    spread = _spread(stain[::2, ::2], cells) / _spread(stain[::2, ::2], glass)
    grain = cv2.subtract(
        cv2.blur(green, (_FINE_PX, _FINE_PX)),
        cv2.blur(green, (_COARSE_PX, _COARSE_PX)),
        dtype=cv2.CV_16S,
    )[::2, ::2]
    ratio = (grain[cells].std() + _LEAST_GRAIN) / (grain[glass].std() + _LEAST_GRAIN)
    return float(spread * ratio**2)


def _inner(part: BoolArray) -> BoolArray:
    kernel = np.ones((_EDGE_PX, _EDGE_PX), np.uint8)
    return np.asarray(cv2.erode(part.view(np.uint8), kernel) > 0)


def _spread(stain: U8Array, part: BoolArray) -> float:
    """Between the 20th and the 80th percentile, and what rounding gives."""
    low, high = np.percentile(stain[part], [20, 80])
    return float(high - low) + _LEAST_SPREAD
