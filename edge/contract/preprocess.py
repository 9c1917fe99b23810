"""The one preprocessing: a cell's pixels to the network's input. Training imports it too.

A cell is masked (everything outside it black), padded to a square and resized; its contrast is
evened out where the manifest asks for it. Else nothing depends on the data: a dark cell stays dark.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edge.contract.errors import ImageError, ManifestError
from edge.contract.types import BoolArray, CellBox, U8Array

_FILTERS = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR}
# Of larger pictures, whole chest X-rays, a copy in floats would not fit the caches.
_MOST_SHRUNK = 4
CLAHE_CLIP = 2.0
CLAHE_TILES = (8, 8)


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
        contrast: "none", "clahe" for `even_contrast`, or "equalise" for `equalise`; after resizing.
        trim: fraction cut from each side first; .16 leaves little but the lungs of a chest X-ray.
    """

    size_px: int
    channel_order: str = "RGB"
    mask: str = "black"
    padding: str = "square"
    resize_filter: str = "area"
    scale: float = 1 / 255
    contrast: str = "none"
    trim: float = 0.0

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("channel_order", self.channel_order, {"RGB"}),
            ("mask", self.mask, {"black", "none"}),
            ("padding", self.padding, {"square", "none"}),
            ("resize_filter", self.resize_filter, set(_FILTERS)),
            ("contrast", self.contrast, set(_CONTRASTS)),
        ):
            if value not in allowed:
                raise ManifestError(f"preprocessing.{name} is {value!r}; known: {sorted(allowed)}")
        if not 8 <= self.size_px <= 1024:
            raise ManifestError(f"preprocessing.size_px is {self.size_px}; allowed: 8 to 1024")
        if not 0 <= self.trim < 0.5:
            raise ManifestError(f"preprocessing.trim is {self.trim}; allowed: 0 to below .5")


def prepare_crop(crop: U8Array, spec: Preprocessing, mask: BoolArray | None = None) -> U8Array:
    """One cell to (size_px, size_px, 3) uint8 RGB.

    Args:
        crop: (H,W,3) uint8 RGB, at least 3 px a side.
        spec: the manifest's preprocessing.
        mask: (H,W) bool, True inside the cell; None where the crop is already masked.

    Raises:
        ImageError: the crop is not (H,W,3) uint8 or is too small to hold a cell.
    """
    _check_crop(crop)
    made = np.empty((spec.size_px, spec.size_px, 3), np.uint8)
    _prepare_into(made, crop, spec, mask)
    return made


def _check_crop(crop: U8Array) -> None:
    if crop.ndim != 3 or crop.shape[2] != 3 or crop.dtype != np.uint8:
        raise ImageError(f"crop is {crop.shape} {crop.dtype}; expected (H,W,3) uint8 RGB")
    if min(crop.shape[:2]) < 3:
        raise ImageError(f"crop is {crop.shape[1]} x {crop.shape[0]} px; too small to be a cell")


def _prepare_into(
    made: U8Array, crop: U8Array, spec: Preprocessing, mask: BoolArray | None
) -> None:
    """`prepare_crop` of what was checked, written where it is wanted: each copy costs a field."""
    if spec.trim:
        kept = _kept(crop.shape, spec.trim)
        crop, mask = crop[kept], None if mask is None else mask[kept]
    inside = None if mask is None or spec.mask != "black" else mask.view(np.uint8)
    if spec.padding == "square":
        crop = _in_square(crop, inside)
    elif inside is not None:
        crop = np.asarray(cv2.copyTo(crop, inside), np.uint8)
    _resize_into(made, crop, _FILTERS[spec.resize_filter])
    change = _CONTRASTS[spec.contrast]
    if change:
        made[:] = change(made)


def _resize_into(made: U8Array, crop: U8Array, filter_: int) -> None:
    """Fills `made`. OpenCV takes a quarter less for means over areas of floats than of bytes, and
    rounds them alike; it has quicker ways where it enlarges, or areas are whole pixels.
    """
    size_px, sides = made.shape[0], crop.shape[:2]
    in_floats = filter_ == cv2.INTER_AREA and size_px < min(sides) < _MOST_SHRUNK * size_px
    if in_floats and any(side % size_px for side in sides):
        floats = cv2.resize(crop.astype(np.float32), (size_px, size_px), interpolation=filter_)
        cv2.convertScaleAbs(floats, dst=made)
    else:
        cv2.resize(crop, (size_px, size_px), dst=made, interpolation=filter_)


def even_contrast(crop: U8Array) -> U8Array:
    """CLAHE (Zuiderveld 1994; clip 2.0, 8 x 8 tiles) of the lightness in CIELAB; hue stays.

    Black stays black: it is what lies outside the cell or the picture, and holds no contrast.
    """
    lightness, *colour = cv2.split(cv2.cvtColor(crop, cv2.COLOR_RGB2LAB))
    even = cv2.createCLAHE(CLAHE_CLIP, CLAHE_TILES).apply(lightness)
    out = cv2.cvtColor(cv2.merge([even, *colour]), cv2.COLOR_LAB2RGB)
    return np.asarray(np.where(crop.any(axis=2, keepdims=True), out, 0), np.uint8)


def equalise(crop: U8Array) -> U8Array:
    """Equal counts of every lightness (CIELAB) among pixels that are not black; black stays."""
    inside = np.asarray(crop.any(axis=2), np.bool_)
    lightness, *colour = cv2.split(cv2.cvtColor(crop, cv2.COLOR_RGB2LAB))
    counts = np.bincount(lightness[inside], minlength=256)
    rank = np.cumsum(counts) - counts / 2
    table = (255 * rank / max(int(counts.sum()), 1)).astype(np.uint8)
    out = cv2.cvtColor(cv2.merge([table[lightness], *colour]), cv2.COLOR_LAB2RGB)
    return np.asarray(np.where(inside[:, :, None], out, 0), np.uint8)


_CONTRASTS: dict[str, Callable[[U8Array], U8Array] | None] = {
    "none": None,
    "clahe": even_contrast,
    "equalise": equalise,
}


def _kept(shape: tuple[int, ...], share: float) -> tuple[slice, slice]:
    """Rows and columns that are left where this share of each side is cut off."""
    rows, columns = (round(side * share) for side in shape[:2])
    return slice(rows, shape[0] - rows), slice(columns, shape[1] - columns)


def _in_square(crop: U8Array, inside: U8Array | None) -> U8Array:
    """Padded with black to a square, and black where `inside` is 0."""
    height, width = crop.shape[:2]
    side = max(height, width)
    if height == width and inside is None:
        return crop
    top, left = (side - height) // 2, (side - width) // 2
    square = np.zeros((side, side, 3), np.uint8)
    place = square[top : top + height, left : left + width]
    if inside is None:
        place[:] = crop
    else:
        cv2.copyTo(crop, inside, place)
    return square


def cut_cell(image: U8Array, box: CellBox) -> tuple[U8Array, BoolArray]:
    """What is a cell's of a field, (h,w,3) uint8, and its mask: as narrow as the mask allows, since
    cells that networks learned from are cut out without room.

    Args:
        image: (H,W,3) uint8, the field.
        box: of one of its cells; all of it where the mask is empty.
    """
    x, y, width, height = cv2.boundingRect(box.mask.view(np.uint8))
    if not width:
        x, y, width, height = 0, 0, box.width_px, box.height_px
    left, top = box.left_px + x, box.top_px + y
    return image[top : top + height, left : left + width], box.mask[y : y + height, x : x + width]


def prepare_cells(image: U8Array, boxes: Sequence[CellBox], spec: Preprocessing) -> U8Array:
    """Cells of a field to (N, size_px, size_px, 3) uint8 RGB; N may be 0."""
    cut = [cut_cell(image, box) for box in boxes]
    return prepare_batch([crop for crop, _ in cut], spec, [mask for _, mask in cut])


def prepare_batch(
    crops: Sequence[U8Array],
    spec: Preprocessing,
    masks: Sequence[BoolArray | None] | None = None,
) -> U8Array:
    """Many cells to (N, size_px, size_px, 3) uint8 RGB; N may be 0."""
    batch = np.empty((len(crops), spec.size_px, spec.size_px, 3), np.uint8)
    for index, crop in enumerate(crops):
        _check_crop(crop)
        _prepare_into(batch[index], crop, spec, masks[index] if masks else None)
    return batch
