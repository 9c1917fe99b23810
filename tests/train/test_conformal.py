"""Coverage holds for patients like those calibrated on, and breaks elsewhere."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from edge.contract.errors import ConfigError, DataError
from train.calibrate import patient_folds
from train.conformal import measure_sets, prediction_sets, sets_across


def draw(
    seed: int, n_patients: int = 150, shift: float = 0.0, between: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(probability, label, patient): 40 cells a patient; `between` moves whole patients."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(n_patients), 40)
    label = (rng.random(len(owner)) < 0.3).astype(int)
    logit = 4 * label - 2 + rng.normal(0, 1.5, len(owner)) + shift
    logit += rng.normal(0, between, n_patients)[owner] if between else 0
    positive = 1 / (1 + np.exp(-logit))
    return np.column_stack([1 - positive, positive]), label, owner.astype(str)


@pytest.mark.parametrize("error_rate", [0.1, 0.05, 0.02])
def test_each_class_is_covered_as_promised(error_rate: float) -> None:
    probability, label, patient = draw(1)
    held = sets_across(probability, label, patient_folds(patient), error_rate)
    found = measure_sets(held, label, patient, error_rate, resamples=200)
    for coverage in found.coverage:
        assert coverage.value == pytest.approx(1 - error_rate, abs=0.012)
    assert found.uncertain.value == pytest.approx((held.sum(axis=1) != 1).mean())
    certain = held.sum(axis=1) == 1
    right = held[np.arange(len(label)), label]
    assert found.accuracy_certain.value == pytest.approx(right[certain].mean())


def test_coverage_breaks_on_another_microscope() -> None:
    calibration, label, _ = draw(1)
    elsewhere, truth, patient = draw(2, shift=-2.0)
    held = prediction_sets(calibration, label, elsewhere, 0.05)
    found = measure_sets(held, truth, patient, 0.05, resamples=100)
    assert found.coverage[1].ci_high < 0.8
    assert found.coverage[0].value > 0.95


def test_few_patients_that_differ_promise_less_than_as_many_cells() -> None:
    """Exchangeability is by patient: cells of 5 patients do not stand for those of others."""
    missed = []
    for seed in range(20):
        calibration, label, _ = draw(seed, n_patients=5, between=2.0)
        fresh, truth, _ = draw(seed + 500, between=2.0)
        held = prediction_sets(calibration, label, fresh, 0.05)
        missed.append(1 - held[truth == 1, 1].mean())
    alike, label, _ = draw(3, n_patients=5)
    fresh, truth, _ = draw(4)
    missed_alike = 1 - prediction_sets(alike, label, fresh, 0.05)[truth == 1, 1].mean()
    assert np.max(missed) > 0.15
    assert missed_alike < 0.12


def test_too_few_of_a_class_for_the_error_rate_is_an_error() -> None:
    probability, label, _ = draw(1, n_patients=2)
    n_negative = int((label == 0).sum())
    with pytest.raises(DataError, match=rf"{n_negative} calibration examples of class 0.*99"):
        prediction_sets(probability, label, probability, 0.01)
    with pytest.raises(ConfigError, match="error rate is 0"):
        prediction_sets(probability, label, probability, 0)


def test_warnings_of_the_process_stay_as_they_were() -> None:
    before = list(warnings.filters)
    probability, label, _ = draw(1)
    prediction_sets(probability, label, probability[:5], 0.1)
    assert list(warnings.filters) == before
