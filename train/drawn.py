"""Batches of a novelty fit: healthy cells, the same with drawn parasites, and foreign pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge.contract.types import F32Array, U8Array
from train.augment import EDGE_LEVEL, augment
from train.foreign import draw_foreign
from train.parasites import LEAST_CELL_PX, paint_cell

if TYPE_CHECKING:
    from train.recipe import Recipe

HEALTHY, PARASITE, FOREIGN = 0, 1, 2
# Share of cells that are cut out as where a box is all that is known of them.
LOOSE = 0.12
# Foreign pictures whose colours mean nothing.
ANY_COLOUR = (
    "noise", "cloud", "stripes", "checks", "woven", "leaves", "soft_shapes", "strokes",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class DrawnBatch:
    """What the objective `drawn` learns from.

    Attributes:
        images: (N,S,S,3) uint8 RGB.
        kinds: (N,) HEALTHY, PARASITE or FOREIGN.
        truth: (N,S,S) uint8, 255 where a parasite was drawn.
    """

    images: U8Array
    kinds: F32Array
    truth: U8Array


def draw_batch(
    cells: U8Array, recipe: Recipe, rng: np.random.Generator, real: U8Array | None = None
) -> DrawnBatch:
    """A batch from (N,S,S,3) uint8 healthy cells; the same generator state gives the same batch.

    Every cell is augmented; `novelty.parasites` of them get parasites, and `novelty.foreign` of the
    batch gives way to foreign pictures.

    Args:
        real: (M,S,S,3) uint8 of real objects that are no red cell; `novelty.real_foreign` of the
            foreign pictures are of them. None draws all.
    """
    spec = recipe.novelty
    if spec is None:
        raise ValueError("the recipe has no [novelty]")
    count, side = len(cells), cells.shape[1]
    kinds = np.where(rng.random(count) < spec.parasites, PARASITE, HEALTHY)
    truth = np.zeros((count, side, side), np.uint8)
    remaining = iter(range(count))

    def paint(image: U8Array) -> U8Array:
        row = next(remaining)
        painted, where = paint_cell(
            image, rng, parasite=bool(kinds[row] == PARASITE), harmless=spec.harmless
        )
        truth[row] = np.rint(255 * where)
        return painted

    images = augment(cells, recipe.augmentation, rng, paint)
    for row in np.flatnonzero(rng.random(count) < LOOSE):
        images[row] = _loosely_cut(images[row], rng)
    for row in np.flatnonzero(rng.random(count) < spec.foreign):
        if real is not None and rng.random() < spec.real_foreign:
            images[row] = _object(real, recipe, rng)
        else:
            picture, kind = draw_foreign(side, rng, cells)
            images[row] = _toned(picture, kind, cells, rng)
        kinds[row], truth[row] = FOREIGN, 0
    return DrawnBatch(images, kinds.astype(np.float32), truth)


def _object(real: U8Array, recipe: Recipe, rng: np.random.Generator) -> U8Array:
    """One of the real objects, augmented as a cell is; every other time cut out."""
    chosen = int(rng.integers(len(real)))
    image = augment(real[chosen : chosen + 1], recipe.augmentation, rng)[0]
    if rng.random() < 0.5:
        return image
    ellipse = np.zeros(image.shape[:2], np.uint8)
    reach = tuple(int(side * rng.uniform(0.42, 0.5)) for side in ellipse.shape)
    middle = (ellipse.shape[1] // 2, ellipse.shape[0] // 2)
    cv2.ellipse(ellipse, middle, reach, 0, 0, 360, 1, cv2.FILLED)
    return image * ellipse[..., None]


def _loosely_cut(image: U8Array, rng: np.random.Generator) -> U8Array:
    """The cell in the ellipse that fits it, glass where the cell does not reach."""
    cell = image.max(axis=2) > EDGE_LEVEL
    if np.count_nonzero(cell) < LEAST_CELL_PX:
        return image
    left, top, width, height = cv2.boundingRect(cell.astype(np.uint8))
    ellipse = np.zeros(cell.shape, np.uint8)
    middle = (left + width // 2, top + height // 2)
    cv2.ellipse(ellipse, middle, (width // 2, height // 2), 0, 0, 360, 1, cv2.FILLED)
    glass = np.clip(rng.uniform(170, 245) + rng.uniform(-25, 25, 3), 0, 255).astype(np.uint8)
    return np.where(((ellipse > 0) & ~cell)[..., None], glass, image)


def _toned(picture: U8Array, kind: str, cells: U8Array, rng: np.random.Generator) -> U8Array:
    """Pictures of chance colours, some greyer, and some in the colours of a cell of the batch.

    Else colour alone would tell them apart, and photographs are neither bright green nor violet. A
    cut-out in a cell's colours might be one, so only whole frames take them on.
    """
    choice = rng.random()
    if kind not in ANY_COLOUR or choice > 0.7:
        return picture
    values = picture.astype(np.float32)
    if choice > 0.35:
        grey = values.mean(axis=2, keepdims=True)
        return (values + rng.uniform(0.4, 1) * (grey - values)).astype(np.uint8)
    if not picture[[0, 0, -1, -1], [0, -1, 0, -1]].any(axis=1).all():
        return picture
    pixels = cells[int(rng.integers(len(cells)))].reshape(-1, 3)
    pixels = pixels[pixels.max(axis=1) > EDGE_LEVEL].astype(np.float32)
    if len(pixels) < LEAST_CELL_PX:
        return picture
    spread = values.std(axis=(0, 1)) + 1
    contrast = pixels.std(axis=0) * rng.uniform(1, 4)
    changed = (values - values.mean(axis=(0, 1))) / spread * contrast + pixels.mean(axis=0)
    return np.clip(changed, 0, 255).astype(np.uint8)
