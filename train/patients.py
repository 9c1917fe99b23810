"""Figures per patient: what a slide full of calls says about the person it came from.

A patient is infected when at least one of its cells is labelled positive, and is scored by the
fraction of its cells that are called. In nih-cells 40 of 159 patients have no parasitised cell. A
classifier with false positives calls some cells of everybody, so a patient is called infected when
that fraction is above a cut; each patient's cut is the one with the best balanced accuracy among
all others, so that no patient sets its own. Chest X-rays are mostly one image a patient: there
these figures say little more than those per image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.contract.types import BoolArray, F64Array
from train.bootstrap import (
    RESAMPLES,
    Figure,
    at_least_exact,
    curve_rows,
    draw_weights,
    summary,
)


@dataclass(frozen=True, eq=False)
class Patients:
    """One row a patient, sorted by id.

    Attributes:
        name: (P,) ids.
        n: (P,) examples.
        accuracy: (P,) share of examples called rightly.
        infected: (P,) whether any example is labelled other than 0.
        called_fraction: (P,) share of examples called other than 0.
        n_classes: of the task; the last two mean an infection only where it is 2.
    """

    name: np.ndarray
    n: np.ndarray
    accuracy: F64Array
    infected: BoolArray
    called_fraction: F64Array
    n_classes: int


def by_patient(
    probability: F64Array, labels: np.ndarray, patients: np.ndarray, threshold: float = 0.5
) -> Patients:
    """Calls gathered by patient; arguments as of `train.metrics.measure`."""
    binary = probability.shape[1] == 2
    called = (probability[:, 1] >= threshold).astype(int) if binary else probability.argmax(axis=1)
    names, owner = np.unique(patients, return_inverse=True)
    n = np.bincount(owner)
    return Patients(
        names,
        n,
        np.bincount(owner, called == labels) / n,
        np.bincount(owner, labels > 0) > 0,
        np.bincount(owner, called > 0) / n,
        probability.shape[1],
    )


def patient_figures(
    found: Patients, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Figure]:
    """Figures over patients, each with an interval by drawing patients.

    `accuracy_mean`: every patient counts the same, however many cells it has. `accuracy_worst_10`:
    a tenth of the patients is read no better than this. For two classes, where both infected and
    other patients are there: `patient_auc` of the called fraction, and the calls at the cuts.
    """
    n, cells = len(found.name), int(found.n.sum())
    weights = draw_weights(n, resamples, seed)
    rows = {
        "accuracy_mean": weights @ found.accuracy / n,
        "accuracy_worst_10": _quantiles(found.accuracy, weights, 0.1),
    }
    figures = {name: summary(row, cells, n) for name, row in rows.items()}
    if found.n_classes == 2 and found.infected.any() and not found.infected.all():
        figures |= _infection_figures(found, weights)
    return figures


def _infection_figures(found: Patients, weights: F64Array) -> dict[str, Figure]:
    infected, n = found.infected, len(found.name)
    called = leave_one_out_calls(found.called_fraction, infected)
    curve = curve_rows(found.called_fraction, infected, np.arange(n), weights)
    # No resample of a perfect order can show less.
    note = "" if curve["auc"][0] < 1 else f"all {n} patients in order: no resample can differ"
    figures = {"patient_auc": summary(curve["auc"], int(found.n.sum()), n, note)}
    for name, of in (
        ("patient_accuracy", np.ones(n, bool)),
        ("patient_sensitivity", infected),
        ("patient_specificity", ~infected),
    ):
        right = (called == infected) & of
        figure = summary(_share(weights, right, of), int(found.n[of].sum()), int(of.sum()))
        figures[name] = at_least_exact(figure, int(right.sum()), int(of.sum()))
    return figures


def leave_one_out_calls(fraction: F64Array, infected: BoolArray) -> BoolArray:
    """(P,) whether each patient's fraction is above the best cut of all the others."""
    called = np.empty(len(fraction), bool)
    for row in range(len(fraction)):
        others = np.arange(len(fraction)) != row
        called[row] = fraction[row] > _best_cut(fraction[others], infected[others])
    return called


def _best_cut(fraction: F64Array, infected: BoolArray) -> float:
    """The cut, half way between two fractions, with the highest balanced accuracy."""
    values = np.unique(fraction)
    cuts = np.append(values[:-1] + np.diff(values) / 2, values[-1])
    sick, well = np.sort(fraction[infected]), np.sort(fraction[~infected])
    found = 1 - np.searchsorted(sick, cuts, "right") / max(len(sick), 1)
    cleared = np.searchsorted(well, cuts, "right") / max(len(well), 1)
    return float(cuts[np.argmax(found + cleared)])


def _share(weights: F64Array, right: BoolArray, of: BoolArray) -> F64Array:
    with np.errstate(invalid="ignore"):
        return np.asarray((weights @ right) / (weights @ of))


def _quantiles(values: F64Array, weights: F64Array, share: float) -> F64Array:
    return np.array([np.quantile(np.repeat(values, row.astype(int)), share) for row in weights])
