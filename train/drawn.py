"""Batches of a novelty fit: healthy cells, the same with drawn parasites, and foreign pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge.contract.types import F32Array, U8Array
from train.augment import augment
from train.foreign import draw_foreign
from train.parasites import paint_cell

if TYPE_CHECKING:
    from train.recipe import Recipe

HEALTHY, PARASITE, FOREIGN = 0, 1, 2


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


def draw_batch(cells: U8Array, recipe: Recipe, rng: np.random.Generator) -> DrawnBatch:
    """A batch from (N,S,S,3) uint8 healthy cells; the same generator state gives the same batch.

    Every cell is augmented; `novelty.parasites` of them get parasites, and `novelty.foreign` of the
    batch gives way to foreign pictures.
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
    for row in np.flatnonzero(rng.random(count) < spec.foreign):
        images[row], _ = draw_foreign(side, rng, cells)
        kinds[row], truth[row] = FOREIGN, 0
    return DrawnBatch(images, kinds.astype(np.float32), truth)
