"""Figures of a binary classifier, each with a 95 % interval by bootstrap over patients.

Cells of one patient resemble each other; resampling cells would give intervals that are too narrow.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from edge.contract.errors import DataError
from edge.contract.manifest import Metric
from edge.contract.types import BoolArray, F64Array
from train.datasets.base import Example

RESAMPLES = 1000


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
    """Figures with intervals.

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
    figures = cell_metrics(scores, positive, threshold)
    drawn = _bootstrap(
        lambda rows: cell_metrics(scores[rows], positive[rows], threshold),
        np.asarray(patients),
        np.random.default_rng(seed),
        resamples,
    )
    return {
        name: Metric(
            *(round(float(x), 5) for x in (value, *np.nanpercentile(drawn[name], (2.5, 97.5))))
        )
        for name, value in figures.items()
    }


def _bootstrap(
    measure: Callable[[np.ndarray], dict[str, float]],
    patients: np.ndarray,
    rng: np.random.Generator,
    resamples: int,
) -> dict[str, list[float]]:
    names, owner = np.unique(patients, return_inverse=True)
    rows_of = [np.flatnonzero(owner == index) for index in range(len(names))]
    drawn: dict[str, list[float]] = {}
    for _ in range(resamples):
        chosen = rng.integers(0, len(names), len(names))
        for name, value in measure(np.concatenate([rows_of[index] for index in chosen])).items():
            drawn.setdefault(name, []).append(value)
    return drawn


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
