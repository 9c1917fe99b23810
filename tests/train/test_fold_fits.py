"""Folds by one command: local and on Ray to the last bit, resumed, and one that fails."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.contract.errors import ConfigError
from tests.support.drawn_dataset import TINY_RECIPE
from tests.support.drawn_folds import write_known_patients
from tests.support.drawn_task import tiny_recipe
from tests.support.same_fits import assert_same_fit
from train import fit_pieces
from train.augment import Augmentation, augment
from train.augment_image import ImageAugmentation, augment_images
from train.batches import LabelledCrops, batches
from train.fit_pieces import check_seen, following, marked
from train.log import LOG_COLUMNS, write_log
from train.recipe import Recipe
from train.recipe_parts import NoveltySpec
from train.runs import read_run

pytestmark = pytest.mark.train
ROOT = Path(__file__).parents[2]
Run = Callable[..., tuple[int, str, str]]


def run_fit(*words: str) -> subprocess.CompletedProcess[str]:
    """`clinicscope train fit` in a process of its own."""
    code = "import sys; from edge.cli import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", code, "train", "fit", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A recipe's file, and the folder of data sets."""
    root = tmp_path_factory.mktemp("task")
    recipe = root / "tiny.toml"
    words = TINY_RECIPE.replace("epochs = 4", "epochs = 2").replace("[fit]", "dropout = 0.3\n[fit]")
    recipe.write_text(words)
    return recipe, write_known_patients(root / "data")


@pytest.mark.timeout(600)
def test_folds_are_the_same_fits_on_ray_as_here_and_one_may_fail(
    task: tuple[Path, Path], tmp_path: Path
) -> None:
    recipe, data = map(str, task)
    there, here = tmp_path / "there", tmp_path / "here"
    # A file in the place of a run folder stands for a fold that cannot be fitted.
    there.mkdir()
    (there / "fold1").touch()
    words = (recipe, "--folds", "0,1", "--out", str(there), "--data", data)
    on_ray = run_fit(*words, "--engine", "ray", "--workers", "2")
    assert on_ray.returncode == 3
    assert "fold 1: " in on_ray.stderr
    assert "1 of 2 folds failed: 1; the others are done" in on_ray.stderr
    assert "fold 0  epoch   2  loss" in on_ray.stdout
    assert (there / "fold0/held_out.npz").is_file()
    assert not list(there.glob(".seen-*"))

    local = run_fit(recipe, "--folds", "0", "--out", str(here), "--data", data)
    assert local.returncode == 0, local.stderr
    assert f"weights: {here}/fold0/model.weights.h5" in local.stdout
    assert_same_fit(there / "fold0", here / "fold0")

    # What is finished is not made again, whoever asks.
    weights = there / "fold0/model.weights.h5"
    before = weights.stat().st_mtime_ns
    again = run_fit(recipe, "--folds", "0", "--out", str(there), "--data", data)
    assert again.returncode == 0, again.stderr
    assert weights.stat().st_mtime_ns == before
    (there / "fold1").unlink()
    run = read_run(there)
    assert [fold.recipe.held_out_fold for fold in run.folds] == [0]


def test_folds_that_are_none_are_refused(
    task: tuple[Path, Path], tmp_path: Path, clinicscope: Run
) -> None:
    for folds, said in (
        ("five", "--folds is 'five'; give all, or numbers such as 0,2,3"),
        ("0,5", "--folds is '0,5'; each once, 0 to 4"),
        ("1,1", "--folds is '1,1'; each once, 0 to 4"),
    ):
        code, _, err = clinicscope("train", "fit", str(task[0]), "--folds", folds)
        assert (code, said in err) == (3, True), err
    code, _, err = clinicscope("train", "fit", str(task[0]), "--folds", "all", "--fold", "1")
    assert code == 3
    assert "--folds goes with neither --fold nor --replicas" in err
    code, _, err = clinicscope(
        "train", "fit", str(task[0]), "--folds", "all", "--set", "split=random-70-20-10"
    )
    assert code == 3
    assert "with split 'random-70-20-10' has no folds; name them" in err


def test_all_folds_are_those_of_the_data_set() -> None:
    assert fit_pieces.folds_of(tiny_recipe(), "all") == (0, 1, 2, 3, 4)
    assert fit_pieces.folds_of(replace(tiny_recipe(), split="random-70-20-10"), "7,0") == (7, 0)


def test_fold_of_another_recipe_is_refused_before_any_is_begun(
    task: tuple[Path, Path], tmp_path: Path, clinicscope: Run
) -> None:
    (tmp_path / "fold1").mkdir()
    (tmp_path / "fold1/recipe.json").write_text("{}")
    words = ("train", "fit", str(task[0]), "--folds", "0,1", "--out", str(tmp_path))
    code, _, err = clinicscope(*words, "--data", str(task[1]))
    assert code == 3
    assert "fold1 holds a run of another recipe; give another --out" in err
    assert not (tmp_path / "fold0").exists()


def test_machine_that_does_not_see_the_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit_pieces, "SEEN_S", 0.1)
    with marked(tmp_path / "out") as mark:
        check_seen(mark)
    with pytest.raises(ConfigError, match=r"does not see .*out; --out must be in"):
        check_seen(mark)


def test_rows_that_logs_gain_are_told_once(tmp_path: Path) -> None:
    rows = [dict.fromkeys(LOG_COLUMNS, float(number)) for number in range(3)]
    write_log(tmp_path / "log.csv", rows[:1])
    told: list[tuple[int, float]] = []
    with following({7: tmp_path / "log.csv"}, lambda k, row: told.append((k, row["epoch"]))):
        write_log(tmp_path / "log.csv", rows)
        # A worker that is started again may take a row back.
        write_log(tmp_path / "log.csv", rows[:2])
        write_log(tmp_path / "log.csv", rows)
    assert told == [(7, 1.0), (7, 2.0)]


CROPS = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), np.uint8)


@pytest.mark.parametrize("style", [0.0, 0.5])
def test_rows_of_a_share_are_those_of_the_whole_batch(style: float) -> None:
    settings = Augmentation(style=style)
    whole = augment(CROPS, settings, np.random.default_rng(3))
    for own in (slice(0, 4), slice(4, 8), slice(8, 12)):
        share = augment(CROPS, settings, np.random.default_rng(3), own=own)
        np.testing.assert_array_equal(share, whole[own])


def test_rows_of_a_share_of_pictures_are_those_of_the_whole_batch() -> None:
    settings = ImageAugmentation(rotate_deg=20, flip_horizontal=0.5, brightness=0.2, blur=0.5)
    whole = augment_images(CROPS, settings, np.random.default_rng(3))
    share = augment_images(CROPS, settings, np.random.default_rng(3), slice(4, 8))
    np.testing.assert_array_equal(share, whole[4:8])


def novelty() -> Recipe:
    recipe = tiny_recipe(batch_size=4)
    model = replace(recipe.model, name="novelty_cnn")
    return replace(recipe, model=model, novelty=NoveltySpec("drawn"))


@pytest.mark.parametrize("recipe", [tiny_recipe(batch_size=4), novelty()], ids=["cells", "drawn"])
def test_shares_of_batches_joined_are_the_batches(recipe: Recipe) -> None:
    part = LabelledCrops(CROPS, np.arange(12, dtype=np.float32) % 2)
    whole = list(batches(part, recipe, 1))
    shares = [list(batches(part, recipe, 1, index, 2)) for index in range(2)]
    assert len(whole) == 3
    for batch, first, second in zip(whole, *shares, strict=True):
        for values, one, other in zip(batch, first, second, strict=True):
            np.testing.assert_array_equal(values, np.concatenate([one, other]))
