"""Fits of enhancers: they learn, go on after a stop, and refuse what they cannot use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edge.cameras.smear import draw_cell
from edge.contract.errors import ConfigError, DataError
from tests.support.drawn_enhancer_lab import DrawnEnhancerLab, drawn_enhancer_lab
from train.cli import train
from train.log import read_log
from train.models.start_weights import WEIGHTS_FILE
from train.superres.fit import fit_enhancer, loss_function
from train.superres.networks import INTERPOLATIONS, enhance_with, load_enhancer
from train.superres.recipe import EnhancerRecipe, load_enhancer_recipe


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrawnEnhancerLab]:
    with drawn_enhancer_lab(tmp_path_factory.mktemp("enhancer")) as lab:
        yield lab


@pytest.fixture(scope="module")
def recipe(drawn: DrawnEnhancerLab) -> EnhancerRecipe:
    found = load_enhancer_recipe(drawn.recipe())
    return replace(found, steps=30, loss="l2", fit=replace(found.fit, epochs=2))


@pytest.fixture(scope="module")
def run(drawn: DrawnEnhancerLab, recipe: EnhancerRecipe) -> Path:
    return fit_enhancer(recipe, drawn.root / "run", data=drawn.data).parent


def test_a_fit_learns_and_its_log_says_so(run: Path, recipe: EnhancerRecipe) -> None:
    first, last = read_log(run / "log.csv")
    assert last["validation_psnr_db"] > first["bicubic_psnr_db"] > 10
    assert last["loss"] < first["loss"]
    assert load_enhancer(run)[0] == recipe


def test_a_stopped_fit_goes_on_to_the_same_weights(
    drawn: DrawnEnhancerLab, recipe: EnhancerRecipe, run: Path
) -> None:
    class KilledError(Exception):
        pass

    def kill(_row: dict[str, float]) -> None:
        raise KilledError

    out = drawn.root / "stopped"
    with pytest.raises(KilledError):
        fit_enhancer(recipe, out, data=drawn.data, on_epoch=kill)
    assert not (out / WEIGHTS_FILE).exists()
    with pytest.raises(ConfigError, match="fit the recipe to its end"):
        load_enhancer(out)
    fit_enhancer(recipe, out, data=drawn.data)
    whole, resumed = (load_enhancer(folder)[1].get_weights() for folder in (run, out))
    assert all(np.array_equal(a, b) for a, b in zip(whole, resumed, strict=True))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 5), (24, 33)])
def test_any_size_is_enlarged(run: Path, size: tuple[int, int]) -> None:
    enlarge = enhance_with(load_enhancer(run)[1])
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    made = enlarge(image)
    assert made.shape == (2 * size[0], 2 * size[1], 3) and made.dtype == np.uint8
    # Of a flat picture nothing can be made but the same.
    flat = np.full((*size, 3), 120, np.uint8)
    assert np.abs(enlarge(flat).astype(int) - 120).max() <= 25


def test_what_is_no_picture_is_refused(run: Path) -> None:
    enlarge = enhance_with(load_enhancer(run)[1])
    for shape in ((4, 4), (4, 4, 1), (0, 4, 3)):
        with pytest.raises(DataError, match="expected"):
            enlarge(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("name", INTERPOLATIONS)
def test_interpolations_enlarge_without_a_shift(name: str) -> None:
    image, _ = draw_cell("uninfected", 2, 40)
    height, width = image.shape[:2]
    made = INTERPOLATIONS[name](image)
    assert made.shape == (2 * height, 2 * width, 3)
    back = cv2.resize(made, (width, height), interpolation=cv2.INTER_AREA)
    assert np.abs(back.astype(int) - image).mean() < 3


def test_losses_are_what_they_are_called() -> None:
    error = np.array([0.0, 0.1, -0.2, 0.1], np.float32).reshape(2, 2, 1, 1)
    assert float(loss_function("l1")(error)) == pytest.approx(0.1)
    assert float(loss_function("l2")(error)) == pytest.approx(0.015)
    of_each = np.log(np.array([0.005, 0.025]) + 0.1 / 255**2)
    assert float(loss_function("psnr")(error)) == pytest.approx(of_each.mean(), rel=1e-4)


def test_another_recipe_s_folder_is_left_alone(
    drawn: DrawnEnhancerLab, recipe: EnhancerRecipe, run: Path
) -> None:
    with pytest.raises(ConfigError, match="run of another recipe"):
        fit_enhancer(replace(recipe, seed=9), run, data=drawn.data)


def test_a_damaged_checkpoint_is_named(drawn: DrawnEnhancerLab, recipe: EnhancerRecipe) -> None:
    out = drawn.root / "damaged"
    fit_enhancer(replace(recipe, steps=1), out, data=drawn.data)
    for path in (out / "checkpoint").glob("*.data*"):
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ConfigError, match="damaged"):
        fit_enhancer(replace(recipe, steps=1), out, data=drawn.data)


def test_a_fit_that_runs_away_stops(drawn: DrawnEnhancerLab, recipe: EnhancerRecipe) -> None:
    wild = replace(recipe, fit=replace(recipe.fit, learning_rate=1e30))
    with pytest.raises(DataError, match=r"loss is (nan|inf)"):
        fit_enhancer(wild, drawn.root / "wild", data=drawn.data)


def test_no_run_is_no_enhancer(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no recipe\.json"):
        load_enhancer(tmp_path)
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(ConfigError, match="no recipe of `clinicscope train superres fit`"):
        load_enhancer(tmp_path)


def test_the_command_fits_and_tells(drawn: DrawnEnhancerLab, tmp_path: Path) -> None:
    arguments = ["superres", "fit", drawn.recipe("told"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(train, [*arguments, "--data", str(drawn.data), "--set", "steps=2"])
    assert done.exit_code == 0, done.output
    assert "epoch 1: loss" in done.stderr and "bicubic" in done.stderr
    assert (tmp_path / "out" / WEIGHTS_FILE).is_file()
