"""Golden tensors of an enhancer: drawn tiles, what LiteRT makes of them, how far others may be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compress.golden import DIFFERENCE_FACTOR, NO_DELEGATE, GoldenSet, other_kernels
from compress.superres.systems import first_tile
from edge.cameras.smear import draw_cell
from edge.contract.errors import DataError
from edge.contract.labels import STAGES, UNINFECTED
from edge.contract.manifest import Weights
from edge.contract.types import U8Array
from edge.runtimes.litert import LiteRTRuntime

OUTPUT = "image"
# A tile of 128 px takes 245,760 bytes with its answer, and a bundle has a million.
COUNT = 2
# Correct kernels round differently at each layer; grey levels.
LEAST_TOLERANCE = 2.0
# Pictures that depend by so much on who computes them are no proof of anything.
MAX_DIFFERENCE = 24


def draw_tiles(tile_px: int, margin_px: int, count: int = COUNT) -> U8Array:
    """(count,T,T,3) uint8 RGB: drawn cells, with what is round them and in black by turns."""
    kinds = (STAGES[0], UNINFECTED)
    tiles = []
    for seed in range(count):
        image, mask = draw_cell(kinds[seed % 2], seed, max(16, tile_px // 2))
        seen = image * mask[:, :, None] if seed % 2 else image
        tiles.append(first_tile(np.asarray(seen, np.uint8), tile_px, margin_px))
    return np.stack(tiles)


def make_golden_pictures(tiles: U8Array, files: Sequence[tuple[Weights, bytes]]) -> GoldenSet:
    """Runs drawn tiles on every kernel there is.

    Args:
        tiles: (N,T,T,3) uint8 RGB.
        files: entries of the manifest with the files' content, one a format.

    Raises:
        DataError: no TFLite file, or a kernel is more than MAX_DIFFERENCE grey levels away.
        RuntimeUnavailableError: LiteRT or ONNX Runtime refuses its file.
    """
    reference = next((file for file in files if file[0].format == "tflite"), None)
    if reference is None:
        raise DataError("there are no tflite weights; golden tensors come from LiteRT: make them")
    golden, most = LiteRTRuntime(reference[1], reference[0]).enlarge(tiles), 0
    # LiteRT's reference kernels have no DEPTH_TO_SPACE of the version that its converter writes.
    for kernel, runtime in other_kernels(files, NO_DELEGATE):
        apart = int(np.abs(runtime.enlarge(tiles).astype(np.int16) - golden).max())
        if apart > MAX_DIFFERENCE:
            raise DataError(
                f"{kernel} gives a golden picture {apart} grey levels away from LiteRT's on "
                f"{reference[0].file}; at most {MAX_DIFFERENCE}: a device could not tell its own "
                "rounding from a wrong model; use a larger representative set"
            )
        most = max(most, apart)
    tolerance = max(float(DIFFERENCE_FACTOR * most), LEAST_TOLERANCE)
    return GoldenSet(tiles, {OUTPUT: golden}, {OUTPUT: tolerance})
