"""Every figure against scikit-learn, its interval against a plain bootstrap; classes too rare."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference
from sklearn.preprocessing import label_binarize

from edge.contract.errors import DataError
from tests.support.drawn_records import draw_scores
from train.bootstrap import at_least_exact, curve_rows, draw_weights, summary
from train.evaluate import auc
from train.metrics import CALIBRATION_BINS, equal_mass_bins, measure, measure_scores
from train.patients import by_patient, leave_one_out_calls, patient_figures

PATIENTS = [f"C{n}" for n in range(40)]
BINARY = draw_scores(PATIENTS)
STAGES = draw_scores(PATIENTS, 4)


def test_binary_figures_agree_with_scikit_learn() -> None:
    truth, score = BINARY.label, BINARY.probability[:, 1].round(2)
    found = measure(np.column_stack([1 - score, score]), truth, BINARY.patient, resamples=20)
    called = score >= 0.5
    expected = {
        "auc": reference.roc_auc_score(truth, score),
        "pr_auc": reference.average_precision_score(truth, score),
        "accuracy": reference.accuracy_score(truth, called),
        "precision": reference.precision_score(truth, called),
        "sensitivity_cell": reference.recall_score(truth, called),
        "specificity_cell": reference.recall_score(truth, called, pos_label=0),
        "f1": reference.f1_score(truth, called),
        "mcc": reference.matthews_corrcoef(truth, called),
        "brier": reference.brier_score_loss(truth, score),
    }
    for name, value in expected.items():
        assert found.overall[name].value == pytest.approx(value, abs=1e-9), name


@pytest.mark.parametrize("percent", [95, 97, 99])
def test_sensitivity_at_a_specificity_is_the_best_of_all_thresholds(percent: int) -> None:
    truth, score = BINARY.label, BINARY.probability[:, 1]
    found = measure(BINARY.probability, truth, BINARY.patient, resamples=1)
    best = max(
        (score[truth == 1] >= threshold).mean()
        for threshold in np.append(score, 2.0)
        if (score[truth == 0] < threshold).mean() >= percent / 100
    )
    assert found.overall[f"sensitivity_at_{percent}"].value == pytest.approx(best)


def test_figures_of_several_classes_agree_with_scikit_learn() -> None:
    truth, probability = STAGES.label, STAGES.probability
    found = measure(probability, truth, STAGES.patient, resamples=20)
    called = probability.argmax(axis=1)
    each = reference.precision_recall_fscore_support(truth, called)
    for k, figures in enumerate(found.per_class):
        values = [figures[name].value for name in ("precision", "recall", "f1")]
        assert values == pytest.approx([each[n][k] for n in range(3)])
        assert figures["recall"].n == each[3][k]
    overall = found.overall
    assert overall["macro_f1"].value == pytest.approx(
        reference.f1_score(truth, called, average="macro")
    )
    assert overall["macro_auc"].value == pytest.approx(
        reference.roc_auc_score(truth, probability, multi_class="ovr")
    )
    assert overall["macro_pr_auc"].value == pytest.approx(
        reference.average_precision_score(label_binarize(truth, classes=range(4)), probability)
    )
    assert overall["mcc"].value == pytest.approx(reference.matthews_corrcoef(truth, called))
    assert overall["log_loss"].value == pytest.approx(reference.log_loss(truth, probability))


def test_ece_is_the_mean_gap_of_bins_of_equal_mass() -> None:
    score, truth = BINARY.probability[:, 1], BINARY.label
    bins = np.array_split(np.argsort(score), CALIBRATION_BINS)
    gaps = [abs(score[rows].mean() - truth[rows].mean()) * len(rows) for rows in bins]
    found = measure_scores(BINARY.probability, truth, BINARY.patient, resamples=1)
    assert found["ece"].value == pytest.approx(sum(gaps) / len(score))


def test_equal_scores_share_a_bin() -> None:
    values = np.array([0.1] * 50 + [0.9] * 50)
    place = equal_mass_bins(values, 10)
    assert set(place[:50]) == {2}
    assert set(place[50:]) == {7}


def test_weighted_curves_are_those_of_the_repeated_cells() -> None:
    score, positive = BINARY.logit.astype(float), BINARY.label == 1
    names, owner = np.unique(BINARY.patient, return_inverse=True)
    weights = draw_weights(len(names), 3, seed=4)
    found = curve_rows(score, positive, owner, weights)
    for row, drawn in enumerate(weights):
        rows = np.repeat(np.arange(len(score)), drawn[owner].astype(int))
        assert found["auc"][row] == pytest.approx(auc(score[rows], positive[rows]))
        assert found["pr_auc"][row] == pytest.approx(
            reference.average_precision_score(positive[rows], score[rows])
        )


def test_interval_is_that_of_a_plain_bootstrap_over_patients() -> None:
    right = ((BINARY.probability[:, 1] >= 0.5) == BINARY.label).astype(float)
    rows_of = [np.flatnonzero(BINARY.patient == patient) for patient in PATIENTS]
    rng = np.random.default_rng(1)
    drawn = [
        right[np.concatenate([rows_of[k] for k in rng.integers(0, 40, 40)])].mean()
        for _ in range(2000)
    ]
    figure = measure(BINARY.probability, BINARY.label, BINARY.patient).overall["accuracy"]
    low, high = np.percentile(drawn, (2.5, 97.5))
    assert (figure.ci_low, figure.ci_high) == pytest.approx((low, high), abs=0.006)


def test_rare_class_says_so_and_is_at_least_as_wide_as_the_exact_interval() -> None:
    keep = np.ones(len(STAGES.label), bool)
    keep[np.flatnonzero(STAGES.label == 2)[5:]] = False
    probability, label = STAGES.probability[keep].copy(), STAGES.label[keep]
    probability[label == 2] = (0.01, 0.01, 0.97, 0.01)
    rare = measure(probability, label, STAGES.patient[keep], resamples=300).per_class[2]["recall"]
    assert rare.value == 1.0
    # 5 of 5 right: Clopper-Pearson's lower end is (.025)^(1/5).
    assert rare.ci_low == pytest.approx(0.025 ** (1 / 5), abs=1e-6)
    assert "5 examples" in rare.note
    assert "too few" in rare.note


def test_resamples_without_the_class_are_counted_not_hidden() -> None:
    row = np.array([0.5, 0.4, np.nan, 0.6, np.nan])
    figure = summary(row, 1000, 100)
    assert "50%" in figure.note
    assert 0.4 <= figure.ci_low < figure.ci_high <= 0.6


def test_exact_interval_never_narrows() -> None:
    wide = summary(np.array([0.5, 0.0, 1.0, 0.0, 1.0]), 100, 20)
    found = at_least_exact(wide, 50, 100)
    assert (found.ci_low, found.ci_high) == (wide.ci_low, wide.ci_high)


def test_absent_class_is_an_error() -> None:
    with pytest.raises(DataError, match="none has label"):
        measure(BINARY.probability, np.zeros(len(BINARY.label), int), BINARY.patient)


def test_patient_is_called_by_a_cut_of_the_others() -> None:
    fraction = np.array([0.02, 0.03, 0.04, 0.30, 0.40, 0.50])
    infected = fraction > 0.1
    assert leave_one_out_calls(fraction, infected).tolist() == infected.tolist()
    # A patient whose own fraction would be the only one to move the cut does not move it.
    fraction[3] = 0.035
    assert not leave_one_out_calls(fraction, infected)[3]


def test_patient_figures_count_every_patient_once() -> None:
    label = np.array([1] * 90 + [0] * 10 + [0] * 4 + [1] * 4)
    patient = np.array(["a"] * 100 + ["b"] * 4 + ["c"] * 4)
    score = np.where(label == 1, 0.9, 0.1)
    score[100:104] = 0.9
    found = by_patient(np.column_stack([1 - score, score]), label, patient)
    assert found.accuracy.tolist() == [1.0, 0.0, 1.0]
    assert found.infected.tolist() == [True, False, True]
    figures = patient_figures(found, resamples=50)
    assert figures["accuracy_mean"].value == pytest.approx(2 / 3)
    # The clean patient b is called throughout, the infected a only for 90 of its 100 cells.
    assert figures["patient_auc"].value == pytest.approx(0.25)
    assert "3 patients" in figures["accuracy_mean"].note


def test_patients_of_one_kind_have_no_infection_figures() -> None:
    infected = by_patient(BINARY.probability, np.ones_like(BINARY.label), BINARY.patient)
    assert set(patient_figures(infected, resamples=5)) == {"accuracy_mean", "accuracy_worst_10"}
