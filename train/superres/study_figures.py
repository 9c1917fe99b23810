"""Figures of the study's scores, resampled over patients; differences are paired.

Where a network was fitted from several seeds, a figure is the mean over them, and what the seeds
differ by stands beside it: an interval over patients does not know that another fit gives another
figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.contract.errors import DataError
from edge.contract.types import BoolArray, F64Array
from train.bootstrap import (
    RESAMPLES,
    Figure,
    at_least_exact,
    curve_rows,
    draw_weights,
    group_sums,
    summary,
)
from train.superres.study_records import Truth

MEASURES = ("AUC", "accuracy", "AUC of patients")


@dataclass(frozen=True, eq=False)
class Scored:
    """One view under every seed: what figures are resampled from.

    Attributes:
        rows: of each of `MEASURES`, (seeds, 1 + resamples); the first column is the figure.
        n: cells.
        n_patients: that they come from.
    """

    rows: dict[str, F64Array]
    n: int
    n_patients: int

    @property
    def n_fits(self) -> int:
        """Seeds."""
        return len(self.rows[MEASURES[0]])

    def figure(self, measure: str) -> Figure:
        """Mean over the seeds."""
        found = summary(self.rows[measure].mean(axis=0), self.n, self.n_patients)
        # Where all are right no resample can differ.
        if measure == "accuracy" and found.value == 1:
            return at_least_exact(found, self.n, self.n)
        return found

    def minus(self, other: Scored, measure: str) -> tuple[Figure, F64Array]:
        """The paired difference of one measure, and that of each seed that both have."""
        both = min(len(self.rows[measure]), len(other.rows[measure]))
        rows = self.rows[measure][:both] - other.rows[measure][:both]
        return summary(rows.mean(axis=0), self.n, self.n_patients), rows[:, 0]


def score_view(logits: Sequence[F64Array], truth: Truth) -> Scored:
    """Figures of one view.

    Args:
        logits: (N,) of each seed.

    Raises:
        DataError: other cells than `truth`, or one class alone.
    """
    count = len(logits[0])
    if count > len(truth.name):
        raise DataError(f"{count} cells were scored, {len(truth.name)} are on record")
    positive, patient = truth.label[:count] > 0, truth.patient[:count]
    if positive.all() or not positive.any():
        raise DataError(f"all {count} cells are of one class; there is nothing to measure")
    names, owner = np.unique(patient, return_inverse=True)
    weights = draw_weights(len(names), RESAMPLES, 0)
    seeds = [_measure_rows(logit, positive, owner, weights) for logit in logits]
    rows = {name: np.stack([one[name] for one in seeds]) for name in MEASURES}
    return Scored(rows, count, len(names))


def _measure_rows(
    logit: F64Array, positive: BoolArray, owner: np.ndarray, weights: F64Array
) -> dict[str, F64Array]:
    called = logit >= 0
    sums = group_sums(
        np.stack([called == positive, called, positive, np.ones(len(logit))], axis=1).astype(float),
        owner,
        weights.shape[1],
    )
    drawn = weights @ sums
    # A patient is scored by the share of its cells that are called, as in train.patients.
    fraction, infected = sums[:, 1] / sums[:, 3], sums[:, 2] > 0
    patients = curve_rows(fraction, infected, np.arange(len(sums)), weights)
    return {
        "AUC": curve_rows(logit, positive, owner, weights)["auc"],
        "accuracy": drawn[:, 0] / drawn[:, 3],
        "AUC of patients": patients["auc"],
    }
