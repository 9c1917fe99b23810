"""Exact 95 % intervals of a person's counts: of a number, and of a share. Pure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge.contract.types import F64Array

TAIL = 0.025
_HALVINGS = 60


def poisson_interval(count: int) -> tuple[float, float]:
    """Expected number behind a count (Garwood 1936)."""
    low = 0.0
    top = count + 10 + 10 * np.sqrt(count + 1)
    if count:
        low = halve(lambda mean: 1 - _poisson_at_most(count - 1, mean) > TAIL, 0.0, top)
    return low, halve(lambda mean: _poisson_at_most(count, mean) <= TAIL, 0.0, top)


def share_interval(count: int, of: int) -> tuple[float, float]:
    """Share behind `count` of `of` (Clopper and Pearson 1934).

    Raises:
        ValueError: more than there are, or none at all.
    """
    if not 0 <= count <= of or not of:
        raise ValueError(f"{count} of {of} is no share")
    low, high = 0.0, 1.0
    if count:
        low = halve(lambda share: 1 - _binomial_at_most(count - 1, of, share) > TAIL, 0.0, 1.0)
    if count < of:
        high = halve(lambda share: _binomial_at_most(count, of, share) <= TAIL, 0.0, 1.0)
    return low, high


def halve(reached: Callable[[float], bool], low: float, high: float) -> float:
    """The smallest number from which on `reached` holds."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return (low + high) / 2


def _poisson_at_most(count: int, mean: float) -> float:
    if mean <= 0:
        return 1.0
    x = np.arange(count + 1)
    return min(float(np.exp(x * np.log(mean) - mean - _log_factorials(count)).sum()), 1.0)


def _binomial_at_most(count: int, of: int, share: float) -> float:
    if not 0 < share < 1:
        return 1.0 if share <= 0 or count == of else 0.0
    x, logs = np.arange(count + 1), _log_factorials(of)
    ways = logs[of] - logs[x] - logs[of - x]
    chances = np.exp(ways + x * np.log(share) + (of - x) * np.log1p(-share))
    return min(float(chances.sum()), 1.0)


def _log_factorials(top: int) -> F64Array:
    result: F64Array = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, top + 1)))])
    return result
