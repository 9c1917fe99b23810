"""Score calibration by temperature (Guo 2017, arXiv 1706.04599), so that .9 means nine in ten.

One number divides all logits: order, AUC and calls at .5 stay, only confidence changes. It is
fitted across folds: a patient's scores are divided by a temperature that its own never touched.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.contract.errors import DataError
from edge.contract.types import F32Array, F64Array
from train.evaluate import log_loss
from train.metrics import CALIBRATION_BINS, equal_mass_bins

# exp(4) is 55: beyond, the optimum is at infinity; the scores are all right, or useless.
_LOG_RANGE = (-4.0, 4.0)


@dataclass(frozen=True, eq=False)
class Calibrated:
    """Logits after cross-fitted temperatures.

    Attributes:
        temperature: by fold, fitted on all other folds.
        logit: (N,) or (N,K), divided.
    """

    temperature: dict[int, float]
    logit: F32Array


@dataclass(frozen=True, eq=False)
class Reliability:
    """A reliability curve: one row a bin that holds anything, bins of equal count."""

    confidence: F64Array
    rate: F64Array
    n: np.ndarray


def fit_temperature(logit: F32Array, labels: np.ndarray) -> float:
    """The temperature with the lowest log loss.

    Args:
        logit: (N,) of the positive label, or (N,K).
        labels: (N,) class indices.

    Raises:
        DataError: one class only, or a logit that is not finite.
    """
    from scipy.optimize import minimize_scalar

    if len(set(labels.tolist())) < 2:
        raise DataError(f"{len(labels)} examples of one class; no temperature can be fitted")
    if not np.isfinite(logit).all():
        raise DataError("a logit is not finite; no temperature can be fitted")
    classes = labels.astype(int)
    found = minimize_scalar(
        lambda log_t: log_loss(logit / np.float64(np.exp(log_t)), classes),
        bounds=_LOG_RANGE,
        method="bounded",
    )
    return float(np.exp(found.x))


def calibrate_across(logit: F32Array, labels: np.ndarray, fold: np.ndarray) -> Calibrated:
    """Divides each fold's logits by the temperature of all other folds.

    Args:
        fold: (N,) ids; no patient may be in two.

    Raises:
        DataError: one fold only, or the rest of some fold is of one class.
    """
    folds = np.unique(fold)
    if len(folds) < 2:
        raise DataError(f"{len(folds)} fold; calibration across folds needs two")
    temperature = {
        int(k): fit_temperature(logit[fold != k], labels[fold != k]) for k in folds.tolist()
    }
    divisor = np.array([temperature[int(k)] for k in fold], np.float32)
    return Calibrated(temperature, logit / (divisor if logit.ndim == 1 else divisor[:, None]))


def patient_folds(patients: np.ndarray, n_folds: int = 5, seed: int = 0) -> np.ndarray:
    """(N,) folds for scores of a single run: whole patients, dealt out at random."""
    names, owner = np.unique(patients, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    return np.asarray(order[owner] % n_folds)


def reliability(
    confidence: F64Array, right: np.ndarray, n_bins: int = CALIBRATION_BINS
) -> Reliability:
    """Mean confidence against the share that came true, in bins of equal count.

    Args:
        confidence: (N,) P(positive), or the winning class's probability.
        right: (N,) whether it is positive, or the winning class is right.
    """
    place = equal_mass_bins(confidence, n_bins)
    n = np.bincount(place, minlength=n_bins)
    filled = n > 0
    sums = [np.bincount(place, values, n_bins)[filled] for values in (confidence, right)]
    return Reliability(sums[0] / n[filled], sums[1] / n[filled], n[filled])
