"""What a report says of one run, as numbers: computed once, drawn elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge.contract.errors import DataError
from edge.contract.types import F64Array
from train.bootstrap import RESAMPLES, Figure
from train.calibrate import Reliability, calibrate_across, patient_folds, reliability
from train.conformal import ERROR_RATES, Conformal, measure_sets, sets_across
from train.metrics import Figures, measure, measure_scores
from train.patients import Patients, by_patient, patient_figures
from train.runs import Run, take
from train.scores import Scores

WORST = 12


@dataclass(frozen=True, eq=False)
class Calibration:
    """Confidence before and after a cross-fitted temperature."""

    temperatures: tuple[float, ...]
    before: Mapping[str, Figure]
    after: Mapping[str, Figure]
    curve_before: Reliability
    curve_after: Reliability


@dataclass(frozen=True)
class Mistake:
    """A wrong call: `confidence` is the calibrated probability of the label that was called."""

    name: str
    patient: str
    truth: str
    called: str
    confidence: float
    suspect: bool


@dataclass(frozen=True, eq=False)
class Analysis:
    """Everything measured on the held-out examples of one run.

    Attributes:
        cleaned: figures without suspect labels; None where no list is at hand.
        calibrated: (N,K) probabilities after the temperatures.
        conformal: by error rate; `conformal_note` says which were impossible.
    """

    run: Run
    scores: Scores
    figures: Figures
    cleaned: Figures | None
    patients: Patients
    by_patient: Mapping[str, Figure]
    calibration: Calibration
    calibrated: F64Array
    conformal: tuple[Conformal, ...]
    conformal_note: str
    mistakes: tuple[Mistake, ...]

    def figure(self, name: str) -> Figure | None:
        """A figure by its key, per cell first, then per patient."""
        return self.figures.overall.get(name) or self.by_patient.get(name)


def analyse(
    run: Run, scores: Scores, suspects: frozenset[str], resamples: int = RESAMPLES
) -> Analysis:
    """Measures a run.

    Args:
        scores: those of the run; given apart because a run may have none.
        suspects: names with suspect labels; empty where no list is at hand.

    Raises:
        DataError: a class is absent; the run is named.
    """
    try:
        return _analyse(run, scores, suspects, resamples)
    except DataError as error:
        raise DataError(f"run {run.name}: {error}") from error


def _analyse(run: Run, scores: Scores, suspects: frozenset[str], resamples: int) -> Analysis:
    labels, probability = scores.label.astype(int), scores.probability
    figures = measure(probability, labels, scores.patient, resamples=resamples)
    flagged = np.isin(scores.name, sorted(suspects))
    cleaned = None
    if flagged.any():
        kept = take(scores, ~flagged)
        cleaned = measure(kept.probability, kept.label, kept.patient, resamples=resamples)
    # Folds by patient are the natural parts; any other run is parted by patient here.
    fold = run.fold if len(run.folds) > 1 and not run.leaks else patient_folds(scores.patient)
    fitted = calibrate_across(scores.logit, labels, fold)
    calibrated = replace(scores, logit=fitted.logit).probability
    conformal, note = _conformal(run.labels, calibrated, scores, fold, resamples)
    patients = by_patient(probability, labels, scores.patient)
    return Analysis(
        run,
        scores,
        figures,
        cleaned,
        patients,
        patient_figures(patients, resamples=resamples),
        Calibration(
            tuple(fitted.temperature.values()),
            measure_scores(probability, labels, scores.patient, resamples=resamples),
            measure_scores(calibrated, labels, scores.patient, resamples=resamples),
            _curve(probability, labels),
            _curve(calibrated, labels),
        ),
        calibrated,
        conformal,
        note,
        worst_mistakes(run, scores, calibrated, flagged),
    )


def worst_mistakes(
    run: Run, scores: Scores, calibrated: F64Array, flagged: np.ndarray, n: int = WORST
) -> tuple[Mistake, ...]:
    """The wrong calls with the highest confidence, worst first."""
    called = calibrated.argmax(axis=1)
    wrong = np.flatnonzero(called != scores.label)
    confidence = calibrated.max(axis=1)
    order = wrong[np.argsort(-confidence[wrong], kind="stable")][:n]
    return tuple(
        Mistake(
            str(scores.name[row]),
            str(scores.patient[row]),
            run.labels[int(scores.label[row])],
            run.labels[int(called[row])],
            float(confidence[row]),
            bool(flagged[row]),
        )
        for row in order
    )


def _curve(probability: F64Array, labels: np.ndarray) -> Reliability:
    if probability.shape[1] == 2:
        return reliability(probability[:, 1], labels == 1)
    return reliability(probability.max(axis=1), probability.argmax(axis=1) == labels)


def _conformal(
    names: Sequence[str], probability: F64Array, scores: Scores, fold: np.ndarray, resamples: int
) -> tuple[tuple[Conformal, ...], str]:
    """Sets at each error rate, and one sentence on the rates that too few examples forbid."""
    labels = scores.label.astype(int)
    found, refused, reason = [], [], ""
    for error_rate in ERROR_RATES:
        try:
            held = sets_across(probability, labels, fold, error_rate, names)
        except DataError as error:
            refused.append(f"{error_rate:.0%}")
            reason = reason or str(error)
            continue
        found.append(measure_sets(held, labels, scores.patient, error_rate, resamples=resamples))
    return tuple(found), f"{', '.join(refused)} ({reason})" if refused else ""
