"""Whether a correction shows a picture that the data set has already.

A device stores fields as JPEG, so neither the file nor its pixels are the same; they are alike. Of
289 crops from 153 fields of iml-fields that a device had screened, each differs by 0.5 to 1.8 grey
levels from its own place in its own picture, and by 8.5 at least from that place in any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.contract.errors import DataError, ImageError
from edge.contract.image_header import read_header
from edge.contract.images import read_bytes, read_image
from edge.contract.types import U8Array
from train.datasets.base import Example

# Mean absolute difference of `samples_of`, grey levels, up to which pictures are the same.
ALIKE = 4.0
_GRID = 8


def samples_of(image: U8Array) -> U8Array:
    """(64,3) pixels of an (H,W,3) picture, on a grid."""
    rows, columns = _places(*image.shape[:2])
    return np.asarray(image[rows, columns])


def shown_in(
    examples: Sequence[Example], samples: U8Array, places: np.ndarray, sizes: np.ndarray
) -> np.ndarray:
    """(N,) bool: which crops show a part of these examples' pictures.

    Of an example with a box its whole picture counts, and the crop is looked for where it was cut
    out; one without a box is a cell's picture, which the crop would be.

    Args:
        samples: (N,64,3) uint8, `samples_of` each crop.
        places: (N,2) top and left of each crop in its picture, px.
        sizes: (N,2) height and width of each.

    Raises:
        DataError: a picture cannot be read.
    """
    found = np.zeros(len(samples), bool)
    wanted = {(int(height), int(width)) for height, width in sizes}
    fields = {example.path for example in examples if example.box}
    cells = {example.path for example in examples if not example.box}
    grid = np.stack([_places(*size) for size in sizes.tolist()])
    where = grid + places[:, :, None]
    for path in sorted(fields | {path for path in cells if _size_of(path) in wanted}):
        image = _image_of(path)
        if path in fields:
            inside = (places + sizes <= image.shape[:2]).all(axis=1) & ~found
            found[inside] = _alike(image, samples[inside], where[inside])
        else:
            same = (sizes == image.shape[:2]).all(axis=1) & ~found
            found[same] = _alike(image, samples[same], grid[same])
    return found


def _alike(image: U8Array, samples: U8Array, where: np.ndarray) -> np.ndarray:
    """(N,) bool of (N,64,3) samples, and (N,2,64) where in the image they may be from."""
    seen = image[where[:, 0], where[:, 1]].astype(np.int16)
    return np.asarray(np.abs(seen - samples).mean(axis=(1, 2)) <= ALIKE)


def _places(height_px: int, width_px: int) -> np.ndarray:
    """(2,64) rows and columns of the grid."""
    middle = (np.arange(_GRID) + 0.5) / _GRID
    rows, columns = np.meshgrid(middle * height_px, middle * width_px, indexing="ij")
    return np.stack([rows.ravel(), columns.ravel()]).astype(int)


def _size_of(path: Path) -> tuple[int, int]:
    try:
        header = read_header(read_bytes(path))
    except ImageError as error:
        raise DataError(f"{path}: {error}") from error
    return header.height_px, header.width_px


def _image_of(path: Path) -> U8Array:
    try:
        return read_image(path, may_be_grey=True)
    except ImageError as error:
        raise DataError(f"{path}: {error}") from error
