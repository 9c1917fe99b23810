"""Good pictures of cells by patient, and patches of them beside what was made worse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.contract.errors import DataError
from edge.contract.images import list_images, read_image
from edge.contract.types import BoolArray, U8Array
from train.datasets.base import Example, data_root, list_examples, read_example
from train.splits import load_split
from train.superres.degrade import degrade
from train.superres.recipe import LOSSLESS, NEAR_LOSSLESS, EnhancerRecipe

# Of good pixels round a patch, so that blur and JPEG see what a whole picture has there.
_MARGIN_PX = 16
# Bicubic enlargement by two reaches 4 px over the black edge of a mask, and shifts of half a pixel
# one more; nearer figures are of the edge and not of the cell.
_MASK_MARGIN_PX = 5
# The black of the near-lossless files is up to 30 with the noise of their coding; no pixel of a
# cell whose exact values are known has less than 40 in its brightest channel.
_BLACK = 32


@dataclass(frozen=True, eq=False)
class HighRes:
    """A good picture of one cell: (H,W,3) uint8 RGB of even sides, black outside the cell."""

    name: str
    patient: str
    label: int
    source: str
    image: U8Array


def load_high_res(
    recipe: EnhancerRecipe,
    part: str,
    data: Path | None = None,
    sources: Sequence[str] = (NEAR_LOSSLESS, LOSSLESS),
) -> list[HighRes]:
    """Cells of one part ("train", "validation", "test") of the recipe's fold.

    At most `recipe.cells_per_patient` of nih-cells, drawn once for a seed; all that are lossless.

    Raises:
        ConfigError, DataError: no data, or an image that cannot be read.
    """
    patients = set(getattr(load_split(NEAR_LOSSLESS, recipe.held_out_fold), part))
    found: list[HighRes] = []
    for source in sources:
        examples = [e for e in list_examples(source, data) if e.patient in patients]
        if recipe.label >= 0:
            examples = [e for e in examples if e.label == recipe.label]
        if source == NEAR_LOSSLESS:
            examples = draw_per_patient(examples, recipe.cells_per_patient, recipe.seed)
        with ThreadPoolExecutor() as pool:
            images = pool.map(lambda e: even(read_example(e), recipe.high_px), examples)
            found += [
                HighRes(e.name, e.patient, e.label, source, image)
                for e, image in zip(examples, images, strict=True)
            ]
    return found


def load_fields(recipe: EnhancerRecipe, data: Path | None = None) -> list[HighRes]:
    """Whole fields of the data sets that the recipe names; they have no patient and no label.

    Raises:
        ConfigError, DataError: no such data set, or an image that cannot be read.
    """
    return [
        HighRes(path.stem, path.stem, -1, name, even(read_image(path)))
        for name in recipe.fields
        for path in list_images(data_root(data) / name / "images")
    ]


def draw_per_patient(examples: Sequence[Example], at_most: int, seed: int) -> list[Example]:
    """At most so many examples of each patient, the same for a seed, in the order given."""
    rng, kept = np.random.default_rng(seed), set()
    for patient in sorted({example.patient for example in examples}):
        own = [example.name for example in examples if example.patient == patient]
        kept |= set(rng.permutation(own)[:at_most].tolist())
    return [example for example in examples if example.name in kept]


def even(image: U8Array, high_px: int = 0) -> U8Array:
    """The picture with even sides: a last odd row or column is left out; or brought to a square.

    Args:
        high_px: side of the square; 0 keeps the size.

    Raises:
        DataError: a side is below 2 px.
    """
    height, width = image.shape[:2]
    if min(height, width) < 2:
        raise DataError(f"image is {width}x{height} px; at least 2x2 can be halved")
    if high_px:
        how = cv2.INTER_AREA if high_px < min(height, width) else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(image, (high_px, high_px), interpolation=how), np.uint8)
    return np.ascontiguousarray(image[: height // 2 * 2, : width // 2 * 2])


def cell_mask(image: U8Array) -> BoolArray:
    """(H,W): the cell within the black, without the pixels nearest to its edge."""
    inside = (image.max(axis=2) > _BLACK).astype(np.uint8)
    side = 2 * _MASK_MARGIN_PX + 1
    eroded = cv2.erode(inside, np.ones((side, side), np.uint8), borderValue=0)
    return np.asarray(eroded > 0)


class Patches:
    """Draws pairs of patches from good pictures.

    Args:
        pictures: of the parts that are fitted on.

    Raises:
        DataError: no picture at all.
    """

    def __init__(self, pictures: Sequence[HighRes], recipe: EnhancerRecipe) -> None:
        if not pictures:
            raise DataError("no picture to fit on; check --data, the fold and recipe.label")
        self._recipe = recipe
        of_cells = 1 - recipe.fields_share
        shares = {
            LOSSLESS: of_cells * recipe.lossless_share,
            NEAR_LOSSLESS: of_cells * (1 - recipe.lossless_share),
            **{name: recipe.fields_share / len(recipe.fields) for name in recipe.fields},
        }
        self._images = [
            [one.image for one in pictures if one.source == source] for source in shares
        ]
        there = np.array([bool(images) for images in self._images])
        self._up_to = np.cumsum(np.where(there, list(shares.values()), 0.0))
        if self._up_to[-1] == 0:
            raise DataError(f"none of {len(pictures)} pictures is of {', '.join(shares)}")

    def batches(self, epoch: int) -> Iterator[tuple[U8Array, U8Array]]:
        """The (N,p,p,3) worse and (N,2p,2p,3) good patches of an epoch; the same for a seed."""
        recipe = self._recipe
        rng = np.random.default_rng((recipe.seed, epoch))
        for _ in range(recipe.steps):
            drawn = [self._draw(rng) for _ in range(recipe.fit.batch_size)]
            yield np.stack([low for low, _ in drawn]), np.stack([high for _, high in drawn])

    def _draw(self, rng: np.random.Generator) -> tuple[U8Array, U8Array]:
        drawn = rng.random() * self._up_to[-1]
        images = self._images[int(np.searchsorted(self._up_to, drawn, "right"))]
        image = self._shrunk(images[rng.integers(len(images))], rng)
        around = _turned(_window(image, 2 * self._recipe.patch_px, rng), rng)
        low = degrade(around, self._recipe.degrade, rng)
        margin = _MARGIN_PX // 2
        return (
            low[margin:-margin, margin:-margin],
            around[_MARGIN_PX:-_MARGIN_PX, _MARGIN_PX:-_MARGIN_PX],
        )

    def _shrunk(self, image: U8Array, rng: np.random.Generator) -> U8Array:
        if self._recipe.shrink[0] == 1:
            return image
        # Of a whole field only what the patch will need.
        factor = rng.uniform(*self._recipe.shrink)
        need = int(np.ceil((2 * self._recipe.patch_px + 2 * _MARGIN_PX) / factor))
        top, left = (rng.integers(max(1, side - need + 1)) for side in image.shape[:2])
        part = image[top : top + need, left : left + need]
        size = [max(2, round(side * factor)) for side in part.shape[1::-1]]
        return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)


def _window(image: U8Array, side: int, rng: np.random.Generator) -> U8Array:
    """A square of `side` and its margin anywhere in the picture; black where the picture ends."""
    whole = side + 2 * _MARGIN_PX
    tall, wide = (max(0, side - length) + 2 * _MARGIN_PX for length in image.shape[:2])
    padded = np.pad(image, ((tall // 2, tall - tall // 2), (wide // 2, wide - wide // 2), (0, 0)))
    top, left = (rng.integers(length - whole + 1) for length in padded.shape[:2])
    return padded[top : top + whole, left : left + whole]


def _turned(image: U8Array, rng: np.random.Generator) -> U8Array:
    turned = np.rot90(image, rng.integers(4))
    return np.ascontiguousarray(turned[:, ::-1] if rng.random() < 0.5 else turned)
