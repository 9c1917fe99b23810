"""A threshold fixed at home, on drawn logits of another microscope."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.contract.errors import DataError
from train.scores import Scores
from train.threshold_studies import _joined, site_rows, threshold_rows
from train.threshold_travel import (
    Logits,
    auc_of,
    both,
    classifier_alone,
    draw_sites,
    median_to_home,
    reference_at_home,
    thin,
    threshold_of,
    travel_of,
    upper_to_home,
)

Run = Callable[..., tuple[int, str, str]]


def drawn(
    seed: int, healthy: float = -4.0, sick: float = 4.0, slides: int = 12, share: float = 0.2
) -> Logits:
    """Normal logits of both networks, 200 cells a slide; slides differ a little."""
    rng = np.random.default_rng(seed)
    group = np.repeat([f"s{n:02}" for n in range(slides)], 200)
    positive = np.tile(np.arange(200) < 200 * share, slides)
    off = np.repeat(rng.normal(0, 0.3, slides), 200)
    middle = np.where(positive, sick, healthy)
    noise = rng.normal(0, 1.5, (2, len(group)))
    return Logits(middle + off + noise[0], middle + noise[1], positive, group)


HOME, AWAY = drawn(0), drawn(1, sick=1.5)


def test_threshold_keeps_its_specificity_at_home() -> None:
    for rule in (classifier_alone, median_to_home, upper_to_home, both(1.0)):
        at = threshold_of(rule, HOME, 0.98)
        assert (rule(HOME, HOME)[~HOME.positive] < at).mean() == pytest.approx(0.98, abs=0.002)


def test_where_away_is_as_home_the_threshold_travels() -> None:
    found = travel_of(classifier_alone, [HOME], [drawn(2)], 0.98, resamples=50)
    assert found.specificity.value == pytest.approx(0.98, abs=0.01)
    assert found.sensitivity.value > 0.98
    assert auc_of(classifier_alone, [HOME], [drawn(2)], resamples=20).value > 0.99
    assert found.specificity.ci_low < found.specificity.value < found.specificity.ci_high


def test_figures_are_the_mean_of_single_folds() -> None:
    near, far = [HOME, drawn(3)], [AWAY, replace(AWAY, classifier=AWAY.classifier - 1)]
    pooled = travel_of(classifier_alone, near, far, 0.98, resamples=5)
    single = [
        travel_of(classifier_alone, [a], [b], 0.98, resamples=5).sensitivity.value
        for a, b in zip(near, far, strict=True)
    ]
    assert pooled.sensitivity.value == pytest.approx(np.mean(single))
    assert single[0] > single[1]


def test_two_networks_that_err_apart_are_better_together() -> None:
    alone = travel_of(classifier_alone, [HOME], [AWAY], 0.98, resamples=50)
    pair = travel_of(both(1.0), [HOME], [AWAY], 0.98, resamples=50)
    areas = [
        auc_of(rule, [HOME], [AWAY], resamples=20).value for rule in (classifier_alone, both(1.0))
    ]
    assert areas[1] > areas[0] + 0.002
    assert pair.sensitivity.value > alone.sensitivity.value


def test_medians_and_upper_quantiles_come_to_those_at_home() -> None:
    moved = replace(AWAY, classifier=AWAY.classifier - 2)
    brought = median_to_home(moved, HOME)
    at_home = np.median(HOME.classifier[~HOME.positive])
    for name in np.unique(moved.group):
        assert np.median(brought[moved.group == name]) == pytest.approx(at_home)
    few = drawn(4, healthy=-6, sick=2, share=0.02)
    added = upper_to_home(few, HOME) - few.classifier
    assert np.ptp(added[few.group == "s00"]) == pytest.approx(0, abs=1e-9)
    assert added.mean() == pytest.approx(2, abs=0.3)
    far_up = replace(AWAY, classifier=AWAY.classifier + 100)
    np.testing.assert_array_equal(upper_to_home(far_up, HOME), far_up.classifier)


def test_thinned_home_keeps_every_healthy_cell() -> None:
    thinned = thin(HOME, 0.1)
    assert (~thinned.positive).sum() == (~HOME.positive).sum()
    assert thinned.positive.mean() == pytest.approx(0.1, abs=0.01)
    assert len(np.unique(thinned.group[thinned.positive])) == 12


def test_reference_says_where_both_classes_lie() -> None:
    found = reference_at_home(HOME.classifier, HOME.positive, HOME.group)
    assert found.healthy.median == pytest.approx(-4, abs=0.3)
    assert found.infected.median == pytest.approx(4, abs=0.3)
    assert found.healthy.spread == pytest.approx(1.5, abs=0.15)
    assert 0.1 < found.infected.between < 0.8


def test_one_patient_does_not_say_how_slides_differ() -> None:
    one = HOME.take(HOME.group == "s00")
    with pytest.raises(DataError, match="1 patients have 10 cells of a class"):
        reference_at_home(one.classifier, one.positive, one.group)


def test_labelled_cells_win_back_what_the_microscope_took() -> None:
    reference = reference_at_home(HOME.classifier, HOME.positive, HOME.group)
    threshold = threshold_of(classifier_alone, HOME, 0.998)
    sites = draw_sites(AWAY.classifier, AWAY.positive, AWAY.group, threshold, reference, draws=40)
    assert sites.shift.mean() < 0
    assert sites.sensitivity_after.mean() > sites.sensitivity_before.mean() + 0.02
    assert sites.specificity_after.mean() > 0.97
    same = draw_sites(AWAY.classifier, AWAY.positive, AWAY.group, threshold, reference, draws=40)
    np.testing.assert_array_equal(sites.shift, same.shift)


def test_tables_have_a_row_for_each_rule_and_half() -> None:
    rows = threshold_rows([HOME], [AWAY], (0.98,))
    assert [row[2] for row in rows[:2]] == ["choosing", "reporting"]
    assert len(rows) == 10
    assert all(row[4] <= row[3] <= row[5] for row in rows)
    assert len(site_rows([HOME], [AWAY])) == 4


def test_runs_that_scored_other_cells_are_refused() -> None:
    names = np.array(["a", "b"])
    scores = Scores(names, names, np.array([0, 1], np.int8), np.zeros(2, np.float32))
    with pytest.raises(DataError, match="the two runs scored other cells: 2 and 2"):
        _joined(scores, replace(scores, name=names[::-1]))


def test_run_without_scores_is_refused(tmp_path: Path, clinicscope: Run) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    code, _, err = clinicscope("train", "travel-threshold", tmp_path / "a", tmp_path / "b")
    assert (code, "is no run" in err) == (3, True)
