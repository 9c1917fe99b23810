"""Pretraining without labels: it learns, its weights start a fit, and it says what it cannot do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.contract.errors import ConfigError, DataError
from tests.support.dataset_layouts import write_bccd
from tests.support.drawn_dataset import TINY_RECIPE
from tests.support.drawn_task import PLAIN, STILL, drawn_task, tiny_recipe
from train.augment_image import ImageAugmentation
from train.fit import fit
from train.log import read_log
from train.networks import build_for
from train.pretrain import TEMPERATURE, _contrast, _save, pretrain
from train.recipe_parts import ModelSpec

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("quick_graphs")]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with drawn_task(tmp_path_factory.mktemp("pretrain"), cells=2) as folder:
        write_bccd(folder)
        yield folder


def test_contrast_is_that_of_the_paper() -> None:
    projected = np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32)
    unit = projected / np.linalg.norm(projected, axis=1, keepdims=True)
    alike = np.exp(unit @ unit.T / TEMPERATURE)
    expected = np.mean([
        -np.log(alike[i, (i + 4) % 8] / (alike[i].sum() - alike[i, i])) for i in range(8)
    ])  # fmt: skip
    assert float(_contrast(projected)) == pytest.approx(expected, rel=1e-5)
    twins = np.concatenate([np.eye(5)] * 2).astype(np.float32)
    assert float(_contrast(twins)) < 0.1


def test_loss_falls_and_the_weights_start_a_fit(data: Path, tmp_path: Path) -> None:
    recipe = replace(tiny_recipe(epochs=6, learning_rate=1e-2, batch_size=16), augmentation=STILL)
    losses: list[float] = []
    out = pretrain(
        recipe,
        ("nih-cells", "bccd-cells"),
        tmp_path / "new/start.weights.h5",
        data=data,
        on_epoch=lambda epoch, loss: losses.append(loss),
    )
    # Chance is log(2 * 16 - 1): 3.4.
    assert len(losses) == 6
    assert losses[-1] < 0.6 * losses[0] < 0.6 * 3.4
    assert sorted(path.name for path in out.parent.iterdir()) == ["cache", "start.weights.h5"]

    spec = replace(PLAIN, weights=str(out))
    started, plain = build_for(replace(recipe, model=spec), 4), build_for(recipe, 2)
    first = plain.layers[1].get_weights()[0]
    plain.load_weights(out)
    for own, loaded in zip(started.layers[1:5], plain.layers[1:5], strict=True):
        for a, b in zip(own.get_weights(), loaded.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    assert not np.array_equal(started.layers[1].get_weights()[0], first)
    # Another task: the weights start a fit, whose first row is a loss like any other.
    fit(tiny_recipe(spec, use_validation=True), tmp_path / "run", data=data)
    assert 0 < read_log(tmp_path / "run/log.csv")[0]["loss"] < 5


def test_same_seed_pretrains_to_the_same_weights(data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe()
    found = []
    for name in ("a", "b"):
        model = build_for(replace(recipe, seed=9), 2)
        model.load_weights(
            pretrain(recipe, ("nih-cells",), tmp_path / f"{name}.weights.h5", data=data)
        )
        found.append(model.get_weights())
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_views_are_those_of_the_recipe(data: Path, tmp_path: Path) -> None:
    """Without any augmentation both views are one, and nothing is left to learn from."""
    losses: dict[str, float] = {}
    plain = replace(tiny_recipe(), augmentation=STILL)
    for name, recipe in {
        "turned": plain,
        "same": replace(plain, image_augmentation=ImageAugmentation()),
    }.items():
        pretrain(
            recipe,
            ("nih-cells",),
            tmp_path / f"{name}.weights.h5",
            data=data,
            on_epoch=lambda _epoch, loss, name=name: losses.update({name: loss}),
        )
    assert losses["same"] < losses["turned"]


def test_what_cannot_be_pretrained_is_refused(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.weights.h5"
    with pytest.raises(DataError, match=r"12 crops are less than a batch of 32"):
        pretrain(tiny_recipe(), ("bccd-cells",), out, data=data)
    with pytest.raises(ConfigError, match="batch_size is 1; contrast needs at least 2"):
        pretrain(tiny_recipe(batch_size=1), ("bccd-cells",), out, data=data)
    with pytest.raises(ConfigError, match="has no class activation map"):
        pretrain(tiny_recipe(ModelSpec("malaria_cnn")), ("nih-cells",), out, data=data)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot be written"):
        _save(build_for(tiny_recipe(), 2), tmp_path / "file/out.weights.h5")
    with pytest.raises(DataError, match=r"loss is (nan|inf) in epoch \d; lower fit.learning_rate"):
        pretrain(tiny_recipe(learning_rate=1e30, epochs=3), ("nih-cells",), out, data=data)
    with pytest.raises(ConfigError, match="data set is 'moon'"):
        pretrain(tiny_recipe(), ("moon",), out, data=data)
    assert not list(tmp_path.glob("*.h5"))


def test_command_names_its_output(data: Path, tmp_path: Path, clinicscope: Run) -> None:
    (tmp_path / "tiny.toml").write_text(TINY_RECIPE)
    words = ["train", "pretrain", tmp_path / "tiny.toml", "--on", "nih-cells", "--data", data]
    code, said, err = clinicscope(*words, "--epochs", 1, "--out", tmp_path / "a.weights.h5")
    assert code == 0, err
    assert "epoch   1  loss" in said
    assert (tmp_path / "a.weights.h5").is_file()
    code, _, err = clinicscope(*words, "--out", tmp_path / "a.keras")
    assert code != 0
    assert "must end in .weights.h5" in err
