"""Figures and paired differences, against ones that are worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from compress.paired import (
    HeldOut,
    compare,
    most_accurate_threshold,
    pool_at_own_thresholds,
    pool_folds,
)
from edge.contract.errors import DataError
from tests.support.drawn_variants import pooled
from train.metrics import measure
from train.runs import take
from train.scores import Scores


def test_figures_equal_those_worked_out_by_hand() -> None:
    # Labels 0 1 0 1 0 1 0 1. Float ranks all right; the variant puts one negative on top.
    exact = pooled(np.array([-4, 1, -3, 2, -2, 3, -1, 4]))
    rough = pooled(np.array([-4, 1, -3, 2, -2, 3, 5, 4]))
    reference, variant = compare([HeldOut(exact), HeldOut(rough)], 0)
    assert (reference.auc.value, reference.accuracy.value) == (1.0, 1.0)
    assert reference.auc_difference is None
    # 12 of 16 pairs are in order; 7 of 8 calls are right.
    assert (variant.auc.value, variant.accuracy.value) == (0.75, 0.875)
    assert variant.auc_difference is not None and variant.accuracy_difference is not None
    assert variant.auc_difference.value == -0.25
    assert variant.accuracy_difference.value == -0.125
    assert (variant.auc.n, variant.auc.n_groups) == (8, 2)


def test_difference_of_a_variant_that_is_alike_has_no_width() -> None:
    rng = np.random.default_rng(0)
    scores = pooled(rng.normal(size=400) + 1.5 * (np.arange(400) % 2))
    same, other = compare([HeldOut(scores), HeldOut(scores)], 0)
    assert other.auc_difference is not None
    assert (other.auc_difference.ci_low, other.auc_difference.ci_high) == (0.0, 0.0)
    assert same.auc.ci_high - same.auc.ci_low > 0.05


def test_paired_interval_equals_one_resampled_cell_by_cell() -> None:
    rng = np.random.default_rng(3)
    truth = np.arange(240) % 2
    exact = pooled(rng.normal(size=240) + 1.5 * truth)
    rough = replace(exact, logit=(exact.logit + rng.normal(size=240)).astype(np.float32))
    found = compare([HeldOut(exact), HeldOut(rough)], 0)[1].accuracy_difference
    assert found is not None
    right = [(s.logit >= 0) == truth for s in (exact, rough)]
    by_patient = (right[1].astype(float) - right[0]).reshape(-1, 4).mean(axis=1)
    drawn = by_patient[np.random.default_rng(9).integers(0, 60, (4000, 60))].mean(axis=1)
    expected = np.percentile(drawn, (2.5, 97.5))
    assert (found.ci_low, found.ci_high) == pytest.approx(expected, abs=0.012)


def test_figures_equal_those_of_the_report_of_fits() -> None:
    rng = np.random.default_rng(4)
    scores = pooled(rng.normal(size=200) + np.arange(200) % 2)
    expected = measure(scores.probability, scores.label, scores.patient, threshold=0.6)
    found = compare([HeldOut(scores, 0.6)], 0)[0]
    assert found.auc == expected.overall["auc"]
    assert found.accuracy == expected.overall["accuracy"]


def test_three_classes_give_macro_auc_and_the_likeliest_call() -> None:
    rng = np.random.default_rng(5)
    label = np.arange(90) % 3
    logit = rng.normal(size=(90, 3)).astype(np.float32) + 2 * np.eye(3)[label]
    scores = Scores(pooled(np.zeros(90)).name, pooled(np.zeros(90)).patient, label, logit)
    expected = measure(scores.probability, scores.label, scores.patient)
    found = compare([HeldOut(scores)], 0)[0]
    assert found.auc == expected.overall["macro_auc"]
    assert found.accuracy == expected.overall["accuracy"]


def test_folds_are_pooled_each_with_its_own_threshold() -> None:
    scores = pooled(np.array([-1.0, 1.0, -1.0, 1.0, 0.5, 2.0, 0.5, 2.0]))
    parts = [take(scores, np.arange(4)), take(scores, np.arange(4, 8))]
    held_out = pool_folds(parts, [0.5, 0.8])
    # sigmoid(.5) = .62 lies between the two thresholds, sigmoid(2) = .88 above both.
    assert compare([held_out], 0)[0].accuracy.value == 1.0
    assert compare([pool_folds(parts)], 0)[0].accuracy.value == 0.75


def test_variant_in_another_order_is_aligned_by_name() -> None:
    scores = pooled(np.array([-4, 1, -3, 2, -2, 3, -1, 4]))
    back = HeldOut(take(scores, np.arange(8)[::-1]), np.repeat((0.5, 0.6), 4))
    other = compare([HeldOut(scores), back], 0)[1]
    assert other.auc_difference is not None and other.auc_difference.value == 0
    assert other.accuracy.value == 1.0


def test_scores_that_do_not_belong_together_are_refused() -> None:
    scores = pooled(np.array([-4, 1, -3, 2, -2, 3, -1, 4]))
    with pytest.raises(DataError, match="2 examples are held out by two folds"):
        pool_folds([scores, take(scores, np.arange(2))])
    with pytest.raises(DataError, match="1 folds have 2 thresholds"):
        pool_folds([scores], [0.5, 0.5])
    with pytest.raises(DataError, match="scores of 2 examples are compared with those of 8"):
        compare([HeldOut(scores), HeldOut(take(scores, np.arange(2)))], 0)
    with pytest.raises(DataError, match=r"none of 4 held-out examples has label \[1\]"):
        compare([HeldOut(take(scores, np.arange(0, 8, 2)))], 0)


def test_each_fold_is_called_at_the_threshold_of_the_others() -> None:
    first, second, third = (
        Scores(
            np.array([f"{k}{n}" for n in range(6)]),
            np.array([f"{k}{n // 2}" for n in range(6)]),
            np.array([0, 0, 0, 1, 1, 1], np.int8),
            np.array([-4, -3, -2, at, at + 1, 4], np.float32),
        )
        for k, at in (("a", -1.0), ("b", -1.0), ("c", 1.0))
    )
    pooled = pool_at_own_thresholds([first, second, third])
    own = np.asarray(pooled.threshold)[[0, 6, 12]]
    # The third's rule comes from the first two, which call from between -2 and -1 on.
    low, high = 1 / (1 + np.exp(2.0)), 1 / (1 + np.exp(1.0))
    assert own[2] == pytest.approx((low + high) / 2)
    turned = replace(third, label=1 - third.label)
    assert np.asarray(pool_at_own_thresholds([first, second, turned]).threshold)[12] == own[2]


def test_one_fold_or_several_classes_have_no_threshold_to_choose() -> None:
    one = Scores(np.array(["a"]), np.array(["p"]), np.array([1]), np.array([2.0], np.float32))
    assert pool_at_own_thresholds([one]).threshold == 0.5


@pytest.mark.parametrize("label", [[0, 0, 1, 1], [0, 1, 0, 1], [1, 0, 0, 0], [0, 1, 1, 1]])
def test_most_accurate_threshold_lies_between_two_scores(label: list[int]) -> None:
    names = np.array([str(n) for n in range(4)])
    scores = Scores(names, names, np.array(label), np.array([-2, -1, 1, 2], np.float32))
    found = most_accurate_threshold(scores)
    right = ((scores.probability[:, 1] >= found) == (scores.label > 0)).mean()
    assert right == max(
        ((scores.probability[:, 1] >= t) == (scores.label > 0)).mean()
        for t in (0, 0.2, 0.3, 0.6, 0.8, 1)
    )
    assert found not in scores.probability[:, 1]
