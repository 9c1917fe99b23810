"""Intervals by bootstrap over patients: resamples as weights, and curves swept under them.

Cells of one patient resemble each other; resampling cells would give intervals that are too narrow.
A resample is a weight for each patient (how often it was drawn). Rates are then one product of
weights with sums per patient, and areas under curves one sweep over the sorted scores, so that
1000 resamples of 22,000 cells take about a second. Row 0 of the weights is all ones: the figure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edge.contract.types import BoolArray, F64Array

RESAMPLES = 1000
SPECIFICITIES = (0.95, 0.97, 0.99)
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
    elif not note and too_few(n, n_groups):
        notes.append(too_few(n, n_groups))
    return Figure(float(row[0]), float(low), float(high), n, n_groups, "; ".join(notes))


def at_least_exact(figure: Figure, right: int, of: int) -> Figure:
    """The interval of a share, no narrower than Clopper-Pearson's of `right` in `of`.

    Where all of a few are right, no resample ever shows an error, and its interval is a point.
    """
    from scipy.stats import beta

    exact_low = float(beta.ppf(0.025, right, of - right + 1)) if right else 0.0
    exact_high = float(beta.ppf(0.975, right + 1, of - right)) if right < of else 1.0
    low, high = np.fmin(figure.ci_low, exact_low), np.fmax(figure.ci_high, exact_high)
    return replace(figure, ci_low=float(low), ci_high=float(high))


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


def group_sums(values: F64Array, owner: np.ndarray, n_groups: int) -> F64Array:
    """(n_groups, M) sums over the examples of each group; values (N,M)."""
    columns = [np.bincount(owner, column, n_groups) for column in values.T]
    return np.stack(columns, axis=1)


def too_few(n: int, n_groups: int) -> str:
    """The note where so little stands behind a figure; "" where there is enough."""
    if n >= RARE_EXAMPLES and n_groups >= RARE_GROUPS:
        return ""
    groups = f"{n_groups} patient{'s' * (n_groups != 1)}"
    return f"{n} examples of {groups}: too few for an interval to be relied on"
