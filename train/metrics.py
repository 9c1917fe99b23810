"""Every figure of a classifier from its probabilities, with intervals by `train.bootstrap`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge.contract.errors import DataError
from edge.contract.types import F64Array
from train.bootstrap import (
    RESAMPLES,
    Figure,
    at_least_exact,
    curve_rows,
    draw_weights,
    group_sums,
    summary,
    too_few,
)

CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Figures:
    """All figures of one set of scores; `per_class` holds one mapping a label where K > 2."""

    overall: Mapping[str, Figure]
    per_class: tuple[Mapping[str, Figure], ...] = ()


def measure(
    probability: F64Array,
    labels: Sequence[int] | np.ndarray,
    groups: Sequence[str] | np.ndarray,
    *,
    threshold: float = 0.5,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Figures:
    """Every figure of a set of scores.

    Two classes: the second is positive and called at `threshold`. More: the likeliest is called,
    `macro_` figures are plain means over classes, AUC is one class against the rest.

    Args:
        probability: (N,K).
        labels: (N,) class indices.
        groups: (N,) patient ids; whole patients are resampled.

    Raises:
        DataError: a class of the labels is absent.
    """
    truth = np.asarray(labels, np.int64)
    n_classes = probability.shape[1]
    absent = sorted(set(range(n_classes)) - set(truth.tolist()))
    if absent:
        raise DataError(
            f"of {len(truth)} examples none has label {absent}: with one class missing there is "
            "nothing to measure"
        )
    names, owner = np.unique(np.asarray(groups), return_inverse=True)
    weights = draw_weights(len(names), resamples, seed)
    binary = n_classes == 2
    called = (probability[:, 1] >= threshold).astype(int) if binary else probability.argmax(axis=1)
    confusion = weights @ _confusion(truth, called, owner, n_classes).reshape(len(names), -1)
    confusion = confusion.reshape(-1, n_classes, n_classes)
    curves = [
        curve_rows(probability[:, k], truth == k, owner, weights)
        for k in ([1] if binary else range(n_classes))
    ]
    rows = _overall_rows(confusion, curves) | _score_rows(probability, truth, owner, weights)
    overall = {name: summary(row, len(truth), len(names)) for name, row in rows.items()}
    if binary:
        return Figures(overall)
    per_class = [
        _class_figures(confusion, k, curves[k]["auc"], len(set(owner[truth == k].tolist())))
        for k in range(n_classes)
    ]
    return Figures(overall, tuple(per_class))


def measure_scores(
    probability: F64Array,
    labels: np.ndarray,
    groups: np.ndarray,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Figure]:
    """Brier, log loss and ECE alone: what calibration changes; arguments as of `measure`."""
    names, owner = np.unique(groups, return_inverse=True)
    weights = draw_weights(len(names), resamples, seed)
    rows = _score_rows(probability, labels.astype(np.int64), owner, weights)
    return {name: summary(row, len(labels), len(names)) for name, row in rows.items()}


def equal_mass_bins(values: F64Array, n_bins: int = CALIBRATION_BINS) -> np.ndarray:
    """(N,) bin of each value: bins of equal count; equal values share the bin of their middle."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2)[place] / len(values)
    return np.minimum((middle * n_bins).astype(int), n_bins - 1)


def _score_rows(
    probability: F64Array, truth: np.ndarray, owner: np.ndarray, weights: F64Array
) -> dict[str, F64Array]:
    """Brier, log loss and ECE. Brier of K > 2 sums over classes (Brier 1950), of two does not.

    ECE: mean over CALIBRATION_BINS bins of equal mass of |mean probability - share of positives|;
    for K > 2 of the winning class's probability against its accuracy. A resample adds noise to
    each bin, so its interval lies a little too high.
    """
    n_classes, n_groups = probability.shape[1], weights.shape[1]
    squared = ((probability - np.eye(n_classes)[truth]) ** 2).sum(axis=1)
    surprise = -np.log(np.maximum(probability[np.arange(len(truth)), truth], 1e-12))
    if n_classes == 2:
        squared, confidence, right = squared / 2, probability[:, 1], truth == 1
    else:
        confidence, right = probability.max(axis=1), probability.argmax(axis=1) == truth
    gap = np.eye(CALIBRATION_BINS)[equal_mass_bins(confidence)] * (confidence - right)[:, None]
    sums = np.column_stack([np.ones(len(truth)), squared, surprise, gap])
    drawn = weights @ group_sums(sums, owner, n_groups)
    means = drawn[:, 1:] / drawn[:, :1]
    return {
        "brier": means[:, 0],
        "log_loss": means[:, 1],
        "ece": np.abs(means[:, 2:]).sum(axis=1),
    }


def _confusion(
    truth: np.ndarray, called: np.ndarray, owner: np.ndarray, n_classes: int
) -> F64Array:
    """(P,K,K) counts of each patient; rows are the truth."""
    cell = (owner * n_classes + truth) * n_classes + called
    counts = np.bincount(cell, minlength=(int(owner.max()) + 1) * n_classes**2)
    return counts.reshape(-1, n_classes, n_classes).astype(np.float64)


def _overall_rows(
    confusion: F64Array, curves: Sequence[Mapping[str, F64Array]]
) -> dict[str, F64Array]:
    total = confusion.sum(axis=(1, 2))
    accuracy = np.trace(confusion, axis1=1, axis2=2) / total
    rates = [class_rates(confusion, k) for k in range(confusion.shape[1])]
    if len(rates) == 2:
        return dict(curves[0]) | {
            "accuracy": accuracy,
            "precision": rates[1]["precision"],
            "sensitivity_cell": rates[1]["recall"],
            "specificity_cell": rates[0]["recall"],
            "f1": rates[1]["f1"],
            "mcc": mcc_of(confusion),
        }
    return {
        "accuracy": accuracy,
        "macro_recall": np.mean([rate["recall"] for rate in rates], axis=0),
        "macro_f1": np.mean([rate["f1"] for rate in rates], axis=0),
        "macro_auc": np.mean([curve["auc"] for curve in curves], axis=0),
        "macro_pr_auc": np.mean([curve["pr_auc"] for curve in curves], axis=0),
        "mcc": mcc_of(confusion),
    }


def class_rates(confusion: F64Array, k: int) -> dict[str, F64Array]:
    """Precision, recall and F1 of class k, (R,) each, from (R,K,K); NaN where undefined."""
    right = confusion[:, k, k]
    true, called = confusion[:, k, :].sum(axis=1), confusion[:, :, k].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "precision": right / called,
            "recall": right / true,
            "f1": np.where(true > 0, 2 * right / (true + called), np.nan),
        }


def mcc_of(confusion: F64Array) -> F64Array:
    """(R,) Matthews correlation of (R,K,K) (Gorodkin 2004); 0 where all is called one class."""
    total = confusion.sum(axis=(1, 2))
    true, called = confusion.sum(axis=2), confusion.sum(axis=1)
    right = np.trace(confusion, axis1=1, axis2=2)
    spread = (total**2 - (true**2).sum(axis=1)) * (total**2 - (called**2).sum(axis=1))
    covariance = right * total - (true * called).sum(axis=1)
    return np.where(spread > 0, covariance / np.sqrt(np.maximum(spread, 1)), 0.0)


def _class_figures(confusion: F64Array, k: int, auc: F64Array, n_groups: int) -> dict[str, Figure]:
    """Figures of class k; where it is rare, at least as wide as the exact binomial interval."""
    n = int(confusion[0, k].sum())
    note = too_few(n, n_groups)
    found = {
        name: summary(row, n, n_groups, note)
        for name, row in (class_rates(confusion, k) | {"auc": auc}).items()
    }
    if note:
        right, called = int(confusion[0, k, k]), int(confusion[0, :, k].sum())
        for name, of in (("recall", n), ("precision", called)):
            found[name] = at_least_exact(found[name], right, of)
    return found
