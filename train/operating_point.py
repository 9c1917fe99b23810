"""Choosing a threshold on validation patients, and how far its error rates can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.contract.errors import DataError
from edge.contract.manifest import ErrorRate, OperatingPoint
from edge.contract.types import BoolArray, F32Array, F64Array

# Fewer patients say nothing about how a rate varies between slides.
MIN_PATIENTS = 5
_ROUNDS, _CLOSE = 200, 1e-6


def choose_operating_point(
    scores: F32Array,
    labels: F32Array,
    patients: Sequence[str],
    *,
    target_sensitivity: float,
    chosen_on: str,
) -> OperatingPoint:
    """The highest threshold that still reaches the target sensitivity per cell.

    Args:
        scores: (N,) P(positive), of the model that ships (INT8).
        labels: (N,) 0 or 1.
        patients: (N,) ids.

    Raises:
        DataError: one class only, or too few patients.
    """
    positive = np.asarray(labels) > 0.5
    if positive.all() or not positive.any():
        raise DataError("validation cells are all of one class; no threshold can be chosen")
    ranked = np.sort(scores[positive])
    allowed_misses = int(np.floor((1 - target_sensitivity) * len(ranked)))
    # Half way to the next lower score, so that rounding of a score does not flip its call.
    highest = float(ranked[allowed_misses])
    below = scores[scores < highest]
    threshold = (highest + float(below.max())) / 2 if len(below) else highest
    called = scores >= threshold
    ids = np.asarray(patients)
    return OperatingPoint(
        threshold=round(threshold, 6),
        chosen_on=chosen_on,
        rule=f"highest threshold that finds {target_sensitivity} of all positive cells",
        target_sensitivity=target_sensitivity,
        sensitivity_cell=error_rate(called[positive], ids[positive]),
        specificity_cell=error_rate(~called[~positive], ids[~positive]),
    )


def error_rate(correct: BoolArray, patients: np.ndarray) -> ErrorRate:
    """The rate of correct calls on a new patient's slide, and its effective sample size.

    A new slide has a rate of its own, so the mean is one of patients, each weighted by how well its
    cells make it known, and not one of cells, where a slide with many parasites counts for many.
    Its variance is that between patients plus the uncertainty of the mean (overdispersed
    proportions by the method of moments, Kleinman 1973). `n_effective` is the number of independent
    cells with the same variance.

    Raises:
        DataError: fewer than MIN_PATIENTS patients.
    """
    names, rows = np.unique(patients, return_inverse=True)
    if len(names) < MIN_PATIENTS:
        raise DataError(f"{len(names)} patients; at least {MIN_PATIENTS} are needed for a rate")
    sizes = np.bincount(rows).astype(float)
    rates = np.bincount(rows, weights=correct.astype(float)) / sizes
    rate, alike, weight = _overdispersed(sizes, rates)
    return ErrorRate(
        round(rate, 6), int(sizes.sum()), len(names), round(1 / (alike + 1 / weight), 1)
    )


def _overdispersed(sizes: F64Array, rates: F64Array) -> tuple[float, float, float]:
    """Mean rate, correlation of two cells of a patient, and the weight of all patients together."""
    alike = 0.0
    for _ in range(_ROUNDS):
        weights = sizes / (1 + alike * (sizes - 1))
        total = float(weights.sum())
        rate = float(weights @ rates) / total
        before, alike = alike, _correlation(sizes, rates, weights, rate)
        if abs(alike - before) < _CLOSE:
            break
    return rate, alike, total


def _correlation(sizes: F64Array, rates: F64Array, weights: F64Array, rate: float) -> float:
    noise = rate * (1 - rate)
    if noise <= 0:
        return 0.0
    left = weights * (1 - weights / weights.sum())
    by_chance = float((left / sizes).sum())
    excess = float(weights @ (rates - rate) ** 2) - noise * by_chance
    spread = noise * (float(left.sum()) - by_chance)
    return min(1.0, max(0.0, excess / spread)) if spread > 0 else 0.0
