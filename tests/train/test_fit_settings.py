"""What the settings of a fit do: rates, phases, stopping, class weights, and learning itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.contract.errors import ConfigError
from tests.support.drawn_task import PLAIN, drawn_task, tiny_recipe
from train.augment_image import ImageAugmentation
from train.batches import LabelledCrops
from train.fit import fit
from train.log import read_log
from train.loop import Loop
from train.networks import build_for
from train.objectives import class_weights_of
from train.recipe_parts import FitSpec, ModelSpec
from train.schedule import best_epoch, is_frozen, learning_rate, stops_early

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("quick_graphs")]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with drawn_task(tmp_path_factory.mktemp("drawn"), cells=2) as folder:
        yield folder


def losses(*values: float) -> list[dict[str, float]]:
    return [{"validation_loss": value} for value in values]


def spec(**settings: Any) -> FitSpec:
    return FitSpec(**{"epochs": 10, "batch_size": 4, "learning_rate": 1.0} | settings)


def test_step_decay_halves_every_five_epochs() -> None:
    fit_spec = spec(schedule="step", step_epochs=5, factor=0.5, epochs=15)
    rates = [learning_rate(fit_spec, step, 3, ()) for step in range(45)]
    assert rates == [1.0] * 15 + [0.5] * 15 + [0.25] * 15


def test_plateau_lowers_the_rate_once_patience_is_spent() -> None:
    fit_spec = spec(schedule="plateau", factor=0.1, plateau_patience=2)
    falling, stuck = losses(3, 2, 1), losses(3, 2, 2, 2)
    assert learning_rate(fit_spec, 30, 10, falling) == 1.0
    assert learning_rate(fit_spec, 40, 10, stuck[:3]) == 1.0
    assert learning_rate(fit_spec, 40, 10, stuck) == pytest.approx(0.1)
    assert learning_rate(fit_spec, 60, 10, stuck + losses(2, 2)) == pytest.approx(0.01)


def test_phases_have_rates_of_their_own_and_plateaus_count_from_the_second() -> None:
    fit_spec = spec(
        schedule="plateau", factor=0.5, plateau_patience=1, frozen_epochs=2, unfrozen_rate=1e-3
    )
    assert [is_frozen(fit_spec, epoch) for epoch in range(4)] == [True, True, False, False]
    assert learning_rate(fit_spec, 1, 1, losses(1)) == 1.0
    assert learning_rate(fit_spec, 2, 1, losses(1, 2)) == 1e-3
    assert learning_rate(fit_spec, 4, 1, losses(1, 2, 3, 4)) == pytest.approx(5e-4)


def test_cosine_rises_then_falls_to_zero() -> None:
    fit_spec = spec(warmup_epochs=1, epochs=3)
    rates = [learning_rate(fit_spec, step, 4, ()) for step in range(12)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[-1] < 0.1


def test_best_epoch_and_patience() -> None:
    assert best_epoch(losses(3, 1, 2)) == 1
    assert best_epoch(()) == -1
    assert not stops_early(spec(stop_patience=2), losses(3, 1, 2))
    assert stops_early(spec(stop_patience=2), losses(3, 1, 2, 2))
    assert not stops_early(spec(), losses(1, 2, 3, 4, 5))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"schedule": "plateau", "use_validation": True}, "leaves nothing to validate on"),
        ({"optimiser": "sgd"}, "fit.optimiser is 'sgd'; known: adam, adamw"),
        ({"precision": "float8"}, "fit.precision is 'float8'"),
        ({"epochs": 0}, "epochs is 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        spec(**settings)


def test_loss_falls_on_an_easy_set(data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(epochs=24, learning_rate=2e-2, batch_size=16)
    recipe = replace(recipe, image_augmentation=ImageAugmentation(flip_horizontal=0.5))
    fit(recipe, tmp_path / "run", data=data)
    rows = read_log(tmp_path / "run/log.csv")
    assert [row["epoch"] for row in rows] == [*range(1, 25)]
    assert rows[-1]["loss"] < 0.6 * rows[0]["loss"]
    assert rows[-1]["accuracy"] > 0.85


def test_loss_that_rises_stops_the_fit_and_the_best_weights_are_kept(
    data: Path, tmp_path: Path
) -> None:
    # A rate that throws the weights about after the first epochs.
    recipe = tiny_recipe(
        epochs=30, learning_rate=0.5, schedule="constant", keep_best=True, stop_patience=3
    )
    run = tmp_path / "run"
    fit(recipe, run, data=data)
    rows = read_log(run / "log.csv")
    assert len(rows) < 30
    assert len(rows) - 1 - best_epoch(rows) == 3
    kept, best = (build_for(recipe, 2) for _ in range(2))
    kept.load_weights(run / "model.weights.h5")
    best.load_weights(run / "best.weights.h5")
    for first, second in zip(kept.get_weights(), best.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    # A stopped fit stays stopped.
    fit(recipe, run, data=data)
    assert read_log(run / "log.csv") == rows


def test_plateau_shows_in_the_log(data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(
        epochs=8, learning_rate=0.5, schedule="plateau", plateau_patience=1, factor=0.1
    )
    fit(recipe, tmp_path / "run", data=data)
    rows = read_log(tmp_path / "run/log.csv")
    for epoch, row in enumerate(rows):
        assert row["learning_rate"] == pytest.approx(
            learning_rate(recipe.fit, epoch * 3, 3, rows[:epoch]), rel=1e-5
        )
    assert rows[-1]["learning_rate"] < rows[0]["learning_rate"]


def crops(count: int = 12) -> LabelledCrops:
    rng = np.random.default_rng(0)
    labels = (np.arange(count) % 4 == 0).astype(np.float32)
    return LabelledCrops(rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8), labels)


def changed(before: dict[str, list[np.ndarray]], model: Any) -> set[str]:
    return {
        layer.name
        for layer in model.layers
        if any(
            not np.array_equal(a, b)
            for a, b in zip(before[layer.name], layer.get_weights(), strict=True)
        )
    }


def weights_of(model: Any) -> dict[str, list[np.ndarray]]:
    return {layer.name: layer.get_weights() for layer in model.layers}


def test_frozen_layers_and_their_running_means_stay(tmp_path: Path) -> None:
    recipe = tiny_recipe(
        ModelSpec("plain_cnn", (4, 4, 4), (2, 2, 2)),
        epochs=2,
        batch_size=4,
        frozen_epochs=1,
        # The second phase: pooling, map, and the last ReLU, batch norm and convolution.
        unfreeze_last=5,
        unfrozen_rate=1e-3,
    )
    model = build_for(recipe, 2)
    loop = Loop(recipe, tmp_path, model, 2)
    start = weights_of(model)
    loop._epoch(crops(), 0, [])
    assert changed(start, model) == {"cam"}
    start = weights_of(model)
    loop._epoch(crops(), 1, losses(1))
    convolutions = [layer.name for layer in model.layers if "conv2d" in layer.name]
    norms = [layer.name for layer in model.layers if "normalization" in layer.name]
    assert changed(start, model) == {"cam", convolutions[-1], norms[-1]}


def test_two_phase_fit_goes_on_in_its_second_phase(data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(
        epochs=2, frozen_epochs=1, unfrozen_rate=1e-3, class_weights=True, schedule="constant"
    )
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    fit(recipe, whole, data=data)

    class StopHere(Exception):  # noqa: N818
        pass

    def stop(_row: dict[str, float]) -> None:
        raise StopHere

    with pytest.raises(StopHere):
        fit(recipe, halved, data=data, on_epoch=stop)
    fit(recipe, halved, data=data)
    assert [row["learning_rate"] for row in read_log(whole / "log.csv")] == [1e-3, 1e-3]
    found = []
    for run in (whole, halved):
        found.append(build_for(recipe, 2))
        found[-1].load_weights(run / "model.weights.h5")
    for first, second in zip(*(model.get_weights() for model in found), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-6)


def test_classes_weigh_the_same_in_sum() -> None:
    labels, weighted = crops().labels, tiny_recipe(class_weights=True)
    # n / (k n_i) for 9 and 3 of 12.
    np.testing.assert_allclose(class_weights_of(weighted, labels, 2), [12 / 18, 12 / 6])
    np.testing.assert_array_equal(class_weights_of(tiny_recipe(), labels, 2), [1, 1])


def test_class_weights_change_the_loss(tmp_path: Path) -> None:
    def loss(name: str, *, weighted: bool) -> float:
        recipe = tiny_recipe(batch_size=12, class_weights=weighted)
        model = build_for(recipe, 2)
        model.get_layer("cam").set_weights([np.zeros((1, 1, 16, 1)), np.array([-2.0])])
        return Loop(recipe, tmp_path / name, model, 2)._epoch(crops(), 0, [])["loss"]

    rare, common = np.log1p(np.exp(2)), np.log1p(np.exp(-2))
    assert loss("plain", weighted=False) == pytest.approx((3 * rare + 9 * common) / 12, rel=1e-3)
    assert loss("weighted", weighted=True) == pytest.approx((rare + common) / 2, rel=1e-3)


def test_bfloat16_fit_keeps_float32_weights(data: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(PLAIN, precision="mixed_bfloat16", use_validation=True)
    model = build_for(recipe, 2)
    model.load_weights(fit(recipe, tmp_path / "run", data=data))
    assert {weight.dtype for weight in model.get_weights()} == {np.dtype("float32")}
