"""Metrics against scikit-learn, intervals by patient, thresholds on validation patients."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef, roc_auc_score

from edge.contract.errors import DataError
from train.datasets.base import Example
from train.evaluate import auc, cell_metrics, evaluate, read_scores
from train.operating_point import choose_operating_point, error_rate

RNG = np.random.default_rng(5)
LABELS = RNG.integers(0, 2, 2000)
SCORES = np.clip(RNG.normal(0.3 + 0.4 * LABELS, 0.2), 0, 1).round(2)
PATIENTS = [f"C{n % 40}" for n in range(2000)]


def test_auc_agrees_with_scikit_learn_also_with_ties() -> None:
    assert auc(SCORES, LABELS > 0) == pytest.approx(roc_auc_score(LABELS, SCORES), abs=1e-12)


def test_mcc_agrees_with_scikit_learn() -> None:
    found = cell_metrics(SCORES, LABELS > 0, 0.5)
    assert found["mcc"] == pytest.approx(matthews_corrcoef(LABELS, SCORES >= 0.5))


def test_intervals_hold_the_value_and_widen_where_patients_differ() -> None:
    same = evaluate(SCORES, LABELS.tolist(), PATIENTS, 0.5, resamples=200)
    noisy = SCORES.copy()
    for patient in range(0, 40, 4):
        noisy[patient::40] = 1 - noisy[patient::40]
    differ = evaluate(noisy, LABELS.tolist(), PATIENTS, 0.5, resamples=200)
    for metric in same.values():
        assert metric.ci_low <= metric.value <= metric.ci_high
    width = {name: m["auc"].ci_high - m["auc"].ci_low for name, m in (("s", same), ("d", differ))}
    assert width["d"] > 3 * width["s"]


def test_one_class_cannot_be_measured() -> None:
    with pytest.raises(DataError, match="one class"):
        evaluate(SCORES, [1] * 2000, PATIENTS, 0.5)


@pytest.mark.parametrize("target", [0.7, 0.9, 0.95, 0.99])
def test_threshold_is_the_highest_that_reaches_the_target(target: float) -> None:
    scores, labels = SCORES.astype(np.float32), LABELS.astype(np.float32)
    point = choose_operating_point(
        scores, labels, PATIENTS, target_sensitivity=target, chosen_on="drawn"
    )
    assert (scores[labels > 0.5] >= point.threshold).mean() >= target
    higher = scores[scores > point.threshold].min() + 1e-4
    assert (scores[labels > 0.5] >= higher).mean() < target


def test_rate_that_differs_between_patients_is_worth_fewer_cells() -> None:
    ids = np.array(PATIENTS)
    even = RNG.random(2000) < 0.9
    uneven = RNG.random(2000) < np.where(np.char.endswith(ids, "7"), 0.3, 0.97)
    assert error_rate(even, ids).n_effective > 400
    assert error_rate(uneven, ids).n_effective < 20


def test_rate_is_that_of_a_new_patient_and_not_of_the_one_with_most_cells() -> None:
    """Nine patients of 20 cells, of which half are found, and one of 2,000, of which all are."""
    ids = np.repeat([f"C{n}" for n in range(10)], [20] * 9 + [2000])
    found = np.concatenate([np.tile([True, False], 90), np.ones(2000, bool)])
    rate = error_rate(found, ids)
    assert found.mean() > 0.95
    assert 0.5 < rate.rate < 0.62
    assert 1 < rate.n_effective < 40


def test_rate_of_patients_alike_is_that_of_cells() -> None:
    ids = np.repeat([f"C{n}" for n in range(20)], 50)
    found = np.tile(np.arange(50) < 40, 20)
    assert error_rate(found, ids).rate == pytest.approx(0.8)
    assert error_rate(found, ids).n_effective == pytest.approx(1000)
    assert error_rate(np.ones(1000, bool), ids).rate == 1


def test_threshold_needs_both_classes_and_enough_patients() -> None:
    ones = np.ones(10, np.float32)
    with pytest.raises(DataError, match="one class"):
        choose_operating_point(ones, ones, ["C1"] * 10, target_sensitivity=0.9, chosen_on="x")
    with pytest.raises(DataError, match="2 patients"):
        error_rate(ones > 0, np.array(["C1", "C2"] * 5))


def write_csv(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "score", "call", "novelty", "refused"])
        writer.writerows([name, score, "", "", refused] for name, score, refused in rows)
    return path


def test_scores_are_matched_by_file_name(tmp_path: Path) -> None:
    examples = [Example("a", Path(), 1, "C1"), Example("b", Path(), 0, "C2")]
    path = write_csv(tmp_path / "s.csv", [("x/b.webp", "0.25", ""), ("x/a.webp", "0.75", "")])
    found, scores = read_scores(path, examples)
    assert [example.name for example in found] == ["a", "b"]
    assert scores.tolist() == [0.75, 0.25]


def test_scores_that_are_missing_or_refused_are_an_error(tmp_path: Path) -> None:
    examples = [Example("a", Path(), 1, "C1")]
    with pytest.raises(DataError, match="have no score"):
        read_scores(write_csv(tmp_path / "r.csv", [("a.webp", "", "truncated")]), examples)
    with pytest.raises(DataError, match="scores none"):
        read_scores(write_csv(tmp_path / "o.csv", [("z.webp", "0.5", "")]), examples)
    (tmp_path / "bad.csv").write_text("file,p\n1,2\n")
    with pytest.raises(DataError, match="no CSV of"):
        read_scores(tmp_path / "bad.csv", examples)
