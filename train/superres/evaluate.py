"""Every system on every test image: the held-out fold, and microscopes never fitted on.

A system is any function from (h,w,3) to (2h,2w,3) uint8: interpolation, a Keras network, a file
for a device.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from edge.contract.images import read_image
from edge.contract.types import BoolArray, F32Array, U8Array
from train.datasets.base import list_examples, module_of
from train.superres.degrade import DegradeSpec, degrade, halve
from train.superres.measured import MEASURES, Measured
from train.superres.measures import quality
from train.superres.networks import Enlarge
from train.superres.pairs import HighRes, cell_mask, load_high_res
from train.superres.recipe import LOSSLESS, NEAR_LOSSLESS, EnhancerRecipe

# Networks of minutes a thousand cells are measured here, too; a share of each patient will do.
CELLS_PER_PATIENT = 20
_SEED = 0
# Of fields a square from the middle: the scale bar of iml-fields is in a corner.
FIELD_PX = 256
# The sources bring every cell to this side first, so that most of its pixels are made up.
SOURCES_PX = 224
SMALL_PX = 48


@dataclass(frozen=True, eq=False)
class Pair:
    """A good picture and what a system is given of it.

    Attributes:
        patient: what is resampled: a patient, a block of fields, or a field.
        high: (2h,2w,3) uint8 RGB.
        low: (h,w,3) uint8 RGB.
        mask: (2h,2w), True inside the cell; None for a field.
    """

    name: str
    patient: str
    high: U8Array
    low: U8Array
    mask: BoolArray | None = None


@dataclass(frozen=True)
class PairSet:
    """A set of pairs: which images, and how they were made worse.

    Attributes:
        source: of cells, `nih-cells` or `nih-cells-lossless`; of fields, the data set of its cells.
        side_px: that each cell is brought to before it is halved; 0 keeps its own.
        shrink: of fields, by how much before they are cut and halved.
        degrade: how it is halved.
    """

    source: str
    about: str
    side_px: int = 0
    shrink: int = 1
    degrade: str = "bicubic"

    @property
    def folder(self) -> str:
        """Of the data set that the pictures are read from."""
        return str(module_of(self.source).FOLDER)

    @property
    def of_fields(self) -> bool:
        """True for pieces of fields, which have no mask."""
        return self.source not in {NEAR_LOSSLESS, LOSSLESS}


_SHARE = f"at most {CELLS_PER_PATIENT} cells a patient, the same for every system"
PAIR_SETS = {
    "nih-cells-lossless": PairSet(
        LOSSLESS, "Exact pixels of held-out patients' cells at their own size, halved by bicubic."
    ),
    "nih-cells": PairSet(
        NEAR_LOSSLESS,
        f"Near-lossless files of held-out patients' cells at their own size, {_SHARE}; the noise "
        "of their coding cannot be restored by anyone.",
    ),
    "nih-cells-lossless-224": PairSet(
        LOSSLESS,
        f"Pairs as the sources made them: the exact cells brought to {SOURCES_PX} px and halved.",
        SOURCES_PX,
    ),
    "nih-cells-224": PairSet(
        NEAR_LOSSLESS,
        f"Pairs as the sources made them, of the near-lossless files, {_SHARE}: every cell is "
        f"brought to {SOURCES_PX} px first. It has some 130, so the finest detail that is asked "
        "for was never photographed.",
        SOURCES_PX,
    ),
    "nih-cells-48": PairSet(
        NEAR_LOSSLESS,
        f"A cheap camera: every cell brought to {SMALL_PX} px and halved, {_SHARE}.",
        SMALL_PX,
    ),
    "nih-cells-realistic": PairSet(
        NEAR_LOSSLESS,
        f"Halved with blur, noise and JPEG, a draw for each cell, {_SHARE}.",
        degrade="realistic",
    ),
    "iml-fields": PairSet(
        "iml-cells",
        f"Another microscope, never fitted on: the middle {FIELD_PX} px of each field.",
    ),
    "iml-fields-half": PairSet(
        "iml-cells",
        f"The same fields at half the resolution, the middle {FIELD_PX} px of that: a cheaper "
        "camera on good optics, where fine detail was there to be lost.",
        shrink=2,
    ),
    "chula-fields": PairSet(
        "chula-cells",
        f"Other blood on a third microscope, never fitted on: the middle {FIELD_PX} px of each "
        "field.",
    ),
}


def load_pairs(name: str, recipe: EnhancerRecipe, data: Path | None = None) -> list[Pair]:
    """The pairs of a set of `PAIR_SETS`; of cells those of the recipe's held-out fold.

    Raises:
        ConfigError, DataError: no data, or an image that cannot be read.
    """
    chosen = PAIR_SETS[name]
    if chosen.of_fields:
        return _field_pairs(chosen, data)
    own = replace(
        recipe,
        cells_per_patient=CELLS_PER_PATIENT,
        seed=_SEED,
        high_px=chosen.side_px,
        label=-1,
    )
    return [
        _cell_pair(cell, DegradeSpec(chosen.degrade))
        for cell in load_high_res(own, "test", data, (chosen.source,))
    ]


def evaluate(
    systems: Mapping[str, Enlarge],
    pairs: Sequence[Pair],
    on_system: Callable[[str, F32Array], None] = lambda _name, _values: None,
) -> Measured:
    """Figures of every system on every pair.

    Args:
        on_system: told each system's (N,2,4) figures when it is done.

    Raises:
        DataError: a system gives another size than twice the low one.
    """
    values: dict[str, F32Array] = {}
    for name, enlarge in systems.items():
        rows = [_row(pair, enlarge) for pair in pairs]
        values[name] = np.array(rows, np.float32)
        on_system(name, values[name])
    return Measured(
        np.array([pair.name for pair in pairs]), np.array([pair.patient for pair in pairs]), values
    )


def _row(pair: Pair, enlarge: Enlarge) -> list[list[float]]:
    places = quality(pair.high, enlarge(pair.low), pair.mask)
    return [[getattr(place, measure) for measure in MEASURES] for place in places]


def _cell_pair(cell: HighRes, spec: DegradeSpec) -> Pair:
    # A draw of its own for each cell, whichever others are measured.
    rng = np.random.default_rng(zlib.crc32(cell.name.encode()))
    low = degrade(cell.image, spec, rng)
    return Pair(cell.name, cell.patient, cell.image, low, cell_mask(cell.image))


def _field_pairs(chosen: PairSet, data: Path | None) -> list[Pair]:
    groups = {example.path: example.patient for example in list_examples(chosen.source, data)}
    return [_field_pair(path, group, chosen.shrink) for path, group in sorted(groups.items())]


def _field_pair(path: Path, group: str, shrink: int) -> Pair:
    image = read_image(path)
    if shrink > 1:
        size = (image.shape[1] // shrink, image.shape[0] // shrink)
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    side = min(FIELD_PX, *(length // 2 * 2 for length in image.shape[:2]))
    top, left = ((length - side) // 2 for length in image.shape[:2])
    high = np.ascontiguousarray(image[top : top + side, left : left + side])
    return Pair(path.stem, group, high, halve(high))
