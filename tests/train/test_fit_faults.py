"""What goes wrong in a fit: killed, full disk, runaway loss, another run's folder; and resuming."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.contract.errors import ConfigError, DataError
from tests.support.drawn_dataset import TINY_RECIPE
from tests.support.drawn_task import PLAIN, drawn_task, start_fit, tiny_recipe
from train.fit import fit
from train.log import LOG_COLUMNS, read_log, write_log
from train.loop import Loop
from train.models import build_model
from train.networks import build_for
from train.recipe import load_recipe
from train.recipe_parts import ModelSpec

pytestmark = pytest.mark.train
# More than a log or the weights need, less than a checkpoint.
LIMIT_BYTES = 16_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with drawn_task(tmp_path_factory.mktemp("drawn")) as folder:
        yield folder


@pytest.fixture(scope="module")
def undisturbed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The recipe's file and a finished run of it."""
    root = tmp_path_factory.mktemp("undisturbed")
    recipe = root / "tiny.toml"
    recipe.write_text(TINY_RECIPE.replace("[fit]", "dropout = 0.3\n\n[fit]"))
    fit(load_recipe(str(recipe)), root / "run", data=data)
    return recipe, root / "run"


def weights_of(recipe: Path, run: Path) -> list[np.ndarray]:
    model = build_for(load_recipe(str(recipe)), 2)
    model.load_weights(run / "model.weights.h5")
    return list(model.get_weights())


def assert_same_run(recipe: Path, first: Path, second: Path) -> None:
    # Sums of float32 on two threads may differ in the last bits between processes.
    for a, b in zip(weights_of(recipe, first), weights_of(recipe, second), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    rows = [read_log(run / "log.csv") for run in (first, second)]
    assert [row["epoch"] for row in rows[0]] == [row["epoch"] for row in rows[1]] == [1, 2, 3, 4]
    np.testing.assert_allclose(*([row["loss"] for row in log] for log in rows), rtol=1e-3)


def test_killed_fit_goes_on_to_the_weights_of_an_undisturbed_one(
    undisturbed: tuple[Path, Path], data: Path, tmp_path: Path
) -> None:
    recipe, run = undisturbed[0], tmp_path / "killed"
    child = start_fit(recipe, run, data, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 150
    # The log is written before the checkpoint: wait for one to go on from.
    while not (run / "checkpoint/checkpoint").is_file() and time.monotonic() < deadline:
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert not (run / "model.weights.h5").exists()
    assert 1 <= len(read_log(run / "log.csv")) < 4
    fit(load_recipe(str(recipe)), run, data=data)
    assert_same_run(recipe, undisturbed[1], run)


def test_full_disk_is_named_and_the_fit_goes_on_afterwards(
    undisturbed: tuple[Path, Path], data: Path, tmp_path: Path
) -> None:
    recipe, run = undisturbed[0], tmp_path / "full"
    limit = (
        "import resource\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({LIMIT_BYTES}, resource.RLIM_INFINITY))"
    )
    # The decoded cache, larger than the limit, is there already.
    cache = tmp_path / "cache"
    cache.symlink_to(undisturbed[1].parent / "cache")
    child = start_fit(recipe, run, data, limit, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out, _ = child.communicate(timeout=200)
    words = " ".join(out.split())
    assert child.returncode == 3
    assert "Traceback" not in out
    assert "cannot be written" in words
    assert "free some space and run again" in words
    assert not (run / "model.weights.h5").exists()
    fit(load_recipe(str(recipe)), run, data=data)
    assert_same_run(recipe, undisturbed[1], run)


def test_weights_that_cannot_be_written_leave_none(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    # A folder in the place of the file stands for a disk that refuses it.
    (run / "partial.weights.h5").mkdir(parents=True)
    with pytest.raises(DataError, match=r"run cannot be written: .*free some space"):
        fit(tiny_recipe(), run, data=data)
    assert not (run / "model.weights.h5").exists()
    (run / "partial.weights.h5").rmdir()
    assert fit(tiny_recipe(), run, data=data).is_file()


def test_loss_that_is_no_number_names_the_epoch(data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(epochs=2, learning_rate=1e30, batch_size=16, schedule="constant")
    with pytest.raises(DataError, match=r"(loss is (nan|inf) in|validation after) epoch 1"):
        fit(recipe, tmp_path / "run", data=data)
    assert not (tmp_path / "run/model.weights.h5").exists()
    assert not read_log(tmp_path / "run/log.csv")


def test_weights_that_run_away_in_the_last_step_are_not_kept(data: Path, tmp_path: Path) -> None:
    # One step: its loss is finite, what it leaves is not, and there is no validation to tell.
    recipe = tiny_recipe(learning_rate=1e38, batch_size=40, use_validation=True)
    with pytest.raises(DataError, match="logits of the held-out part are not finite"):
        fit(recipe, tmp_path / "run", data=data)
    assert not (tmp_path / "run/model.weights.h5").exists()


def test_folder_of_another_recipe_is_refused(data: Path, tmp_path: Path) -> None:
    fit(tiny_recipe(), tmp_path, data=data)
    with pytest.raises(ConfigError, match="holds a run of another recipe; give another --out"):
        fit(replace(tiny_recipe(), seed=2), tmp_path, data=data)


def test_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    recipe = tiny_recipe()
    loop = Loop(recipe, tmp_path, build_for(recipe, 2), 2)
    loop.manager.save()
    wider = tiny_recipe(ModelSpec("plain_cnn", (8, 24), (2, 2)))
    with pytest.raises(ConfigError, match="checkpoint of another network than model 'plain_cnn'"):
        Loop(wider, tmp_path, build_for(wider, 2), 2)
    deeper = tiny_recipe(ModelSpec("xray_cnn"))
    with pytest.raises(ConfigError, match="checkpoint of another network than model 'xray_cnn'"):
        Loop(deeper, tmp_path, build_for(deeper, 2), 2)


def test_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    recipe = tiny_recipe()
    Loop(recipe, tmp_path, build_for(recipe, 2), 2).manager.save()
    (values,) = (tmp_path / "checkpoint").glob("*.data-*")
    os.truncate(values, values.stat().st_size // 2)
    with pytest.raises(ConfigError, match="is damaged, or a checkpoint of another network"):
        Loop(recipe, tmp_path, build_for(recipe, 2), 2)


def test_log_row_without_its_checkpoint_is_forgotten(tmp_path: Path) -> None:
    recipe = tiny_recipe()
    model = build_for(recipe, 2)
    write_log(tmp_path / "log.csv", [dict.fromkeys(LOG_COLUMNS, 1.0)])
    Loop(recipe, tmp_path, model, 2)
    assert read_log(tmp_path / "log.csv") == []


def test_batch_larger_than_the_data_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"fit.batch_size is 5000, more than the \d+ crops"):
        fit(tiny_recipe(batch_size=5000), tmp_path, data=data)


def test_recipe_of_an_unknown_network_says_which_there_are(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model.name is 'vgg16'; known: .*plain_cnn"):
        fit(tiny_recipe(ModelSpec("vgg16")), tmp_path, data=data)


def test_fit_starts_from_the_weights_of_a_run(data: Path, tmp_path: Path) -> None:
    first = fit(tiny_recipe(), tmp_path / "first", data=data)
    spec = replace(PLAIN, weights=str(first))
    started = build_model(spec, tiny_recipe().preprocessing)
    # So small a rate leaves the weights where they started.
    second = fit(
        tiny_recipe(spec, learning_rate=1e-12, use_validation=True), tmp_path / "second", data=data
    )
    kernel = started.layers[1].kernel.numpy()
    started.load_weights(second)
    np.testing.assert_allclose(started.layers[1].kernel.numpy(), kernel, atol=1e-6)
