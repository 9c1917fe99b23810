"""Thresholds for the cells of a field, chosen without the fold that is read with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge.contract.errors import DataError
from edge.contract.manifest import OperatingPoint
from edge.contract.types import F64Array
from train.fields.callers import Field, Normalisation
from train.operating_point import choose_operating_point
from train.scores import Scores

FIELD_SENSITIVITY = 0.85
_MOST_LOGIT = 30.0


def field_point(
    others: Sequence[Scores],
    chosen_on: str,
    normalisation: Normalisation | None = None,
    target_sensitivity: float = FIELD_SENSITIVITY,
) -> OperatingPoint:
    """The operating point by held-out cells of other folds (ADR 10); whole patients normalised.

    Args:
        others: of each other fold, by its own network.

    Raises:
        DataError: too few patients, or one class alone.
    """
    change = normalisation or Normalisation()
    changed = [normalised_scores(scores, change) for scores in others]
    probability = np.concatenate([scores.probability[:, 1] for scores in changed])
    return choose_operating_point(
        np.asarray(probability, np.float32),
        np.concatenate([scores.label for scores in changed]).astype(np.float32),
        np.concatenate([scores.patient for scores in changed]).tolist(),
        target_sensitivity=target_sensitivity,
        chosen_on=chosen_on,
    )


def specificity_threshold(
    others: Sequence[Scores], specificity: float, normalisation: Normalisation | None = None
) -> float:
    """The logit below which this share of the healthy held-out cells of other folds lies.

    Args:
        others: of each other fold, by its own network.
    """
    changed = [normalised_scores(scores, normalisation or Normalisation()) for scores in others]
    logit = np.concatenate([scores.logit for scores in changed])
    healthy = np.concatenate([scores.label for scores in changed]) == 0
    return float(np.quantile(logit[healthy], specificity))


def normalised_scores(scores: Scores, normalisation: Normalisation) -> Scores:
    """The same cells, each patient's logits changed as those of a slide; all cells are whole."""
    logit = scores.logit.astype(np.float64)
    for patient in np.unique(scores.patient):
        own = scores.patient == patient
        logit[own] = normalisation.change(logit[own], np.ones(int(own.sum()), bool))
    return replace(scores, logit=np.asarray(np.clip(logit, -_MOST_LOGIT, _MOST_LOGIT), np.float32))


def as_logit(threshold: float) -> float:
    """A threshold of P(infected) as one of the logit."""
    return float(np.log(threshold / (1 - threshold)))


def best_f1_threshold(fields: Sequence[Field], logits: Sequence[F64Array]) -> float:
    """The threshold with the best F1 of infected cells; half way to the next lower logit.

    Raises:
        DataError: no infected cell was found.
    """
    values, right, infected = [], [], 0
    for one, logit in zip(fields, logits, strict=True):
        is_infected = np.zeros(len(logit), bool)
        pairs = one.fair.hits
        is_infected[pairs[:, 1]] = one.truth.infected[pairs[:, 0]]
        counts = one.fair.found_counts
        values.append(logit[counts])
        right.append(is_infected[counts])
        infected += int((one.truth.infected & one.fair.true_counts).sum())
    score, hit = np.concatenate(values), np.concatenate(right)
    if not hit.any():
        raise DataError("no infected cell was found; no threshold can be chosen")
    order = np.argsort(-score, kind="stable")
    score, hit = score[order], hit[order]
    f1 = 2 * np.cumsum(hit) / (np.arange(1, len(hit) + 1) + infected)
    # A threshold cannot part cells of one logit.
    f1[:-1][score[:-1] == score[1:]] = -1
    best = int(f1.argmax())
    below = score[best + 1] if best + 1 < len(score) else score[best]
    return float((score[best] + below) / 2)
