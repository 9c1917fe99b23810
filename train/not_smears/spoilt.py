"""Real cells and fields as no microscope shows them: inverted, of a foreign hue, or blurred."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from edge.contract.errors import DataError
from edge.contract.types import U8Array
from train.not_smears.wanted import Wanted

# In OpenCV's half degrees, yellow-green to cyan: hues that no stain of blood has.
_HUES = (40, 90)
# Of 255; cells of all hues are found with less.
_LEAST_COLOUR = 110
# Interpolation and JPEG lift the black round a cell up to here.
_BLACK_LEVEL = 24
# Of a cell's diameter; the device's field check refuses a tenth, too.
_BLUR = (0.1, 0.2)


def inverted(wanted: Wanted) -> Iterator[U8Array]:
    """Light for dark; what was black round a cell stays black every other time."""
    for number, image in enumerate(_real(wanted)):
        keeps_black = number % 2 == 0
        inside = image.max(axis=2, keepdims=True) > _BLACK_LEVEL
        yield np.asarray(np.where(inside | (not keeps_black), 255 - image, 0), np.uint8)


def hue_turned(wanted: Wanted) -> Iterator[U8Array]:
    """The whole picture turned in hue until its cells are green or cyan, and more strongly so."""
    rng = wanted.rng()
    for image in _real(wanted):
        hue, saturation, value = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))
        stained = (saturation >= np.percentile(saturation, 60)) & (value > _BLACK_LEVEL)
        strength = _LEAST_COLOUR / max(float(np.median(saturation[stained])), 1.0)
        turn = int(rng.integers(*_HUES)) - _middle_hue(hue[stained])
        hue = ((hue.astype(np.int16) + turn) % 180).astype(np.uint8)
        stronger = cv2.multiply(saturation, max(strength, 1.0))
        yield np.asarray(cv2.cvtColor(cv2.merge([hue, stronger, value]), cv2.COLOR_HSV2RGB))


def _middle_hue(hue: U8Array) -> int:
    """The mean direction on the circle of hues, in OpenCV's half degrees."""
    angle = hue.astype(np.float64) * np.pi / 90
    return round(float(np.arctan2(np.sin(angle).mean(), np.cos(angle).mean())) * 90 / np.pi)


def blurred(wanted: Wanted) -> Iterator[U8Array]:
    """A Gaussian blur of 10 to 20 % of a cell's diameter."""
    rng = wanted.rng()
    for image in _real(wanted):
        sigma_px = rng.uniform(*_BLUR) * wanted.cell_px
        edge = cv2.BORDER_CONSTANT if not image[0, 0].any() else cv2.BORDER_REFLECT
        yield np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px, borderType=edge), np.uint8)


def _real(wanted: Wanted) -> Sequence[U8Array]:
    if not len(wanted.real):
        raise DataError("no real cells or fields are given that could be spoilt")
    return wanted.real
