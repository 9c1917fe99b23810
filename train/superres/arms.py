"""The pictures of the study: cells of each split, and every form in which they are shown.

A form is a name for what is done to a cell: "original", halved, enlarged again in some way. The
arms of the study are four forms; a leak shows each class in a form of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.errors import DataError
from edge.contract.preprocess import even_contrast
from edge.contract.types import U8Array
from train.datasets.base import Example, list_examples, read_example
from train.splits import BY_PATIENT, RANDOM_SPLITS, load_split
from train.superres.degrade import halve, through_jpeg
from train.superres.networks import INTERPOLATIONS, Enlarge
from train.superres.pairs import even

DATASET = "nih-cells"
ORIGINAL, DOWNSAMPLED, BICUBIC, SUPER = ARMS = (
    "original", "downsampled", "bicubic", "super-resolved",
)  # fmt: skip
# The downsampled cell for a network of the full size: every pixel twice each way.
DOUBLED = "doubled"
# The super-resolved cell after a file that loses; what a folder of JPEG holds.
AS_JPEG = "super-resolved-jpeg"
JPEG_QUALITY = 95
# Forms that need no network.
INNATE = (ORIGINAL, DOWNSAMPLED, DOUBLED, BICUBIC)
COPIES = "copies-"
LEAKING = "random-70-20-10"
_N_COPIES = 4
Enlarger = Callable[[str], Enlarge]


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells in order: (N,) names, patients and labels, and (N,S,S,3) uint8 RGB originals."""

    name: np.ndarray
    patient: np.ndarray
    label: np.ndarray
    original: U8Array

    def take(self, rows: np.ndarray) -> Cells:
        """These rows, in this order."""
        return Cells(self.name[rows], self.patient[rows], self.label[rows], self.original[rows])


def draw_stratified(examples: Sequence[Example], count: int, seed: int) -> list[Example]:
    """`count` examples with each patient's and label's share; the first few of them have it too.

    Each stratum's examples are dealt evenly over [0, 1) and the lowest places win.

    Raises:
        DataError: there are fewer.
    """
    if count > len(examples):
        raise DataError(f"{count} cells are asked for, the part has {len(examples)}")
    rng = np.random.default_rng(seed)
    strata: dict[tuple[str, int], list[int]] = {}
    for row, example in enumerate(examples):
        strata.setdefault((example.patient, example.label), []).append(row)
    place = np.empty(len(examples))
    for _, rows in sorted(strata.items()):
        place[rng.permutation(rows)] = (np.arange(len(rows)) + rng.random()) / len(rows)
    return [examples[row] for row in np.argsort(place, kind="stable")[:count]]


def load_cells(examples: Sequence[Example], high_px: int) -> Cells:
    """The cells, each brought to a square of `high_px`."""
    with ThreadPoolExecutor() as pool:
        images = list(pool.map(lambda example: even(read_example(example), high_px), examples))
    return Cells(
        np.array([example.name for example in examples]),
        np.array([example.patient for example in examples]),
        np.array([example.label for example in examples], np.int8),
        np.stack(images),
    )


def copies_of(cells: Cells) -> Cells:
    """Four of each cell: as it is, two flips, and one of evened contrast."""
    own = cells.original
    contrast = np.stack([even_contrast(image) for image in own])
    return Cells(
        np.concatenate([np.char.add(cells.name, f"#{k}") for k in range(_N_COPIES)]),
        np.tile(cells.patient, _N_COPIES),
        np.tile(cells.label, _N_COPIES),
        np.concatenate([own, own[:, ::-1], own[:, :, ::-1], contrast]),
    )


@dataclass(frozen=True)
class Draw:
    """Which cells the study takes.

    Attributes:
        high_px: side that every cell is brought to.
        fold: that is held out; of the folds of nih-cells.
        seed: of every draw and of the random split.
        fitted: cells to fit on.
        copied: cells of which copies are made, where copies are split.
    """

    high_px: int = 48
    fold: int = 0
    seed: int = 20261126
    fitted: int = 4000
    copied: int = 2000


def parts_of_split(split: str, draw: Draw, data: Path | None = None) -> dict[str, Cells]:
    """The cells to fit on ("train") and to test on ("test").

    Args:
        split: one of `train.splits.SPLITS`; with "copies-" before it, copies are made and then
            split (at random: as many copies to fit on as by patient).
    """
    kind, examples = split.removeprefix(COPIES), list_examples(DATASET, data)
    if kind not in (split, BY_PATIENT):
        drawn = draw_stratified(examples, draw.copied, draw.seed)
        return _shuffled_copies(copies_of(load_cells(drawn, draw.high_px)), kind, draw.seed)
    found = load_split(DATASET, draw.fold, kind, examples=examples, seed=draw.seed)
    train, test = (found.part_of(examples, part) for part in ("train", "test"))
    if split == kind:
        train = draw_stratified(train, draw.fitted, draw.seed)
        return {"train": load_cells(train, draw.high_px), "test": load_cells(test, draw.high_px)}
    share, _, left = RANDOM_SPLITS[LEAKING]
    counted = {"train": (train, share), "test": (test, left)}
    return {
        part: copies_of(
            load_cells(draw_stratified(own, draw.copied * percent // 100, draw.seed), draw.high_px)
        )
        for part, (own, percent) in counted.items()
    }


def _shuffled_copies(copies: Cells, kind: str, seed: int) -> dict[str, Cells]:
    order = np.random.default_rng(seed).permutation(len(copies.name))
    ends = np.cumsum(RANDOM_SPLITS[kind])[:2] * len(order) // 100
    train, _, test = np.split(order, ends)
    return {"train": copies.take(train), "test": copies.take(test)}


class Pictures:
    """Every form of one part's cells, made when asked for and kept; slow ones on disk, too.

    Args:
        enlarger: gives what enlarges for a form that is not one of this module's.
        marks: of such forms, what tells one network from another in the cache.
    """

    def __init__(
        self, cells: Cells, enlarger: Enlarger, cache: Path | None, marks: Callable[[str], str]
    ) -> None:
        self.cells = cells
        self._enlarger, self._cache, self._marks = enlarger, cache, marks
        self._kept: dict[tuple[str, int], U8Array] = {}

    def shown(self, forms: tuple[str, str]) -> U8Array:
        """(N,s,s,3) uint8: each uninfected cell in the first form, each other in the second."""
        parts = [self._of(form, label) for label, form in enumerate(forms)]
        whole = np.empty((len(self.cells.label), *parts[0].shape[1:]), np.uint8)
        for label, part in enumerate(parts):
            whole[self.cells.label == label] = part
        return whole

    def _of(self, form: str, label: int) -> U8Array:
        if (form, label) not in self._kept:
            own = self.cells.original[self.cells.label == label]
            self._kept[form, label] = self._make(form, label, own)
        return self._kept[form, label]

    def _make(self, form: str, label: int, own: U8Array) -> U8Array:
        if form == ORIGINAL:
            return own
        if form == AS_JPEG:
            return np.stack([through_jpeg(one, JPEG_QUALITY) for one in self._of(SUPER, label)])
        low = np.stack([halve(image) for image in own])
        if form == DOWNSAMPLED:
            return low
        if form == DOUBLED:
            return low.repeat(2, axis=1).repeat(2, axis=2)
        if form == BICUBIC:
            return np.stack([INTERPOLATIONS["bicubic"](image) for image in low])
        return self._enlarged(form, low)

    def _enlarged(self, form: str, low: U8Array) -> U8Array:
        path = None
        if self._cache is not None:
            key = hashlib.sha256(self._marks(form).encode() + low.tobytes()).hexdigest()[:16]
            path = self._cache / f"enlarged-{key}.npy"
            if path.is_file():
                return np.asarray(np.load(path, allow_pickle=False))
        enlarge = self._enlarger(form)
        made = np.stack([enlarge(image) for image in low])
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".part.npy")
            np.save(partial, made)
            partial.replace(path)
        return made
