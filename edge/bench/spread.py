"""What many timings come to: percentiles, and intervals by bootstrap over blocks.

Calls of one block share the clock and the load that they met, so blocks are drawn, not calls;
drawing calls would give intervals that are too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.contract.types import F64Array

RESAMPLES = 1000


@dataclass(frozen=True)
class Spread:
    """Milliseconds of `runs` calls; percentiles interpolated between neighbours.

    Attributes:
        p99_9: of fewer than 1,000 calls it lies between the slowest two.
    """

    runs: int
    min: float
    mean: float
    std: float
    p50: float
    p90: float
    p95: float
    p99: float
    p99_9: float
    max: float


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def overlaps(self, other: Interval) -> bool:
        """Whether both intervals have a value in common."""
        return self.low <= other.high and other.low <= self.high

    def __str__(self) -> str:
        """For a person."""
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


def spread_of(took_ms: F64Array) -> Spread:
    """Of the timings of one model, (n,) milliseconds, n > 0."""
    quantiles = np.percentile(took_ms, (50, 90, 95, 99, 99.9))
    values = (took_ms.min(), took_ms.mean(), took_ms.std(), *quantiles, took_ms.max())
    return Spread(len(took_ms), *(round(float(value), 5) for value in values))


def median_intervals(took: F64Array, divisor: float = 1.0, seed: int = 0) -> tuple[Interval, ...]:
    """Median of each column with its interval; `took` is (blocks, block, columns)."""
    drawn = _resampled(took, seed) / divisor
    return tuple(_interval(column) for column in drawn.T)


def ratio_intervals(took: F64Array, seed: int = 0) -> tuple[Interval, ...]:
    """Each column's median over the first column's; the same blocks are drawn for both."""
    drawn = _resampled(took, seed)
    return tuple(_interval(column) for column in (drawn / drawn[:, :1]).T)


def drift_of(took: F64Array) -> float:
    """How much slower, as a share, the last quarter of the blocks of (blocks, block) was than the
    first; below 0 where it was faster.
    """
    by_block = np.median(took, axis=1)
    quarter = max(1, len(by_block) // 4)
    return float(np.median(by_block[-quarter:]) / np.median(by_block[:quarter]) - 1)


def unsteadiness_of(took: F64Array) -> float:
    """How far, as a share of the median, the middle four fifths of the block medians reach."""
    low, middle, high = np.percentile(np.median(took, axis=1), (10, 50, 90))
    return float((high - low) / middle)


def _resampled(took: F64Array, seed: int) -> F64Array:
    """(1 + RESAMPLES, columns) medians; the first row is of all blocks as they are."""
    blocks, _, columns = took.shape
    rng = np.random.default_rng(seed)
    rows = [np.median(took.reshape(-1, columns), axis=0)]
    for _ in range(RESAMPLES):
        drawn = took[rng.integers(0, blocks, blocks)]
        rows.append(np.median(drawn.reshape(-1, columns), axis=0))
    return np.stack(rows)


def _interval(values: F64Array) -> Interval:
    low, high = np.percentile(values[1:], (2.5, 97.5))
    return Interval(*(round(float(value), 5) for value in (values[0], low, high)))
