"""What stands for "nothing there": an image from which the finding is gone, but little else.

Where cells are masked, black outside the cell stays black and only the inside is changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.contract.errors import ConfigError
from edge.contract.types import BoolArray, F32Array

# Of the side. Wide enough that a parasite, about a quarter of a cell, melts into it.
_BLUR_FRACTION = 0.2
BASELINES = ("blurred", "black")


@dataclass(frozen=True)
class Baseline:
    """How pixels are taken away.

    Attributes:
        kind: "blurred" (a wide Gaussian that does not mix with the black outside of a masked
            cell: what a removed pixel turns into still looks like stain or tissue) or "black".
        masked: the preprocessing blackens what is outside the cell.
    """

    kind: str = "blurred"
    masked: bool = True

    def __post_init__(self) -> None:
        if self.kind not in BASELINES:
            raise ConfigError(f"baseline is {self.kind!r}; known: {', '.join(BASELINES)}")

    def of(self, images: F32Array) -> F32Array:
        """The baseline of each image, (N,H,W,3) float32."""
        if self.kind == "black":
            return np.zeros_like(images)
        inside = self.inside(images)
        return np.stack([_blurred(*pair) for pair in zip(images, inside, strict=True)])

    def inside(self, images: F32Array) -> BoolArray:
        """(N,H,W) bool: the cell where cells are masked, else the whole image."""
        if not self.masked:
            return np.ones(images.shape[:3], bool)
        inside = images.max(axis=3) > 0
        # An all-black image has no inside, and no order of its pixels either.
        inside[~inside.any(axis=(1, 2))] = True
        return np.asarray(inside)

    @property
    def words(self) -> str:
        """For the reader of a page."""
        if self.kind == "black":
            return "black"
        where = " inside the cell; the black around it stays black" if self.masked else ""
        return f"a blurred copy of the image (Gaussian, {_BLUR_FRACTION:.0%} of the side){where}"


def _blurred(image: F32Array, inside: BoolArray) -> F32Array:
    """Blur of the inside alone: both image and mask are blurred, and divided."""
    weight = inside.astype(np.float32)
    sigma = _BLUR_FRACTION * image.shape[0]
    # Constant border: what is beyond the image counts for nothing, as the outside of the cell.
    total = cv2.GaussianBlur(image * weight[:, :, None], (0, 0), sigma, borderType=0)
    share = np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma, borderType=0), 1e-6)
    return np.asarray(total / share[:, :, None] * weight[:, :, None], np.float32)
