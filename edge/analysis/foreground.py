"""How much stain there is at each place of a field, and what is typical of glass and of cells.

Owns the estimate of the background; knows nothing of single cells.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from edge.analysis.histograms import histogram
from edge.contract.types import F64Array, U8Array

GREEN = 1
_GRID_PX = 10
# Surface fitting: rounds, and the pull of blocks below the surface, which hold cells.
_SURFACE_ROUNDS = 6
_CELL_BLOCK_WEIGHT = 0.02
_BACKGROUND_PERCENTILE = 85.0


def stain_map(green: U8Array) -> U8Array:
    """How much of the light each pixel absorbs, with the background made even.

    Haemoglobin, eosin and the azure dyes all absorb green, so the green channel shows every cell
    whatever the stain and the white balance.

    Args:
        green: (H,W) uint8, the green channel.

    Returns:
        (H,W) uint8, 255 * (1 - green / background); 0 is clear glass.
    """
    smooth = np.asarray(cv2.GaussianBlur(green, (3, 3), 0), np.uint8)
    even = cv2.divide(smooth, background_surface(smooth), scale=255.0)
    return np.asarray(cv2.bitwise_not(even), np.uint8)


def background_surface(channel: U8Array) -> U8Array:
    """Brightness of clear glass at each pixel: a quadratic, as vignetting nearly is.

    Fitted to bright percentiles of blocks; blocks below the surface hold cells and count little.

    Args:
        channel: (H,W) uint8.

    Returns:
        (H,W) uint8, at least 1.
    """
    height, width = channel.shape
    rows, cols = max(1, height // 40), max(1, width // 40)
    small = cv2.resize(channel, (cols * _GRID_PX, rows * _GRID_PX), interpolation=cv2.INTER_AREA)
    blocks = small.reshape(rows, _GRID_PX, cols, _GRID_PX).swapaxes(1, 2).reshape(rows * cols, -1)
    bright = _bright(np.asarray(blocks, np.uint8))
    terms = _quadratic_terms(rows, cols)
    weights = np.where(bright >= np.median(bright), 1.0, _CELL_BLOCK_WEIGHT)
    # Of two rows no curve can be told.
    solve = _least_squares if min(rows, cols) > 2 else _least_norm
    fitted = bright
    for _ in range(_SURFACE_ROUNDS):
        fitted = terms @ solve(terms, bright, weights)
        weights = np.where(bright >= fitted - 3.0, 1.0, _CELL_BLOCK_WEIGHT)
    grid = np.clip(np.rint(fitted), 1.0, 255.0).reshape(rows, cols).astype(np.uint8)
    return np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _bright(blocks: U8Array) -> F64Array:
    """The bright percentile of each row; sorting bytes takes less than `np.percentile`."""
    ordered = np.sort(blocks, axis=1)
    at = _BACKGROUND_PERCENTILE / 100 * (blocks.shape[1] - 1)
    low = int(at)
    below, above = ordered[:, low].astype(np.float64), ordered[:, low + 1].astype(np.float64)
    return np.asarray(below + (at - low) * (above - below))


def _least_squares(terms: F64Array, values: F64Array, weights: F64Array) -> F64Array:
    """Weighted, by the normal equations: a quarter of the time where they have one solution."""
    weighted = terms.T * weights
    return np.asarray(np.linalg.solve(weighted @ terms, weighted @ values))


def _least_norm(terms: F64Array, values: F64Array, weights: F64Array) -> F64Array:
    """The same where there are many."""
    root = np.sqrt(weights)
    return np.asarray(np.linalg.lstsq(terms * root[:, None], values * root, rcond=None)[0])


@lru_cache(maxsize=16)
def _quadratic_terms(rows: int, cols: int) -> F64Array:
    y, x = np.mgrid[0:rows, 0:cols].astype(np.float64)
    y = (y.ravel() + 0.5) / rows - 0.5
    x = (x.ravel() + 0.5) / cols - 0.5
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


def stain_levels(stain: U8Array) -> tuple[int, int] | None:
    """Typical stain of glass and of a red cell, None where there are not two kinds of pixel.

    Otsu's threshold parts glass from cells; dark nuclei are clipped to the red cells' level first,
    since they would pull it up.

    Args:
        stain: (H,W) uint8 from `stain_map`.
    """
    first, _ = cv2.threshold(stain, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    counts = histogram(stain)
    cell = _median_of(counts, int(first) + 1, 256)
    if cell is None:
        return None
    clipped = np.minimum(stain, np.uint8(cell))
    second, _ = cv2.threshold(clipped, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    glass = _median_of(counts, 0, int(second) + 1)
    cell = _median_of(counts, int(second) + 1, 256)
    return None if glass is None or cell is None else (glass, cell)


def _median_of(counts: np.ndarray, low: int, high: int) -> int | None:
    """Median of the values in [low, high) of a histogram, None where there are none."""
    running = np.cumsum(counts[low:high])
    if running.size == 0 or running[-1] == 0:
        return None
    return low + int(np.searchsorted(running, running[-1] / 2))
