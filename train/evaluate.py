"""Figures that the fitting loop, bundles and `train evaluate` ask for; scores read from a CSV.

The arithmetic of intervals is in `train.metrics`.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.contract.errors import DataError
from edge.contract.manifest import Metric
from edge.contract.types import BoolArray, F32Array, F64Array
from train.bootstrap import RESAMPLES, Figure
from train.datasets.base import Example
from train.metrics import measure

BUNDLE_FIGURES = ("auc", "accuracy", "sensitivity_cell", "specificity_cell", "mcc")


def auc(scores: F64Array, positive: BoolArray) -> float:
    """Area under the ROC curve by ranks; ties count half."""
    order, ranks_at = np.unique(scores, return_inverse=True)
    counts = np.bincount(ranks_at, minlength=len(order))
    rank = np.cumsum(counts) - (counts - 1) / 2
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return float("nan")
    rank_sum = rank[ranks_at][positive].sum()
    return float((rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def macro_auc(logit: F32Array, labels: np.ndarray) -> float:
    """AUC of (N,) logits, or the mean over classes of one against the rest for (N,K)."""
    if logit.ndim == 1:
        return auc(logit, labels > 0)
    return float(np.mean([auc(logit[:, k], labels == k) for k in range(logit.shape[1])]))


def log_loss(logit: F32Array, labels: np.ndarray) -> float:
    """Mean cross-entropy of (N,) or (N,K) logits, in nats."""
    values = logit.astype(np.float64)
    if values.ndim == 1:
        values = np.stack([np.zeros_like(values), values], axis=1)
    log_sum = np.logaddexp.reduce(values, axis=1)
    return float(np.mean(log_sum - values[np.arange(len(values)), labels]))


def cell_metrics(scores: F64Array, positive: BoolArray, threshold: float) -> dict[str, float]:
    """AUC, and the rates at the threshold, per cell."""
    called = scores >= threshold
    tp, fp = float((called & positive).sum()), float((called & ~positive).sum())
    fn, tn = float((~called & positive).sum()), float((~called & ~positive).sum())
    spread = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return {
        "auc": auc(scores, positive),
        "accuracy": (tp + tn) / len(scores),
        "sensitivity_cell": tp / max(tp + fn, 1),
        "specificity_cell": tn / max(tn + fp, 1),
        "mcc": (tp * tn - fp * fn) / spread if spread else 0.0,
    }


def evaluate(
    scores: F64Array,
    labels: Sequence[int],
    patients: Sequence[str],
    threshold: float,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Metric]:
    """The figures that a bundle carries, with intervals; `train.metrics.measure` has them all.

    Args:
        scores: (N,) P(positive).
        labels: (N,) 0 or 1.
        patients: (N,) ids; whole patients are resampled.

    Raises:
        DataError: one class only.
    """
    positive = np.asarray(labels) > 0
    if positive.all() or not positive.any():
        raise DataError(f"all {len(positive)} cells are of one class; nothing can be measured")
    figures = measure(
        np.column_stack([1 - scores, scores]),
        positive.astype(int),
        patients,
        threshold=threshold,
        resamples=resamples,
        seed=seed,
    )
    return {name: as_metric(figures.overall[name]) for name in BUNDLE_FIGURES}


def as_metric(figure: Figure) -> Metric:
    """Rounded as manifests keep it."""
    return Metric(*(round(x, 5) for x in (figure.value, figure.ci_low, figure.ci_high)))


def read_scores(path: Path, examples: Sequence[Example]) -> tuple[list[Example], F64Array]:
    """Scores from the CSV of `clinicscope classify`, matched to examples by file name.

    Returns:
        The examples that have a score, and the scores, (N,).

    Raises:
        DataError: not such a CSV, or it scores none of the examples, or an example was refused.
    """
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"path", "score", "refused"} <= set(rows[0]):
        raise DataError(f"{path} is no CSV of `clinicscope classify` (path, score, refused)")
    by_name = {Path(row["path"]).stem: row for row in rows}
    found = [example for example in examples if example.name in by_name]
    if not found:
        raise DataError(f"{path} scores none of the {len(examples)} cells asked for")
    refused = [example.name for example in found if not by_name[example.name]["score"]]
    if refused:
        raise DataError(f"{len(refused)} cells have no score in {path}, e.g. {refused[:3]}")
    return found, np.array([float(by_name[example.name]["score"]) for example in found])
