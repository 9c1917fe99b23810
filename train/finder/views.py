"""Random views of a field: where it is cut, how large its cells are, its stain and its light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.contract.types import BoolArray, F32Array
from train.finder.fields import CELL_PX, KEPT_SCALE, BoxedField
from train.finder.recipe import ViewSpec

# A share of views is given each of these; the others are as sharp and clean as the photograph.
_MIXED, _BLURRED, _NOISY = 0.3, 0.3, 0.5


@dataclass(frozen=True, eq=False)
class View:
    """A part of a field as the network sees it.

    Attributes:
        image: (H,W,3) float32, 0 to 1; black where the field ends.
        boxes: (N,4) float32 left, top, right, bottom, px of `image`; some lie outside.
        unknown: (M,4), as in `BoxedField`.
        infected: (N,), as in `BoxedField`.
        inside: left, top, right, bottom of the field's part of the image.
        cell_px: width of a typical red cell.
    """

    image: F32Array
    boxes: F32Array
    unknown: F32Array
    infected: BoolArray
    inside: tuple[float, float, float, float]
    cell_px: float


def whole_view(field: BoxedField, cell_px: int, size_px: tuple[int, int]) -> View:
    """The field as the device shows it: cells `cell_px` wide, nothing else changed.

    Args:
        size_px: width and height of the image; the field's own at that scale.
    """
    scale = cell_px / (CELL_PX * KEPT_SCALE)
    image = cv2.resize(field.image, size_px, interpolation=cv2.INTER_AREA)
    inside = (0.0, 0.0, float(size_px[0]), float(size_px[1]))
    scaled = (field.boxes * np.float32(scale), field.unknown * np.float32(scale))
    shown = np.float32(image) / np.float32(255)
    return View(shown, *scaled, field.infected, inside, float(cell_px))


def draw_view(
    field: BoxedField,
    spec: ViewSpec,
    cell_px: int,
    size_px: tuple[int, int],
    rng: np.random.Generator,
) -> View:
    """A view as `spec` has it, flipped and turned by right angles at random."""
    field = _turned(field, rng)
    scale = cell_px / (CELL_PX * KEPT_SCALE) * rng.uniform(*spec.size)
    height, width = field.image.shape[:2]
    shift = [
        rng.uniform(min(0, at - side * scale), max(0, at - side * scale))
        for at, side in zip(size_px, (width, height), strict=True)
    ]
    place = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    image = cv2.warpAffine(field.image, place, size_px, flags=cv2.INTER_AREA)
    moved = [
        boxes * np.float32(scale) + np.tile(np.float32(shift), 2)
        for boxes in (field.boxes, field.unknown)
    ]
    inside = (
        max(0.0, shift[0]), max(0.0, shift[1]),
        min(size_px[0], shift[0] + width * scale), min(size_px[1], shift[1] + height * scale),
    )  # fmt: skip
    shown = _shown_otherwise(np.float32(image) / np.float32(255), spec, rng)
    return View(shown, *moved, field.infected, inside, CELL_PX * KEPT_SCALE * scale)


def _turned(field: BoxedField, rng: np.random.Generator) -> BoxedField:
    image, boxes = field.image, [field.boxes, field.unknown]
    for axis in (0, 1):
        if rng.integers(2):
            side = image.shape[1 - axis]
            image = image[:, ::-1] if axis == 0 else image[::-1]
            boxes = [_mirrored(one, axis, side) for one in boxes]
    if rng.integers(2):
        image, boxes = image.transpose(1, 0, 2), [one[:, [1, 0, 3, 2]] for one in boxes]
    image = np.ascontiguousarray(image)
    return BoxedField(field.name, field.block, image, *boxes, field.infected)


def _mirrored(boxes: F32Array, axis: int, side_px: int) -> F32Array:
    boxes = boxes.copy()
    boxes[:, axis], boxes[:, axis + 2] = side_px - boxes[:, axis + 2], side_px - boxes[:, axis]
    return boxes


def _shown_otherwise(image: F32Array, spec: ViewSpec, rng: np.random.Generator) -> F32Array:
    """Another stain, lamp and camera."""
    density = -np.log(np.maximum(image, 1 / 255))
    factors = rng.uniform(*spec.density, 3) * rng.uniform(0.7, 1.3)
    image = np.exp(-density * np.clip(factors, 0.4, 2.0))
    image = image * rng.uniform(*spec.light) * rng.uniform(1 - spec.tint, 1 + spec.tint, 3)
    if rng.random() < _MIXED:
        mixing = np.eye(3) + rng.normal(0, spec.mix, (3, 3))
        image = image @ (mixing / mixing.sum(axis=1, keepdims=True)).T
    if rng.random() < spec.grey:
        image = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    if spec.blur_px and rng.random() < _BLURRED:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(min(0.4, spec.blur_px), spec.blur_px))
    if rng.random() < _NOISY:
        image = image + rng.normal(0, rng.uniform(0, spec.noise), image.shape)
    return np.asarray(np.clip(image, 0, 1), np.float32)
