"""Counts of 8-bit values, and what is read off them: far cheaper than percentiles of the pixels."""

from __future__ import annotations

import cv2
import numpy as np

from edge.contract.types import F64Array, U8Array


def histogram(values: U8Array, mask: U8Array | None = None) -> F64Array:
    """(256,) how often each value occurs in (H,W) uint8, where the mask is not 0."""
    return np.asarray(cv2.calcHist([values], [0], mask, [256], [0, 256]).ravel(), np.float64)


def level_at(counts: F64Array, share: float) -> int:
    """The value below or at which this share of the pixels lies; 0 where there are none."""
    running = np.cumsum(counts)
    return int(np.searchsorted(running, share * running[-1])) if running[-1] > 0 else 0


def separation(counts: F64Array, threshold: int) -> float:
    """How clearly a threshold parts two kinds of values: 1 where each kind has one value alone.

    The variance between the kinds over that of all (Otsu, IEEE Trans SMC 1979;9:62, eq. 12 to 18).
    0 where there is one kind only.
    """
    values = np.arange(counts.size, dtype=np.float64)
    total = counts.sum()
    above = counts[threshold + 1 :].sum()
    if total == 0 or above in {0, total}:
        return 0.0
    mean = (counts @ values) / total
    mean_above = (counts[threshold + 1 :] @ values[threshold + 1 :]) / above
    variance = (counts @ (values - mean) ** 2) / total
    share = above / total
    between = share / (1 - share) * (mean_above - mean) ** 2
    return float(between / variance) if variance > 0 else 0.0
