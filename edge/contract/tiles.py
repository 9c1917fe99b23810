"""Pictures of any size through a network that takes squares of one size, without seams.

Tiles overlap, and what a network says near a tile's rim, where it could not see beyond, is thrown
away. Beyond the picture it sees the picture's own reflection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from edge.contract.types import U8Array

# Tiles at once: of the largest allowed they take 63 MB with their answers, whatever the picture.
CHUNK = 16
Indexes = npt.NDArray[np.intp]


def enlarge(
    image: U8Array, run: Callable[[U8Array], U8Array], tile_px: int, margin_px: int
) -> U8Array:
    """A picture enlarged two times.

    Args:
        image: (H,W,3) uint8, of any size from 1 x 1.
        run: (N,T,T,3) to (N,2T,2T,3) uint8, N at most CHUNK; T is `tile_px`.
        margin_px: thrown away at each side of a tile. Where it is at least how far `run` looks,
            the result is the same for any `tile_px`.

    Returns:
        (2H,2W,3) uint8.
    """
    height, width = image.shape[:2]
    step = tile_px - 2 * margin_px
    out = np.empty((2 * height, 2 * width, 3), np.uint8)
    corners = [(top, left) for top in range(0, height, step) for left in range(0, width, step)]
    for chunk in _chunks(corners):
        tiles = np.stack([_tile(image, *corner, tile_px, margin_px) for corner in chunk])
        for (top, left), tile in zip(chunk, run(tiles), strict=True):
            place = out[2 * top : 2 * (top + step), 2 * left : 2 * (left + step)]
            kept = tile[2 * margin_px :, 2 * margin_px :]
            place[:] = kept[: place.shape[0], : place.shape[1]]
    return out


def _chunks(corners: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    for start in range(0, len(corners), CHUNK):
        yield corners[start : start + CHUNK]


def _tile(image: U8Array, top: int, left: int, tile_px: int, margin_px: int) -> U8Array:
    """The square whose kept part begins at `top`, `left`."""
    top, left = top - margin_px, left - margin_px
    height, width = image.shape[:2]
    if 0 <= top <= height - tile_px and 0 <= left <= width - tile_px:
        return image[top : top + tile_px, left : left + tile_px]
    rows, columns = reflected(top, tile_px, height), reflected(left, tile_px, width)
    # Rows of a part: gathering from whole rows of a large picture would copy all of them.
    first = int(columns.min())
    part = image[:, first : int(columns.max()) + 1]
    return np.take(np.take(part, rows, axis=0), columns - first, axis=1)


def reflected(start: int, count: int, length: int) -> Indexes:
    """Indexes `start` to `start + count`, those beyond 0 to `length` reflected, however far.

    The mirror is the edge, not the middle of the last pixel, which is therefore seen twice: only so
    is a reflected picture, halved, the reflection of the halved one.
    """
    indexes = np.arange(start, start + count) % (2 * length)
    return np.asarray(np.where(indexes < length, indexes, 2 * length - 1 - indexes), np.intp)
