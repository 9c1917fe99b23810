"""Training that is aware of quantisation, on a tiny network."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from compress.aware import aware_copy, fine_tune_aware, float_copy, set_ranges
from compress.quantise import describe_weights, quantise_int8
from compress.tflite import tflite_outputs
from edge.contract.errors import DataError
from tests.support.tiny_networks import (
    SCALE,
    float_outputs,
    network_with,
    tiny_crops,
    tiny_network,
)

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("quick_graphs"),
]

EPOCHS, RATE = 15, 3e-3


def rmse(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.sqrt(np.mean((first - second) ** 2)))


def labels(n_outputs: int) -> np.ndarray:
    kinds = np.arange(len(tiny_crops())) % 2 == 0
    return np.asarray(kinds * (1 if n_outputs == 1 else n_outputs - 1), np.float32)


@cache
def recipe() -> Any:
    from train.recipe import load_recipe

    found = load_recipe("malaria-cells")
    return replace(found, fit=replace(found.fit, batch_size=8))


@cache
def tuned(n_outputs: int, patch: int = 1) -> tuple[Any, Any]:
    model = tiny_network(n_outputs, patch=patch)
    args = (tiny_crops(), labels(n_outputs), recipe(), EPOCHS, RATE)
    return model, fine_tune_aware(model, *args)


def loss_of(logits: np.ndarray, n_outputs: int) -> float:
    from train.evaluate import log_loss

    flat = logits[:, 0] if n_outputs == 1 else logits
    return float(log_loss(flat, labels(n_outputs).astype(int)))


def test_copy_with_ranges_is_near_float_before_any_step() -> None:
    model = tiny_network(1)
    aware = aware_copy(model)
    set_ranges(aware, model, tiny_crops(), SCALE)
    assert set(aware.output) == {"logit", "cam"}
    expected, _ = float_outputs(model, tiny_crops())
    found, _ = float_outputs(aware, tiny_crops())
    assert 0 < rmse(found, expected) < 0.05 * expected.std()


@pytest.mark.parametrize(("n_outputs", "patch"), [(1, 1), (3, 2)])
def test_tuned_network_is_the_int8_file(n_outputs: int, patch: int) -> None:
    model, aware = tuned(n_outputs, patch)
    content = quantise_int8(aware, tiny_crops(), SCALE)
    before, _ = float_outputs(model, tiny_crops())
    expected, _ = float_outputs(aware, tiny_crops())
    found, _ = tflite_outputs(content, tiny_crops())
    assert rmse(found, expected) < 0.02 * expected.std()
    assert loss_of(found, n_outputs) < loss_of(before, n_outputs)
    weights = describe_weights(content, file="m.tflite", parent="", scale=SCALE)
    assert (weights.inputs[0].dtype, weights.inputs[0].zero_point) == ("uint8", 0)


def test_same_seed_gives_the_same_weights() -> None:
    model, first = tuned(1)
    second = fine_tune_aware(model, tiny_crops(), labels(1), recipe(), EPOCHS, RATE)
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_float_copy_has_the_tuned_weights_and_leaves_the_first_network() -> None:
    model, aware = tuned(1)
    copied = float_copy(aware, model)
    expected, _ = float_outputs(aware, tiny_crops())
    found, _ = float_outputs(copied, tiny_crops())
    untouched, _ = float_outputs(tiny_network(1), tiny_crops())
    before, _ = float_outputs(model, tiny_crops())
    assert rmse(found, expected) < 0.1 * rmse(before, expected)
    assert np.array_equal(before, untouched)


def test_soft_targets_are_learnt_instead_of_labels() -> None:
    model, by_labels = tuned(1)
    soft = np.full(len(tiny_crops()), 0.9, np.float32)
    # All logits of this network are below 0: it must get out of its first range.
    args = (tiny_crops(), labels(1), recipe(), EPOCHS, 10 * RATE)
    by_targets = fine_tune_aware(model, *args, targets=soft)
    half, _ = float_outputs(by_labels, tiny_crops())
    most, _ = float_outputs(by_targets, tiny_crops())
    assert most.mean() > max(1.0, half.mean() + 0.5)


def doubled(x: Any) -> Any:
    return 2 * x


def test_layer_of_unknown_effect_is_named() -> None:
    with pytest.raises(DataError, match=r"layer odd_one \(Lambda\) cannot be trained"):
        aware_copy(network_with(doubled))


def test_layer_that_cannot_be_fake_quantised_is_named() -> None:
    from tf_keras import Model, layers

    image = layers.Input((16, 16, 3), name="image")
    scaled = layers.Normalization(mean=0.5, variance=0.1, name="scaling")(image)
    cam = layers.Conv2D(1, 1, name="cam")(scaled)
    outputs = {"logit": layers.GlobalAveragePooling2D(name="logit")(cam), "cam": cam}
    with pytest.raises(DataError, match="Layer scaling:"):
        aware_copy(Model(image, outputs))


def test_loss_that_is_not_finite_is_refused() -> None:
    with pytest.raises(DataError, match=r"loss is (nan|inf) in step \d+ of training"):
        fine_tune_aware(tiny_network(1), tiny_crops(), labels(1), recipe(), 2, float("inf"))
