"""Anomaly scores: baselines, thresholds, adjustments, the two networks as one, and the command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.cameras.smear import draw_cell
from edge.contract.errors import ConfigError, DataError
from edge.contract.preprocess import Preprocessing, prepare_batch
from edge.contract.types import U8Array
from tests.support.drawn_task import PLAIN, drawn_task, reconstructing, tiny_recipe
from train.bootstrap import curve_rows, draw_weights
from train.evaluate import auc
from train.fit import fit
from train.novelty import baselines
from train.novelty.baselines import Pca, saturation_scores
from train.novelty.combined import (
    combine_alike,
    combine_at_home,
    combine_away,
    logistic_weights,
)
from train.novelty.curves import (
    Judged,
    adjusted,
    auc_rows,
    pooled,
    rates_at,
    sweep,
    threshold_at,
)
from train.novelty.study import at_threshold
from train.novelty.systems import Sources, System, networks_of
from train.recipe_parts import ModelSpec
from train.report.studies import read_study

Run = Callable[..., tuple[int, str, str]]
SIZE_PX = 96


def judged(score: np.ndarray, positive: np.ndarray, slides: int = 10) -> Judged:
    owner = np.array([f"P{row % slides}" for row in range(len(score))])
    name = np.array([f"cell{row}" for row in range(len(score))])
    return Judged(name, np.asarray(score, float), np.asarray(positive, bool), owner, owner)


def normal(seed: int, gap: float = 2.0, n: int = 1000, infected: float = 0.5) -> Judged:
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < infected
    return judged(rng.normal(0, 1, n) + gap * positive, positive)


def drawn(kind: str, count: int = 40, first: int = 0) -> U8Array:
    pairs = [draw_cell(kind, first + seed, 60) for seed in range(count)]
    return prepare_batch(
        [image for image, _ in pairs], Preprocessing(SIZE_PX), [mask for _, mask in pairs]
    )


def test_hand_feature_is_high_where_a_place_is_more_saturated() -> None:
    cell = np.zeros((1, 96, 96, 3), np.uint8)
    cell[0, 20:76, 20:76] = (200, 160, 180)
    plain = saturation_scores(cell)
    cell[0, 40:46, 40:46] = (120, 40, 160)
    assert plain[0] == 0
    assert saturation_scores(cell)[0] == pytest.approx(0.75 - 0.2, abs=0.01)
    # On the rim, where glass shines through, nothing counts.
    cell[0, 40:46, 40:46] = (200, 160, 180)
    cell[0, 20:22, 20:76] = (120, 40, 160)
    assert saturation_scores(cell)[0] == 0
    assert saturation_scores(np.zeros((1, 96, 96, 3), np.uint8))[0] == 0


def test_baselines_tell_drawn_parasites() -> None:
    healthy, infected = drawn("uninfected", first=100), drawn("trophozoite")
    both = np.concatenate([healthy[20:], infected[20:]])
    positive = np.repeat([False, True], 20)
    assert auc(saturation_scores(both).astype(float), positive) > 0.9
    pca = Pca.fit(healthy[:20])
    assert auc(pca.darker(both).astype(float), positive) > 0.7
    assert pca.squared(healthy[:20]).mean() < pca.squared(both).mean()


def test_resampled_areas_are_those_of_the_sweep() -> None:
    found = normal(20, n=500)
    found = found.rescored(np.round(found.score, 1))
    groups, owner = np.unique(found.group, return_inverse=True)
    weights = draw_weights(len(groups), 50, 3)
    expected = curve_rows(found.score, found.positive, owner, weights)["auc"]
    np.testing.assert_allclose(auc_rows(found, 50, 3), expected, rtol=1e-12)


def test_threshold_flags_the_share_of_healthy_cells_that_is_asked_for() -> None:
    found = normal(1, n=4000)
    for share in (0.01, 0.05, 0.2):
        threshold = threshold_at(found, share)
        flagged = (found.score[~found.positive] > threshold).mean()
        assert share - 0.001 < flagged <= share
    with pytest.raises(ConfigError, match="false alarm is 1"):
        threshold_at(found, 1)


def test_rates_and_sweep_agree_with_the_hand_count() -> None:
    found = judged(np.array([1, 2, 3, 4, 5, 6.0]), np.array([0, 0, 1, 0, 1, 1]), slides=3)
    rates = rates_at(found, 2.5)
    assert rates["recall"].value == 1
    assert rates["precision"].value == 0.75
    assert rates["false_alarm"].value == pytest.approx(1 / 3)
    assert rates["f1"].value == pytest.approx(6 / 7)
    curve = sweep(found)
    np.testing.assert_allclose(curve.threshold, [1, 1.5, 2.5, 3.5, 4.5, 5.5, 6])
    at = int(np.flatnonzero(curve.threshold == 2.5)[0])
    assert (curve.recall[at], curve.precision[at]) == (1, 0.75)
    assert curve.f1[at] == pytest.approx(6 / 7)
    assert curve.false_alarm[at] == pytest.approx(1 / 3)
    assert (curve.recall[-1], curve.precision[-1]) == (0, 1)


def test_ties_are_one_threshold() -> None:
    curve = sweep(judged(np.array([1, 1, 1, 2.0]), np.array([0, 1, 0, 1])))
    np.testing.assert_allclose(curve.threshold, [1, 1.5, 2])
    np.testing.assert_allclose(curve.recall, [1, 0.5, 0])


def test_one_kind_of_cell_is_refused() -> None:
    with pytest.raises(DataError, match="4 cells are all of one kind"):
        judged(np.arange(4.0), np.zeros(4))


def test_adjustment_takes_away_what_a_slide_adds() -> None:
    found = normal(2, n=4000, infected=0.1)
    shift = {f"P{k}": 2.0 * k for k in range(10)}
    moved = found.rescored(found.score + np.array([shift[name] for name in found.slide]))
    wide = moved.rescored(moved.score * np.where(found.slide == "P3", 5, 1))
    assert auc_rows(moved, 0)[0] < 0.7
    assert auc_rows(adjusted(moved, "shift"), 0)[0] > 0.9
    assert auc_rows(adjusted(wide, "shift and scale"), 0)[0] > 0.9
    assert adjusted(moved, "none") is moved
    # Where most cells of a slide are infected, healthy ones that are known stand for the majority.
    half = normal(3, n=2000, infected=0.7)
    centred = adjusted(half, "shift", ~half.positive)
    assert abs(np.median(centred.score[~half.positive])) < 0.05
    with pytest.raises(ConfigError, match="adjustment is 'stretch'"):
        adjusted(found, "stretch")


def test_small_slides_are_adjusted_as_all_cells_together() -> None:
    found = normal(4, n=200)
    score = adjusted(found, "shift").score
    np.testing.assert_allclose(score, found.score - np.median(found.score))


def test_two_scores_that_err_apart_are_better_together() -> None:
    first = normal(5, n=3000)
    rng = np.random.default_rng(6)
    second = first.rescored(rng.normal(0, 3, 3000) + 6 * first.positive)
    both = combine_at_home(first, second)
    alone = max(auc_rows(first, 0)[0], auc_rows(second, 0)[0])
    assert auc_rows(both, 0)[0] > alone + 0.03
    alike = combine_alike((first, second), (first, second))
    assert auc_rows(alike, 0)[0] > alone + 0.03
    louder = combine_alike((first, second.rescored(second.score * 9)), (first, second))
    assert auc_rows(louder, 0)[0] < auc_rows(alike, 0)[0]
    away = combine_away((first, second), (first, second))
    assert auc_rows(away, 0)[0] == pytest.approx(auc_rows(both, 0)[0], abs=0.003)
    useless = first.rescored(rng.normal(0, 1, 3000))
    weights = logistic_weights(np.column_stack([first.score, useless.score]), first.positive)
    assert abs(weights[1]) < 0.15 * weights[0]


def test_other_cells_are_not_combined() -> None:
    first = normal(7)
    other = judged(first.score[:-1], first.positive[:-1])
    with pytest.raises(DataError, match="1000 cells of the classifier are not the 999"):
        combine_at_home(first, other)


def test_each_fold_has_its_own_threshold() -> None:
    parts = normal(8), normal(9)
    scaled = tuple(part.rescored(100 * part.score + 50) for part in parts)
    system = System("x", 96, (parts[0], scaled[0]), (parts[1], scaled[1]), None)
    home, away = at_threshold(system, 0.1)
    assert away is None
    rates = rates_at(home, 0.0)
    single = rates_at(at_threshold(System("x", 96, parts[:1], parts[1:], None), 0.1)[0], 0.0)
    assert rates["recall"].value == pytest.approx(single["recall"].value)
    assert len(pooled(system.held_out).score) == 2000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with drawn_task(tmp_path_factory.mktemp("drawn"), cells=2) as folder:
        yield folder


def fit_both(data: Path, folder: Path) -> tuple[Path, Path]:
    spec = ModelSpec("colour_autoencoder", widths=(8, 8), strides=(2, 2), top_k=4)
    fit(reconstructing(spec), folder / "autoencoder", data=data)
    fit(tiny_recipe(PLAIN), folder / "classifier", data=data)
    return folder / "autoencoder", folder / "classifier"


@pytest.mark.train
def test_command_writes_three_studies_and_a_page(
    clinicscope: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # An eighth of a second where 32 px take six.
    monkeypatch.setattr(baselines, "PCA_SIDE_PX", 16)
    run, classifier = fit_both(data, tmp_path)
    words = ["train", "novelty", run, "--classifier", classifier, "--away", "nih-cells"]
    code, out, err = clinicscope(
        *words, "--data", data, "--out", tmp_path / "studies", "--page", tmp_path / "page.html"
    )
    assert code == 0, err
    systems = read_study(tmp_path / "studies/novelty.json")
    assert [row[0] for row in systems.rows] == [
        "saturation (hand feature)",
        "PCA, squared error",
        "PCA, darker places",
        "autoencoder",
    ]
    assert all(0 <= row[2] <= 1 for row in systems.rows)
    assert systems.command.startswith("clinicscope train novelty ")
    assert "autoencoder --fold 0 --classifier" in systems.command
    adjustments = read_study(tmp_path / "studies/novelty-adjusted.json")
    assert len(adjustments.rows) == 4 * 3 * 2
    both = read_study(tmp_path / "studies/novelty-combined.json")
    assert len(both.rows) == 4 * 2 * 2 * 4
    assert [row[-3] for row in both.rows if row[3] == "classifier"] == [0.0] * 16
    page = (tmp_path / "page.html").read_text()
    assert page.count("<img") == 1 + 4
    assert "saturation (hand feature)" in out


@pytest.mark.train
def test_fold_that_is_not_there_is_refused(data: Path, tmp_path: Path) -> None:
    fit(tiny_recipe(PLAIN), tmp_path / "run", data=data)
    assert list(networks_of(tmp_path / "run", (0,)).by_fold) == [0]
    with pytest.raises(DataError, match=r"holds folds \[0\], not \[1, 2\]; fit those first"):
        networks_of(tmp_path / "run", (0, 1, 2))


def test_nothing_to_compare_is_refused(clinicscope: Run) -> None:
    code, _, err = clinicscope("train", "novelty", "--no-baselines")
    assert code == 2
    assert "nothing to compare" in err


def test_studies_are_json_of_numbers_and_text(tmp_path: Path) -> None:
    from train.novelty.study import adjusted_study, combined_study, systems_study
    from train.studies import write_study

    system = System("x", 96, (normal(10),), (normal(11),), normal(12))
    studies = (
        systems_study([system], 0.05, "command", "iml-cells"),
        adjusted_study([system], 0.05, "command"),
        combined_study([system], system, "command"),
    )
    for index, study in enumerate(studies):
        write_study(tmp_path / f"{index}.json", study)
        assert read_study(tmp_path / f"{index}.json") == study
        assert json.loads((tmp_path / f"{index}.json").read_text())["rows"]
    row = dict(zip(studies[0].columns, studies[0].rows[0], strict=True))
    assert row["false alarm"] == pytest.approx(0.05, abs=0.03)
    assert row["F1"] <= row["best F1 in hindsight"]
    assert Sources().folds == (0,)
