"""What a finder adds to a bundle: its files, a drawn field and the grid that it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from compress.finder.record import MADE_BY, RECORD_FILE, FinderRecord, read_finder
from compress.golden import make_golden
from compress.pack_parts import npy, read_weights
from edge.analysis.cell_size import RBC_DIAMETER_UM
from edge.cameras.smear import draw_field
from edge.cameras.smear_settings import SmearSettings
from edge.contract.cell_grid import GridSettings
from edge.contract.manifest import GRID, Finder, Golden, Manifest
from edge.contract.types import F32Array, U8Array
from edge.runtimes.base import Runtime

INPUT, OUTPUT = "golden/finder-input.npy", "golden/finder-grid.npy"
_SEED = 7
# Of the drawn field, height and width in px; multiples of `SIDE_STEP_PX`.
_SIDES_PX = (96, 128)
_VARIANTS = {"tflite": "int8", "onnx": "onnx-int8"}


@dataclass(frozen=True, eq=False)
class FinderPart:
    """A finder on its way into a bundle.

    Attributes:
        files: weights and golden tensors, by name.
        variants: key of `compress.variants.VARIANTS` by weights file.
    """

    record: FinderRecord
    golden: Golden
    files: Mapping[str, bytes]

    @property
    def variants(self) -> dict[str, str]:
        """How each file was made."""
        return {entry.file: _VARIANTS[entry.format] for entry in self.record.weights}

    def added_to(self, manifest: Manifest) -> Manifest:
        """The manifest with this finder beside its own networks."""
        record = self.record
        section = Finder(
            record.grid, record.fitted_on, self.golden, record.representative_set, record.parity
        )
        return replace(
            manifest,
            weights=manifest.weights + record.weights,
            evaluation=manifest.evaluation + record.evaluation,
            finder=section,
        )


def read_finder_part(folder: Path) -> FinderPart:
    """A folder of `compress finder`, with golden tensors made.

    Raises:
        ConfigError: it is none.
        DataError: a file was altered, or kernels part.
    """
    record = read_finder(folder)
    weights = [
        (entry, read_weights(folder, entry, RECORD_FILE, MADE_BY)) for entry in record.weights
    ]
    images = draw_input(record.grid)
    golden = make_golden(images, weights, _grids)
    files = {entry.file: content for entry, content in weights}
    files |= {INPUT: npy(images), OUTPUT: npy(golden.outputs[GRID])}
    return FinderPart(record, Golden(INPUT, {GRID: OUTPUT}, golden.tolerances), files)


def draw_input(grid: GridSettings) -> U8Array:
    """A part of a drawn field as a finder sees it, (1,H,W,3) uint8 RGB."""
    settings = SmearSettings()
    image = draw_field(settings, _SEED, 0).image
    scale = grid.cell_px * settings.um_per_px / RBC_DIAMETER_UM
    height, width = _SIDES_PX
    part = image[: round(height / scale), : round(width / scale)]
    return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA))[None]


def _grids(runtime: Runtime, images: U8Array) -> dict[str, F32Array]:
    return {GRID: np.stack([runtime.grid(image) for image in images])}
