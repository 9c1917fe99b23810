"""Intervals on slides whose classifier errs as it does on real patients that it had not seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.contract.bundle import open_bundle
from edge.contract.manifest import ErrorRate, OperatingPoint
from edge.protocol import corrected_interval
from edge.protocol.simulation import RANGES
from edge.screening.calls import field_point
from tests.conftest import SHIPPED

# Held-out INT8 logits of the folds that the shipped operating point was chosen on.
SCORES = Path(__file__).parents[2] / "train/records/fields/models/malaria-cells"
FOLDS = (1, 2, 3)
SLIDES = 3000
# A patient with fewer cells of a kind says little of its own rate.
LEAST_CELLS = 20


def patients_rates(point: OperatingPoint, positive: bool) -> tuple[np.ndarray, np.ndarray]:
    """(patients,) right calls and cells of each patient with cells of this kind."""
    found = [np.load(SCORES / f"fold{fold}.npz") for fold in FOLDS]
    name, label, logit = (
        np.concatenate([one[key].ravel() for one in found]) for key in ("patient", "label", "logit")
    )
    # The point is chosen again, as a bundle's score is the logit calibrated.
    limit = np.quantile(logit[label == 1], 1 - point.target_sensitivity)
    kind = label == positive
    right = (logit >= limit) == positive
    names, rows = np.unique(name[kind], return_inverse=True)
    cells = np.bincount(rows, minlength=len(names))
    correct = np.bincount(rows, right[kind], minlength=len(names))
    enough = cells >= LEAST_CELLS
    return correct[enough], cells[enough]


def drawn_rates(
    rng: np.random.Generator, rate: ErrorRate, correct: np.ndarray, cells: np.ndarray
) -> np.ndarray:
    """(SLIDES,) of a patient each, as likely as its own cells make it."""
    one, others = rng.integers(len(cells), size=SLIDES), rate.n_effective - 1
    wrong = cells[one] - correct[one]
    return rng.beta(rate.rate * others + correct[one], (1 - rate.rate) * others + wrong)


@pytest.mark.parametrize("bounds", RANGES)
def test_interval_holds_the_truth_of_real_patients(bounds: tuple[float, float]) -> None:
    point, rng = field_point(open_bundle(SHIPPED).manifest), np.random.default_rng(3)
    rates = point.sensitivity_cell, point.specificity_cell
    found, healthy = (
        drawn_rates(rng, rate, *patients_rates(point, positive))
        for rate, positive in zip(rates, (True, False), strict=True)
    )
    truth = rng.uniform(*bounds, SLIDES)
    infected = rng.binomial(5000, truth)
    called = rng.binomial(infected, found) + rng.binomial(5000 - infected, 1 - healthy)
    intervals = {int(x): corrected_interval(int(x), 5000, *rates) for x in np.unique(called)}
    held = [intervals[x].low <= p <= intervals[x].high for x, p in zip(called, truth, strict=True)]
    assert 0.93 <= np.mean(held) <= 0.97
