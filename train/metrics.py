"""Figures of a classifier with 95 % intervals by bootstrap over patients: the arithmetic.

Cells of one patient resemble each other; resampling cells would give intervals that are too narrow.
A resample is a weight for each patient (how often it was drawn). Rates are then one product of
weights with sums per patient, and areas under curves one sweep over the sorted scores, so that
1000 resamples of 22,000 cells take about a second. Row 0 of the weights is all ones: the figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge.contract.errors import DataError
from edge.contract.types import BoolArray, F64Array

RESAMPLES = 1000
SPECIFICITIES = (0.95, 0.97, 0.99)
CALIBRATION_BINS = 15
# Below these an interval rests on too little to be taken at its word, and says so.
RARE_EXAMPLES, RARE_GROUPS = 50, 10
_CHUNK = 16


@dataclass(frozen=True)
class Figure:
    """A figure, its 95 % interval, and what it rests on.

    Attributes:
        n: examples that it was measured on.
        n_groups: patients (or blocks) that they come from.
        note: why the interval is to be read with care; "" where there is no reason.
    """

    value: float
    ci_low: float
    ci_high: float
    n: int
    n_groups: int
    note: str = ""


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


def draw_weights(n_groups: int, resamples: int, seed: int) -> F64Array:
    """(1 + resamples, n_groups) times that each group is drawn; the first row is all ones."""
    rng = np.random.default_rng(seed)
    drawn = [
        np.bincount(rng.integers(0, n_groups, n_groups), minlength=n_groups)
        for _ in range(resamples)
    ]
    return np.stack([np.ones(n_groups), *drawn]).astype(np.float64)


def summary(row: F64Array, n: int, n_groups: int, note: str = "") -> Figure:
    """A figure from its value (first) and its resamples; NaN resamples are left out and counted."""
    drawn = row[1:][np.isfinite(row[1:])]
    low, high = np.percentile(drawn, (2.5, 97.5)) if len(drawn) else (np.nan, np.nan)
    notes = [note] if note else []
    if len(drawn) < len(row) - 1:
        share = 1 - len(drawn) / (len(row) - 1)
        notes.append(f"undefined in {share:.0%} of the resamples, which lack the class")
    elif not note and (n < RARE_EXAMPLES or n_groups < RARE_GROUPS):
        notes.append(_too_few(n, n_groups))
    return Figure(float(row[0]), float(low), float(high), n, n_groups, "; ".join(notes))


def curve_rows(
    score: F64Array, positive: BoolArray, owner: np.ndarray, weights: F64Array
) -> dict[str, F64Array]:
    """Figures of the ROC and PR curves, one value a row of weights; NaN where a class is absent.

    `auc`: ties count half. `pr_auc`: average precision, sum of (R_i - R_{i-1}) P_i, without
    interpolation (Davis and Goadrich 2006, doi 10.1145/1143844.1143874). `sensitivity_at_X`: the
    highest sensitivity among thresholds with specificity >= X %.
    """
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    is_positive, sorted_owner = positive[order].astype(np.float64), owner[order]
    parts = []
    for start in range(0, len(weights), _CHUNK):
        drawn = weights[start : start + _CHUNK][:, sorted_owner]
        tp = np.cumsum(drawn * is_positive, axis=1)
        fp = np.cumsum(drawn, axis=1) - tp
        parts.append(_areas(tp[:, ends], fp[:, ends]))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _areas(tp: F64Array, fp: F64Array) -> dict[str, F64Array]:
    """Figures from cumulated (R,T) counts at each distinct threshold, highest score first."""
    gain, cost = np.diff(tp, axis=1, prepend=0), np.diff(fp, axis=1, prepend=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rows = {
            "auc": (cost * (tp - gain / 2)).sum(axis=1) / (tp[:, -1] * fp[:, -1]),
            "pr_auc": (gain * tp / np.maximum(tp + fp, 1)).sum(axis=1) / tp[:, -1],
        }
        for specificity in SPECIFICITIES:
            # Counts are whole numbers; the tolerance keeps .05 * 100 false calls allowed.
            allowed = fp <= (1 - specificity) * fp[:, -1:] + 1e-9
            best = np.where(allowed, tp, 0).max(axis=1) / tp[:, -1]
            rows[f"sensitivity_at_{100 * specificity:.0f}"] = np.where(fp[:, -1] > 0, best, np.nan)
    return rows


def equal_mass_bins(values: F64Array, n_bins: int = CALIBRATION_BINS) -> np.ndarray:
    """(N,) bin of each value: bins of equal count; equal values share the bin of their middle."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2)[place] / len(values)
    return np.minimum((middle * n_bins).astype(int), n_bins - 1)


def group_sums(values: F64Array, owner: np.ndarray, n_groups: int) -> F64Array:
    """(n_groups, M) sums over the examples of each group; values (N,M)."""
    columns = [np.bincount(owner, column, n_groups) for column in values.T]
    return np.stack(columns, axis=1)


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
    note = _too_few(n, n_groups) if n < RARE_EXAMPLES or n_groups < RARE_GROUPS else ""
    found = {
        name: summary(row, n, n_groups, note)
        for name, row in (class_rates(confusion, k) | {"auc": auc}).items()
    }
    if note:
        right, called = int(confusion[0, k, k]), int(confusion[0, :, k].sum())
        for name, of in (("recall", n), ("precision", called)):
            found[name] = _widened(found[name], right, of)
    return found


def _widened(figure: Figure, right: int, of: int) -> Figure:
    """At least the Clopper-Pearson interval: a resample of few, all right, never shows an error."""
    from scipy.stats import beta

    exact_low = float(beta.ppf(0.025, right, of - right + 1)) if right else 0.0
    exact_high = float(beta.ppf(0.975, right + 1, of - right)) if right < of else 1.0
    low, high = np.fmin(figure.ci_low, exact_low), np.fmax(figure.ci_high, exact_high)
    return Figure(figure.value, float(low), float(high), figure.n, figure.n_groups, figure.note)


def _too_few(n: int, n_groups: int) -> str:
    return f"{n} examples of {n_groups} patients: too few for an interval to be relied on"
