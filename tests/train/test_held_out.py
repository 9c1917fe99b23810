"""Held-out figures by collection, and cells that are scored again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.contract.errors import ConfigError, DataError
from tests.support.dataset_layouts import write_iml
from tests.support.drawn_task import PLAIN, drawn_task, tiny_recipe
from train import splits
from train.datasets.base import list_examples
from train.fit import fit
from train.held_out import Rescoring, best_f1_threshold, by_source, kept_scores, score_again
from train.models.start_weights import WEIGHTS_FILE
from train.networks import build_for, load_network
from train.runs import pool, read_run

Run = Callable[..., tuple[int, str, str]]
pytestmark = [pytest.mark.train, pytest.mark.usefixtures("quick_graphs")]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with drawn_task(tmp_path_factory.mktemp("drawn")) as folder:
        write_iml(folder)
        splits.write_folds("iml-cells", list_examples("iml-cells", folder), 5, 1)
        yield folder


@pytest.fixture(scope="module")
def run_dir(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folds of both collections, which go on from a network that was never fitted."""
    folder = tmp_path_factory.mktemp("runs")
    recipe = replace(
        tiny_recipe(), dataset="two-microscopes", model=replace(PLAIN, weights="run:first"), seed=2
    )
    for fold in (0, 1):
        (folder / f"first/fold{fold}").mkdir(parents=True)
        build_for(tiny_recipe(), 2).save_weights(folder / f"first/fold{fold}" / WEIGHTS_FILE)
        fit(replace(recipe, held_out_fold=fold), folder / f"student/fold{fold}", data=data)
    return folder / "student"


def test_scoring_again_gives_what_the_fit_kept(run_dir: Path, data: Path) -> None:
    run = read_run(run_dir)
    again = score_again(run, Rescoring(), data)
    for kept, new in zip(kept_scores(run), again, strict=True):
        assert np.array_equal(kept.name, new.name)
        np.testing.assert_allclose(kept.logit, new.logit, atol=1e-4)


def test_views_and_start_share_change_the_scores_and_not_the_run(run_dir: Path, data: Path) -> None:
    run = read_run(run_dir)
    plain = np.concatenate([one.logit for one in kept_scores(run)])
    for how in (Rescoring(views=8), Rescoring(start_share=0.5)):
        assert how.changes
        again = np.concatenate([one.logit for one in score_again(run, how, data)])
        assert np.abs(again - plain).max() > 1e-4
    weights = load_network(run_dir / "fold0")[1].get_weights()
    score_again(run, Rescoring(start_share=0.5), data)
    for first, second in zip(
        weights, load_network(run_dir / "fold0")[1].get_weights(), strict=True
    ):
        assert np.array_equal(first, second)


def test_collections_are_told_apart(run_dir: Path, data: Path, clinicscope: Run) -> None:
    run = read_run(run_dir)
    found = {one.source: one for one in by_source(run, kept_scores(run), data)}
    assert list(found) == ["nih-cells", "iml-cells"]
    assert sum(one.cells for one in found.values()) == sum(len(s.name) for s in kept_scores(run))
    code, out, err = clinicscope("train", "held-out", run_dir, "--data", data, "--views", "4")
    assert code == 0, err
    assert "student, 2 folds, 4 view(s), start share 0" in out
    assert f"iml-cells: {found['iml-cells'].cells:,} cells" in out
    code, out, err = clinicscope("train", "held-out", run_dir, "--data", data, "--json")
    assert code == 0, err
    assert f'"auc": {found["nih-cells"].auc}' in out


def test_thresholds_come_from_the_other_folds(run_dir: Path, data: Path) -> None:
    """Fold 0 is parted at 1, fold 1 at 11: each other's threshold calls all, or none."""
    run = read_run(run_dir)
    made = []
    for fold, scores in enumerate(kept_scores(run)):
        logit = scores.label.astype(np.float32) * 2 + 10 * fold
        made.append(replace(scores, logit=logit))
    for one in by_source(run, made, data):
        assert one.auc == 1
        assert one.recall < 1
        assert one.precision < 1


def test_best_threshold_parts_the_two_and_no_ties() -> None:
    logit = np.array([0.0, 1, 2, 3, 3])
    assert best_f1_threshold(logit, np.array([0, 0, 1, 1, 1], bool)) == 2
    assert best_f1_threshold(logit, np.array([0, 0, 0, 1, 0], bool)) == 3


def test_figures_need_two_folds_and_the_cells(run_dir: Path, data: Path, tmp_path: Path) -> None:
    run = read_run(run_dir)
    one = pool("one", run.folds[:1])
    with pytest.raises(DataError, match="cells of both labels in 1 folds; needed: 2"):
        by_source(one, kept_scores(one), data)
    with pytest.raises(ConfigError, match="one tells 3 labels"):
        by_source(replace(one, labels=("a", "b", "c")), kept_scores(one), data)
    (fold,) = one.folds
    with pytest.raises(DataError, match=r"fold0 has no held_out\.npz; fit the recipe again"):
        kept_scores(replace(one, folds=(replace(fold, scores=None),)))
    assert fold.scores is not None
    lost = replace(fold.scores, name=np.array(["x", *fold.scores.name[1:]]))
    with pytest.raises(DataError, match=r"1 cells are gone, e\.g\. \['x'\]"):
        score_again(replace(one, folds=(replace(fold, scores=lost),)), Rescoring(), data)
