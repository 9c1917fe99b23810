"""The classifier and the anomaly score as one: weights from patients that are not measured.

Weights that are learned at home trust the classifier, which is best there. Trusting both alike asks
no label at all.
"""

from __future__ import annotations

import numpy as np

from edge.contract.errors import DataError
from edge.contract.types import BoolArray, F64Array
from train.novelty.curves import Judged

PARTS = 5
# Keeps the weights finite where the two scores separate the cells.
_RIDGE, _STEPS = 1e-3, 50


def logistic_weights(features: F64Array, positive: BoolArray) -> F64Array:
    """(K+1,) weights and offset of a logistic regression, classes weighing alike.

    By Newton's method, on features in their own standard deviations; the weights are given back for
    the features as they are.

    Args:
        features: (N,K).
    """
    centre, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
    scaled = np.column_stack([(features - centre) / spread, np.ones(len(features))])
    share = np.where(positive, 0.5 / positive.mean(), 0.5 / (1 - positive.mean())) / len(features)
    weights = np.zeros(scaled.shape[1])
    ridge = np.append(np.full(features.shape[1], _RIDGE), 0)
    for _ in range(_STEPS):
        said = 1 / (1 + np.exp(-np.clip(scaled @ weights, -30, 30)))
        slope = scaled.T @ (share * (said - positive)) + ridge * weights
        bend = (scaled.T * (share * said * (1 - said))) @ scaled + np.diag(ridge + 1e-9)
        step = np.linalg.solve(bend, slope)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    own = weights[:-1] / spread
    return np.append(own, weights[-1] - own @ centre)


def combine_at_home(classifier: Judged, novelty: Judged) -> Judged:
    """Both in one score; the weights of each cell come from other patients than its own.

    Raises:
        DataError: not the same cells.
    """
    features = _side_by_side(classifier, novelty)
    names = np.unique(classifier.group)
    part = (np.searchsorted(names, classifier.group)) % PARTS
    score = np.zeros(len(features))
    for number in range(min(PARTS, len(names))):
        own = part == number
        weights = logistic_weights(features[~own], classifier.positive[~own])
        score[own] = features[own] @ weights[:-1] + weights[-1]
    return classifier.rescored(score)


def combine_away(home: tuple[Judged, Judged], away: tuple[Judged, Judged]) -> Judged:
    """Both in one score on another microscope, with weights from all patients of the first.

    Args:
        home, away: classifier and novelty of the same cells.

    Raises:
        DataError: not the same cells.
    """
    weights = logistic_weights(_side_by_side(*home), home[0].positive)
    score = _side_by_side(*away) @ weights[:-1] + weights[-1]
    return away[0].rescored(score)


def combine_alike(home: tuple[Judged, Judged], seen: tuple[Judged, Judged]) -> Judged:
    """The sum of both, each in units of its own spread at home; nothing is fitted.

    Args:
        home: classifier and novelty of the same cells; their labels are not looked at.
        seen: the same of the cells to be scored.

    Raises:
        DataError: not the same cells.
    """
    spread = np.maximum(_side_by_side(*home).std(axis=0), 1e-9)
    return seen[0].rescored((_side_by_side(*seen) / spread).sum(axis=1))


def _side_by_side(classifier: Judged, novelty: Judged) -> F64Array:
    if classifier.name.tolist() != novelty.name.tolist():
        raise DataError(
            f"{len(classifier.name)} cells of the classifier are not the {len(novelty.name)} of "
            "the novelty scores; score the same cells in the same order with both"
        )
    return np.column_stack([classifier.score, novelty.score])
