"""Temperatures undo over-confidence, and no patient calibrates itself."""

from __future__ import annotations

import numpy as np
import pytest

from edge.contract.errors import DataError
from train.calibrate import calibrate_across, fit_temperature, patient_folds, reliability

RNG = np.random.default_rng(3)
TRUE_LOGIT = RNG.normal(0, 2, 6000)
LABEL = (RNG.random(6000) < 1 / (1 + np.exp(-TRUE_LOGIT))).astype(int)
PATIENT = np.array([f"C{n % 60}" for n in range(6000)])


def test_temperature_is_the_factor_of_overconfidence() -> None:
    loud = (3 * TRUE_LOGIT).astype(np.float32)
    assert fit_temperature(loud, LABEL) == pytest.approx(3, rel=0.1)
    several = np.stack([np.zeros(6000), loud], axis=1).astype(np.float32)
    assert fit_temperature(several, LABEL) == pytest.approx(fit_temperature(loud, LABEL), rel=1e-3)


def test_each_fold_is_divided_by_a_temperature_of_the_others() -> None:
    fold = patient_folds(PATIENT, 3)
    # Fold 0 alone is loud: its own temperature must not be the one that quietens it.
    logit = np.where(fold == 0, 5 * TRUE_LOGIT, TRUE_LOGIT).astype(np.float32)
    found = calibrate_across(logit, LABEL, fold)
    assert found.temperature[0] == pytest.approx(1, rel=0.1)
    assert found.temperature[1] > 1.3
    assert np.allclose(found.logit[fold == 0] * found.temperature[0], logit[fold == 0])


def test_calibration_brings_confidence_to_what_comes_true() -> None:
    fold = patient_folds(PATIENT)
    found = calibrate_across((4 * TRUE_LOGIT).astype(np.float32), LABEL, fold)
    for logit, worst in ((4 * TRUE_LOGIT, 1.0), (found.logit.astype(float), 0.07)):
        curve = reliability(1 / (1 + np.exp(-logit)), LABEL == 1)
        gap = float(np.abs(curve.confidence - curve.rate).max())
        assert gap < worst
        assert curve.n.sum() == 6000
        assert worst < 1 or gap > 0.15


def test_a_patient_is_in_one_fold_only() -> None:
    fold = patient_folds(PATIENT)
    assert set(fold.tolist()) == {0, 1, 2, 3, 4}
    assert all(len(set(fold[patient == PATIENT].tolist())) == 1 for patient in set(PATIENT))


def test_nothing_to_calibrate_on_is_an_error() -> None:
    logit = TRUE_LOGIT.astype(np.float32)
    with pytest.raises(DataError, match="one class"):
        fit_temperature(logit, np.ones(6000, int))
    with pytest.raises(DataError, match="needs two"):
        calibrate_across(logit, LABEL, np.zeros(6000, int))
    with pytest.raises(DataError, match="not finite"):
        fit_temperature(np.append(logit[1:], np.float32("nan")), LABEL)
