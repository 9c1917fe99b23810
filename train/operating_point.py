"""Choosing a threshold on validation patients, and how far its error rates can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.contract.errors import DataError
from edge.contract.manifest import ErrorRate, OperatingPoint
from edge.contract.types import BoolArray, F32Array

# Fewer patients say nothing about how a rate varies between slides.
MIN_PATIENTS = 5


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
        rule=f"highest threshold with sensitivity_cell >= {target_sensitivity}",
        target_sensitivity=target_sensitivity,
        sensitivity_cell=error_rate(called[positive], ids[positive]),
        specificity_cell=error_rate(~called[~positive], ids[~positive]),
    )


def error_rate(correct: BoolArray, patients: np.ndarray) -> ErrorRate:
    """The rate of correct calls, and its effective sample size for a new slide.

    A new slide has a rate of its own: its variance is that between patients (method of moments for
    overdispersed proportions, Kleinman 1973) plus the uncertainty of the mean. `n_effective` is the
    number of independent cells with the same variance.

    Raises:
        DataError: fewer than MIN_PATIENTS patients.
    """
    names, rows = np.unique(patients, return_inverse=True)
    if len(names) < MIN_PATIENTS:
        raise DataError(f"{len(names)} patients; at least {MIN_PATIENTS} are needed for a rate")
    sizes = np.bincount(rows).astype(float)
    rates = np.bincount(rows, weights=correct.astype(float)) / sizes
    total, rate = sizes.sum(), float(correct.mean())
    noise = max(rate * (1 - rate), 1 / (total + 2))
    excess = (sizes * (rates - rate) ** 2).sum() - (len(names) - 1) * noise
    between = max(0.0, excess / (total - (sizes**2).sum() / total))
    variance = between * (1 + 1 / len(names)) + noise / total
    return ErrorRate(round(rate, 6), int(total), len(names), round(float(noise / variance), 1))
