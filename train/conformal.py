"""Conformal prediction: sets of labels at a stated error rate, and "uncertain, ask a person".

Class-conditional (Mondrian) conformal classification (Vovk 2005) by crepes: a label is in the set
when enough calibration examples of that label were stranger. The promise, at most `error_rate`
wrong within each class, holds for examples exchangeable with the calibration ones. Cells of a new
patient, and more so of a new microscope, are not quite: so it is measured on other patients than
it was calibrated on.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.contract.errors import ConfigError, DataError
from edge.contract.types import BoolArray, F64Array
from train.bootstrap import RESAMPLES, Figure, draw_weights, group_sums, summary

ERROR_RATES = (0.10, 0.05, 0.02, 0.01)


@dataclass(frozen=True)
class Conformal:
    """How prediction sets did on patients that they were not calibrated on.

    Attributes:
        error_rate: as promised.
        coverage: by class, share of its examples whose set holds the true label.
        uncertain: share of examples with no label or more than one: a person is asked.
        accuracy_certain: accuracy of the rest.
    """

    error_rate: float
    coverage: tuple[Figure, ...]
    uncertain: Figure
    accuracy_certain: Figure


def prediction_sets(
    calibration: F64Array,
    labels: np.ndarray,
    probability: F64Array,
    error_rate: float,
    names: Sequence[str] = (),
) -> BoolArray:
    """(N,K) whether each label is in the set of each example.

    Args:
        calibration: (M,K) probabilities of examples that the network was not fitted on.
        labels: (M,) their classes.
        probability: (N,K) of the examples to decide on.
        error_rate: share of each class that may be left out of its set.
        names: of the classes, for the error; without them their numbers.

    Raises:
        ConfigError: an error rate outside (0, 1).
        DataError: too few calibration examples of a class for the error rate: then every set
            would hold that label and nothing would be decided.
    """
    if not 0 < error_rate < 1:
        raise ConfigError(f"error rate is {error_rate}; expected between 0 and 1")
    with warnings.catch_warnings():
        # crepes turns on every warning of the process when it is imported.
        from crepes import ConformalClassifier

    held = np.empty(probability.shape, bool)
    for k in range(probability.shape[1]):
        strangeness = 1 - calibration[labels == k, k]
        if (len(strangeness) + 1) * error_rate < 1:
            raise DataError(
                f"{len(strangeness)} calibration examples of class {names[k] if names else k}; an "
                f"error rate of {error_rate} needs {int(np.ceil(1 / error_rate)) - 1}"
            )
        classifier = ConformalClassifier().fit(strangeness)
        p_values = classifier.predict_p(1 - probability[:, [k]], smoothing=False)
        held[:, k] = p_values[:, 0] > error_rate
    return held


def sets_across(
    probability: F64Array,
    labels: np.ndarray,
    fold: np.ndarray,
    error_rate: float,
    names: Sequence[str] = (),
) -> BoolArray:
    """Sets of each fold's examples, calibrated on all other folds; Raises as `prediction_sets`."""
    held = np.empty(probability.shape, bool)
    for k in np.unique(fold):
        mine = fold == k
        held[mine] = prediction_sets(
            probability[~mine], labels[~mine], probability[mine], error_rate, names
        )
    return held


def measure_sets(
    held: BoolArray,
    labels: np.ndarray,
    patients: np.ndarray,
    error_rate: float,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Conformal:
    """Coverage by class, share of uncertain, and accuracy of the certain, over patients."""
    names, owner = np.unique(patients, return_inverse=True)
    weights = draw_weights(len(names), resamples, seed)
    n_classes = held.shape[1]
    of_class = np.eye(n_classes, dtype=bool)[labels]
    covered = held[np.arange(len(labels)), labels]
    certain = held.sum(axis=1) == 1

    def share(right: BoolArray, of: BoolArray) -> Figure:
        columns = np.column_stack([right & of, of]).astype(np.float64)
        drawn = weights @ group_sums(columns, owner, len(names))
        with np.errstate(invalid="ignore"):
            row = drawn[:, 0] / drawn[:, 1]
        return summary(row, int(of.sum()), len(set(owner[of].tolist())))

    return Conformal(
        error_rate,
        tuple(share(covered, of_class[:, k]) for k in range(n_classes)),
        share(~certain, np.ones(len(labels), bool)),
        share(covered, certain),
    )
