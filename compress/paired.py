"""Figures of a variant on pooled held-out examples, and how far they are from its float parent.

The difference's interval is by paired bootstrap: each resample draws the same patients for both, so
that what both find hard cancels out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.contract.errors import DataError
from edge.contract.types import F64Array
from train.bootstrap import RESAMPLES, Figure, curve_rows, draw_weights, group_sums, summary
from train.runs import take
from train.scores import Scores


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Scores of one variant on all held-out examples.

    Attributes:
        threshold: on P(positive), one for all examples or (N,), where each fold has its own; only
            two classes have one, of more the likeliest is called.
    """

    scores: Scores
    threshold: float | F64Array = 0.5


@dataclass(frozen=True)
class Compared:
    """AUC (macro for more than two classes) and accuracy; differences are variant - reference."""

    auc: Figure
    accuracy: Figure
    auc_difference: Figure | None
    accuracy_difference: Figure | None


def pool_folds(parts: Sequence[Scores], thresholds: Sequence[float] = ()) -> HeldOut:
    """The held-out scores of several folds as one; each example once.

    Args:
        thresholds: one a fold; none: .5 for all.

    Raises:
        DataError: an example was scored by two folds, or thresholds are more or fewer than folds.
    """
    fields = ("name", "patient", "label", "logit")
    scores = Scores(*(np.concatenate([getattr(part, field) for part in parts]) for field in fields))
    names, times = np.unique(scores.name, return_counts=True)
    if (times > 1).any():
        raise DataError(
            f"{(times > 1).sum()} examples are held out by two folds, e.g. "
            f"{names[times > 1][:3].tolist()}; pool folds of one data set"
        )
    if not thresholds:
        return HeldOut(scores)
    if len(thresholds) != len(parts):
        raise DataError(f"{len(parts)} folds have {len(thresholds)} thresholds; give one a fold")
    return HeldOut(scores, np.repeat(np.asarray(thresholds), [len(part.name) for part in parts]))


def pool_at_own_thresholds(parts: Sequence[Scores]) -> HeldOut:
    """As `pool_folds`, each fold called at the threshold that is most accurate on the others.

    Networks of different folds share a scale only roughly, and a network whose classes are not
    equally many need not be most accurate at .5; its own held-out labels must not tell. Of more
    than two classes, or of one fold, there is nothing to choose.
    """
    if len(parts) < 2 or parts[0].logit.ndim > 1:
        return pool_folds(parts)
    others = [pool_folds([*parts[:k], *parts[k + 1 :]]).scores for k in range(len(parts))]
    return pool_folds(parts, [most_accurate_threshold(scores) for scores in others])


def most_accurate_threshold(scores: Scores) -> float:
    """The P(positive) from which on calling positive is right most often.

    Half way between two scores; of several as good, the middle one.
    """
    order = np.argsort(scores.probability[:, 1], kind="stable")
    probability, positive = scores.probability[order, 1], scores.label[order] > 0
    # Right calls where the first k are called negative, k from 0 to N.
    right = np.r_[0, np.cumsum(~positive)] + positive.sum() - np.r_[0, np.cumsum(positive)]
    ends = np.r_[0.0, probability, 1.0]
    best = np.flatnonzero(right == right.max())
    middle = int(best[len(best) // 2])
    return float((ends[middle] + ends[middle + 1]) / 2)


def compare(
    held_out: Sequence[HeldOut], reference: int, resamples: int = RESAMPLES, seed: int = 0
) -> list[Compared]:
    """Figures of each, and its difference to the one at `reference`, which itself has none.

    Raises:
        DataError: they are not of the same examples, or a class is absent.
    """
    first = held_out[reference].scores
    aligned = [_aligned(one, first) for one in held_out]
    names, owner = np.unique(first.patient, return_inverse=True)
    weights = draw_weights(len(names), resamples, seed)
    rows = [_rows(one, owner, weights) for one in aligned]
    n = len(first.name)

    def figure(row: F64Array) -> Figure:
        return summary(row, n, len(names))

    return [
        Compared(
            figure(auc),
            figure(accuracy),
            None if index == reference else figure(auc - rows[reference][0]),
            None if index == reference else figure(accuracy - rows[reference][1]),
        )
        for index, (auc, accuracy) in enumerate(rows)
    ]


def _aligned(one: HeldOut, first: Scores) -> HeldOut:
    """In the order of the first."""
    order, wanted = np.argsort(one.scores.name), np.argsort(first.name)
    same = len(order) == len(wanted) and (one.scores.name[order] == first.name[wanted]).all()
    if not same:
        raise DataError(
            f"scores of {len(order)} examples are compared with those of {len(wanted)}, and their "
            "names differ; score the same held-out examples with every variant"
        )
    rows = np.empty(len(order), int)
    rows[wanted] = order
    threshold = one.threshold
    if not np.isscalar(threshold):
        threshold = np.asarray(threshold)[rows]
    return HeldOut(take(one.scores, rows), threshold)


def _rows(one: HeldOut, owner: np.ndarray, weights: F64Array) -> tuple[F64Array, F64Array]:
    """AUC and accuracy, one value a resample; the first is the figure."""
    probability, truth = one.scores.probability, one.scores.label.astype(int)
    n_classes = probability.shape[1]
    if absent := sorted(set(range(n_classes)) - set(truth.tolist())):
        raise DataError(f"none of {len(truth)} held-out examples has label {absent}")
    binary = n_classes == 2
    called = probability[:, 1] >= one.threshold if binary else probability.argmax(axis=1)
    counts = np.column_stack([called == truth, np.ones(len(truth))]).astype(np.float64)
    drawn = weights @ group_sums(counts, owner, weights.shape[1])
    classes = [1] if binary else range(n_classes)
    areas = [curve_rows(probability[:, k], truth == k, owner, weights)["auc"] for k in classes]
    return np.mean(areas, axis=0), drawn[:, 0] / drawn[:, 1]
