"""The one preprocessing: a cell's pixels to the network's input. Training imports it too.

A cell is masked (everything outside it black), padded to a square, and resized. Nothing here
depends on the data: a dark cell stays dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edge.contract.errors import ImageError, ManifestError
from edge.contract.types import BoolArray, U8Array

_FILTERS = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR}


@dataclass(frozen=True)
class Preprocessing:
    """How a crop becomes the network's input; part of the manifest.

    Attributes:
        size_px: side of the square input.
        channel_order: always "RGB".
        mask: "black" sets pixels outside the cell to 0; "none" leaves them.
        padding: "square" pads the shorter side with black, so that shape is kept.
        resize_filter: "area" or "linear" (OpenCV's, the same library in training and on device).
        scale: factor from uint8 to the value range that the network was trained in.
    """

    size_px: int
    channel_order: str = "RGB"
    mask: str = "black"
    padding: str = "square"
    resize_filter: str = "area"
    scale: float = 1 / 255

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("channel_order", self.channel_order, {"RGB"}),
            ("mask", self.mask, {"black", "none"}),
            ("padding", self.padding, {"square", "none"}),
            ("resize_filter", self.resize_filter, set(_FILTERS)),
        ):
            if value not in allowed:
                raise ManifestError(f"preprocessing.{name} is {value!r}; known: {sorted(allowed)}")
        if not 8 <= self.size_px <= 1024:
            raise ManifestError(f"preprocessing.size_px is {self.size_px}; allowed: 8 to 1024")


def prepare_crop(crop: U8Array, spec: Preprocessing, mask: BoolArray | None = None) -> U8Array:
    """One cell to (size_px, size_px, 3) uint8 RGB.

    Args:
        crop: (H,W,3) uint8 RGB, at least 3 px a side.
        spec: the manifest's preprocessing.
        mask: (H,W) bool, True inside the cell; None where the crop is already masked.

    Raises:
        ImageError: the crop is not (H,W,3) uint8 or is too small to hold a cell.
    """
    if crop.ndim != 3 or crop.shape[2] != 3 or crop.dtype != np.uint8:
        raise ImageError(f"crop is {crop.shape} {crop.dtype}; expected (H,W,3) uint8 RGB")
    if min(crop.shape[:2]) < 3:
        raise ImageError(f"crop is {crop.shape[1]} x {crop.shape[0]} px; too small to be a cell")
    if mask is not None and spec.mask == "black":
        crop = crop * mask[:, :, None]
    if spec.padding == "square":
        crop = _pad_to_square(crop)
    size = (spec.size_px, spec.size_px)
    return np.asarray(cv2.resize(crop, size, interpolation=_FILTERS[spec.resize_filter]), np.uint8)


def _pad_to_square(crop: U8Array) -> U8Array:
    height, width = crop.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    square = np.zeros((side, side, 3), np.uint8)
    square[top : top + height, left : left + width] = crop
    return square


def prepare_batch(
    crops: Sequence[U8Array],
    spec: Preprocessing,
    masks: Sequence[BoolArray | None] | None = None,
) -> U8Array:
    """Many cells to (N, size_px, size_px, 3) uint8 RGB; N may be 0."""
    batch = np.zeros((len(crops), spec.size_px, spec.size_px, 3), np.uint8)
    for index, crop in enumerate(crops):
        batch[index] = prepare_crop(crop, spec, masks[index] if masks else None)
    return batch
