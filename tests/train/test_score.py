"""Scoring a data set with a run, also one that it has never seen, and the table of both."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.contract.errors import ConfigError, DataError
from tests.support.dataset_layouts import write_bccd, write_iml
from tests.support.drawn_task import drawn_task, sharp_recipe
from train.datasets.base import list_examples, load_crops
from train.evaluate import auc
from train.fit import fit
from train.networks import load_network
from train.report.studies import read_study, table_of
from train.score import score
from train.scores import read_npz_scores, write_scores
from train.splits import load_split
from train.studies import TRAVEL_COLUMNS, Study, write_study

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("quick_graphs"),
]
Run = Callable[..., tuple[int, str, str]]
SCALE = 1 / 255


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """(folder of two folds, data folder)."""
    root = tmp_path_factory.mktemp("score")
    with drawn_task(root, cells=3) as data:
        write_bccd(data)
        write_iml(data)
        for fold in (0, 1):
            recipe = replace(sharp_recipe(epochs=2), held_out_fold=fold)
            fit(recipe, root / f"run/fold{fold}", data=data)
        yield root / "run", data


def copy_of(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "copy"))


def test_held_out_figures_come_again_when_scored_again(fitted: tuple[Path, Path]) -> None:
    run, data = fitted[0] / "fold0", fitted[1]
    again = score(run, "nih-cells", data=data)
    kept = read_npz_scores(run / "held_out.npz")
    rows = load_split("nih-cells", 0).rows_of(list_examples("nih-cells", data), "test")
    assert again.name[rows].tolist() == kept.name.tolist()
    np.testing.assert_array_equal(again.label[rows], kept.label)
    np.testing.assert_allclose(again.logit[rows], kept.logit, atol=1e-4)


def test_views_are_averaged(fitted: tuple[Path, Path]) -> None:
    run, data = fitted[0] / "fold0", fitted[1]
    recipe, model = load_network(run)
    examples = list_examples("nih-cells", data)[:40]
    crops = load_crops(examples, recipe.preprocessing).astype(np.float32) * SCALE
    turns = [model(view)["logit"].numpy()[:, 0] for view in (crops, crops[:, ::-1, ::-1])]
    found = score(run, "nih-cells", data=data, views=2).logit[:40]
    np.testing.assert_allclose(found, np.mean(turns, axis=0), atol=1e-4)
    for views in (0, 9):
        with pytest.raises(ConfigError, match=f"views is {views}; allowed: 1 to 8"):
            score(run, "nih-cells", data=data, views=views)


def test_what_cannot_be_scored_is_refused(fitted: tuple[Path, Path], tmp_path: Path) -> None:
    run, data = fitted[0] / "fold0", fitted[1]
    with pytest.raises(ConfigError, match=r"adaptation is 'magic'; known: batch-norm, colour"):
        score(run, "nih-cells", data=data, adaptation="magic")
    with pytest.raises(ConfigError, match=r"iml-stages has labels ring, trophozoite, .* cannot"):
        score(run, "iml-stages", data=data)
    bare = copy_of(run, tmp_path)
    (bare / "model.weights.h5").write_bytes(b"no HDF5")
    with pytest.raises(ConfigError, match=r"holds no weights of the network"):
        score(bare, "nih-cells", data=data)
    (bare / "model.weights.h5").unlink()
    with pytest.raises(ConfigError, match=r"has no model.weights.h5: .* fit the recipe again"):
        score(bare, "nih-cells", data=data)
    (bare / "recipe.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"recipe.json is no recipe of .*: .* lacks"):
        score(bare, "nih-cells", data=data)
    (bare / "recipe.json").unlink()
    with pytest.raises(DataError, match=r"is no run: it has neither recipe.json nor folders"):
        score(bare, "nih-cells", data=data)


def test_labels_are_matched_by_name(
    fitted: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, data = fitted[0] / "fold0", fitted[1]
    assert set(score(run, "bccd-cells", data=data).label.tolist()) == {0}
    iml = score(run, "iml-cells", data=data)
    # The same data set, its labels in the other order.
    from train.datasets import iml_cells

    monkeypatch.setattr(iml_cells, "LABELS", iml_cells.LABELS[::-1])
    turned = score(run, "iml-cells", data=data)
    np.testing.assert_array_equal(turned.label, 1 - iml.label)
    np.testing.assert_array_equal(turned.logit, iml.logit)


def test_folds_are_averaged_but_not_on_what_they_were_fitted_on(
    fitted: tuple[Path, Path], tmp_path: Path
) -> None:
    run, data = fitted
    both = score(run, "iml-cells", data=data).logit
    each = [score(run / fold, "iml-cells", data=data).logit for fold in ("fold0", "fold1")]
    np.testing.assert_allclose(both, np.mean(each, axis=0), atol=1e-5)
    assert not np.allclose(*each)
    with pytest.raises(ConfigError, match="2 folds, which together were fitted on all of nih"):
        score(run, "nih-cells", data=data)
    other = copy_of(run, tmp_path)
    path = other / "fold1/recipe.json"
    path.write_text(path.read_text().replace('"seed": 1', '"seed": 2'))
    with pytest.raises(ConfigError, match="folds of different recipes"):
        score(other, "iml-cells", data=data)


def test_run_outlives_the_weights_that_it_started_from(
    fitted: tuple[Path, Path], tmp_path: Path
) -> None:
    run, data = copy_of(fitted[0] / "fold0", tmp_path), fitted[1]
    path = run / "recipe.json"
    path.write_text(path.read_text().replace('"weights": ""', '"weights": "gone.weights.h5"'))
    assert len(score(run, "bccd-cells", data=data).name) == 12


def test_score_command_writes_what_reports_read(
    fitted: tuple[Path, Path], tmp_path: Path, clinicscope: Run
) -> None:
    out = tmp_path / "new/scores.npz"
    code, said, err = clinicscope(
        "train", "score", fitted[0] / "fold0", "--dataset", "iml-cells", "--out", out,
        "--data", fitted[1], "--adaptation", "colour",
    )  # fmt: skip
    assert code == 0, err
    assert "50 scores of iml-cells" in said
    assert len(read_npz_scores(out).name) == 50


def test_travel_writes_a_study_that_the_report_reads(
    fitted: tuple[Path, Path], tmp_path: Path, clinicscope: Run
) -> None:
    run, data = fitted
    out = tmp_path / "studies/travel.json"
    words = ["train", "travel", run / "fold0", run, "--adaptation", "none", "--adaptation"]
    words += ["colour", "--views", 1, "--out", out, "--data", data]
    code, said, err = clinicscope(*words)
    assert code == 0, err
    study = read_study(out)
    assert study.columns == TRAVEL_COLUMNS
    assert [row[:3] for row in study.rows] == [
        (name, adaptation, 1) for name in ("fold0", "run") for adaptation in ("none", "colour")
    ]
    row = dict(zip(study.columns, study.rows[0], strict=True))
    scores = score(run / "fold0", "iml-cells", data=data)
    truth = scores.label > 0
    assert row["AUC away"] == pytest.approx(auc(scores.logit.astype(float), truth), abs=1e-4)
    assert row["from"] <= row["AUC away"] <= row["to"]
    home = read_npz_scores(run / "fold0/held_out.npz")
    expected = auc(home.logit.astype(float), home.label > 0)
    assert row["AUC at home"] == pytest.approx(expected, abs=1e-4)
    assert row["sensitivity at .5"] == pytest.approx((scores.logit[truth] >= 0).mean(), abs=1e-4)
    false = (scores.logit[~truth] >= 0).mean()
    assert row["false positives per 1,000"] == pytest.approx(1000 * false, abs=0.1)
    assert row["specificity at .5"] == pytest.approx(1 - false, abs=1e-4)
    assert len(table_of(study).rows) == 4
    assert "clinicscope train travel" in study.command
    assert said.count("\n") == 5


def test_travel_without_a_positive_cell_counts_false_positives(
    fitted: tuple[Path, Path], tmp_path: Path, clinicscope: Run
) -> None:
    out = tmp_path / "bccd.json"
    code, _, err = clinicscope(
        "train", "travel", fitted[0] / "fold0", "--dataset", "bccd-cells", "--out", out,
        "--data", fitted[1],
    )  # fmt: skip
    assert code == 0, err
    (row,) = (dict(zip(TRAVEL_COLUMNS, row, strict=True)) for row in read_study(out).rows)
    assert (row["AUC away"], row["from"], row["to"], row["sensitivity at .5"]) == ("",) * 4
    called = (score(fitted[0] / "fold0", "bccd-cells", data=fitted[1]).logit >= 0).mean()
    assert row["false positives per 1,000"] == pytest.approx(1000 * called, abs=0.1)
    assert row["fewest"] <= row["false positives per 1,000"] <= row["most"]


def test_travel_needs_two_classes_and_scores(
    fitted: tuple[Path, Path], tmp_path: Path, clinicscope: Run
) -> None:
    run = copy_of(fitted[0] / "fold0", tmp_path)
    (run / "held_out.npz").unlink()
    code, _, err = clinicscope("train", "travel", run, "--data", fitted[1])
    assert code != 0
    assert "has no held_out.npz; let its fit finish first" in err
    scores = read_npz_scores(fitted[0] / "fold0/held_out.npz")
    many = replace(scores, logit=np.zeros((len(scores.name), 4), np.float32))
    write_scores(run / "held_out.npz", many)
    path = run / "recipe.json"
    path.write_text(path.read_text().replace('"nih-cells"', '"iml-stages"'))
    code, _, err = clinicscope("train", "travel", run, "--data", fitted[1])
    assert code != 0
    assert "tells 4 classes apart; this table is for two" in err


def test_note_is_kept_while_the_question_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "studies/a.json"
    study = Study("t", "Why?", "clinicscope", ("a",), ((1,),), "Because.")
    write_study(path, study)
    write_study(path, replace(study, rows=((2,),), note=""))
    kept = read_study(path)
    assert (kept.note, kept.rows) == ("Because.", ((2,),))
    write_study(path, replace(study, note="Not so."))
    assert read_study(path).note == "Not so."
    write_study(path, replace(study, question="How?", note=""))
    assert read_study(path).note == ""
    path.write_text("{")
    with pytest.raises(DataError, match=r"a.json is no table of a study.*move it away"):
        write_study(path, replace(study, note=""))
    assert path.read_text() == "{"
    assert [file.name for file in path.parent.iterdir()] == ["a.json"]
