"""Whether a grey picture can be a frontal chest X-ray at all, by its shape; no network is asked.

A network for X-rays calls whatever it is shown. A frontal chest is much the same left and right,
its middle is brighter than the lungs beside it, it is smooth, and it has black and white. Two of
five such signs missing refuse a picture; what that costs and spares is in docs/xrays.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.contract.types import F32Array, U8Array

NO_CHEST = "this does not look like a frontal chest X-ray ({}); send one, upright and not cropped"
_SIDE_PX = 64
_MISSING_TO_REFUSE = 2
# Places in the 64 x 64 px of a chest that fills its picture: between shoulders and diaphragm, the
# two lungs, and the spine with the heart.
_BODY, _CHEST_ROWS = slice(8, 56), slice(14, 44)
_LUNGS, _MIDDLE = (slice(12, 25), slice(39, 52)), slice(26, 38)
_SHAPE_SIGMA_PX, _GRAIN_SIGMA_PX = 3, 2


@dataclass(frozen=True)
class ChestShape:
    """What is measured.

    Attributes:
        contrast: grey levels between the darkest and the brightest twentieth.
        symmetry: correlation of left with right, coarsely, -1 to 1.
        grain: share of the variation that is finer than a rib.
        ridge: how much brighter the middle is than the two lungs, in standard deviations; `narrow`
            is the same of the lung that is less dark.
    """

    contrast: float
    symmetry: float
    grain: float
    ridge: float
    narrow: float

    def missing(self) -> list[str]:
        """The signs of a chest that it has not, in words.

        The limits were chosen on 4,007 X-rays of three collections and 1,257 grey cells and fields.
        """
        signs = {
            "little contrast": self.contrast < 70,
            "left and right differ": self.symmetry < 0.3,
            "too grainy": self.grain > 0.5,
            "no bright middle": self.ridge < 0.4,
            "no two dark lungs": self.narrow < 0.35,
        }
        return [sign for sign, is_missing in signs.items() if is_missing]


def why_no_radiograph(image: U8Array) -> str:
    """Why a picture, (H,W,3) uint8 RGB, is refused; empty where it may be a frontal chest."""
    missing = measure_chest(image).missing()
    return NO_CHEST.format(", ".join(missing)) if len(missing) >= _MISSING_TO_REFUSE else ""


def measure_chest(image: U8Array) -> ChestShape:
    """The shape of (H,W,3) uint8 RGB, by its green channel."""
    size = (_SIDE_PX, _SIDE_PX)
    grey = cv2.resize(np.ascontiguousarray(image[:, :, 1]), size, interpolation=cv2.INTER_AREA)
    grey = np.asarray(grey, np.float32)
    dark, bright = np.percentile(grey, [5, 95])
    shape = np.asarray(cv2.GaussianBlur(grey, (0, 0), _SHAPE_SIGMA_PX), np.float32)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), _GRAIN_SIGMA_PX)
    across = shape[_CHEST_ROWS].mean(axis=0)
    lungs = [float(across[lung].min()) for lung in _LUNGS]
    middle, spread = float(across[_MIDDLE].max()), max(float(shape.std()), 1e-6)
    return ChestShape(
        contrast=float(bright - dark),
        symmetry=_correlation(shape[_BODY], shape[_BODY, ::-1]),
        grain=float(fine.std()) / max(float(grey.std()), 1e-6),
        ridge=(middle - sum(lungs) / 2) / spread,
        narrow=(middle - max(lungs)) / spread,
    )


def _correlation(one: F32Array, other: F32Array) -> float:
    if not one.std() or not other.std():
        return 0.0
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
