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
FOLDS = (1, 2, 3, 4)
SLIDES = 6000
# Patients with so many cells of a kind at least, and the share of slides whose interval may hold
# the truth. Those with many infected cells are called better than all patients are, whose rates
# the manifest has; for them alone intervals are a little wide.
PATIENTS = ((60, 0.93, 0.98), (1, 0.94, 0.96))


def patients_rates(
    point: OperatingPoint, positive: bool, least_cells: int
) -> tuple[np.ndarray, np.ndarray]:
    """(patients,) right calls and cells of each patient with so many cells of this kind."""
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
    enough = cells >= least_cells
    return correct[enough], cells[enough]


def drawn_rates(
    rng: np.random.Generator, rate: ErrorRate, correct: np.ndarray, cells: np.ndarray
) -> np.ndarray:
    """(SLIDES,) of a patient each, as likely as its own cells make it."""
    one, others = rng.integers(len(cells), size=SLIDES), rate.n_effective - 1
    wrong = cells[one] - correct[one]
    return rng.beta(rate.rate * others + correct[one], (1 - rate.rate) * others + wrong)


def held_share(bounds: tuple[float, float], least_cells: int) -> float:
    """Share of slides whose interval holds their true parasitaemia."""
    point, rng = field_point(open_bundle(SHIPPED).manifest), np.random.default_rng(3)
    rates = point.sensitivity_cell, point.specificity_cell
    found, healthy = (
        drawn_rates(rng, rate, *patients_rates(point, positive, least_cells))
        for rate, positive in zip(rates, (True, False), strict=True)
    )
    truth = rng.uniform(*bounds, SLIDES)
    infected = rng.binomial(5000, truth)
    called = rng.binomial(infected, found) + rng.binomial(5000 - infected, 1 - healthy)
    intervals = {int(x): corrected_interval(int(x), 5000, *rates) for x in np.unique(called)}
    held = [intervals[x].low <= p <= intervals[x].high for x, p in zip(called, truth, strict=True)]
    return float(np.mean(held))


@pytest.mark.parametrize("bounds", RANGES)
@pytest.mark.parametrize(("least_cells", "least_share", "most_share"), PATIENTS)
def test_interval_holds_the_truth_of_real_patients(
    bounds: tuple[float, float], least_cells: int, least_share: float, most_share: float
) -> None:
    assert least_share <= held_share(bounds, least_cells) <= most_share
